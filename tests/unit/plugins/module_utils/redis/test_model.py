# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slot ranges, what a node says of itself, and how steps read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import (
    SLOTS,
    Desired,
    Endpoint,
    Node,
    Peer,
    count_slots,
    merge_ranges,
    missing_ranges,
    slot_text,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.steps import (
    AddSlots,
    Configure,
    Forget,
    Meet,
    Plan,
    Replicate,
    SetEpoch,
    Step,
    Tune,
)

RANGES = st.lists(st.tuples(st.integers(0, SLOTS - 1), st.integers(0, SLOTS - 1)).map(lambda r: tuple(sorted(r))))


def numbers(ranges) -> set[int]:
    return {slot for a, b in ranges for slot in range(a, b + 1)}


@given(RANGES)
def test_merged_ranges_hold_the_same_slots_once(ranges):
    merged = merge_ranges(ranges)
    assert numbers(merged) == numbers(ranges)
    assert count_slots(merged) == len(numbers(ranges))
    assert all(b + 1 < c for (_a, b), (c, _d) in zip(merged, merged[1:]))


@given(RANGES)
def test_missing_ranges_are_the_rest(ranges):
    assert numbers(missing_ranges(ranges)) == set(range(SLOTS)) - numbers(ranges)


@pytest.mark.parametrize(
    ("ranges", "text"),
    [((), "none"), (((0, 5460),), "0-5460"), (((7, 7),), "7"), (((0, 5), (9, 9), (20, 22)), "0-5 9 20-22")],
)
def test_slot_text(ranges, text):
    assert slot_text(ranges) == text


def peer(node_id: str, *flags: str, master: str = "", slots=()) -> Peer:
    return Peer(node_id, "10.0.0.1", 6379, frozenset(flags), master, 1, True, slots)


def test_what_a_node_says_of_itself():
    others = {"b": peer("b", "master"), "c": peer("c", "handshake")}
    master = Node(Endpoint("pod-0", "10.0.0.1"), "a", {"a": peer("a", "master", slots=((0, 9),)), **others})
    assert (master.slots, master.master_id) == (((0, 9),), "")
    assert [p.node_id for p in master.others] == ["b"]
    replica = Node(Endpoint("pod-1", "10.0.0.2"), "a", {"a": peer("a", "slave", master="b", slots=()), **others})
    assert (replica.slots, replica.master_id) == ((), "b")
    unborn = Node(Endpoint("pod-2", ""))
    assert (unborn.myself, unborn.slots, unborn.master_id, unborn.others) == (None, (), "", ())


@pytest.mark.parametrize("flag", ["fail", "fail?", "noaddr"])
def test_failing_peers(flag):
    assert peer("a", "master", flag).failing
    assert not peer("a", "master").failing


def test_nodes_that_are_wanted():
    assert Desired(3, 2).nodes == 9


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (
            Tune("pod-0", "faster", {"a": "1", "b": "2"}),
            "pod-0: CONFIG SET a 1 b 2  # faster",
        ),
        (SetEpoch("pod-0", "why", 3), "pod-0: CLUSTER SET-CONFIG-EPOCH 3  # why"),
        (AddSlots("pod-0", "why", ["0-5 7"]), "pod-0: CLUSTER ADDSLOTSRANGE 0-5 7  # why"),
        (Meet("pod-0", "why", ["pod-1", "pod-2"]), "pod-0: CLUSTER MEET pod-1, pod-2  # why"),
        (Replicate("pod-3", "why", "pod-0"), "pod-3: CLUSTER REPLICATE pod-0  # why"),
        (Forget("all nodes", "why", "abc"), "all nodes: CLUSTER FORGET abc  # why"),
        (Configure("pod-0", "why", {"a": "1"}), "pod-0: CONFIG SET a 1  # why"),
    ],
    ids=lambda value: value.action if isinstance(value, Step) else "",
)
def test_steps_read_as_commands(step, text):
    assert step.text() == text
    assert step.as_dict() == {"action": step.action, "node": step.node, **step.parts, "reason": step.reason}


def test_an_empty_plan_is_false():
    steps = (Meet("a", "", []), Forget("b", "", "id"), Meet("c", "", []))
    assert not Plan()
    assert Plan(steps)
    assert [s.node for s in Plan(steps).of(Meet)] == ["a", "c"]


def test_what_may_run_side_by_side_is_one_round_and_the_order_is_that_of_the_plan():
    """Replicas attach while others are still introduced; everything else is done before the next begins."""
    plan = Plan(
        (
            Tune("a", "", {"x": "1"}),
            SetEpoch("a", "", 1),
            AddSlots("a", "", ["0-5"]),
            AddSlots("b", "", ["6-9"]),
            Meet("a", "", ["b"]),
            Replicate("c", "", "a"),
            Forget("all nodes", "", "id"),
            Configure("a", "", {"x": "2"}),
        )
    )
    rounds = [[step.action for step in steps] for steps in plan.rounds()]
    assert rounds == [
        ["tune"],
        ["set_epoch"],
        ["add_slots", "add_slots"],
        ["meet", "replicate"],
        ["forget"],
        ["configure"],
    ]
    assert plan.of(Configure) == (plan.steps[-1],)


@pytest.mark.parametrize(
    ("step", "commands"),
    [
        (SetEpoch("a", "", 3), [("CLUSTER", "SET-CONFIG-EPOCH", 3)]),
        (AddSlots("a", "", ["0-5 7", "9-10"]), [("CLUSTER", "ADDSLOTSRANGE", "0", "5", "7", "7", "9", "10")]),
        (Configure("a", "", {"x": "1", "y": "2"}), [("CONFIG", "SET", "x", "1", "y", "2")]),
    ],
)
def test_what_steps_send(step, commands):
    assert step.commands() == commands
