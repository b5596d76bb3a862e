# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles of servers refuse before the first change."""

from __future__ import annotations

from dataclasses import fields

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.options import OPTIONS
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment
from ansible_collections.slotwise.redis.tests.unit.given_servers import (
    ALONE,
    GIVEN,
    LABELS,
    NOTHING,
    WATCHED,
    claim,
    running,
    secret,
    statefulset,
)
from ansible_collections.slotwise.redis.tests.unit.plugins.module_utils.deployment.told import told

INPUT, LIVE, RIGHTS = "input_problems", "live_problems", "rights_problems"


def servers(instances):
    """A running deployment of standalone servers."""
    made = statefulset(labels={**LABELS, "app.kubernetes.io/component": "standalone"})
    made["metadata"]["annotations"]["slotwise.redis/instances"] = str(instances)
    return made


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


# name: (part, variables besides GIVEN, what Kubernetes has, sentences that must appear; none means no problem)
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
        {"redis_cluster_replicas": 2, "redis_cluster_password": "hunter2", "differs": True},
        running(),
        ["redis_cluster_password is not the password in Secret shop/orders-auth"],
    ),
    "same password": (
        LIVE,
        {"redis_cluster_replicas": 2, "redis_cluster_password": "hunter2", "differs": False},
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
NOT_MADE = {f"redis_sentinel_{name}_create": False for name in ("service_account", "role", "role_binding")}


def rights(role=""):
    """What Kubernetes has for the agents: nothing, or all of it with a binding to this role."""
    found = {"account": [{}], "role": [{}], "binding": [{"roleRef": {"name": role}}]}
    empty = {"account": [], "role": [], "binding": []}
    return found if role else empty


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
    "watched: given rights": (RIGHTS, NOT_MADE, rights("made"), []),
    "watched: given rights that go": (
        RIGHTS,
        NOT_MADE,
        {**rights("made"), "account": [going("ServiceAccount", "orders")]},
        ["redis_sentinel_service_account_create is false, and ServiceAccount orders is being deleted since then."],
    ),
    "watched: no such rights": (
        RIGHTS,
        NOT_MADE,
        rights(),
        [
            "redis_sentinel_service_account_create is false, and namespace shop has no ServiceAccount orders",
            "redis_sentinel_role_create is false, and namespace shop has no Role orders",
            "redis_sentinel_role_binding_create is false, and namespace shop has no RoleBinding orders",
        ],
    ),
    "watched: another role": (
        RIGHTS,
        {},
        rights("former"),
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


# What no table of a role has: a value of another type than its option, alone and beside other problems.
WRONG_TYPES = {
    "text of a survey": (
        "redis_cluster",
        {"redis_cluster_shards": "3", "redis_cluster_replicas": " 1", "redis_cluster_auth_enabled": "yes"},
        [],
    ),
    "what a check refuses anyway is refused once": (
        "redis_cluster",
        {"redis_cluster_shards": "three", "redis_cluster_max_unavailable": None},
        [
            "redis_cluster_max_unavailable is None. Allowed: 1 or more; with 0 no machine could ever be drained.",
            "redis_cluster_shards is three. Allowed: 3 or more, because a failover needs a majority of masters.",
        ],
    ),
    "what looks right to a check": (
        "redis_cluster",
        {"redis_cluster_shards": 3.5, "redis_cluster_replicas": "many", "redis_cluster_storage": {"type": "emptydir"}},
        [
            "redis_cluster_shards is 3.5. Allowed: a whole number.",
            "redis_cluster_replicas is many. Allowed: a whole number.",
        ],
    ),
    "beside other problems": (
        "redis_standalone",
        {
            "redis_standalone_name": "9-lives",
            "redis_standalone_timeout": "5 minutes",
            "redis_standalone_labels": ["team"],
            "redis_standalone_storage": "local",
            "redis_standalone_create_namespace": "perhaps",
            "redis_standalone_config": "maxmemory 1gb",
            "redis_standalone_instances": 0,
        },
        [
            "redis_standalone_name is 9-lives. Allowed: ",
            "redis_standalone_instances is 0. Allowed: 1 or more.",
            "redis_standalone_create_namespace is perhaps. Allowed: true or false.",
            "redis_standalone_timeout is 5 minutes. Allowed: a whole number.",
            "redis_standalone_labels is ['team']. Allowed: a mapping.",
            "redis_standalone_storage is local. Allowed: a mapping.",
            "redis_standalone_config is maxmemory 1gb. Allowed: a mapping.",
        ],
    ),
    "what is left empty": (
        "redis_sentinel",
        {"redis_sentinel_labels": None, "redis_sentinel_config": None, "redis_sentinel_existing_secret": None},
        [],
    ),
    "no Sentinels and no servers": (
        "redis_sentinel",
        {
            "redis_sentinel_servers": [],
            "redis_sentinel_sentinels": "none",
            "redis_sentinel_decided_master": "orders-0@1",
        },
        [
            "redis_sentinel_servers is []. Allowed: 2 or more, a master and its replicas.",
            "redis_sentinel_sentinels is none. Allowed: an odd number, 3 or more.",
            "redis_sentinel_quorum is 1. Allowed: 1 to 0, the number of Sentinels.",
            "redis_sentinel_decided_master is orders-0@1. Allowed: POD@TERM, with one of the pods  and",
        ],
    ),
    "a former name": (
        "redis_sentinel",
        {"redis_sentinel_labeller_image": "python:3.12"},
        ["redis_sentinel_labeller_image is called redis_sentinel_agent_image now: the agents beside servers and"],
    ),
    "proxies": (
        "twemproxy",
        {"twemproxy_replicas": "two", "twemproxy_drain_seconds": "x", "twemproxy_autoscaled": "maybe"},
        [
            "twemproxy_image is not set.",
            "twemproxy_replicas is two. Allowed: 1 or more.",
            "twemproxy_drain_seconds is x. Allowed: 0 or more.",
            "twemproxy_backends is empty. Allowed:",
            "twemproxy_autoscaled is maybe. Allowed: true or false.",
        ],
    ),
}
TABLES = (
    ("redis_cluster", GIVEN, REFUSALS),
    ("redis_standalone", ALONE, ALONE_REFUSALS),
    ("redis_sentinel", WATCHED, WATCHED_REFUSALS),
)
CASES = {
    name: (part, kind, {**given, **more}, found, words)
    for kind, given, table in TABLES
    for name, (part, more, found, words) in table.items()
} | {
    f"type: {name}": (INPUT, kind, {f"{kind}_name": "orders", **given}, NOTHING, words)
    for name, (kind, given, words) in WRONG_TYPES.items()
}


@pytest.mark.parametrize("scenario", CASES)
def test_refusals(scenario):
    part, kind, given, found, wanted = CASES[scenario]
    said = told(part, kind, given, found)
    assert len(said) == len(wanted), said
    for sentence, words in zip(said, wanted, strict=True):
        assert words in sentence
        assert "hunter2" not in sentence


def test_a_removal_is_refused_for_data_of_others_alone():
    going_away = {**GIVEN, "redis_cluster_state": "absent", "redis_cluster_existing_secret": "gone"}
    assert told(LIVE, "redis_cluster", going_away, running(statefulset=[statefulset(labels={})])) == []
    (refusal,) = told(LIVE, "redis_cluster", going_away, {**NOTHING, "claims": [claim(0)]})
    assert "hold data of a deployment orders of topology standalone" in refusal
    unknown = {"metadata": {"name": "shop.orders-1"}, "spec": {}}
    (refusal,) = told(LIVE, "redis_cluster", going_away, {**NOTHING, "volumes": [unknown]})
    assert "PersistentVolume shop.orders-1 has the labels of this deployment" in refusal


@pytest.mark.parametrize("kind", OPTIONS)
def test_options_are_attributes_of_a_deployment(kind):
    """None has the name of a part of the value, which would hide it."""
    assert [option for option in OPTIONS[kind] if hasattr(Deployment, option)] == []
    assert not OPTIONS[kind].keys() & {field.name for field in fields(Deployment)}


def test_a_misspelt_variable_is_refused_beside_everything_else():
    given = {**GIVEN, "redis_cluster_replica": 2, "redis_cluster_custom_x": "mine"}
    assert told(INPUT, "redis_cluster", given) == [
        "redis_cluster_replica is no option of role redis_cluster. Did you mean redis_cluster_replicas? Names that "
        "begin with redis_cluster_custom_ are yours."
    ]
    assert told("warnings", "redis_cluster", given) == []


def test_a_variable_that_nobody_reads_is_warned_of_and_never_looked_at():
    given = {**GIVEN, "redis_cluster_team_contact": "{{ nobody_knows }}"}
    assert told(INPUT, "redis_cluster", given) == []
    assert told("warnings", "redis_cluster", given) == [
        "redis_cluster_team_contact is no option of role redis_cluster and is ignored. Names that begin with "
        "redis_cluster_custom_ are yours."
    ]
