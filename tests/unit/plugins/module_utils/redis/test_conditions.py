# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is missing for agreement, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.redis.conditions import (
    open_slots,
    problems,
    shape_problems,
    strangers,
    unserved,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Desired, Endpoint, Node, Peer
from ansible_collections.slotwise.redis.plugins.module_utils.redis.planner import make_plan
from ansible_collections.slotwise.redis.tests.unit.plugins.module_utils.simulate import DEFAULTS, Cluster

OK = {"cluster_state": "ok", "cluster_slots_ok": "16384"}
REPLICA = {"role": "slave", "master_link_status": "up"}
SYNCING = {"role": "slave", "master_link_status": "down", "master_sync_in_progress": "1"}


@pytest.mark.parametrize(
    ("cluster", "replication", "why"),
    [
        (OK, {"role": "master"}, ""),
        (OK, REPLICA, ""),
        ({**OK, "cluster_slots_ok": "5461"}, {"role": "master"}, "5461 of 16384 slots have a working master"),
        ({**OK, "cluster_state": "fail"}, {"role": "master"}, "its cluster state is fail"),
        (OK, {**REPLICA, "master_link_status": "down"}, "its link to its master is down"),
        (OK, {**SYNCING, "master_sync_left_bytes": "77"}, "copies from its master, 77 bytes left"),
        (OK, {**SYNCING, "master_sync_left_bytes": "-1"}, "its link to its master is down"),
    ],
)
def test_unserved(cluster, replication, why):
    assert unserved(cluster, replication) == why


@pytest.fixture
def nodes() -> list[Node]:
    cluster = Cluster(Endpoint(f"pod-{i}", f"10.0.0.{i + 1}") for i in range(6))
    cluster.apply(make_plan(Desired(3, 1, DEFAULTS), cluster.nodes()))
    return cluster.nodes()


def with_peer(node: Node, peer: Peer, **changes: object) -> Node:
    return replace(node, peers={**node.peers, peer.node_id: replace(peer, **changes)})


def test_agreement(nodes):
    assert problems(nodes) == []


def test_nobody_answers():
    assert problems([]) == []


def test_unknown_nodes(nodes):
    known = dict(nodes[1].peers)
    del known[nodes[3].node_id]
    nodes[1] = replace(nodes[1], peers=known)
    assert problems(nodes) == ["pod-1 does not know pod-3"]
    assert strangers(nodes[1], {n.node_id: n.name for n in nodes}) == ["pod-3"]


def test_a_handshake_does_not_count_as_known(nodes):
    nodes[1] = with_peer(nodes[1], nodes[1].peers[nodes[3].node_id], flags=frozenset({"handshake"}))
    assert problems(nodes) == ["pod-1 does not know pod-3"]


def test_a_nameless_handshake_is_no_stranger(nodes):
    ghost = Peer("f" * 40, "10.9.9.9", 6379, frozenset({"handshake"}), "", 0, False, ())
    nodes[1] = with_peer(nodes[1], ghost)
    assert problems(nodes) == []


def test_foreign_nodes_count_only_when_all_of_ours_answer(nodes):
    assert problems(nodes[:5]) == [
        f"pod-{i} lists nodes that are not of this deployment: {nodes[5].node_id}" for i in range(5)
    ]
    assert problems(nodes[:5], complete=False) == []


@pytest.mark.parametrize("flag", ["fail", "fail?", "noaddr"])
def test_failing_nodes(nodes, flag):
    peer = nodes[2].peers[nodes[4].node_id]
    nodes[2] = with_peer(nodes[2], peer, flags=peer.flags | {flag})
    assert problems(nodes) == ["pod-2 sees pod-4 failing"]


def test_slots_links_and_state(nodes):
    nodes[0] = replace(nodes[0], slots_ok=10923, cluster_state="fail")
    nodes[4] = replace(nodes[4], link_up=False)
    assert problems(nodes) == [
        "pod-0: cluster state fail, 10923 of 16384 slots served",
        "pod-4: its link to its master is down",
    ]


@pytest.mark.parametrize(
    "changes", [{"epoch": 99}, {"slots": ((0, 7),)}, {"flags": frozenset({"slave"}), "master_id": "x"}], ids=str
)
def test_another_view_than_most(nodes, changes):
    nodes[5] = with_peer(nodes[5], nodes[5].peers[nodes[0].node_id], **changes)
    assert problems(nodes) == [f"pod-5 differs from the others in its view of {nodes[0].node_id}"]


def test_the_epoch_of_a_replica_may_differ(nodes):
    replica = next(n for n in nodes if n.master_id)
    nodes[0] = with_peer(nodes[0], nodes[0].peers[replica.node_id], epoch=99)
    assert problems(nodes) == []


def test_shapes(nodes):
    assert shape_problems(Desired(3, 1), nodes) == []
    assert shape_problems(Desired(6, 0), nodes) == ["3 masters serve slots, 6 shards are wanted"]
    lacking = shape_problems(Desired(3, 2), nodes)
    assert lacking == [f"pod-{i} has 1 replicas, 2 are wanted" for i in range(3)]


def test_open_slots_are_told(nodes):
    me = nodes[0].peers[nodes[0].node_id]
    nodes[0] = with_peer(nodes[0], me, open_slots=("[5->-abc]",))
    assert problems(nodes) == []
    assert open_slots(nodes) == ["pod-0: slot [5->-abc] is being moved, or its move was interrupted"]
