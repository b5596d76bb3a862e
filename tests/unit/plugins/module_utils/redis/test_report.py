# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows for people and playbooks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Desired, Endpoint, Node
from ansible_collections.slotwise.redis.plugins.module_utils.redis.planner import make_plan
from ansible_collections.slotwise.redis.plugins.module_utils.redis.report import (
    placement_problems,
    plan_text,
    shards_of,
    topology,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.steps import Plan, Replicate
from ansible_collections.slotwise.redis.tests.unit.plugins.module_utils.simulate import DEFAULTS, Cluster


@pytest.fixture
def nodes() -> list[Node]:
    cluster = Cluster(Endpoint(f"pod-{i}", f"10.0.0.{i + 1}", 6379, f"m{i % 3}", "z") for i in range(6))
    cluster.apply(make_plan(Desired(3, 1, DEFAULTS), cluster.nodes()))
    return cluster.nodes()


def test_one_row_a_node_by_shards(nodes):
    nodes[0] = replace(nodes[0], offset=500, keys=12, version="redis 8.0.2")
    heir = next(i for i, n in enumerate(nodes) if n.master_id == nodes[0].node_id)
    nodes[heir] = replace(nodes[heir], offset=420, link_up=False)
    rows = topology(nodes)
    assert [(r["shard"], r["role"]) for r in rows] == [(n, role) for n in range(3) for role in ("master", "replica")]
    assert rows[0] == {
        "shard": 0,
        "role": "master",
        "pod": "pod-0",
        "machine": "m0",
        "zone": "z",
        "address": "10.0.0.1:6379",
        "node_id": nodes[0].node_id,
        "slots": "0-5460",
        "slot_count": 5461,
        "keys": 12,
        "lag": 0,
        "link_up": True,
        "version": "redis 8.0.2",
    }
    assert (rows[1]["pod"], rows[1]["slots"], rows[1]["lag"], rows[1]["link_up"]) == (nodes[heir].name, "", 80, False)


def test_a_replica_ahead_of_the_answer_of_its_master_has_no_lag(nodes):
    replica = next(i for i, n in enumerate(nodes) if n.master_id)
    nodes[replica] = replace(nodes[replica], offset=9)
    assert all(row["lag"] == 0 for row in topology(nodes))


def test_every_node_has_a_row_whatever_its_master(nodes):
    """Masters without slots, and replicas of a master that did not answer, are not lost."""
    idle = Node(Endpoint("pod-6", "10.0.0.7"), "9" * 40)
    lost = nodes[0].node_id
    rows = topology([*nodes[1:], idle])
    assert sorted(r["pod"] for r in rows) == sorted([f"pod-{i}" for i in range(1, 6)] + ["pod-6"])
    orphan = next(n.name for n in nodes if n.master_id == lost)
    assert [r["role"] for r in rows if r["pod"] == orphan] == ["replica"]
    assert [r["slots"] for r in rows if r["pod"] == "pod-6"] == ["none"]


def test_shards_are_in_the_order_of_their_slots(nodes):
    assert [s[0].slots[0][0] for s in shards_of(nodes[::-1])] == [0, 5461, 10923]


def test_nothing_answers():
    assert topology([]) == []
    assert placement_problems([]) == []


def test_placement_of_what_runs(nodes):
    assert placement_problems(nodes) == []
    together = [replace(n, endpoint=replace(n.endpoint, machine="m0")) for n in nodes]
    warnings = placement_problems(together)
    assert sum("machine m0" in w for w in warnings) == 4


def test_plan_as_text():
    step = Replicate("pod-3", "replica of shard 0", "pod-0")
    assert plan_text(Plan((step, step))) == "pod-3: CLUSTER REPLICATE pod-0  # replica of shard 0\n" * 2
    assert plan_text(Plan()) == ""
