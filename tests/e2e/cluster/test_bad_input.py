# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input gets a clear error before anything changes."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from conftest import VARIABLES, make
from deployment import LOCAL, Deployment, Run, handle, run_playbook

STORAGE = VARIABLES["redis_cluster_storage"]


def storage(**changes: object) -> dict[str, object]:
    return {"redis_cluster_storage": {**STORAGE, **changes}}


CASES = {
    "two shards": ({"redis_cluster_shards": 2}, ["redis_cluster_shards", "2", "3"]),
    "negative replicas": ({"redis_cluster_replicas": -1}, ["redis_cluster_replicas", "-1"]),
    "too many pods for the volumes": (storage(volumes_per_host=1), ["volumes_per_host", "6 pods"]),
    "no unit": (storage(size="5"), ["redis_cluster_storage.size", "'5'", "Gi"]),
    "unknown storage": (storage(type="floppy"), ["redis_cluster_storage.type", "floppy", "local"]),
    "unknown directive": ({"redis_cluster_config": {"maxmemori": "1gb"}}, ["maxmemori", "maxmemory"]),
    "owned directive": ({"redis_cluster_config": {"cluster-enabled": "no"}}, ["cluster-enabled"]),
    "password as directive": ({"redis_cluster_config": {"requirepass": "x"}}, ["requirepass"]),
    "machine that is no node": (storage(hosts=["lab-worker1", "lab-worker9"]), ["lab-worker9"]),
    "name in capitals": ({"redis_cluster_name": "Orders"}, ["redis_cluster_name", "Orders"]),
    "misspelt": ({"redis_cluster_replica": 2}, ["redis_cluster_replica is no", "redis_cluster_replicas"]),
    "recycle": (storage(reclaim_policy="Recycle"), ["Recycle"]),
}


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return make("e2e-bad", tmp_path_factory.mktemp("bad"))


def host(case: str) -> str:
    return f"e2e-bad-{case.replace(' ', '-')}"


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run for all cases, each a deployment."""
    hosts = {host(case): {**VARIABLES, **changes} for case, (changes, _words) in CASES.items()}
    inventory = tmp_path_factory.mktemp("refused") / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"redis_cluster": {"hosts": hosts, "vars": LOCAL}}))
    return run_playbook("site.yml", [inventory])


def test_all_are_refused_before_any_change(refused: Run) -> None:
    assert refused.code != 0, refused.shown
    assert set(refused.changed) >= {host(case) for case in CASES}
    assert not any(refused.changed.values()), refused.shown
    assert "e2e-bad" not in handle.kubectl("get", "namespaces,pv,storageclasses", "-o", "name").stdout


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_named(refused: Run, case: str) -> None:
    (said,) = (part for part in re.split(r"^fatal: ", refused.output, flags=re.MULTILINE) if f"[{host(case)}]:" in part)
    said = " ".join(said.split())
    assert [word for word in CASES[case][1] if word not in said] == [], said


def test_a_node_name_in_capitals_names_the_nodes(nothing: Deployment) -> None:
    machines = nothing.directory / "capitals.yml"
    machines.write_text("k8s_nodes:\n  hosts:\n    lab-worker1:\n      k8s_node_name: LAB-WORKER1\n")
    run = nothing.play("site.yml", "-i", str(machines))
    assert run.code != 0, run.shown
    assert run.says("LAB-WORKER1"), run.shown
    assert run.says("lab-worker1, lab-worker2, lab-worker3"), run.shown
    assert not any(run.changed.values()), run.shown


def test_kubernetes_that_does_not_answer(nothing: Deployment, tmp_path: pathlib.Path) -> None:
    real = handle.lab().kubeconfig.read_text()
    broken = tmp_path / "kubeconfig"
    server = next(line.split()[-1].strip('",') for line in real.splitlines() if "server" in line)
    broken.write_text(real.replace(server, "https://127.0.0.1:1"))
    run = nothing.play("site.yml", redis_cluster_kubeconfig=str(broken))
    assert run.code != 0, run.shown
    assert run.says("The Kubernetes API at https://127.0.0.1:1 does not answer"), run.shown


def test_other_number_of_shards_and_fewer_replicas(e2e: Deployment) -> None:
    for changes, word in (
        ({"redis_cluster_shards": 4}, "redis_cluster_shards"),
        ({"redis_cluster_replicas": 0}, "redis_cluster_replicas"),
    ):
        run = e2e.play("playbooks/preflight.yml", **changes)
        assert run.code != 0, run.shown
        assert run.says(word), run.shown
        assert not any(run.changed.values()), run.shown


def test_another_password_is_refused(e2e: Deployment) -> None:
    run = e2e.play("site.yml", redis_cluster_password="another-password-1")
    assert run.code != 0, run.shown
    assert run.says("redis_cluster_password"), run.shown
    assert "another-password-1" not in run.output
    assert not any(run.changed.values()), run.shown


def test_what_is_refused_changes_no_machine_and_keeps_nobody_from_going_on(
    e2e: Deployment, tmp_path: pathlib.Path
) -> None:
    """Volumes are planned before the last refusals, and machines must not act by such a plan when another goes on."""
    local = {"type": "local", "size": "64Mi", "hosts": STORAGE["hosts"]}
    stray = {"type": "nfs", "size": "64Mi", "path": "/srv/nfs", "server": "lab-worker1", "hosts": STORAGE["hosts"]}
    groups = {
        "redis_sentinel": {"norights": {"redis_sentinel_role_create": False, "redis_sentinel_storage": local}},
        "redis_standalone": {"stray": {"redis_standalone_storage": stray}},
        "twemproxy": {"wrongpool": {"twemproxy_backends": e2e.name, "twemproxy_image": "none"}},
    }
    refused = tmp_path / "refused.yml"
    refused.write_text(yaml.safe_dump({group: {"hosts": hosts, "vars": LOCAL} for group, hosts in groups.items()}))
    run = e2e.play("site.yml", "-i", str(refused))
    assert run.code == 2, run.shown
    for words in (
        "namespace norights has no Role norights-agent (redis_sentinel_role_name)",
        "server is lab-worker1, a machine of the inventory that is not in its group nfs_servers",
        f"twemproxy_backends is {e2e.name}, which is no deployment of redis_standalone",
    ):
        assert run.says(words), run.shown
    assert not any(run.changed.values()), run.shown
    assert run.says(f"Redis Cluster {e2e.name} in namespace {e2e.namespace}"), run.shown
