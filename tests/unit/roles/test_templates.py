# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every object that is made, with default and with all other variables; those of volumes rendered by Ansible."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.readiness import restarting
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.storage import DEFAULTS
from ansible_collections.slotwise.redis.tests.unit.deployments import (
    look,
    objects,
    permissions,
    removable,
    taken_away_at_the_end,
    value,
    without_looking,
)

ROOT = Path(__file__).resolve().parents[3]
NODES = [
    {
        "metadata": {
            "name": f"node{i}",
            "labels": {"kubernetes.io/hostname": f"host{i}", "topology.kubernetes.io/zone": z},
        }
    }
    for i, z in enumerate("ab")
]
# Of pods that were made earlier, and what is neither scripts nor an agent.
SCRIPTS = [
    {"kind": "ConfigMap", "metadata": {"name": f"orders-{name}"}}
    for name in ("scripts", "scripts-0123456789", "agent-9876543210", "config", "record", "scripted")
]
MOUNTED = {"name": "scripts", "configMap": {"name": "orders-scripts-0123456789"}}
NOTHING = {
    "nodes": NODES,
    "volumes": [],
    "claims": [],
    "configmaps": [],
    "namespace": [],
    "statefulset": [],
    "secret": [],
}
PARTS = {"objects": objects, "permissions": permissions, "removable": removable}
AGENT_PORT = 16380
STORAGE = {"type": "local", "size": "2Gi", "path": "/srv/redis", "hosts": ["node0", "node1"]}
OWNER = {"app.kubernetes.io/managed-by": "slotwise.redis", "app.kubernetes.io/instance": "orders"}
SELECTOR = {
    "app.kubernetes.io/name": "redis",
    "app.kubernetes.io/instance": "orders",
    "app.kubernetes.io/component": "cluster",
}
REDIS = {"redis_cluster_name": "orders", "redis_cluster_namespace": "shop", "redis_cluster_storage": STORAGE}
OTHER = {
    **REDIS,
    "redis_image_registry": "registry.example.org",
    "redis_cluster_shards": "4",
    "redis_cluster_replicas": "2",
    "redis_cluster_cluster_domain": "k8s.example.org",
    "redis_cluster_create_namespace": False,
    "redis_cluster_image": "registry.example.org/valkey/valkey:9.1",
    "redis_cluster_image_pull_policy": "Always",
    "redis_cluster_image_pull_secrets": ["pull-a", "pull-b"],
    "redis_cluster_storage": {**STORAGE, "storage_class": "fast"},
    "redis_cluster_config": {
        "Maxmemory": "1gb",
        "appendonly": False,
        "save": ["900 1", "300 10"],
        "notify-keyspace-events": "",
        "cluster-node-timeout": 5000,
    },
    "redis_cluster_existing_secret": "given",
    "redis_cluster_existing_secret_key": "redis.password",
    "redis_cluster_resources": {"limits": {"memory": "2Gi"}},
    "redis_cluster_node_selector": {"disk": "ssd"},
    "redis_cluster_tolerations": [{"key": "redis", "operator": "Exists"}],
    "redis_cluster_affinity": {"nodeAffinity": {"a": "b"}},
    "redis_cluster_topology_spread_constraints": [{"maxSkew": 1}],
    "redis_cluster_priority_class": "high",
    "redis_cluster_pod_labels": {"team": "shop", "app.kubernetes.io/instance": "wrong"},
    "redis_cluster_pod_annotations": {"note": "pod"},
    "redis_cluster_labels": {"cost": "7"},
    "redis_cluster_annotations": {"note": "all"},
    "redis_cluster_termination_grace_period": 90,
    "redis_cluster_startup_seconds": 61,
    "redis_cluster_max_unavailable": 2,
    "redis_cluster_service_type": "LoadBalancer",
    "redis_cluster_service_annotations": {"lb": "internal"},
    "redis_cluster_service_node_port": 30079,
    "redis_cluster_service_load_balancer_class": "example.org/lb",
    "redis_cluster_service_source_ranges": ["192.0.2.0/24"],
    "redis_cluster_service_external_traffic_policy": "Local",
    "redis_cluster_network_policy_clients": [{"namespaceSelector": {"matchLabels": {"redis": "client"}}}],
}
PLAN = [
    {
        "pod": f"orders-{i}",
        "claim": f"data-orders-{i}",
        "volume": f"shop.orders-{i}",
        "type": "local",
        "node": f"node{i}",
        "path": f"/srv/redis/shop.orders-{i}",
        "size": "2Gi",
        "incarnation": "first" if i else "",
    }
    for i in range(2)
]
OLD_VOLUME = {
    "metadata": {"name": "shop.orders-0"},
    "spec": {"nodeAffinity": {"required": "as it was"}},
    "status": {"phase": "Bound"},
}
# As people leave them; node1 has lost its labels.
PATCHED = {
    "nodes": [NODES[0], {"metadata": {"name": "node1"}}],
    "volumes": [
        {"metadata": {"name": "shop.orders-0"}, "spec": {"claimRef": None, "nodeAffinity": None}, "status": {}},
        {
            "metadata": {"name": "shop.orders-1"},
            "spec": {"csi": {}, "claimRef": {"uid": "u"}},
            "status": {"phase": "Failed"},
        },
    ],
    "class": [],
}
VOLUMES = {"k8s_storage_name": "orders", "k8s_storage_namespace": "shop", "k8s_storage_volumes": PLAN}
FRESH = {"nodes": NODES, "volumes": [], "class": []}
ON_NFS = {
    "k8s_storage_mount_options": ["nfsvers=4.2", "hard"],
    "k8s_storage_volumes": [
        {**row, "type": "nfs", "node": "", "server": "192.0.2.9", "export": f"/exports/shop.orders-{i}"}
        for i, row in enumerate(PLAN)
    ],
}
SHARED = {
    "k8s_storage_access_mode": "ReadWriteMany",
    "k8s_storage_volumes": [
        {
            **row,
            "type": "nfs_shared",
            "node": "",
            "server": "192.0.2.9",
            "volume": "shop.orders",
            "claim": "data-orders",
            "export": "/exports/shop.orders",
        }
        for row in PLAN
    ],
}
AT_NODE0, AT_LOCALHOST = (
    {
        "required": {
            "nodeSelectorTerms": [
                {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [host]}]}
            ]
        }
    }
    for host in ("host0", "localhost")
)
FOUND = [
    {"spec": {"claimRef": {"name": "data-orders-0"}, "local": {"path": "/a"}, "nodeAffinity": AT_NODE0}},
    {"spec": {"claimRef": {"name": "data-orders-1"}, "hostPath": {"path": "/b"}, "nodeAffinity": AT_NODE0}},
    {"spec": {"claimRef": {"name": "data-orders-2"}, "nfs": {"server": "192.0.2.9", "path": "/c"}}},
    {"spec": {"claimRef": {"name": "data-orders"}, "nfs": {"server": "192.0.2.9", "path": "/d"}}},
]
ALONE = {
    "redis_standalone_name": "orders",
    "redis_standalone_namespace": "shop",
    "redis_standalone_instances": "12",
    "redis_standalone_storage": STORAGE,
}
WATCHED = {
    "redis_sentinel_name": "orders",
    "redis_sentinel_namespace": "shop",
    "redis_sentinel_storage": STORAGE,
}
WATCHED_OTHERWISE = {
    **WATCHED,
    "redis_sentinel_servers": "5",
    "redis_sentinel_sentinels": "5",
    "redis_sentinel_quorum": "2",
    "redis_sentinel_master_name": "mymaster",
    "redis_sentinel_auth_enabled": "false",
    "redis_sentinel_service_account_create": "false",
    "redis_sentinel_service_account_name": "given",
    "redis_sentinel_role_create": "false",
    "redis_sentinel_role_binding_create": "false",
    "redis_sentinel_network_policy_clients": [{"podSelector": {"matchLabels": {"redis": "client"}}}],
    "redis_sentinel_service_type": "NodePort",
    "redis_sentinel_service_node_port": "30079",
    "redis_sentinel_affinity": {"nodeAffinity": {"a": "b"}},
    "redis_sentinel_sentinel_resources": {"limits": {"memory": "64Mi"}},
    "redis_sentinel_agent_resources": {"limits": {"memory": "48Mi"}},
    "redis_sentinel_agent_image": "registry.example.org/python:3",
}


def running(conf: str, updated: int) -> list[dict]:
    """A StatefulSet of two whose pods are to have the redis.conf of this text, with as many pods that have it."""
    checksum = hashlib.sha256(conf.encode()).hexdigest()
    annotations = {"slotwise.redis/config-checksum": checksum}
    template = {"metadata": {"annotations": annotations}}
    return [{"metadata": {}, "spec": {"replicas": 2, "template": template}, "status": {"updatedReplicas": updated}}]


RESTARTING = {
    "nothing runs": [],
    "all have it": running("the present one", 2),
    "one has not": running("the present one", 1),
    "another one": running("the one before", 2),
}
FOREIGN_CLASS = {"metadata": {"name": "fast", "labels": {"made": "by-others"}}}

SCENARIOS = {
    "default": ("redis_cluster", "objects", REDIS, NOTHING),
    "other": ("redis_cluster", "objects", OTHER, NOTHING),
    "open": (
        "redis_cluster",
        "objects",
        {
            **REDIS,
            "redis_cluster_auth_enabled": "false",
            "redis_cluster_network_policy_enabled": "false",
            "redis_cluster_create_namespace": "false",
        },
        NOTHING,
    ),
    "standalone": ("redis_standalone", "objects", ALONE, NOTHING),
    "standalone on emptydir": (
        "redis_standalone",
        "objects",
        {**ALONE, "redis_standalone_storage": {"type": "emptydir"}},
        NOTHING,
    ),
    "sentinel": ("redis_sentinel", "objects", WATCHED, NOTHING),
    "sentinel otherwise": ("redis_sentinel", "objects", WATCHED_OTHERWISE, NOTHING),
    "sentinel rules": ("redis_sentinel", "permissions", WATCHED, NOTHING),
    "sentinel removal rules": (
        "redis_sentinel",
        "permissions",
        {**WATCHED, "redis_sentinel_state": "absent"},
        NOTHING,
    ),
    "sentinel rules with given rights": ("redis_sentinel", "permissions", WATCHED_OTHERWISE, NOTHING),
    "sentinel removal": ("redis_sentinel", "removable", WATCHED, {**NOTHING, "configmaps": SCRIPTS}),
    "sentinel removal with given rights": ("redis_sentinel", "removable", WATCHED_OTHERWISE, NOTHING),
    "standalone rules": ("redis_standalone", "permissions", ALONE, NOTHING),
    "rules": ("redis_cluster", "permissions", REDIS, NOTHING),
    "removal rules": ("redis_cluster", "permissions", {**REDIS, "redis_cluster_state": "absent"}, NOTHING),
    "volumes": (
        "k8s_storage",
        "__k8s_storage_objects",
        VOLUMES,
        {"nodes": NODES, "volumes": [OLD_VOLUME], "class": []},
    ),
    "patched volumes": ("k8s_storage", "__k8s_storage_objects", VOLUMES, PATCHED),
    "patched and released": ("k8s_storage", "__k8s_storage_released", VOLUMES, PATCHED),
    "volumes on NFS": ("k8s_storage", "__k8s_storage_objects", {**VOLUMES, **ON_NFS}, FRESH),
    "shared volume": ("k8s_storage", "__k8s_storage_objects", {**VOLUMES, **SHARED}, FRESH),
    "hostpath": (
        "k8s_storage",
        "__k8s_storage_objects",
        {**VOLUMES, "k8s_storage_volumes": [{**row, "type": "hostpath"} for row in PLAN]},
        FRESH,
    ),
    **{
        f"pods on {kind}": (
            "redis_cluster",
            "objects",
            {**REDIS, "redis_cluster_storage": {"type": kind, "server": "nfs1", "hosts": hosts, "size": "2Gi"}},
            NOTHING,
        )
        for kind, hosts in (("emptydir", []), ("storageclass", []), ("nfs", ["node1"]), ("nfs_shared", []))
    },
    "larger": (
        "redis_cluster",
        "objects",
        {**REDIS, "redis_cluster_storage": {**STORAGE, "size": "9Gi"}},
        {**NOTHING, "statefulset": [{"metadata": {"annotations": {"slotwise.redis/storage-claimed": "2Gi"}}}]},
    ),
    "rules of a shared volume": (
        "redis_cluster",
        "permissions",
        {**REDIS, "redis_cluster_storage": {"type": "nfs_shared", "server": "nfs1"}},
        NOTHING,
    ),
    "rules of a class": (
        "redis_cluster",
        "permissions",
        {**REDIS, "redis_cluster_storage": {"type": "storageclass"}},
        NOTHING,
    ),
    "rules of a named class": (
        "redis_cluster",
        "permissions",
        {**REDIS, "redis_cluster_storage": {"type": "storageclass", "storage_class": "fast"}},
        NOTHING,
    ),
    "foreign class": (
        "k8s_storage",
        "__k8s_storage_objects",
        {**VOLUMES, "k8s_storage_class": "fast", "k8s_storage_reclaim_policy": "Delete", "k8s_storage_volumes": []},
        {"nodes": NODES, "volumes": [], "class": [FOREIGN_CLASS]},
    ),
}


@pytest.fixture(scope="module")
def rendered(render):
    """What each scenario comes to."""
    of_volumes = {name: scenario for name, scenario in SCENARIOS.items() if scenario[0] == "k8s_storage"}
    of_deployments = {name: scenario for name, scenario in SCENARIOS.items() if name not in of_volumes}
    return render(of_volumes) | {
        name: PARTS[part](kind, given, found) for name, (kind, part, given, found) in of_deployments.items()
    }


def one(objects, kind, name="orders"):
    """The only object of a kind and name."""
    (found,) = [item for item in objects if (item["kind"], item["metadata"]["name"]) == (kind, name)]
    return found


def mounted(objects, volume, name="orders"):
    """The ConfigMap that pods mount as this volume: which one it is, they say themselves."""
    spec = one(objects, "StatefulSet", name)["spec"]["template"]["spec"]
    (found,) = [item["configMap"]["name"] for item in spec["volumes"] if item["name"] == volume]
    return one(objects, "ConfigMap", found)


def test_scripts_go_with_the_last_pod_that_runs_them():
    pods = [{"spec": {"volumes": [MOUNTED, {"name": "run"}]}}]
    found = {**NOTHING, "configmaps": SCRIPTS, "pods": pods}
    assert taken_away_at_the_end("redis_sentinel", WATCHED, found) == ["orders-scripts", "orders-agent-9876543210"]
    assert taken_away_at_the_end("redis_sentinel", WATCHED, {**found, "configmaps": []}) == []


def test_rights_of_first_releases_go_where_they_have_other_names_now():
    labels = {**OWNER, "app.kubernetes.io/component": "sentinel"}
    earlier = {
        f"earlier_{kind}": [{"kind": kind, "metadata": {"name": "orders", "labels": labels}}]
        for kind in ("role", "binding")
    }
    found = {**NOTHING, **earlier}
    assert taken_away_at_the_end("redis_sentinel", WATCHED, found) == ["orders", "orders"]
    for same in ({"redis_sentinel_role_name": "orders"}, {"redis_sentinel_role_create": False}):
        assert taken_away_at_the_end("redis_sentinel", {**WATCHED, **same}, found) == ["orders"]
    for item in (earlier["earlier_role"][0], earlier["earlier_binding"][0]):
        item["metadata"]["labels"] = {}
    assert taken_away_at_the_end("redis_sentinel", WATCHED, found) == []


def pod_spec(objects):
    return one(objects, "StatefulSet")["spec"]["template"]["spec"]


def container(objects):
    (found,) = (item for item in pod_spec(objects)["containers"] if item["name"] == "redis")
    return found


@pytest.mark.parametrize(
    ("scenario", "component", "names"),
    [
        ("default", "cluster", {"redis"}),
        ("other", "cluster", {"redis"}),
        ("open", "cluster", {"redis"}),
        ("sentinel", "sentinel", {"redis", "redis-sentinel"}),
        ("sentinel otherwise", "sentinel", {"redis", "redis-sentinel"}),
        ("standalone", "standalone", {"redis"}),
    ],
)
def test_every_object_is_ours_and_complete(rendered, scenario, component, names):
    for item in rendered[scenario]:
        labels = item["metadata"]["labels"]
        assert item["apiVersion"]
        assert {**OWNER, "app.kubernetes.io/component": component}.items() <= labels.items()
        assert labels["app.kubernetes.io/name"] in names
        assert item["kind"] == "Namespace" or item["metadata"]["namespace"] == "shop"
    text = json.dumps(rendered[scenario])
    assert "{{" not in text
    assert "{%" not in text


def test_kinds(rendered):
    assert [item["kind"] for item in rendered["default"]] == [
        "Namespace",
        "ConfigMap",
        "ConfigMap",
        "Service",
        "Service",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "StatefulSet",
    ]
    left_out = {item["kind"] for item in rendered["default"]} - {item["kind"] for item in rendered["open"]}
    assert left_out == {"Namespace", "NetworkPolicy"}


@pytest.mark.parametrize("scenario", ["default", "other", "open"])
def test_names_and_selectors_fit_together(rendered, scenario):
    objects = rendered[scenario]
    statefulset = one(objects, "StatefulSet")["spec"]
    headless = one(objects, "Service", "orders-headless")["spec"]
    assert statefulset["serviceName"] == "orders-headless"
    assert (headless["clusterIP"], headless["publishNotReadyAddresses"]) == ("None", True)
    assert statefulset["podManagementPolicy"] == "Parallel"
    assert statefulset["updateStrategy"] == {"type": "OnDelete"}
    labels = statefulset["template"]["metadata"]["labels"]
    for selector in (
        statefulset["selector"]["matchLabels"],
        headless["selector"],
        one(objects, "Service")["spec"]["selector"],
        one(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ):
        assert selector == SELECTOR
        assert selector.items() <= labels.items()
    names = {port["name"]: port["containerPort"] for port in container(objects)["ports"]}
    assert names == {"redis": 6379, "bus": 16379}
    (claim,) = statefulset["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "data"
    assert OWNER.items() <= claim["metadata"]["labels"].items()
    volumes = {volume["name"] for volume in pod_spec(objects)["volumes"]} | {"data"}
    assert {mount["name"] for mount in container(objects)["volumeMounts"]} == volumes
    assert ("auth" in volumes) is (scenario != "open")
    told = {item["name"]: item.get("value") for item in container(objects)["env"]}
    assert told["REDIS_AUTH"] == ("disabled" if scenario == "open" else "enabled")


def test_what_a_restart_must_not_lose_is_not_in_memory(rendered):
    """A machine that restarts empties volumes in memory, and keeps its pods."""
    (volume,) = (v for v in pod_spec(rendered["default"])["volumes"] if v["name"] == "pod")
    assert "medium" not in volume["emptyDir"]
    assert {"name": "pod", "mountPath": "/run/pod"} in container(rendered["default"])["volumeMounts"]


@pytest.mark.parametrize("scenario", ["default", "other", "open"])
def test_restricted_pod_security(rendered, scenario):
    spec = pod_spec(rendered[scenario])
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    context = container(rendered[scenario])["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}
    for volume in spec["volumes"]:
        assert volume.keys() - {"name"} <= {"configMap", "emptyDir", "secret"}


def test_namespace_is_restricted(rendered):
    labels = one(rendered["default"], "Namespace", "shop")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_scripts_are_the_files(rendered):
    data = mounted(rendered["default"], "scripts")["data"]
    files = {
        file.name: file for role in ("common", "redis_cluster") for file in (ROOT / "roles" / role).glob("files/*")
    }
    assert data == {name: file.read_text() for name, file in files.items()}
    used = json.dumps(container(rendered["default"])) + data["start.sh"] + data["topology.sh"]
    assert all(name in used for name in data)


def test_default_redis_conf(rendered):
    lines = one(rendered["default"], "ConfigMap", "orders-config")["data"]["redis.conf"].splitlines()
    for line in ("appendonly yes", "cluster-node-timeout 15000", "cluster-enabled yes", "dir /data", "port 6379"):
        assert line in lines


def test_other_redis_conf(rendered):
    text = one(rendered["other"], "ConfigMap", "orders-config")["data"]["redis.conf"]
    lines = text.splitlines()
    for line in ("appendonly no", "maxmemory 1gb", "save 900 1", "save 300 10", "cluster-node-timeout 5000"):
        assert line in lines
    assert 'notify-keyspace-events ""' in lines
    assert "appendonly yes" not in lines
    checksum = one(rendered["other"], "StatefulSet")["spec"]["template"]["metadata"]["annotations"]
    assert checksum["slotwise.redis/config-checksum"] == hashlib.sha256(text.encode()).hexdigest()


def test_defaults(rendered):
    objects = rendered["default"]
    statefulset = one(objects, "StatefulSet")
    assert statefulset["spec"]["replicas"] == 6
    assert statefulset["metadata"]["annotations"] == {
        "slotwise.redis/shards": "3",
        "slotwise.redis/replicas": "1",
        "slotwise.redis/storage-type": "local",
        "slotwise.redis/storage-claimed": "2Gi",
    }
    claim = statefulset["spec"]["volumeClaimTemplates"][0]["spec"]
    assert claim["storageClassName"] == "shop.orders-local"
    assert claim["resources"] == {"requests": {"storage": "2Gi"}}
    assert container(objects)["image"] == "docker.io/library/redis:8.0"
    auth = next(volume for volume in pod_spec(objects)["volumes"] if volume["name"] == "auth")
    assert auth["secret"] == {"secretName": "orders-auth", "items": [{"key": "password", "path": "password"}]}
    environment = {item["name"]: item.get("value") for item in container(objects)["env"]}
    assert environment["POD_HOSTNAME"] == "$(POD_NAME).orders-headless.shop.svc.cluster.local"
    assert environment["REDIS_SERVICE"] == "orders-headless.shop.svc.cluster.local."
    spread = pod_spec(objects)["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert {term["podAffinityTerm"]["topologyKey"] for term in spread} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }
    bus, clients = one(objects, "NetworkPolicy")["spec"]["ingress"]
    assert [port["port"] for port in bus["ports"]] == [6379, 16379]
    assert bus["from"] == [{"podSelector": {"matchLabels": OWNER}}]
    assert "from" not in clients


def test_every_other_variable_arrives(rendered):
    objects = rendered["other"]
    statefulset = one(objects, "StatefulSet")
    assert statefulset["spec"]["replicas"] == 12
    spec = pod_spec(objects)
    assert spec["imagePullSecrets"] == [{"name": "pull-a"}, {"name": "pull-b"}]
    assert spec["nodeSelector"] == {"disk": "ssd"}
    assert spec["tolerations"] == [{"key": "redis", "operator": "Exists"}]
    assert spec["affinity"] == {"nodeAffinity": {"a": "b"}}
    assert spec["topologySpreadConstraints"] == [{"maxSkew": 1}]
    assert spec["priorityClassName"] == "high"
    assert spec["terminationGracePeriodSeconds"] == 90
    assert {item["name"]: item.get("value") for item in container(objects)["env"]}["PRESTOP_SECONDS"] == "75"
    assert container(objects)["startupProbe"]["failureThreshold"] == 31
    assert container(objects)["image"] == "registry.example.org/valkey/valkey:9.1"
    assert container(objects)["imagePullPolicy"] == "Always"
    assert container(objects)["resources"] == {"limits": {"memory": "2Gi"}}
    labels = statefulset["spec"]["template"]["metadata"]["labels"]
    assert (labels["team"], labels["cost"], labels["app.kubernetes.io/instance"]) == ("shop", "7", "orders")
    assert statefulset["spec"]["template"]["metadata"]["annotations"]["note"] == "pod"
    for item in objects:
        assert item["metadata"]["labels"]["cost"] == "7"
        assert item["metadata"]["annotations"]["note"] == "all"
    auth = next(volume for volume in spec["volumes"] if volume["name"] == "auth")
    assert auth["secret"] == {"secretName": "given", "items": [{"key": "redis.password", "path": "password"}]}
    assert statefulset["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] == "fast"
    service = one(objects, "Service")
    assert service["metadata"]["annotations"]["lb"] == "internal"
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"]["ports"][0]["nodePort"] == 30079
    assert service["spec"]["loadBalancerClass"] == "example.org/lb"
    assert service["spec"]["loadBalancerSourceRanges"] == ["192.0.2.0/24"]
    assert service["spec"]["externalTrafficPolicy"] == "Local"
    assert one(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 2
    peers = one(objects, "NetworkPolicy")["spec"]["ingress"][1]["from"]
    assert peers == [{"namespaceSelector": {"matchLabels": {"redis": "client"}}}]


def test_a_readiness_that_asks_nothing_starts_no_process(rendered):
    probes = {name: container(rendered[name])["readinessProbe"] for name in ("default", "sentinel", "standalone")}
    assert probes["standalone"]["tcpSocket"] == {"port": "redis"}
    assert probes["default"]["exec"]["command"] == ["sh", "/scripts/probe.sh", "readiness"]
    # The port of another container has no name in this one.
    assert probes["sentinel"]["httpGet"] == {"path": "/ready", "port": AGENT_PORT}
    assert {len(probe.keys() & {"exec", "tcpSocket", "httpGet"}) for probe in probes.values()} == {1}


def test_standalone_servers(rendered):
    objects = rendered["standalone"]
    alone = {**SELECTOR, "app.kubernetes.io/component": "standalone"}
    statefulset = one(objects, "StatefulSet")
    assert statefulset["spec"]["replicas"] == 12
    assert statefulset["spec"]["selector"]["matchLabels"] == alone
    assert statefulset["spec"]["updateStrategy"] == {"type": "OnDelete"}
    assert statefulset["metadata"]["annotations"]["slotwise.redis/instances"] == "12"
    assert "lifecycle" not in container(objects)
    assert [port["containerPort"] for port in container(objects)["ports"]] == [6379]
    assert "cluster" not in one(objects, "ConfigMap", "orders-config")["data"]["redis.conf"]
    assert sorted(mounted(objects, "scripts")["data"]) == [
        "common.sh",
        "names.sh",
        "persistence.sh",
        "probe.sh",
        "start.sh",
        "supervise.sh",
        "topology.sh",
    ]
    assert {"leases", "pods"} <= {r["resource"] for r in rendered["standalone rules"] if "delete" in r["verbs"]}


SENTINEL_SELECTOR = {**SELECTOR, "app.kubernetes.io/component": "sentinel", "app.kubernetes.io/name": "redis-sentinel"}
SENTINEL_SERVER_SELECTOR = {**SELECTOR, "app.kubernetes.io/component": "sentinel"}


def sentinel_pod(objects):
    return one(objects, "StatefulSet", "orders-sentinel")["spec"]["template"]["spec"]


def test_sentinels_and_servers_are_told_apart(rendered):
    objects = rendered["sentinel"]
    for name, selector in (
        ("orders-master", {**SENTINEL_SERVER_SELECTOR, "redis-role": "master"}),
        ("orders-slave", {**SENTINEL_SERVER_SELECTOR, "redis-role": "slave"}),
        ("orders-headless", SENTINEL_SERVER_SELECTOR),
        ("orders-sentinel", SENTINEL_SELECTOR),
        ("orders-sentinel-headless", SENTINEL_SELECTOR),
    ):
        assert one(objects, "Service", name)["spec"]["selector"] == selector
    for name, selector in (("orders", SENTINEL_SERVER_SELECTOR), ("orders-sentinel", SENTINEL_SELECTOR)):
        statefulset = one(objects, "StatefulSet", name)["spec"]
        assert statefulset["selector"]["matchLabels"] == selector
        assert selector.items() <= statefulset["template"]["metadata"]["labels"].items()
        assert "redis-role" not in statefulset["template"]["metadata"]["labels"]
        assert one(objects, "PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"] == selector
        assert one(objects, "NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"] == selector
    assert "redis-role" not in one(objects, "Service", "orders-headless")["spec"]["selector"]


def test_what_sentinels_and_servers_are_told(rendered):
    for scenario, count, quorum, name in (
        ("sentinel", "3", "2", "orders"),
        ("sentinel otherwise", "5", "2", "mymaster"),
    ):
        objects = rendered[scenario]
        for spec in (pod_spec(objects), sentinel_pod(objects)):
            (agent,) = (c for c in spec["containers"] if c["name"] == "agent")
            told = {item["name"]: item.get("value") for item in agent["env"]}
            servers, sentinels = told["HOSTS"].split(), told["SENTINEL_HOSTS"].split()
            assert servers[0] == "orders-0.orders-headless.shop.svc.cluster.local"
            assert sentinels[-1] == f"orders-sentinel-{int(count) - 1}.orders-sentinel-headless.shop.svc.cluster.local"
            assert (len(servers), len(sentinels), told["MASTER_NAME"]) == (int(count), int(count), name)
            assert told.get("QUORUM", quorum) == quorum
            assert agent["livenessProbe"]["httpGet"] == {"path": "/live", "port": "agent"}
            assert agent["ports"] == [{"name": "agent", "containerPort": AGENT_PORT, "protocol": "TCP"}]


def test_agents_run_the_files_of_the_repository(rendered):
    files = {path.name: path.read_text() for path in (ROOT / "roles/redis_sentinel/files/agent").glob("*.py")}
    for scenario in ("sentinel", "sentinel otherwise"):
        assert mounted(rendered[scenario], "agent")["data"] == files
        assert mounted(rendered[scenario], "agent", "orders-sentinel")["data"] == files


def test_pods_keep_the_scripts_that_they_were_made_with(rendered):
    """Other scripts are another object: what runs is not changed under the hands of pods that were made for it."""
    for scenario, volumes in (
        ("default", ["scripts"]),
        ("standalone", ["scripts"]),
        ("sentinel", ["scripts", "agent"]),
    ):
        for volume in volumes:
            found = mounted(rendered[scenario], volume)
            assert found["immutable"] is True
            digest = hashlib.sha256(json.dumps(found["data"]).encode()).hexdigest()[:10]
            assert found["metadata"]["name"] == f"orders-{volume}-{digest}"


def test_agents_know_whether_there_is_a_password(rendered):
    for scenario, word in (("sentinel", "enabled"), ("sentinel otherwise", "disabled")):
        for spec in (pod_spec(rendered[scenario]), sentinel_pod(rendered[scenario])):
            (agent,) = (c for c in spec["containers"] if c["name"] == "agent")
            assert {one["name"]: one.get("value") for one in agent["env"]}["REDIS_AUTH"] == word
            assert ("auth" in {mount["name"] for mount in agent["volumeMounts"]}) is (word == "enabled")


def test_only_agents_beside_sentinels_have_a_token(rendered):
    for scenario in ("sentinel", "sentinel otherwise"):
        pods = {"servers": pod_spec(rendered[scenario]), "sentinels": sentinel_pod(rendered[scenario])}
        mounted = [
            c["name"] for p in pods.values() for c in p["containers"] for m in c["volumeMounts"] if m["name"] == "token"
        ]
        assert mounted == ["agent"]
        assert "token" not in {volume["name"] for volume in pods["servers"]["volumes"]}
        for spec in pods.values():
            assert spec["automountServiceAccountToken"] is False
            assert spec["securityContext"]["runAsNonRoot"] is True
            for item in spec["containers"]:
                assert item["securityContext"]["readOnlyRootFilesystem"] is True
                assert item["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_rights_of_agents_are_for_named_objects_only(rendered):
    objects = rendered["sentinel"]
    servers = [f"orders-{number}" for number in range(3)]
    assert one(objects, "Role", "orders-agent")["rules"] == [
        {"apiGroups": [""], "resources": [kind], "resourceNames": names, "verbs": ["get", "patch"]}
        for kind, names in (("pods", servers), ("configmaps", ["orders-record"]))
    ]
    assert one(objects, "RoleBinding", "orders-agent")["subjects"][0]["name"] == "orders"
    assert sentinel_pod(objects)["serviceAccountName"] == "orders"
    given = rendered["sentinel otherwise"]
    assert {"Role", "RoleBinding", "ServiceAccount"}.isdisjoint(item["kind"] for item in given)
    assert sentinel_pod(given)["serviceAccountName"] == "given"


def test_what_is_needed_to_give_rights(rendered):
    def of(scenario):
        return {
            r["resource"]: r["verbs"] for r in rendered[scenario] if r["resource"] in RIGHTS or r["verbs"] == ["patch"]
        }

    makes = ["get", "create", "patch"]
    # Those of earlier releases are removed.
    assert of("sentinel rules") == {
        "serviceaccounts": makes,
        **{right: [*makes, "delete"] for right in ("roles", "rolebindings")},
        "pods": ["patch"],
    }
    assert of("sentinel removal rules") == {right: ["get", "delete"] for right in RIGHTS}
    assert of("sentinel rules with given rights") == {right: ["get"] for right in RIGHTS}


RIGHTS = ("serviceaccounts", "roles", "rolebindings")


def test_everything_that_is_made_is_removed(rendered):
    kept = {"Namespace"}
    for scenario, removal in (
        ("sentinel", "sentinel removal"),
        ("sentinel otherwise", "sentinel removal with given rights"),
    ):
        objects = [item for item in rendered[scenario] if item["kind"] not in kept and "immutable" not in item]
        made = {(item["kind"], item["metadata"]["name"]) for item in objects}
        assert made <= {(item["kind"], item["metadata"]["name"]) for item in rendered[removal]}
    removed = [item["metadata"]["name"] for item in rendered["sentinel removal"] if item["kind"] == "ConfigMap"]
    assert sorted(removed) == [
        "orders-agent-9876543210",
        "orders-config",
        "orders-record",
        "orders-scripts",
        "orders-scripts-0123456789",
    ]
    names = {(item["kind"], item["metadata"]["name"]) for item in rendered["sentinel removal with given rights"]}
    assert ("ServiceAccount", "given") not in names


def test_settings_of_sentinel_deployments(rendered):
    assert "min-replicas-to-write 1" in one(rendered["sentinel"], "ConfigMap", "orders-config")["data"]["redis.conf"]
    objects = rendered["sentinel otherwise"]
    assert one(objects, "StatefulSet", "orders-sentinel")["spec"]["replicas"] == 5
    assert one(objects, "Service", "orders-master")["spec"]["ports"][0]["nodePort"] == 30079
    assert "nodePort" not in one(objects, "Service", "orders-slave")["spec"]["ports"][0]
    sentinel, agent = sentinel_pod(objects)["containers"]
    assert sentinel["resources"] == {"limits": {"memory": "64Mi"}}
    assert (agent["resources"], agent["image"]) == (
        {"limits": {"memory": "48Mi"}},
        "registry.example.org/python:3",
    )
    assert sentinel_pod(objects)["affinity"] == {"nodeAffinity": {"a": "b"}}
    assert "auth" not in {volume["name"] for volume in sentinel_pod(objects)["volumes"]}


def test_kubernetes_restarts_nothing_by_itself(rendered):
    for scenario in ("default", "standalone", "standalone on emptydir", "sentinel", "sentinel otherwise"):
        strategies = [o["spec"]["updateStrategy"] for o in rendered[scenario] if o["kind"] == "StatefulSet"]
        assert strategies == [{"type": "OnDelete"}] * (2 if "sentinel" in scenario else 1)


@pytest.mark.parametrize("scenario", RESTARTING)
def test_running_servers_are_asked_what_they_write_only_where_they_will_restart(scenario):
    running = [*RESTARTING[scenario], {}][0]
    checksum = hashlib.sha256(b"the present one").hexdigest()
    assert restarting(running, checksum) is (scenario in ("one has not", "another one"))


def test_what_servers_go_back_to_after_a_failover():
    other = {**WATCHED, "redis_sentinel_config": {"Min-Slaves-To-Write": 2}}
    found = [without_looking("redis_sentinel", given)["settings"] for given in (WATCHED, other)]
    assert found == [{"min_replicas_to_write": 1}, {"min_replicas_to_write": 2}]


def test_only_volumes_on_machines_place_pods():
    assert look("redis_cluster", REDIS, NOTHING)["placement"]["orders-0"] == {"machine": "node0", "zone": "a"}
    on_nfs = {**REDIS, "redis_cluster_storage": {"type": "nfs", "server": "nfs1"}}
    assert look("redis_cluster", on_nfs, NOTHING)["placement"] == {}


def test_machines_take_their_zone_from_the_node():
    _deployment, live = value("redis_cluster", REDIS, NOTHING)
    assert live.machines == [
        {"name": "node0", "node": "node0", "zone": "a"},
        {"name": "node1", "node": "node1", "zone": "b"},
    ]


def test_what_the_inventory_says_of_a_machine_goes_before_what_kubernetes_says():
    storage = {**STORAGE, "hosts": ["first", "second"]}
    hosts = {"first": {"k8s_node_name": "node0", "k8s_zone": "z"}, "second": {"k8s_node_name": "node1"}}
    _deployment, live = value("redis_cluster", {**REDIS, "redis_cluster_storage": storage}, NOTHING, hosts=hosts)
    assert live.machines == [
        {"name": "first", "node": "node0", "zone": "z"},
        {"name": "second", "node": "node1", "zone": "b"},
    ]


def test_permissions_name_the_namespace_where_there_is_one(rendered):
    whole_cluster = {"nodes", "persistentvolumes", "storageclasses", "namespaces"}
    for scenario in ("rules", "removal rules"):
        for rule in rendered[scenario]:
            assert ("namespace" in rule) is (rule["resource"] not in whole_cluster)
    # Pods that never began are replaced, and scripts that no pod runs any more are removed.
    others = [rule for rule in rendered["rules"] if rule["resource"] not in ("leases", "pods", "configmaps")]
    assert "delete" not in {verb for rule in others for verb in rule["verbs"]}
    removing = [rule for rule in rendered["removal rules"] if rule["resource"] != "leases"]
    assert "create" not in {verb for rule in removing for verb in rule["verbs"]}


def test_claims_may_be_listed(rendered):
    """Check mode looks whether a deployment has left volumes; the removal says which claims it leaves."""
    for scenario in ("rules", "removal rules"):
        (rule,) = [rule for rule in rendered[scenario] if rule["resource"] == "persistentvolumeclaims"]
        assert rule["verbs"] == ["list"]


def test_volumes_are_pinned_to_machine_and_claim(rendered):
    storage_class, old, new = rendered["volumes"]
    assert (storage_class["kind"], storage_class["metadata"]["name"]) == ("StorageClass", "shop.orders-local")
    assert storage_class["provisioner"] == "kubernetes.io/no-provisioner"
    assert storage_class["volumeBindingMode"] == "WaitForFirstConsumer"
    assert storage_class["reclaimPolicy"] == "Retain"
    assert old["spec"]["nodeAffinity"] == {"required": "as it was"}
    for item in (storage_class, old, new):
        assert {**OWNER, "slotwise.redis/namespace": "shop"}.items() <= item["metadata"]["labels"].items()
    spec = new["spec"]
    assert spec["claimRef"] == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": "shop",
        "name": "data-orders-1",
    }
    assert spec["local"] == {"path": "/srv/redis/shop.orders-1"}
    assert spec["capacity"] == {"storage": "2Gi"}
    assert spec["persistentVolumeReclaimPolicy"] == "Retain"
    assert "annotations" not in old["metadata"]
    assert new["metadata"]["annotations"] == {"slotwise.redis/incarnation": "first"}
    (term,) = spec["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["host1"]}]


def test_patched_volumes_are_pinned_again(rendered):
    _class, *made = rendered["patched volumes"]
    for volume, host in zip(made, ("host0", "node1"), strict=True):
        assert volume["spec"]["claimRef"]["name"] == f"data-{volume['metadata']['name'].removeprefix('shop.')}"
        (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        assert term["matchExpressions"][0]["values"] == [host]
    assert rendered["patched and released"] == [
        {"volume": "shop.orders-1", "place": "unknown place on unknown machine"}
    ]


def test_volumes_on_nfs(rendered):
    storage_class, first, second = rendered["volumes on NFS"]
    assert storage_class["metadata"]["name"] == "shop.orders-nfs"
    assert first["spec"]["nfs"] == {"server": "192.0.2.9", "path": "/exports/shop.orders-0"}
    assert first["spec"]["mountOptions"] == ["nfsvers=4.2", "hard"]
    assert second["spec"]["claimRef"]["name"] == "data-orders-1"
    assert "nodeAffinity" not in first["spec"]


def test_one_volume_for_all_pods(rendered):
    storage_class, volume = rendered["shared volume"]
    assert storage_class["metadata"]["name"] == "shop.orders-nfs-shared"
    assert volume["metadata"]["name"] == "shop.orders"
    assert volume["spec"]["accessModes"] == ["ReadWriteMany"]
    assert volume["spec"]["nfs"]["path"] == "/exports/shop.orders"
    assert volume["spec"]["claimRef"]["name"] == "data-orders"


def test_hostpath_is_never_made_by_the_kubelet(rendered):
    volume = rendered["hostpath"][1]["spec"]
    assert volume["hostPath"] == {"path": "/srv/redis/shop.orders-0", "type": "Directory"}
    assert volume["nodeAffinity"]["required"]


def test_volumes_that_exist():
    _deployment, live = value("redis_cluster", REDIS, {**NOTHING, "volumes": FOUND})
    assert live.volumes == [
        {**row, "machine": "", "incarnation": "", "fault": ""}
        for row in (
            {"pod": "orders-0", "type": "local", "node": "node0", "server": "", "path": "/a"},
            {"pod": "orders-1", "type": "hostpath", "node": "node0", "server": "", "path": "/b"},
            {"pod": "orders-2", "type": "nfs", "node": "", "server": "192.0.2.9", "path": "/c"},
            {"pod": "orders", "type": "nfs_shared", "node": "", "server": "192.0.2.9", "path": "/d"},
        )
    ]


def test_a_machine_that_holds_no_new_volumes_is_known_all_the_same():
    found = [{"spec": {**FOUND[0]["spec"], "nodeAffinity": AT_LOCALHOST}}]
    _deployment, live = value("redis_cluster", REDIS, {**NOTHING, "volumes": found})
    assert [row["machine"] for row in live.volumes] == ["localhost"]


def data_volume(objects):
    """The pod's own volume for its data, None where claims are made from a template."""
    found = [volume for volume in pod_spec(objects)["volumes"] if volume["name"] == "data"]
    assert bool(found) is ("volumeClaimTemplates" not in one(objects, "StatefulSet")["spec"])
    return found[0] if found else None


def data_mount(objects):
    return next(mount for mount in container(objects)["volumeMounts"] if mount["name"] == "data")


def test_where_pods_have_their_data(rendered):
    assert data_volume(rendered["pods on emptydir"])["emptyDir"] == {"sizeLimit": "2Gi"}
    shared = rendered["pods on nfs_shared"]
    assert data_volume(shared)["persistentVolumeClaim"] == {"claimName": "data-orders"}
    assert data_mount(shared)["subPathExpr"] == "$(POD_NAME)"
    for scenario in ("pods on nfs", "pods on storageclass", "default"):
        assert data_volume(rendered[scenario]) is None
        assert "subPathExpr" not in data_mount(rendered[scenario])
    (template,) = one(rendered["pods on storageclass"], "StatefulSet")["spec"]["volumeClaimTemplates"]
    assert "storageClassName" not in template["spec"]


def test_machines_bind_pods_on_nfs(rendered):
    affinity = pod_spec(rendered["pods on nfs"])["affinity"]
    (term,) = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["values"] == ["host1"]
    assert "podAntiAffinity" in affinity
    assert "nodeAffinity" not in pod_spec(rendered["pods on nfs_shared"])["affinity"]


def test_claims_keep_their_size(rendered):
    statefulset = one(rendered["larger"], "StatefulSet")
    claim = statefulset["spec"]["volumeClaimTemplates"][0]["spec"]
    assert claim["resources"]["requests"]["storage"] == "2Gi"
    assert statefulset["metadata"]["annotations"]["slotwise.redis/storage-claimed"] == "2Gi"


def test_permissions_follow_the_kind_of_storage(rendered):
    shared = {
        verb
        for r in rendered["rules of a shared volume"]
        if r["resource"] == "persistentvolumeclaims"
        for verb in r["verbs"]
    }
    assert {"get", "create", "patch", "list"} == shared
    by_resource = {rule["resource"]: rule["verbs"] for rule in rendered["rules of a class"]}
    # Without a name all classes are read, and the default one is taken.
    assert (by_resource["persistentvolumes"], by_resource["storageclasses"]) == (["list"], ["list"])
    by_resource = {rule["resource"]: rule["verbs"] for rule in rendered["rules of a named class"]}
    assert by_resource["storageclasses"] == ["get"]


def test_a_class_of_others_is_left_alone(rendered):
    assert rendered["foreign class"] == []


def test_storage_defaults_are_the_documented_ones():
    role = ROOT / "roles/redis_cluster"
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    options = specs["redis_cluster_storage"]["options"]
    assert {name: option.get("default") for name, option in options.items()} == DEFAULTS
