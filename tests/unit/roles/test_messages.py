# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles of the topologies say: refusals of the preflight, pods that are not ready, notes at the end."""

from __future__ import annotations

import pytest

NODES = [{"metadata": {"name": f"node{i}", "labels": {"kubernetes.io/hostname": f"node{i}"}}} for i in (1, 2, 3)]
NOTHING = {
    "nodes": NODES,
    "volumes": [],
    "claims": [],
    "configmaps": [],
    "class": [],
    "namespace": [],
    "statefulset": [],
    "secret": [],
}
GIVEN = {
    "redis_cluster_name": "orders",
    "redis_cluster_namespace": "shop",
    "redis_cluster_storage": {"size": "1Gi", "hosts": ["node1", "node2", "node3"]},
}
INPUT, LIVE = (
    " + ".join(f"lookup('ansible.builtin.template', '{name}_problems.yml.j2') | from_yaml" for name in names)
    for names in (("common_input", "input"), ("topology", "common_live", "live"))
)
NOTES = "lookup('ansible.builtin.template', 'notes.txt.j2')"
LABELS = {
    "app.kubernetes.io/instance": "orders",
    "app.kubernetes.io/managed-by": "slotwise.redis",
    "app.kubernetes.io/component": "cluster",
}


def statefulset(labels=None, secret="orders-auth", mode="ReadWriteOnce"):
    """A running deployment of three shards with two replicas each."""
    source = {"secretName": secret, "items": [{"key": "password", "path": "password"}]}
    volumes = [{"name": "config"}] + ([{"name": "auth", "secret": source}] if secret else [])
    claim = {
        "accessModes": [mode],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "shop.orders-local",
    }
    return {
        "metadata": {
            "labels": LABELS if labels is None else labels,
            "annotations": {
                "slotwise.redis/shards": "3",
                "slotwise.redis/replicas": "2",
                "slotwise.redis/storage-type": "local",
                "slotwise.redis/storage-claimed": "1Gi",
            },
        },
        "spec": {"template": {"spec": {"volumes": volumes}}, "volumeClaimTemplates": [{"spec": claim}]},
    }


def secret(**faults):
    return {"metadata": {"name": "orders-auth"}, "data": {"password": None}, "faults": faults}


def compared(same):
    return {"__common_compared": {"objects": {"secret": [{"compare": {"password": same}}]}}}


ALONE = {
    "redis_standalone_name": "orders",
    "redis_standalone_namespace": "shop",
    "redis_standalone_instances": 2,
    "redis_standalone_storage": {"size": "1Gi", "hosts": ["node1"]},
}


def servers(instances):
    """A running deployment of standalone servers."""
    made = statefulset(labels={**LABELS, "app.kubernetes.io/component": "standalone"})
    made["metadata"]["annotations"]["slotwise.redis/instances"] = str(instances)
    return made


WATCHED = {
    "redis_sentinel_name": "orders",
    "redis_sentinel_namespace": "shop",
    "redis_sentinel_storage": {"size": "1Gi", "hosts": ["node1", "node2", "node3"]},
}


def watched(servers, sentinels, master_name="orders"):
    """A running deployment of servers with Sentinels."""
    made = statefulset(labels={**LABELS, "app.kubernetes.io/component": "sentinel"})
    made["metadata"]["annotations"].update(
        {
            "slotwise.redis/servers": str(servers),
            "slotwise.redis/sentinels": str(sentinels),
            "slotwise.redis/master-name": master_name,
        }
    )
    return made


def claim(number, component="standalone"):
    labels = {**LABELS, "app.kubernetes.io/component": component}
    return {"metadata": {"name": f"data-orders-{number}", "labels": labels}}


ON_NODE1 = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node1"]}
VOLUME = {
    "metadata": {"name": "shop.orders-1"},
    "spec": {
        "claimRef": {"name": "data-orders-1"},
        "local": {"path": "/var/lib/slotwise-redis/shop.orders-1"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [ON_NODE1]}]}},
    },
}


def going(kind, name, like=None):
    """An object that somebody is deleting, as kubernetes_objects_info tells it."""
    metadata = {**(like or {}).get("metadata", {}), "name": name}
    return {
        "kind": kind,
        "metadata": metadata,
        "leaving": {"text": f"{kind} {name} is being deleted since then.", "loses": True},
    }


def running(**more):
    return {**NOTHING, "statefulset": [statefulset()], "secret": [secret()], **more}


def pod(name, revision="new", ready=True, **status):
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "metadata": {"name": name, "labels": {"controller-revision-hash": revision}},
        "status": {"phase": "Running" if ready else "Pending", "conditions": conditions, **status},
    }


# name: (expression, variables besides GIVEN, what Kubernetes has, sentences that must appear; none means no problem)
REFUSALS = {
    "fine": (INPUT, {}, NOTHING, []),
    "fine as text": (INPUT, {"redis_cluster_shards": "3", "redis_cluster_replicas": "0"}, NOTHING, []),
    "counts": (
        INPUT,
        {"redis_cluster_shards": "2", "redis_cluster_replicas": -1},
        NOTHING,
        ["redis_cluster_shards is 2. Allowed: 3 or more", "redis_cluster_replicas is -1. Allowed: 0 or more"],
    ),
    "names": (
        INPUT,
        {"redis_cluster_name": "9-lives", "redis_cluster_namespace": "Shop"},
        NOTHING,
        ["redis_cluster_name is 9-lives. Allowed: ", "redis_cluster_namespace is Shop. Allowed: "],
    ),
    "domain with a dot at its end": (
        INPUT,
        {"redis_cluster_cluster_domain": "cluster.local."},
        NOTHING,
        ['redis_cluster_cluster_domain is "cluster.local.". Allowed: a DNS domain without a dot'],
    ),
    "no domain": (
        INPUT,
        {"redis_cluster_cluster_domain": ""},
        NOTHING,
        ['redis_cluster_cluster_domain is "". Allowed'],
    ),
    "pods": (
        INPUT,
        {"redis_cluster_termination_grace_period": 5, "redis_cluster_max_unavailable": 0},
        NOTHING,
        ["redis_cluster_termination_grace_period is 5. Allowed: 20", "redis_cluster_max_unavailable is 0. Allowed: 1"],
    ),
    "recycle": (
        LIVE,
        {"redis_cluster_storage": {"reclaim_policy": "Recycle", "hosts": ["node1"]}},
        NOTHING,
        ["redis_cluster_storage.reclaim_policy is 'Recycle'. Allowed with type local: Retain, Delete. Recycle"],
    ),
    "emptydir alone": (
        INPUT,
        {"redis_cluster_storage": {"type": "emptydir"}, "redis_cluster_replicas": 0},
        NOTHING,
        ["redis_cluster_storage.type is emptydir and redis_cluster_replicas is 0"],
    ),
    "nothing written": (
        INPUT,
        {"redis_cluster_config": {"Appendonly": False, "save": ""}},
        NOTHING,
        ["redis_cluster_config has appendonly no and an empty save, so no key ever reaches the volumes"],
    ),
    "nothing written, as text": (
        INPUT,
        {"redis_cluster_config": {"appendonly": "no", "save": '""'}},
        NOTHING,
        ["redis_cluster_storage.type is local, which is meant to last"],
    ),
    "nothing written, in single quotes": (
        INPUT,
        {"redis_cluster_config": {"appendonly": "'NO'", "save": "''"}},
        NOTHING,
        ["redis_cluster_config has appendonly no and an empty save, so no key ever reaches the volumes"],
    ),
    "nothing written, by the last line": (
        INPUT,
        {"redis_cluster_config": {"appendonly": ["yes", False], "save": ["900 1", '""']}},
        NOTHING,
        ["redis_cluster_config has appendonly no and an empty save, so no key ever reaches the volumes"],
    ),
    "written, by the last line": (
        INPUT,
        {"redis_cluster_config": {"appendonly": "no", "save": ["", "900 1"]}},
        NOTHING,
        [],
    ),
    "nothing written by a cache": (
        INPUT,
        {"redis_cluster_config": {"appendonly": "no", "save": ""}, "redis_cluster_storage": {"type": "emptydir"}},
        NOTHING,
        [],
    ),
    "points of time alone": (INPUT, {"redis_cluster_config": {"appendonly": "no"}}, NOTHING, []),
    "two places for pods": (
        INPUT,
        {
            "redis_cluster_storage": {"type": "nfs", "server": "nfs1", "hosts": ["node1"]},
            "redis_cluster_affinity": {"nodeAffinity": {}},
        },
        NOTHING,
        ["redis_cluster_affinity has nodeAffinity, and redis_cluster_storage.hosts says"],
    ),
    "several faults of storage": (
        LIVE,
        {"redis_cluster_storage": {"type": "nfs", "size": "1", "mount_options": ["soft"]}},
        NOTHING,
        ["redis_cluster_storage.size is '1'", "with soft. Leave it out", "redis_cluster_storage.server is ''"],
    ),
    "no such class": (
        LIVE,
        {"redis_cluster_storage": {"type": "storageclass", "storage_class": "fast"}},
        NOTHING,
        ["redis_cluster_storage.storage_class is fast, and the Kubernetes cluster has no StorageClass of this name"],
    ),
    "other type": (
        LIVE,
        {"redis_cluster_replicas": 2, "redis_cluster_storage": {"type": "emptydir"}},
        running(),
        ["redis_cluster_storage.type is emptydir and the running deployment stores its data in local"],
    ),
    "larger": (
        LIVE,
        {"redis_cluster_replicas": 2, "redis_cluster_storage": {"size": "2Gi", "hosts": ["node1"]}},
        running(),
        [],
    ),
    "two passwords": (
        INPUT,
        {"redis_cluster_password": "hunter2", "redis_cluster_existing_secret": "other"},
        NOTHING,
        ["redis_cluster_password and redis_cluster_existing_secret are both set"],
    ),
    "password without auth": (
        INPUT,
        {"redis_cluster_password": "hunter2", "redis_cluster_auth_enabled": "false"},
        NOTHING,
        ["redis_cluster_auth_enabled is false, and a password is given"],
    ),
    "password with line break": (
        INPUT,
        {"redis_cluster_password": "hunter2\nrequirepass x"},
        NOTHING,
        ["redis_cluster_password has control characters or line breaks. Allowed: one line of UTF-8 text"],
    ),
    "directives": (
        INPUT,
        {"redis_cluster_config": {"dir": "/tmp", "maxmemori": 1}},
        NOTHING,
        ["redis_cluster_config: dir cannot be set here", "Did you mean maxmemory"],
    ),
    "known directive": (
        INPUT,
        {"redis_cluster_config": {"brand-new": 1}, "redis_cluster_config_known": ["brand-new"]},
        NOTHING,
        [],
    ),
    "first run": (LIVE, {}, NOTHING, []),
    "same again": (LIVE, {"redis_cluster_replicas": "2"}, running(), []),
    "more replicas": (LIVE, {"redis_cluster_replicas": 3}, running(), []),
    "fewer replicas": (LIVE, {}, running(), ["redis_cluster_replicas is 1 and the running deployment has 2"]),
    "other shards": (
        LIVE,
        {"redis_cluster_shards": 4, "redis_cluster_replicas": 2},
        running(),
        ["redis_cluster_shards is 4 and the running deployment has 3 shards"],
    ),
    "other size and class": (
        LIVE,
        {
            "redis_cluster_replicas": 2,
            "redis_cluster_storage": {"size": "512Mi", "hosts": ["node1"], "storage_class": "fast"},
        },
        running(),
        ['redis_cluster_storage.storage_class is "fast" and', "redis_cluster_storage.size is 512Mi, and the claims of"],
    ),
    "foreign": (
        LIVE,
        {"redis_cluster_replicas": 2},
        running(statefulset=[statefulset(labels={})]),
        ["StatefulSet shop/orders exists and was not made by this collection"],
    ),
    "of another topology": (
        LIVE,
        {"redis_cluster_replicas": 2},
        running(statefulset=[statefulset(labels={**LABELS, "app.kubernetes.io/component": "standalone"})]),
        ["StatefulSet shop/orders exists as a deployment of topology standalone, and orders is of topology cluster"],
    ),
    "auth off": (
        LIVE,
        {"redis_cluster_replicas": 2, "redis_cluster_auth_enabled": False},
        running(),
        ["redis_cluster_auth_enabled is False and the running deployment has a password"],
    ),
    "auth on": (
        LIVE,
        {"redis_cluster_replicas": 2},
        running(statefulset=[statefulset(secret=None)]),
        ["redis_cluster_auth_enabled is True and the running deployment has no password"],
    ),
    "other password": (
        LIVE,
        {"redis_cluster_replicas": 2, "redis_cluster_password": "hunter2", **compared(False)},
        running(),
        ["redis_cluster_password is not the password in Secret shop/orders-auth"],
    ),
    "same password": (
        LIVE,
        {"redis_cluster_replicas": 2, "redis_cluster_password": "hunter2", **compared(True)},
        running(),
        [],
    ),
    "no password in the secret": (
        LIVE,
        {"redis_cluster_existing_secret": "given"},
        {**NOTHING, "secret": [secret(password="is empty. Allowed: more.")]},
        ["The password in key password of Secret shop/given is empty. Allowed: more."],
    ),
    "other key": (
        LIVE,
        {
            "redis_cluster_replicas": 2,
            "redis_cluster_existing_secret": "given",
            "redis_cluster_existing_secret_key": "new",
        },
        running(
            statefulset=[statefulset(secret="given")],
            secret=[{"metadata": {"name": "given"}, "data": {"password": None, "new": None}}],
        ),
        ["redis_cluster_existing_secret_key is new and the running deployment uses key password of Secret shop/given"],
    ),
    "other access mode": (
        LIVE,
        {"redis_cluster_replicas": 2},
        running(statefulset=[statefulset(mode="ReadWriteMany")]),
        ["redis_cluster_storage.access_mode is ReadWriteOnce and the claims of the running deployment ask for"],
    ),
    "port of nodes": (
        INPUT,
        {"redis_cluster_service_node_port": 30000},
        NOTHING,
        ["redis_cluster_service_node_port is 30000 and redis_cluster_service_type is ClusterIP"],
    ),
    "lost secret": (
        LIVE,
        {"redis_cluster_replicas": 2},
        running(secret=[]),
        ["Secret shop/orders-auth is gone and the deployment is running"],
    ),
    "lost secret, password given": (
        LIVE,
        {"redis_cluster_replicas": 2, "redis_cluster_password": "hunter2"},
        running(secret=[]),
        [],
    ),
    "no existing secret": (
        LIVE,
        {"redis_cluster_existing_secret": "given"},
        NOTHING,
        ["redis_cluster_existing_secret is given, and there is no Secret shop/given"],
    ),
    "no such key": (
        LIVE,
        {"redis_cluster_existing_secret": "given", "redis_cluster_existing_secret_key": "pw"},
        {**NOTHING, "secret": [secret()]},
        ["key pw (redis_cluster_existing_secret_key) of Secret shop/given, which has the keys password"],
    ),
    "no namespace": (
        LIVE,
        {"redis_cluster_create_namespace": "false"},
        NOTHING,
        ["Namespace shop does not exist, and redis_cluster_create_namespace is false"],
    ),
    "namespace going": (
        LIVE,
        {},
        {**NOTHING, "namespace": [going("Namespace", "shop")]},
        ["Namespace shop is being deleted since then. A deletion cannot be taken back, and a new Namespace would lack"],
    ),
    "claims, volumes and password going": (
        LIVE,
        {"redis_cluster_replicas": 2},
        running(
            claims=[{**claim(0, "cluster"), **going("PersistentVolumeClaim", "data-orders-0", claim(0, "cluster"))}],
            volumes=[{**VOLUME, **going("PersistentVolume", "shop.orders-1")}],
            secret=[{**secret(), **going("Secret", "orders-auth")}],
        ),
        [
            "PersistentVolume shop.orders-1 is being deleted since then. A deletion cannot be taken back",
            "PersistentVolumeClaim data-orders-0 is being deleted since then. A deletion cannot be taken back",
            "Secret orders-auth is being deleted since then. A deletion cannot be taken back",
        ],
    ),
    "StatefulSet going": (
        LIVE,
        {"redis_cluster_replicas": 2},
        running(
            statefulset=[{**statefulset(), "kind": "StatefulSet", "leaving": {"text": "It goes.", "loses": False}}]
        ),
        [],
    ),
    "no such nodes": (
        LIVE,
        {"redis_cluster_storage": {"size": "1Gi", "hosts": ["NODE1", "elsewhere"]}},
        NOTHING,
        [
            "names NODE1, and no Kubernetes node is called NODE1. Names are in lower case: did you mean node1? "
            "The nodes are node1, node2, node3.",
            "names elsewhere, and no Kubernetes node is called elsewhere. The nodes are",
        ],
    ),
    "no plan": (
        LIVE,
        {"redis_cluster_storage": {"size": "1Gi", "hosts": ["node1"], "volumes_per_host": 2}},
        NOTHING,
        ["redis_cluster_storage.volumes_per_host is 2 and redis_cluster_storage.hosts names 1 machines"],
    ),
}
RUNNING = {
    "statefulset": [{"spec": {"replicas": 2}, "status": {"updateRevision": "new"}}],
    "pods": [pod("orders-0"), pod("orders-1", revision="old")],
    "service": [
        {"spec": {"ports": [{"nodePort": 30079}]}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    ],
}
ROW = {
    "shard": 0,
    "role": "master",
    "pod": "orders-0",
    "machine": "node1",
    "slots": "0-5460",
    "keys": 7,
    "lag": 0,
    "link_up": True,
}
SHOWN = {
    "__common_running": {"objects": RUNNING},
    "__redis_cluster_verified": {"topology": [ROW], "placement": ["all masters on node1"]},
}
TEXTS = {
    "notes": (NOTES, {**SHOWN, "redis_cluster_kubeconfig": "/a b/config"}),
    "outside": (
        NOTES,
        {
            **SHOWN,
            "redis_cluster_service_type": "LoadBalancer",
            "redis_cluster_existing_secret_key": "redis.password",
            "redis_cluster_existing_secret": "given",
        },
    ),
    "open": (NOTES, {**SHOWN, "redis_cluster_auth_enabled": "false", "redis_cluster_service_type": "NodePort"}),
    "cache": (NOTES, {**SHOWN, "redis_cluster_storage": {"type": "emptydir"}}),
    "cache that writes nothing": (
        NOTES,
        {
            **SHOWN,
            "redis_cluster_storage": {"type": "emptydir"},
            "redis_cluster_config": {"appendonly": "no", "save": ""},
        },
    ),
}


ALONE_REFUSALS = {
    "alone: fine": (INPUT, {}, NOTHING, []),
    "alone: none": (INPUT, {"redis_standalone_instances": 0}, NOTHING, ["redis_standalone_instances is 0. Allowed: 1"]),
    "alone: names": (
        INPUT,
        {"redis_standalone_name": "9-lives"},
        NOTHING,
        ["redis_standalone_name is 9-lives. Allowed: "],
    ),
    "alone: directives": (
        INPUT,
        {"redis_standalone_config": {"requirepass": "x", "replicaof": "x 1"}},
        NOTHING,
        ["replicaof cannot be set here", "use redis_standalone_password or redis_standalone_existing_secret"],
    ),
    "alone: password of bytes": (
        LIVE,
        {"redis_standalone_existing_secret": "given", "redis_standalone_existing_secret_key": "odd"},
        {
            **NOTHING,
            "secret": [{"metadata": {"name": "given"}, "data": {"odd": None}, "faults": {"odd": "is not UTF-8 text."}}],
        },
        ["The password in key odd of Secret shop/given is not UTF-8 text."],
    ),
    "alone: password with a line break": (
        INPUT,
        {"redis_standalone_password": "hunter2\u2028"},
        NOTHING,
        ["redis_standalone_password has control characters or line breaks. Allowed: one line"],
    ),
    "alone: more": (LIVE, {}, {**NOTHING, "statefulset": [servers(1)], "secret": [secret()]}, []),
    "alone: fewer": (
        LIVE,
        {},
        {**NOTHING, "statefulset": [servers(3)], "secret": [secret()]},
        ["redis_standalone_instances is 2 and the running deployment has 3"],
    ),
    "alone: a cluster before": (
        LIVE,
        {},
        running(),
        ["StatefulSet shop/orders exists as a deployment of topology cluster, and orders is of topology standalone"],
    ),
    "alone: claims of a cluster": (
        LIVE,
        {},
        {**NOTHING, "claims": [claim(0, "cluster"), claim(1, "cluster")]},
        [
            "data-orders-0, data-orders-1 in namespace shop hold data of a deployment orders of topology cluster",
        ],
    ),
    "alone: its claims": (LIVE, {}, {**NOTHING, "claims": [claim(0), claim(1)]}, []),
    "alone: more claims": (
        LIVE,
        {},
        {**NOTHING, "claims": [claim(0), claim(9)]},
        ["redis_standalone_instances is 2 and there are claims with the data of 10 servers"],
    ),
    "alone: no machines": (
        LIVE,
        {"redis_standalone_storage": {"hosts": []}},
        NOTHING,
        ["redis_standalone_storage.hosts"],
    ),
}
RIGHTS = "lookup('ansible.builtin.template', 'rights_problems.yml.j2') | from_yaml"
NOT_MADE = {f"redis_sentinel_{name}_create": False for name in ("service_account", "role", "role_binding")}


def rights(role=""):
    """What Kubernetes has for the agents: nothing, or all of it with a binding to this role."""
    found = {"account": [{}], "role": [{}], "binding": [{"roleRef": {"name": role}}]}
    empty = {"account": [], "role": [], "binding": []}
    return {"__redis_sentinel_rights": {"objects": found if role else empty}}


WATCHED_REFUSALS = {
    "watched: fine": (INPUT, {}, NOTHING, []),
    "watched: counts": (
        INPUT,
        {"redis_sentinel_servers": 1, "redis_sentinel_sentinels": 4, "redis_sentinel_quorum": 5},
        NOTHING,
        [
            "redis_sentinel_servers is 1. Allowed: 2 or more",
            "redis_sentinel_sentinels is 4. Allowed: an odd number, 3 or more",
            "redis_sentinel_quorum is 5. Allowed: 1 to 4",
        ],
    ),
    "watched: given rights": (RIGHTS, {**NOT_MADE, **rights("made")}, NOTHING, []),
    "watched: given rights that go": (
        RIGHTS,
        {
            **NOT_MADE,
            "__redis_sentinel_rights": {
                "objects": {
                    "account": [going("ServiceAccount", "orders")],
                    "role": [{}],
                    "binding": [{"roleRef": {"name": "made"}}],
                }
            },
        },
        NOTHING,
        ["redis_sentinel_service_account_create is false, and ServiceAccount orders is being deleted since then."],
    ),
    "watched: no such rights": (
        RIGHTS,
        {**NOT_MADE, **rights()},
        NOTHING,
        [
            "redis_sentinel_service_account_create is false, and namespace shop has no ServiceAccount orders",
            "redis_sentinel_role_create is false, and namespace shop has no Role orders",
            "redis_sentinel_role_binding_create is false, and namespace shop has no RoleBinding orders",
        ],
    ),
    "watched: another role": (
        RIGHTS,
        rights("former"),
        NOTHING,
        ["redis_sentinel_role_name is orders-agent, and RoleBinding orders-agent gives the role former"],
    ),
    "watched: fewer than before": (
        LIVE,
        {},
        {**NOTHING, "claims": [claim(3, "sentinel")]},
        ["redis_sentinel_servers is 3 and there are claims with the data of 4 servers"],
    ),
    "watched: nothing written": (
        INPUT,
        {"redis_sentinel_config": {"AppendOnly": "no", "save": "''"}},
        NOTHING,
        ["redis_sentinel_config has appendonly no and an empty save"],
    ),
    "watched: names": (
        INPUT,
        {"redis_sentinel_name": "o" * 44, "redis_sentinel_master_name": "my master"},
        NOTHING,
        ["with 44 characters. Allowed: up to 43", "redis_sentinel_master_name is my master. Allowed: letters"],
    ),
    "watched: times": (
        INPUT,
        {
            "redis_sentinel_down_after_milliseconds": 100,
            "redis_sentinel_failover_timeout_milliseconds": 10,
            "redis_sentinel_parallel_syncs": 0,
        },
        NOTHING,
        [
            "redis_sentinel_down_after_milliseconds is 100. Allowed: 1000 or more",
            "redis_sentinel_failover_timeout_milliseconds is 10. Allowed: 5000 or more",
            "redis_sentinel_parallel_syncs is 0. Allowed: 1 or more",
        ],
    ),
    "watched: directives by their older names": (
        INPUT,
        {"redis_sentinel_config": {"Min-Slaves-Max-Lag": 0, "min-slaves-to-write": "3"}},
        NOTHING,
        ["min-slaves-to-write is 3 and there are 2 replicas", "min-slaves-max-lag is 0. Allowed: 1 or more"],
    ),
    "watched: directives": (
        INPUT,
        {"redis_sentinel_config": {"min-replicas-to-write": 3, "Replica-Priority": 5}},
        NOTHING,
        ["min-replicas-to-write is 3 and there are 2 replicas", "Replica-Priority cannot be set here"],
    ),
    "watched: password of bytes": (
        LIVE,
        {},
        {**NOTHING, "secret": [secret(password="is not UTF-8 text.")]},
        ["The password in key password of Secret shop/orders-auth is not UTF-8 text."],
    ),
    "watched: password with a tab": (
        INPUT,
        {"redis_sentinel_password": "hunter2\t"},
        NOTHING,
        ["redis_sentinel_password has control characters or line breaks. Allowed: one line"],
    ),
    "watched: password with a line end": (INPUT, {"redis_sentinel_password": "hunter2\n"}, NOTHING, []),
    "watched: more": (LIVE, {}, {**NOTHING, "statefulset": [watched(2, 3)], "secret": [secret()]}, []),
    "watched: fewer": (
        LIVE,
        {},
        {**NOTHING, "statefulset": [watched(5, 5)], "secret": [secret()]},
        [
            "redis_sentinel_servers is 3 and the running deployment has 5",
            "redis_sentinel_sentinels is 3 and the running deployment has 5",
        ],
    ),
    "watched: another name of the master": (
        LIVE,
        {"redis_sentinel_master_name": "mymaster"},
        {**NOTHING, "statefulset": [watched(3, 3)], "secret": [secret()]},
        ["redis_sentinel_master_name is mymaster and clients of the running deployment ask for orders"],
    ),
    "watched: a cluster before": (
        LIVE,
        {},
        running(),
        ["exists as a deployment of topology cluster, and orders is of topology sentinel"],
    ),
}
WATCHED_SEEN = {
    "placement": ["machine node1 has 3 of 3 Sentinels"],
    "epoch": 4,
    "quorum": 2,
    "servers": [
        {
            "pod": "orders-1",
            "role": "master",
            "machine": "node2",
            "keys": 7,
            "lag": 0,
            "link_up": True,
            "version": "8.0.2",
        }
    ],
    "sentinels": [{"pod": "orders-sentinel-0", "machine": "node1", "address": "192.0.2.1", "master": "orders-1"}],
}
WATCHED_TEXTS = {
    f"watched: notes of {kind}": (
        NOTES,
        {
            "redis_sentinel_service_type": kind,
            "__common_running": {"objects": {**RUNNING, "pods": RUNNING["pods"][:1]}},
            "__redis_sentinel_verified": WATCHED_SEEN,
        },
    )
    for kind in ("ClusterIP", "NodePort")
}
SERVER = {"pod": "orders-0", "machine": "node1", "keys": 7, "memory": 1048576, "version": "8.0.2"}
ALONE_TEXTS = {
    f"alone: notes of {count}": (
        NOTES,
        {
            "__common_running": {"objects": {**RUNNING, "pods": RUNNING["pods"][:1]}},
            "__redis_standalone_verified": {
                "servers": [{**SERVER, "pod": f"orders-{i}"} for i in range(count)],
                "placement": [f"{count} together"],
            },
        },
    )
    for count in (1, 25)
}


MAY_RUN = "__common_server_nodes if __common_storage_on_nfs else []"
ON_NFS = {"type": "nfs", "server": "nfs1"}


def tainted(name, key):
    return {**NODES[0], "metadata": {"name": name}, "spec": {"taints": [{"key": key, "effect": "NoSchedule"}]}}


# A node that is cordoned takes pods again later.
TAINTED = [
    *NODES,
    tainted("control", "node-role.kubernetes.io/control-plane"),
    tainted("cordoned", "node.kubernetes.io/unschedulable"),
]
# name: (storage, further variables, nodes that pods may run on)
NFS_NODES = {
    "all nodes": (ON_NFS, {}, ["cordoned", "node1", "node2", "node3"]),
    "named hosts": ({**ON_NFS, "hosts": ["node1"]}, {}, ["node1"]),
    "one export": ({**ON_NFS, "type": "nfs_shared"}, {}, ["cordoned", "node1", "node2", "node3"]),
    "not on NFS": ({"type": "local", "hosts": ["node1"]}, {}, []),
    "tolerated": (ON_NFS, {"redis_cluster_tolerations": [{}]}, ["control", "cordoned", "node1", "node2", "node3"]),
    "chosen by label": (ON_NFS, {"redis_cluster_node_selector": {"kubernetes.io/hostname": "node2"}}, ["node2"]),
}


ENDED = {"terminated": {"exitCode": 78, "message": "cluster_domain is x: set it to y\n"}}


# name: (container statuses of pod orders-0, what it says)
def started(name, revision, *statuses):
    made = pod(name, revision, ready=False)
    made["status"]["containerStatuses"] = list(statuses)
    return made


PULLS, RUNS = ({"state": {state: {}}, "lastState": {}, "ready": False} for state in ("waiting", "running"))
TRIES = {**RUNS, "lastState": ENDED}
REFUSED = {"state": {"waiting": {}}, "lastState": ENDED, "ready": False}
CRASHED = {"state": {"waiting": {}}, "lastState": {"terminated": {"exitCode": 1}}, "ready": False}
# Pods, and whether a run replaces each once the settings are others.
BEGUN = [
    (started("new-and-starting", "new"), False),
    (started("new-and-pulling", "new", PULLS), False),
    (started("old-and-unscheduled", "old"), True),
    (started("old-and-pulling", "old", PULLS), True),
    (started("old-and-running", "old", RUNS), False),
    (started("old-and-crashed", "old", CRASHED), False),
    (started("old-and-crashed-beside-another", "old", PULLS, RUNS), False),
    (started("refused", "old", REFUSED), True),
    (started("refused-the-new-ones", "new", REFUSED), True),
    (started("tries-again", "old", TRIES), True),
    (started("began-after-all", "old", {**TRIES, "ready": True}), False),
    ({**started("goes", "old", REFUSED), "leaving": {"text": "It goes.", "loses": False}}, False),
]
WARNINGS = "__common_spread_warnings"
TAKES = "machines (node1, node2) may run the servers, and with fewer than 3 the failure of one can take"
HOSTS = {"hosts": ["node1", "node2"]}
ANYWHERE = {"type": "emptydir"}
CHOSEN = {"redis_sentinel_node_selector": {"kubernetes.io/hostname": "node2"}}
# name: (role, its variables, nodes of Kubernetes, words of each warning)
TOO_FEW = {
    "cluster: enough": ("redis_cluster", {}, NODES, []),
    "cluster: unknown nodes": ("redis_cluster", {"redis_cluster_storage": ANYWHERE}, [], []),
    "cluster: two hosts": (
        "redis_cluster",
        {"redis_cluster_storage": HOSTS},
        NODES,
        [f"2 {TAKES} so many masters that the rest cannot promote replicas. Name more machines in redis_cluster_st"],
    ),
    "cluster: many replicas": (
        "redis_cluster",
        {"redis_cluster_storage": ANYWHERE, "redis_cluster_replicas": "3"},
        [*NODES, tainted("control", "node-role.kubernetes.io/control-plane")],
        ["3 machines (node1, node2, node3) may run the servers, and with fewer than 4 the failure of one can take a m"],
    ),
    "sentinel: enough": ("redis_sentinel", {}, NODES, []),
    "sentinel: two hosts, Sentinels anywhere": (
        "redis_sentinel",
        {"redis_sentinel_storage": HOSTS},
        NODES,
        [f"2 {TAKES} a master and its replica. Name more machines in redis_sentinel_storage.hosts."],
    ),
    "sentinel: one machine": (
        "redis_sentinel",
        {"redis_sentinel_storage": ANYWHERE, **CHOSEN},
        NODES,
        [
            "1 machine (node2) may run the servers, and with fewer than 3 the failure of one can take a master",
            "1 machine (node2) may run the Sentinels, and with fewer than 3 the failure of one can take most of them, "
            "and then no replica is promoted. Look at redis_sentinel_node_selector and redis_sentinel_tolerations.",
        ],
    ),
    "standalone: one": ("redis_standalone", {"redis_standalone_instances": "1"}, NODES, []),
    "standalone: several": (
        "redis_standalone",
        {},
        NODES,
        ["1 machine (node1) may run the servers, and with fewer than 2 the failure of one takes all of them. Name"],
    ),
}


@pytest.fixture(scope="module")
def said(render):
    """What each scenario renders to."""
    refusals = {
        name: ("redis_cluster", f"({expression})", {**GIVEN, **more}, found)
        for name, (expression, more, found, _words) in REFUSALS.items()
    }
    texts = {
        name: ("redis_cluster", expression, {**GIVEN, **more}, NOTHING) for name, (expression, more) in TEXTS.items()
    }
    alone = {
        name: ("redis_standalone", f"({expression})", {**ALONE, **more}, found)
        for name, (expression, more, found, _words) in ALONE_REFUSALS.items()
    }
    alone_texts = {
        name: ("redis_standalone", expression, {**ALONE, **more}, NOTHING)
        for name, (expression, more) in ALONE_TEXTS.items()
    }
    nodes = {
        name: (
            "redis_cluster",
            f"({MAY_RUN})",
            {**GIVEN, **more, "redis_cluster_storage": storage},
            {**NOTHING, "nodes": TAINTED},
        )
        for name, (storage, more, _wanted) in NFS_NODES.items()
    }
    with_sentinels = {
        name: ("redis_sentinel", f"({expression})", {**WATCHED, **more}, found)
        for name, (expression, more, found, _words) in WATCHED_REFUSALS.items()
    }
    sentinel_texts = {
        name: ("redis_sentinel", expression, {**WATCHED, **more}, NOTHING)
        for name, (expression, more) in WATCHED_TEXTS.items()
    }
    given = {"redis_cluster": GIVEN, "redis_sentinel": WATCHED, "redis_standalone": ALONE}
    too_few = {
        name: (role, f"({WARNINGS})", {**given[role], **more}, {**NOTHING, "nodes": known})
        for name, (role, more, known, _words) in TOO_FEW.items()
    }
    sets = [{"metadata": {"name": "orders", "generation": 3}, "status": {"updateRevision": "new"}}]
    begun = {
        name: (
            "redis_cluster",
            expression,
            {
                **GIVEN,
                "__common_started": {
                    "objects": {
                        "pods": [made for made, _replaced in BEGUN],
                        "statefulset": [{**sets[0], "status": {"updateRevision": "new", "observedGeneration": seen}}],
                    }
                },
            },
            NOTHING,
        )
        for name, expression, seen in [
            ("begun", "__common_replaceable", 3),
            ("observed", "__common_unobserved", 3),
            ("not observed", "__common_unobserved", 2),
        ]
    }
    parts = (begun, refusals, texts, alone, alone_texts, with_sentinels, sentinel_texts, nodes, too_few)
    return render({name: scenario for part in parts for name, scenario in part.items()})


def test_pods_that_never_began_are_replaced(said):
    assert said["begun"] == [made["metadata"]["name"] for made, replaced in BEGUN if replaced]
    assert said["observed"] == []
    assert len(said["not observed"]) == 1


@pytest.mark.parametrize("scenario", TOO_FEW)
def test_machines_that_are_too_few_are_warned_of(said, scenario):
    wanted = TOO_FEW[scenario][3]
    assert len(said[scenario]) == len(wanted), said[scenario]
    for sentence, words in zip(said[scenario], wanted, strict=True):
        assert words in sentence


@pytest.mark.parametrize("scenario", NFS_NODES)
def test_nodes_that_pods_on_nfs_may_run_on(said, scenario):
    assert said[scenario] == NFS_NODES[scenario][2]


@pytest.mark.parametrize("scenario", [*REFUSALS, *ALONE_REFUSALS, *WATCHED_REFUSALS])
def test_refusals(said, scenario):
    wanted = {**REFUSALS, **ALONE_REFUSALS, **WATCHED_REFUSALS}[scenario][3]
    assert len(said[scenario]) == len(wanted), said[scenario]
    for sentence, words in zip(said[scenario], wanted, strict=True):
        assert words in sentence
        assert "hunter2" not in sentence


def test_notes(said):
    notes = said["notes"]
    assert "0      master  orders-0  node1    0-5460  7" in notes
    assert "Attention: all masters on node1" in notes
    assert "Pending restart: orders-1 still run" in notes
    assert "kubectl --kubeconfig '/a b/config' -n shop exec orders-0 -- sh -c 'REDISCLI_AUTH=" in notes
    assert "get secret orders-auth -o jsonpath='{.data.password}' | base64 -d" in notes
    assert "orders.shop.svc.cluster.local:6379" in notes
    assert "of type" not in notes


def test_what_a_cache_does_not_keep_is_said(said):
    lost = "Attention: Storage is emptydir: the data of a pod and its node id are lost"
    crash = "appendonly and save are off too: a master that crashes comes back empty, as the master"
    assert lost in said["cache"]
    assert crash not in said["cache"]
    assert lost in said["cache that writes nothing"]
    assert crash in said["cache that writes nothing"]


def test_notes_for_clients_outside(said):
    assert "192.0.2.1:6379," in said["outside"]
    assert "get secret given -o jsonpath='{.data.redis\\.password}'" in said["outside"]
    assert "port 30079 of every Kubernetes node" in said["open"]
    assert "REDISCLI_AUTH" not in said["open"]
    assert "secret" not in said["open"]


def test_notes_of_standalone_servers(said):
    one, many = said["alone: notes of 1"], said["alone: notes of 25"]
    assert "orders-0  node1    7     1.0 MiB  8.0.2" in one
    assert "Programs in Kubernetes find it at\n  orders.shop.svc.cluster.local:6379" in one
    assert "exec -it orders-0 -- sh -c 'REDISCLI_AUTH=" in one
    assert "and 5 more" in many
    assert "\nAttention: 25 together\n" in many
    assert "orders-0.orders-headless.shop.svc.cluster.local:6379 to orders-24.orders-headless" in many
    assert "Pending" not in one + many


def test_notes_of_servers_with_sentinels(said):
    inside, outside = said["watched: notes of ClusterIP"], said["watched: notes of NodePort"]
    assert "watched by Sentinels (epoch 4, quorum 2)" in inside
    assert "\nAttention: machine node1 has 3 of 3 Sentinels\n" in inside
    assert "master    orders-1           node2    7" in inside
    assert "get pods -l app.kubernetes.io/instance=orders -L redis-role" in inside
    assert "redis-cli -p 26379 sentinel get-master-addr-by-name orders'" in inside
    assert "the master, to write, at orders-master.shop.svc.cluster.local:6379" in inside
    assert "of type" not in inside
    assert "The services are of type NodePort." in outside
