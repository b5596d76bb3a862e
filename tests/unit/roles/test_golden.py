# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every example comes to, and a deployment of each kind with every option.

Objects, permissions and what is removable are in the files of golden/, whole, so that a change of the code behind them
shows what it changes for users. Another result fails and is left in build/golden; where it is meant, copy it over the
file and say why in the commit.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from ansible_collections.slotwise.redis.plugins.module_utils.deployment import parts
from ansible_collections.slotwise.redis.tests.unit.deployments import value

ROOT = Path(__file__).resolve().parents[3]
GOLDEN, RESULTS = Path(__file__).with_name("golden"), ROOT / "build" / "golden"
KINDS = ("redis_cluster", "redis_sentinel", "redis_standalone", "twemproxy")
NODES = [
    {
        "metadata": {
            "name": f"node{i}",
            "labels": {"kubernetes.io/hostname": f"host{i}", "topology.kubernetes.io/zone": zone},
        },
        "status": {"addresses": [{"type": "InternalIP", "address": f"192.0.2.{i + 1}"}]},
    }
    for i, zone in enumerate("abc")
]
READ = (
    "volumes",
    "class",
    "claims",
    "configmaps",
    "namespace",
    "statefulset",
    "secret",
    "deployment",
    "service",
    "config",
)
NOTHING = {"nodes": NODES, **{part: [] for part in READ}}
# Every option that ends in an object, with a value that is not its default. The prefix is that of the kind.
OF_EVERY_KIND = {
    "namespace": "shop",
    "create_namespace": False,
    "image": "registry.example.org/valkey/valkey:9.1",
    "image_pull_policy": "Always",
    "image_pull_secrets": ["pull-a", "pull-b"],
    "existing_secret": "given",
    "existing_secret_key": "redis.password",
    "resources": {"limits": {"memory": "2Gi"}, "requests": {"cpu": "500m"}},
    "node_selector": {"disk": "ssd"},
    "tolerations": [{"key": "redis", "operator": "Exists"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]
            }
        }
    },
    "topology_spread_constraints": [
        {
            "maxSkew": 1,
            "topologyKey": "rack",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"team": "shop"}},
        }
    ],
    "priority_class": "high",
    "pod_labels": {"team": "shop", "app.kubernetes.io/instance": "wrong"},
    "pod_annotations": {"example.org/note": "pod"},
    "labels": {"cost": "7"},
    "annotations": {"example.org/note": "all"},
    "max_unavailable": 2,
    "service_type": "LoadBalancer",
    "service_annotations": {"example.org/lb": "internal"},
    "service_node_port": 30079,
    "service_load_balancer_class": "example.org/lb",
    "service_source_ranges": ["192.0.2.0/24"],
    "service_external_traffic_policy": "Local",
    "network_policy_clients": [{"namespaceSelector": {"matchLabels": {"redis": "client"}}}],
}
OF_SERVERS = {
    "storage": {"type": "local", "size": "2Gi", "path": "/srv/redis", "storage_class": "fast", "hosts": ["node0"]},
    "config": {
        "Maxmemory": "1gb",
        "appendonly": False,
        "save": ["900 1", "300 10"],
        "notify-keyspace-events": "",
        "timeout": 60,
    },
    "cluster_domain": "k8s.example.org",
    "termination_grace_period": 90,
    "startup_seconds": 61,
}
EVERY_OPTION = {
    "redis_cluster": {**OF_SERVERS, "shards": "4", "replicas": "2"},
    "redis_sentinel": {
        **OF_SERVERS,
        "servers": "5",
        "sentinels": "5",
        "master_name": "main",
        "quorum": 4,
        "down_after_milliseconds": 3000,
        "failover_timeout_milliseconds": 60000,
        "parallel_syncs": 2,
        "election_seconds": 90,
        "unknown_master": "wait",
        "decided_master": "every-1",
        "kept_copies": 3,
        "agent_image": "registry.example.org/python:3.12",
        "sentinel_resources": {"limits": {"memory": "64Mi"}},
        "agent_resources": {"limits": {"memory": "48Mi"}},
        "service_account_create": False,
        "service_account_name": "given",
        "role_create": False,
        "role_name": "given",
        "role_binding_create": False,
        "role_binding_name": "given",
    },
    "redis_standalone": {**OF_SERVERS, "instances": "4"},
    "twemproxy": {
        "backends": [{"name": "a", "host": "a.example.org"}, {"name": "b", "host": "b", "port": 7000, "weight": 3}],
        "replicas": "3",
        "pool": {"listen": "0.0.0.0:6380", "hash_tag": "", "timeout": "1000", "preconnect": True},
        "drain_seconds": 20,
        "network_policy_stats_clients": [{"podSelector": {}}],
    },
}
HEAD = """\
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
---
"""
VERSIONS = ("1.29", "1.34", "1.37")
GOING = {"name": "gone", "state": "absent"}
WHERE = {
    "local": {"type": "local", "path": "/srv/redis/shop.orders-{n}"},
    "hostpath": {"type": "hostpath", "path": "/srv/redis/shop.orders-{n}"},
    "nfs": {"type": "nfs", "node": "", "server": "192.0.2.9", "export": "/exports/shop.orders-{n}"},
    "nfs_shared": {"type": "nfs_shared", "node": "", "server": "192.0.2.9", "export": "/exports/shop.orders"},
}
# Text of the scripts, and digests of it: nobody wants to see these here whenever a script changes.
DIGEST = re.compile(r"-(scripts|agent)-[0-9a-f]{10}\b")


def prefixed(kind: str, options: dict) -> dict:
    return {f"{kind}_{name}": value for name, value in options.items()}


def examples() -> dict[str, tuple[str, dict]]:
    """Name of the golden file: (kind, variables) of each deployment of examples/inventories."""
    found = {}
    for folder in sorted((ROOT / "examples" / "inventories").iterdir()):
        groups = yaml.safe_load((folder / "hosts.yml").read_text())["all"]["children"]
        for kind in KINDS:
            for host in groups.get(kind, {}).get("hosts", {}):
                given = yaml.safe_load((folder / "host_vars" / f"{host}.yml").read_text())
                found[f"{folder.name}.{host}"] = kind, {**given, f"{kind}_name": host}
    return found


def volumes(kind: str) -> dict:
    """Variables of k8s_storage for two pods, of which the second has a volume from an earlier deployment."""
    shared = kind == "nfs_shared"
    plan = [
        {
            "pod": f"orders-{n}",
            "claim": "data-orders" if shared else f"data-orders-{n}",
            "volume": "shop.orders" if shared else f"shop.orders-{n}",
            "node": f"node{n}",
            "size": "2Gi",
            "incarnation": "first" if n else "",
            **{key: value.format(n=n) for key, value in WHERE[kind].items()},
        }
        for n in range(2)
    ]
    more = {"access_mode": "ReadWriteMany"} if shared else {}
    mounted = {"mount_options": ["nfsvers=4.2", "hard"]} if kind.startswith("nfs") else {}
    return prefixed("k8s_storage", {"name": "orders", "namespace": "shop", "volumes": plan, **more, **mounted})


CASES = {
    **examples(),
    **{
        f"absent.{kind}": (kind, prefixed(kind, GOING | ({"delete_data": True} if kind != "twemproxy" else {})))
        for kind in KINDS
    },
    **{f"volumes.{kind}": ("k8s_storage", volumes(kind)) for kind in WHERE},
    **{
        f"every_option.{kind}": (kind, prefixed(kind, {"name": "every", **OF_EVERY_KIND, **EVERY_OPTION[kind]}))
        for kind in KINDS
    },
}


@pytest.fixture(scope="module")
def rendered(render):
    of_volumes = {name: case for name, case in CASES.items() if case[0] == "k8s_storage"}
    found = {
        name: {"objects": result}
        for name, result in render(
            {name: (kind, "__k8s_storage_objects", given, NOTHING) for name, (kind, given) in of_volumes.items()}
        ).items()
    }
    for name, (kind, given) in CASES.items():
        if kind == "k8s_storage":
            continue
        # The deployment that an example of Twemproxy names is beside it.
        hosts = {host: CASES[f"twemproxy.{host}"][1] for host in ["backends"] if kind == "twemproxy"}
        made, _live = value(kind, given, NOTHING, hosts=hosts)
        found[name] = {"rules": parts.permissions(made), "removable": parts.removable(made)}
        if not name.startswith("absent."):
            found[name]["objects"] = parts.objects(made)
    return found


def merged(rules: list[dict]) -> list[dict]:
    """Permissions without what does not matter: order, and in how many rules they are."""
    verbs: dict[tuple, set] = {}
    for rule in rules:
        verbs.setdefault((rule.get("group", ""), rule["resource"], rule.get("namespace", "")), set()).update(
            rule["verbs"]
        )
    return [
        {"group": group, "resource": resource, "namespace": namespace, "verbs": sorted(found)}
        for (group, resource, namespace), found in sorted(verbs.items())
    ]


def shown(result: dict) -> str:
    result = copy.deepcopy(result)
    if "rules" in result:
        result["rules"] = merged(result["rules"])
        result["removable"].sort(key=lambda item: (item["kind"], item["metadata"]["name"]))
    for item in result.get("objects", ()):
        if item["kind"] == "ConfigMap" and DIGEST.search(item["metadata"]["name"]):
            item["data"] = dict.fromkeys(sorted(item["data"]), "")
    return HEAD + yaml.dump(json.loads(DIGEST.sub(r"-\1-DIGEST", json.dumps(result))), Dumper=Dumper, width=120)


class Dumper(yaml.SafeDumper):
    """Files in ConfigMaps as people read them."""


Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


@pytest.mark.parametrize("name", CASES)
def test_it_comes_to_the_same(rendered, name):
    text = shown(rendered[name])
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.yml").write_text(text)
    golden = GOLDEN / f"{name}.yml"
    assert golden.exists(), f"there is no {golden.relative_to(ROOT)}"
    assert text == golden.read_text(), f"compare {golden.relative_to(ROOT)} with build/golden/{name}.yml"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", CASES)
def test_kubernetes_knows_every_field(rendered, name, version):
    for item in rendered[name].get("objects", ()):
        kubernetes_validate.validate(item, version, strict=True)


def test_every_golden_file_is_of_a_case():
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)
