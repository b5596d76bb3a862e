# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""On which Kubernetes nodes pods may run, and what is warned of where these are too few."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.tests.unit.plugins.module_utils.deployment.told import told

NODES = [{"metadata": {"name": f"node{i}", "labels": {"kubernetes.io/hostname": f"node{i}"}}} for i in (1, 2, 3)]
ONE = {"redis_standalone_instances": 2, "redis_standalone_storage": {"hosts": ["node1"]}}
THREE = {"hosts": ["node1", "node2", "node3"]}
GIVEN = {
    "redis_cluster": {"redis_cluster_storage": THREE},
    "redis_sentinel": {"redis_sentinel_storage": THREE},
    "redis_standalone": ONE,
}
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
    "tolerated": (ON_NFS, {"redis_cluster_tolerations": [{}]}, ["control", "cordoned", "node1", "node2", "node3"]),
    "chosen by label": (ON_NFS, {"redis_cluster_node_selector": {"kubernetes.io/hostname": "node2"}}, ["node2"]),
}


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


@pytest.mark.parametrize("scenario", TOO_FEW)
def test_machines_that_are_too_few_are_warned_of(scenario):
    kind, more, nodes, wanted = TOO_FEW[scenario]
    said = told("spread_warnings", kind, {**GIVEN[kind], **more}, {"nodes": nodes})
    assert len(said) == len(wanted), said
    for sentence, words in zip(said, wanted, strict=True):
        assert words in sentence


@pytest.mark.parametrize("scenario", NFS_NODES)
def test_nodes_that_pods_on_nfs_may_run_on(scenario):
    storage, more, wanted = NFS_NODES[scenario]
    given = {"redis_cluster_storage": storage, **more}
    assert told("server_nodes", "redis_cluster", given, {"nodes": TAINTED}) == wanted
