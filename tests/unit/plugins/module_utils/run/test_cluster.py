# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From options to nodes: which libraries that takes, and what check mode knows of pods that do not exist."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace as Some

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.io import servers
from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import Kubernetes, Pod
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Desired, Endpoint, Node
from ansible_collections.slotwise.redis.plugins.module_utils.run import cluster as _deployment
from ansible_collections.slotwise.redis.plugins.module_utils.run import init
from ansible_collections.slotwise.redis.plugins.module_utils.run.init import Init, settle

ROOT = Path(__file__).resolve().parents[5]
UTILS = "ansible_collections.slotwise.redis.plugins.module_utils"
PROGRAM = """
import sys
for library in sys.argv[2:]:
    sys.modules[library] = None

from {utils}.run.cluster import Cluster

class Module:
    check_mode = False
    params = dict.fromkeys(("kubeconfig", "context", "name", "namespace", "nodes", "dns_server"))
    params.update(shards=3, replicas=0, timeout=1, transport="port_forward")
    if sys.argv[1] == "name":
        params.update(name="demo", namespace="demo")
    else:
        params.update(nodes=["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"])

    def fail_json(self, msg, exception):
        sys.exit(msg)

Cluster(Module())
print("kubernetes" in sys.modules)
"""


def deployment_by(option: str, *missing: str) -> subprocess.CompletedProcess[str]:
    """A deployment that is given by this option, where these libraries are missing."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(utils=UTILS), option, *missing],
        env={**os.environ, "PYTHONPATH": str(ROOT / "collections"), "KUBECONFIG": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nodes_given_as_host_and_port_do_without_the_library_of_kubernetes():
    assert deployment_by("nodes").stdout == "False\n"


@pytest.mark.parametrize(("library", "option"), [("kubernetes", "name"), ("redis", "nodes")])
def test_a_missing_library_is_named_when_it_is_needed(library, option):
    failed = deployment_by(option, library)
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"Failed to import the required Python library ({library}) on ")


# Check mode, and pods that do not exist

PODS = tuple(f"demo-{i}" for i in range(6))
OPTIONS = {
    **dict.fromkeys(("kubeconfig", "context", "nodes", "dns_server", "service", "login_secret", "login_password")),
    "name": "demo",
    "namespace": "shop",
    "shards": 3,
    "replicas": 1,
    "timeout": 1,
    "transport": "port_forward",
    "cluster_domain": "cluster.local",
    "cluster_node_timeout": 15000,
    "repl_diskless_sync_delay": 5,
    "placement": {},
}


class FakeKubernetes:
    """A namespace with these claims that have a volume; all its pods are missing, or still wait for something."""

    api = None

    def __init__(self, claims=(), waiting=()):
        self.claims, self.waiting = set(claims), waiting

    def pods(self, namespace, name, instance):
        assert (namespace, name) == ("shop", "demo")
        return {pod: Pod(pod, waiting="is terminating") for pod in self.waiting}

    def bound_claims(self, namespace):
        assert namespace == "shop"
        return self.claims

    def zones(self):
        return {}


class FakeModule:
    def __init__(self, check_mode=True):
        self.check_mode, self.params, self.warnings = check_mode, OPTIONS, []

    def warn(self, text):
        self.warnings.append(text)


@pytest.fixture
def predicted(monkeypatch):
    """Run check mode against these claims: the result and the warnings."""
    monkeypatch.setattr(servers, "POLL_SECONDS", 0.01)

    def run(*claims, waiting=()):
        monkeypatch.setattr(servers, "open_kubernetes", lambda module: FakeKubernetes(claims, waiting))
        module = FakeModule()
        return Init(module, lambda text: None).run(), module.warnings

    return run


def test_the_first_run_is_predicted(predicted):
    result, _warnings = predicted()
    assert result["changed"] is True
    assert sum(step["action"] == "replicate" for step in result["plan"]) == 3


@pytest.mark.parametrize(
    "claims", [[f"data-{pod}" for pod in PODS], ["data-demo"]], ids=["a volume a pod", "one volume for all"]
)
def test_a_deployment_that_left_its_volumes_is_not_predicted_as_a_creation(predicted, claims):
    result, warnings = predicted(*claims)
    assert (result["changed"], result["plan"], result["diff"]) == (False, [], {"prepared": ""})
    assert result["before"] == result["after"] == []
    assert warnings == [
        "Check mode cannot tell what will be done: these pods do not exist, but their volumes do and may hold a "
        "cluster: demo-0, demo-1, demo-2, demo-3, demo-4, demo-5. Steps are planned when the pods run."
    ]


def test_one_volume_that_was_left_is_enough(predicted):
    result, (warning,) = predicted("data-demo-4")
    assert (result["changed"], result["plan"]) == (False, [])
    assert "cluster: demo-4. " in warning


def test_volumes_of_other_deployments_count_for_nothing(predicted):
    result, _warnings = predicted("data-demo-7", "data-demo2-0", "data-other", "demo-0")
    assert result["plan"]


def test_pods_that_are_there_and_do_not_run_are_waited_for(predicted):
    """They are not predicted as empty nodes either: they fail check mode with the reason."""
    with pytest.raises(init.Unreachable) as caught:
        predicted(waiting=PODS)
    assert "demo-0: is terminating" in caught.value.found


class Running:
    """A deployment of which these nodes run and these pods are missing."""

    def __init__(self, nodes, kept):
        self.nodes, self.kept = nodes, lambda: kept

    def look(self, _fleet):
        return self.nodes


def test_the_nodes_that_run_are_shown_while_others_are_expected_back():
    """Without its volume the missing one would be a lost master, and a refusal; it is only being replaced."""
    nodes = [Node(Endpoint(pod, f"10.0.0.{i}"), str(i) * 40 if i else "") for i, pod in enumerate(PODS)]
    seen, plan = settle(Desired(3, 1), Running(nodes, ["demo-0"]), None, lambda text: None)
    assert [node.name for node in seen] == list(PODS[1:])
    assert not plan
    assert "cluster: demo-0. " in plan.warnings[0]


def test_claims_are_asked_for_only_when_check_mode_misses_pods(monkeypatch):
    kubernetes = FakeKubernetes(["data-demo"])
    monkeypatch.setattr(servers, "open_kubernetes", lambda module: kubernetes)
    deployment = _deployment.Cluster(FakeModule(check_mode=False))
    deployment._endpoints()
    kubernetes.bound_claims = None
    assert deployment.kept() == []


def test_claims_without_a_volume_hold_nothing():
    kubernetes = Kubernetes.__new__(Kubernetes)
    kubernetes.api = Some(configuration=Some(host="https://api.example"))
    phases = {"bound": "Bound", "waits": "Pending", "gone": "Lost"}
    claims = [Some(metadata=Some(name=name), status=Some(phase=phase)) for name, phase in phases.items()]
    listed = {"shop": Some(items=claims)}
    kubernetes.core = Some(list_namespaced_persistent_volume_claim=lambda namespace, **_options: listed[namespace])
    assert kubernetes.bound_claims("shop") == {"bound"}


# Zones


def test_the_zone_of_the_inventory_comes_before_that_of_the_node(monkeypatch):
    """The volume plan took it, and check mode planned with it: the run must not see other zones."""
    labels = {"node1": "label-1", "node2": "label-2", "node3": "label-3"}
    kubernetes = FakeKubernetes()
    kubernetes.zones = lambda: labels
    kubernetes.pods = lambda *_asked: {
        pod: Pod(pod, address=f"10.0.0.{i}", machine=f"node{i % 3 + 1}") for i, pod in enumerate(PODS)
    }
    placement = {
        "demo-0": {"machine": "node1", "zone": "given"},
        "demo-1": {"machine": "node2", "zone": ""},
        # It runs elsewhere than planned, so the plan says nothing of where it is.
        "demo-2": {"machine": "node9", "zone": "given"},
    }
    monkeypatch.setattr(servers, "open_kubernetes", lambda module: kubernetes)
    module = FakeModule(check_mode=False)
    module.params = {**OPTIONS, "placement": placement}
    deployment = _deployment.Cluster(module)
    deployment._zones = labels
    endpoints, reasons = deployment._endpoints()
    assert reasons == []
    zones = {e.name: e.zone for e in endpoints}
    assert [zones[pod] for pod in PODS[:4]] == ["given", "label-2", "label-3", "label-1"]
    assert zones["demo-0"] == deployment._placeholder("demo-0").zone
