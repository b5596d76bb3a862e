# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects and notes of role twemproxy, and that refusals reach it, rendered by Ansible itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.slotwise.redis.tests.unit.deployments import (
    objects,
    permissions,
    problems,
    removable,
    without_looking,
)
from ansible_collections.slotwise.redis.tests.unit.given_proxies import (
    BY_NAME,
    GIVEN,
    LABELS,
    NOTHING,
    OTHER,
    SAME,
    found,
    running,
)

ROOT = Path(__file__).resolve().parents[3]
NOTES = "lookup('ansible.builtin.template', 'notes.txt.j2')"
READY = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


# All refusals are tested where they are made, in tests/unit/plugins/module_utils/deployment/test_twemproxy_problems.py.
# name: (variables, what Kubernetes has, sentences that must appear; none means no problem)
WIRED = {
    "fine by name": (BY_NAME, NOTHING, []),
    "password elsewhere": (
        {**BY_NAME, "twemproxy_namespace": "cache"},
        NOTHING,
        ["twemproxy_namespace is cache and the backends with their password are in namespace localhost."],
    ),
    "no such deployment": (
        {**GIVEN, "twemproxy_backends": "nowhere"},
        NOTHING,
        ["twemproxy_backends is nowhere, and no host of the inventory has this name."],
    ),
    "no list": (
        {**GIVEN, "twemproxy_backends": {"a": 1}, "twemproxy_replicas": "two"},
        NOTHING,
        ["twemproxy_replicas is two. Allowed: 1 or more.", 'twemproxy_backends is {"a": 1}. Allowed:'],
    ),
    "moved servers": (GIVEN, running(*SAME), []),
    "one more": (GIVEN, running(SAME[0]), ["The pool of cache/proxy would change: 7"]),
    "a broken configuration": (
        GIVEN,
        {**running(*SAME), "config": [found("ConfigMap", "proxy-config", data={"nutcracker.yml": "listen: x"})]},
        [],
    ),
    "no secret": (
        {**GIVEN, "twemproxy_existing_secret": "given"},
        {**NOTHING, "secret": []},
        ["twemproxy_existing_secret is given, and there is no Secret cache/given."],
    ),
}
SHOWN = {
    "__twemproxy_running": {"objects": {"service": [{"spec": {"ports": [{"nodePort": 30079}]}}]}},
    "__twemproxy_verified": {
        "proxies": [{"pod": "proxy-x", "machine": "node1", "backends": 2}],
        "placement": ["proxy-x, proxy-y are all on machine node1"],
    },
}
TEXTS = {
    "notes": (NOTES, {**BY_NAME, **SHOWN, "twemproxy_kubeconfig": "/a b/config"}),
    "outside": (NOTES, {**GIVEN, **SHOWN, "twemproxy_service_type": "NodePort"}),
}
ENDED = {"terminated": {"exitCode": 78, "message": "cluster_domain is x: set it to y\n"}}
AUTOSCALED = {"twemproxy_autoscaled": "true"}
VERIFIABLE = {
    "as asked for": (2, {}, True),
    "scaled by another": (5, AUTOSCALED, True),
    "scaled to nothing": (0, AUTOSCALED, False),
}


@pytest.fixture(scope="module")
def said(render):
    scenarios = {}
    for name, (expression, given) in TEXTS.items():
        internal = {key: value for key, value in given.items() if key.startswith("__")}
        public = {key: value for key, value in given.items() if key not in internal}
        scenarios[name] = expression, {**internal, "__twemproxy_deployment": without_looking("twemproxy", public)}
    for name, (number, given, _verified) in VERIFIABLE.items():
        internal = {
            "__twemproxy_running": {"stands": True, "replicas": number},
            "__twemproxy_deployment": without_looking("twemproxy", {**GIVEN, **given}),
        }
        scenarios[f"verifiable: {name}"] = "__twemproxy_verifiable", internal
    rendered = render({name: ("twemproxy", *scenario, {}) for name, scenario in scenarios.items()})
    made = {
        "default": GIVEN,
        "by name": BY_NAME,
        "other": OTHER,
        "autoscaled": {**GIVEN, "twemproxy_autoscaled": "true"},
        "without policy": {**GIVEN, "twemproxy_network_policy_enabled": "false"},
    }
    return {
        **rendered,
        **{name: objects("twemproxy", given, NOTHING) for name, given in made.items()},
        "rules": permissions("twemproxy", BY_NAME, NOTHING),
        "rules to remove": permissions("twemproxy", {**GIVEN, "twemproxy_state": "absent"}, NOTHING),
        "removable": removable("twemproxy", GIVEN, {**NOTHING, "configmaps": [found("ConfigMap", "proxy-scripts-01")]}),
    }


def one(objects, kind, name="proxy"):
    (match,) = (o for o in objects if (o["kind"], o["metadata"]["name"]) == (kind, name))
    return match


def pool(objects):
    (options,) = yaml.safe_load(one(objects, "ConfigMap", "proxy-config")["data"]["nutcracker.yml"]).values()
    return options


@pytest.mark.parametrize("scenario", WIRED)
def test_refusals_reach_the_task(scenario):
    given, live, wanted = WIRED[scenario]
    said = problems("twemproxy", given, live)
    assert len(said) == len(wanted), said
    for sentence, words in zip(said, wanted, strict=True):
        assert words in sentence


def test_the_number_of_an_autoscaler_is_not_sent(said):
    assert one(said["default"], "Deployment")["spec"]["replicas"] == 2
    assert "replicas" not in one(said["autoscaled"], "Deployment")["spec"]


@pytest.mark.parametrize("scenario", VERIFIABLE)
def test_what_can_be_verified(said, scenario):
    assert said[f"verifiable: {scenario}"] is VERIFIABLE[scenario][2]


def test_objects(said):
    objects = said["default"]
    assert [o["kind"] for o in objects] == [
        *("Namespace", "ConfigMap", "ConfigMap", "Service", "Service", "PodDisruptionBudget", "NetworkPolicy"),
        "Deployment",
    ]
    assert all(o["metadata"]["labels"].items() >= LABELS.items() for o in objects)
    assert {o["metadata"].get("namespace", "cache") for o in objects} == {"cache"}
    assert one(objects, "Service")["spec"]["ports"][0]["port"] == 22121
    assert one(objects, "Service", "proxy-stats")["spec"]["ports"][0]["port"] == 22222
    deployment = one(objects, "Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    spec = deployment["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert [volume["name"] for volume in spec["volumes"]] == ["config", "scripts", "run"]
    scripts = one(objects, "ConfigMap", spec["volumes"][1]["configMap"]["name"])
    assert sorted(scripts["data"]) == ["names.sh", "probe.sh", "start.sh"]
    assert scripts["immutable"] is True


def test_everything_that_is_made_can_be_removed(said):
    objects = [o for o in said["default"] if o["kind"] != "Namespace" and "immutable" not in o]
    made = {(o["kind"], o["metadata"]["name"]) for o in objects}
    removed = {(o["kind"], o["metadata"]["name"]) for o in said["removable"]}
    assert removed == made | {("ConfigMap", "proxy-scripts-01")}


def test_the_pool(said):
    assert pool(said["default"]) == {
        "listen": "0.0.0.0:22121",
        "hash": "fnv1a_64",
        "hash_tag": "{}",
        "distribution": "ketama",
        "auto_eject_hosts": False,
        "timeout": 400,
        "backlog": 512,
        "preconnect": False,
        "server_connections": 1,
        "server_retry_timeout": 30000,
        "server_failure_limit": 2,
        "redis": True,
        "servers": ["a.example.org:6379:1 a", "b:7000:3 b"],
    }
    keys = one(said["default"], "ConfigMap", "proxy-config")["data"]["probe.keys"].splitlines()
    assert len(keys) == 2


def test_servers_of_a_deployment_have_the_names_of_their_pods(said):
    assert pool(said["by name"])["servers"] == [
        "localhost-0.localhost-headless.localhost.svc.cluster.local.:6379:1 localhost-0"
    ]
    spec = one(said["by name"], "Deployment")["spec"]["template"]["spec"]
    assert spec["volumes"][-1]["secret"] == {
        "secretName": "localhost-auth",
        "items": [{"key": "password", "path": "password"}],
    }
    environment = {e["name"]: e["value"] for e in spec["containers"][0]["env"]}
    assert environment["REDIS_SERVICE"] == "localhost-headless.localhost.svc.cluster.local."
    assert environment["DOMAIN_VARIABLE"] == "redis_standalone_cluster_domain of localhost"


def test_other_variables(said):
    objects = said["other"]
    assert "Namespace" not in [o["kind"] for o in objects]
    options = pool(objects)
    assert (options["listen"], options["hash_tag"], int(options["timeout"])) == ("0.0.0.0:6380", "", 1000)
    assert options["preconnect"] is True
    service = one(objects, "Service")
    assert service["metadata"]["annotations"] == {"note": "all", "lb": "internal"}
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"]["ports"][0]["nodePort"] == 30079
    assert service["spec"]["externalTrafficPolicy"] == "Local"
    assert one(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 2
    clients, stats = one(objects, "NetworkPolicy")["spec"]["ingress"]
    assert clients == {"ports": [{"port": 6380, "protocol": "TCP"}], "from": [{"podSelector": {}}]}
    assert stats == {"ports": [{"port": 22222, "protocol": "TCP"}]}
    template = one(objects, "Deployment")["spec"]["template"]
    assert template["metadata"]["labels"] == {"cost": "7", "team": "shop", **LABELS}
    assert template["metadata"]["annotations"].keys() == {"note", "slotwise.redis/config-checksum"}
    spec = template["spec"]
    assert spec["terminationGracePeriodSeconds"] == 90
    assert spec["affinity"] == {"nodeAffinity": {"a": "b"}}
    assert spec["imagePullSecrets"] == [{"name": "pull-a"}, {"name": "pull-b"}]
    assert spec["volumes"][-1]["secret"]["items"] == [{"key": "redis.password", "path": "password"}]
    assert {e["name"]: e["value"] for e in spec["containers"][0]["env"]} == {
        "TWEMPROXY_PORT": "6380",
        "TWEMPROXY_DRAIN_SECONDS": "20",
        "TWEMPROXY_DRAIN_MOST_SECONDS": "80",
    }


def test_another_configuration_replaces_the_pods(said):
    sums = {
        one(said[name], "Deployment")["spec"]["template"]["metadata"]["annotations"]["slotwise.redis/config-checksum"]
        for name in ("default", "other", "by name")
    }
    assert len(sums) == 3


def test_without_policy(said):
    assert "NetworkPolicy" not in [o["kind"] for o in said["without policy"]]


def test_permissions(said):
    asked = {rule["resource"]: rule["verbs"] for rule in said["rules"]}
    assert asked["deployments"] == ["get", "create", "patch"]
    assert asked["secrets"] == ["get"]
    assert asked["pods/portforward"] == ["get", "create"]
    removing = {rule["resource"]: rule["verbs"] for rule in said["rules to remove"]}
    assert removing["deployments"] == ["get", "delete"]
    assert "secrets" not in removing


def test_notes(said):
    notes = said["notes"]
    assert "Twemproxy proxy in namespace localhost: 1 proxies in front of 1 servers" in notes
    assert "kubectl --kubeconfig '/a b/config' -n localhost port-forward service/proxy 22121:22121" in notes
    assert "get secret localhost-auth -o jsonpath='{.data.password}' | base64 -d" in notes
    assert "\nAttention: proxy-x, proxy-y are all on machine node1\n" in notes
    assert "of type" not in notes
    assert "port 30079 of every Kubernetes node" in said["outside"]
    assert "secret" not in said["outside"]
