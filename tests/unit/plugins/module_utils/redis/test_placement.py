# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who forms a shard with whom: compared with the best of all possibilities where these can be tried out."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils.redis.placement import (
    all_in_one,
    attach,
    deal,
    machine_of,
    pick_masters,
    placement_warnings,
    too_many_in_one,
    watched_warnings,
)


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
            [
                "machine a has 2 of 3 masters (pod-a0, pod-a0); if it fails, "
                "the rest is no majority and cannot promote replicas"
            ],
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


# Everything but clusters


def pods(name: str, *places: str) -> list[Endpoint]:
    """Pods by their places: a machine, or machine:zone."""
    split = [(place.partition(":")[0], place.partition(":")[2]) for place in places]
    return [Endpoint(f"{name}-{i}", "", 6379, machine, zone) for i, (machine, zone) in enumerate(split)]


SPREAD = pods("orders", "a", "b", "c")
ALL_ON_A = "orders-0, orders-1, orders-2 are all on machine a; its failure stops master and replicas together"


@pytest.mark.parametrize(
    ("servers", "sentinels", "quorum", "zones", "warnings"),
    [
        (SPREAD, pods("s", "a", "b", "c"), 2, 0, []),
        (pods("orders", "", "", ""), pods("s", "", "", ""), 2, 0, []),
        (pods("orders", "a", "a", "a"), pods("s", "a", "b", "c"), 2, 0, [ALL_ON_A]),
        (pods("orders", "a", "a", "b"), pods("s", "a", "b", "c"), 2, 0, []),
        (
            SPREAD,
            pods("s", "a", "a", "b"),
            2,
            0,
            ["machine a has 2 of 3 Sentinels (s-0, s-1); if it fails, the rest cannot promote a replica"],
        ),
        (
            pods("orders", "a", "a", "a"),
            pods("s", "a", "a", "a"),
            2,
            0,
            [
                ALL_ON_A,
                "machine a has 3 of 3 Sentinels (s-0, s-1, s-2); if it fails, the rest cannot promote a replica",
            ],
        ),
        # Two of five are none too many, unless more than a majority is asked for.
        (SPREAD, pods("s", "a", "a", "b", "c", "d"), 3, 0, []),
        (
            SPREAD,
            pods("s", "a", "a", "b", "c", "d"),
            4,
            0,
            ["machine a has 2 of 5 Sentinels (s-0, s-1); if it fails, the rest cannot promote a replica"],
        ),
        # Zones count where there are several.
        (pods("orders", "a:x", "b:x"), pods("s", "a:x", "b:y", "c:z"), 2, 1, []),
        (
            pods("orders", "a:x", "b:x"),
            pods("s", "a:x", "b:y", "c:y"),
            2,
            3,
            [
                "orders-0, orders-1 are all in zone x; its failure stops master and replicas together",
                "zone y has 2 of 3 Sentinels (s-1, s-2); if it fails, the rest cannot promote a replica",
            ],
        ),
        (pods("orders", "a", "b"), pods("s", "a:x", "b:y", "c"), 2, 2, []),
    ],
)
def test_warnings_of_what_sentinels_watch(servers, sentinels, quorum, zones, warnings):
    assert watched_warnings(servers, sentinels, quorum, zones) == warnings


@pytest.mark.parametrize(
    ("endpoints", "zones", "warnings"),
    [
        ([], 0, []),
        (pods("p", "a"), 3, []),
        (pods("p", "a", "b"), 0, []),
        (pods("p", "a", "a"), 0, ["p-0, p-1 are all on machine a; its failure stops all"]),
        (pods("p", "a:x", "b:x"), 2, ["p-0, p-1 are all in zone x; its failure stops all"]),
        (pods("p", "a:x", "b:y"), 2, []),
        (
            pods("p", *["a"] * 12),
            0,
            [f"{', '.join(f'p-{i}' for i in range(9))} and 3 more are all on machine a; its failure stops all"],
        ),
    ],
)
def test_warnings_of_pods_that_are_all_in_one_place(endpoints, zones, warnings):
    assert all_in_one(endpoints, "stops all", zones) == warnings


def test_shards_and_masters_in_one_zone():
    shards = [pods("a", "m1:x", "m2:x"), pods("b", "m3:y", "m1:x"), pods("c", "m4:y", "m2:x")]
    assert placement_warnings(shards) == []
    assert placement_warnings(shards, 2) == [
        "shard 0: a-0, a-1 are all in zone x; its failure stops the shard",
        "zone y has 2 of 3 masters (b-0, c-0); if it fails, the rest is no majority and cannot promote replicas",
    ]


@settings(max_examples=200)
@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=9), st.integers(1, 9))
def test_too_many_is_what_leaves_too_few(machines, needed):
    endpoints = pods("p", *machines)
    said = " ".join(too_many_in_one(endpoints, "pods", needed, "none"))
    for machine in set(machines):
        left = len(machines) - machines.count(machine)
        assert (f"machine {machine} has" in said) is (left < needed <= len(machines))
