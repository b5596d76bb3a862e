# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who forms a shard with whom: compared with the best of all possibilities where these can be tried out."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.slotwise.redis.plugins.module_utils._placement import (
    attach,
    deal,
    machine_of,
    pick_masters,
    placement_warnings,
)
from ansible_collections.slotwise.redis.plugins.module_utils._topology import Endpoint


def endpoints(machines: list[int], zones: int = 0) -> list[Endpoint]:
    return [Endpoint(f"pod-{i}", "", 6379, f"m{m}", f"z{m % zones}" if zones else "") for i, m in enumerate(machines)]


@st.composite
def hands(draw):
    shards, members = draw(st.integers(3, 5)), draw(st.integers(1, 3))
    machines = draw(st.lists(st.integers(0, 5), min_size=shards * members, max_size=shards * members))
    return shards, endpoints(machines, draw(st.integers(0, 2)))


@given(hands())
def test_hands_are_equal_and_complete(given_hands):
    shards, pods = given_hands
    dealt = deal(pods, shards)
    assert len(dealt) == shards
    assert {len(hand) for hand in dealt} == {len(pods) // shards}
    assert sorted(e.name for hand in dealt for e in hand) == sorted(e.name for e in pods)


@given(hands())
def test_masters_are_as_even_as_the_hands_allow(given_hands):
    shards, pods = given_hands
    dealt = deal(pods, shards)
    chosen = pick_masters(dealt, {})
    assert all(master in hand for master, hand in zip(chosen, dealt))
    best = min(max(Counter(map(machine_of, pick)).values()) for pick in itertools.product(*dealt))
    assert max(Counter(map(machine_of, chosen)).values()) == best


@given(hands(), st.data())
def test_fixed_masters_stay_and_the_others_make_the_best_of_it(given_hands, data):
    shards, pods = given_hands
    dealt = deal(pods, shards)
    fixed = {
        i: data.draw(st.sampled_from(dealt[i])) for i in data.draw(st.sets(st.integers(0, shards - 1), max_size=shards))
    }
    chosen = pick_masters(dealt, fixed)
    assert all(chosen[i] == master for i, master in fixed.items())
    possible = itertools.product(*([fixed[i]] if i in fixed else hand for i, hand in enumerate(dealt)))
    best = min(max(Counter(map(machine_of, pick)).values()) for pick in possible)
    assert max(Counter(map(machine_of, chosen)).values()) == best


def together(assignment: dict[str, str], free: list[Endpoint], shards: dict[str, list[Endpoint]]) -> int:
    """How often two nodes of a shard share a machine."""
    members = {key: list(own) for key, own in shards.items()}
    for endpoint in free:
        members[assignment[endpoint.name]].append(endpoint)
    return sum(sum(a.machine == b.machine for a, b in itertools.combinations(own, 2)) for own in members.values())


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 3), min_size=3, max_size=3),
    st.lists(st.integers(0, 3), min_size=3, max_size=3),
)
def test_one_replica_each_is_never_with_its_master_when_avoidable(masters, free_machines):
    pods = endpoints([*masters, *free_machines])
    shards, free = {f"s{i}": [pods[i]] for i in range(3)}, pods[3:]
    chosen = attach(free, shards, 1)
    assert sorted(chosen.values()) == ["s0", "s1", "s2"]
    best = min(
        together(dict(zip([e.name for e in free], order)), free, shards) for order in itertools.permutations(shards)
    )
    assert together(chosen, free, shards) == best


@settings(max_examples=60)
@given(st.lists(st.integers(0, 4), min_size=3, max_size=3), st.lists(st.integers(0, 4), min_size=6, max_size=6))
def test_two_replicas_each_share_no_machine_when_avoidable(masters, free_machines):
    pods = endpoints([*masters, *free_machines])
    shards, free = {f"s{i}": [pods[i]] for i in range(3)}, pods[3:]
    chosen = attach(free, shards, 2)
    assert Counter(chosen.values()) == {"s0": 2, "s1": 2, "s2": 2}
    orders = set(itertools.permutations([*shards, *shards]))
    best = min(together(dict(zip([e.name for e in free], order)), free, shards) for order in orders)
    if best == 0:
        assert together(chosen, free, shards) == 0


def test_shards_without_enough_replicas_come_first():
    pods = endpoints([0, 1, 2, 3, 4])
    chosen = attach([pods[4]], {"a": [pods[0], pods[1]], "b": [pods[2]], "c": [pods[3], pods[1]]}, 1)
    assert chosen == {"pod-4": "b"}


def test_a_surplus_goes_to_the_smallest_shards():
    pods = endpoints(list(range(8)))
    chosen = attach(pods[5:], {"a": [pods[0], pods[1]], "b": [pods[2], pods[3]], "c": [pods[4]]}, 1)
    assert sorted(chosen.values()) == ["a", "b", "c"]


def test_other_zones_are_preferred():
    pods = [Endpoint(f"pod-{i}", "", 6379, f"m{i}", zone) for i, zone in enumerate(["z0", "z1", "z0", "z1"])]
    assert attach(pods[2:], {"a": [pods[0]], "b": [pods[1]]}, 1) == {"pod-2": "b", "pod-3": "a"}


def test_unknown_machines_count_as_different():
    assert machine_of(Endpoint("pod-0", "")) != machine_of(Endpoint("pod-1", ""))


def shard(*machines: str) -> list[Endpoint]:
    return [Endpoint(f"pod-{m}{i}", "", 6379, m) for i, m in enumerate(machines)]


def unknown(*names: str) -> list[Endpoint]:
    return [Endpoint(name, "") for name in names]


@pytest.mark.parametrize(
    ("shards", "warnings"),
    [
        ([shard("a", "b"), shard("b", "c"), shard("c", "a")], []),
        ([unknown("a", "b"), unknown("c", "d"), unknown("e", "f")], []),
        (
            [shard("a", "a"), shard("b", "c"), shard("c", "b")],
            ["shard 0: pod-a0, pod-a1 are all on machine a; its failure stops the shard"],
        ),
        (
            [shard("a", "b"), shard("a", "c"), shard("c", "b")],
            ["machine a has 2 of 3 masters; if it fails, the rest is no majority and cannot promote replicas"],
        ),
    ],
    ids=["well spread", "unknown", "shard on one machine", "majority on one machine"],
)
def test_warnings(shards, warnings):
    assert placement_warnings(shards) == warnings


def test_two_of_three_on_one_machine_do_not_stop_the_shard():
    """The third one is elsewhere: the shard survives, with less redundancy than it could have."""
    warnings = placement_warnings([shard("a", "a", "b"), shard("b", "c", "d"), shard("c", "d", "e")])
    assert not any("stops the shard" in w for w in warnings)
