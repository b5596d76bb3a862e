# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of restarts, and what has to be true before each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._errors import Refusal
from ansible_collections.slotwise.redis.plugins.module_utils.redis.restart_plan import (
    NEAR_BYTES,
    Member,
    Observation,
    lift_obstacles,
    make_plan,
    obstacles,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.sentinels import Server, View

HOST = "{}.orders-headless.shop.svc.cluster.local"


def server(number: int, master: int = 0, outdated: bool = True, **changes: object) -> Member:
    name, role = f"orders-{number}", "master" if number == master else "slave"
    follows = "" if role == "master" else HOST.format(f"orders-{master}")
    said = Server(name, role, follows, True, 1000, role)
    return replace(Member(name, outdated, server=said, keys=3), **changes)


def watched(*servers: Member, master: int = 0, outdated: bool = True, flags: tuple[str, ...] = ()) -> Observation:
    """Three servers and three Sentinels that agree, unless servers are given."""
    members = servers or tuple(server(n, master, outdated) for n in range(3))
    hosts = [HOST.format(f"orders-{n}") for n in range(3)]
    view = View("", 4, hosts[master], flags, 2, 2, {host: () for host in hosts if host != hosts[master]})
    sentinels = tuple(Member(f"orders-sentinel-{n}", outdated) for n in range(3))
    return Observation(members, sentinels, {s.pod: replace(view, sentinel=s.pod) for s in sentinels}, "orders")


def order(seen: Observation, **options: bool) -> list[str]:
    return [f"{step.action} {step.pod.removeprefix('orders-')}" for step in make_plan(seen, **options)]


@pytest.mark.parametrize(
    ("master", "servers"),
    [
        (0, ["restart 2", "restart 1", "hand_over 0", "restart 0"]),
        (1, ["restart 2", "restart 0", "hand_over 1", "restart 1"]),
        (2, ["restart 1", "restart 0", "hand_over 2", "restart 2"]),
    ],
)
def test_replicas_go_first_then_the_master_and_sentinels_last(master, servers):
    sentinels = [f"restart sentinel-{n}" for n in (2, 1, 0)]
    assert order(watched(master=master)) == servers + sentinels


def test_nothing_is_restarted_where_nothing_is_outdated():
    assert order(watched(outdated=False)) == []
    assert order(Observation((server(0, outdated=False),))) == []


def test_ordinals_are_numbers():
    many = Observation(tuple(server(n, n) for n in range(12)))
    assert [step.pod for step in make_plan(many)][:3] == ["orders-11", "orders-10", "orders-9"]


def test_a_master_alone_that_is_outdated_hands_over_first():
    """As after a run that was killed when all replicas were done."""
    seen = watched(server(0), server(1, outdated=False), server(2, outdated=False), outdated=False)
    assert order(seen) == ["hand_over 0", "restart 0"]


def test_what_does_not_run_goes_first():
    seen = watched(server(0), server(1, ready=False, waiting="redis waits: CrashLoopBackOff", server=None), server(2))
    assert order(seen)[:2] == ["restart 1", "restart 2"]
    assert "CrashLoopBackOff" in make_plan(seen)[0].reason


def test_writes_that_a_killed_run_held_back_go_on_even_when_nothing_else_is_to_do():
    seen = watched(server(0, outdated=False, fenced=True), server(1, outdated=False), server(2, outdated=False))
    assert order(replace(seen, sentinels=tuple(replace(s, outdated=False) for s in seen.sentinels))) == ["lift 0"]


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({}, ""),
        ({"saves": False}, "3 keys that the server does not save"),
        ({"lasts": False}, "3 keys in an emptyDir"),
        ({"saves": False, "keys": 0}, ""),
        ({"saves": False, "keys": 0, "functions": 2}, "0 keys and 2 functions that the server does not save"),
        (
            {"lasts": False, "ready": False, "waiting": "redis waits: CrashLoopBackOff"},
            "CrashLoopBackOff); its data is",
        ),
        ({"ready": False, "waiting": "redis waits: CrashLoopBackOff"}, ""),
    ],
)
def test_standalone_servers_whose_data_would_be_lost_are_not_restarted(changes, lost):
    seen = Observation((server(0, 0), server(1, 1, **changes)))
    if not lost:
        assert order(seen) == ["restart 1", "restart 0"]
        return
    with pytest.raises(Refusal) as refused:
        make_plan(seen)
    assert [line.partition(":")[0] for line in refused.value.found] == ["orders-1"]
    assert lost in refused.value.found[0]
    assert "redis_standalone_allow_data_loss" in refused.value.advice
    assert order(seen, allow_data_loss=True) == ["restart 1", "restart 0"]


def test_replicas_have_what_a_master_does_not_save():
    seen = watched(server(0, saves=False, lasts=False), server(1, lasts=False), server(2, lasts=False))
    assert order(seen)[:4] == ["restart 2", "restart 1", "hand_over 0", "restart 0"]


DOWN = {"ready": False, "waiting": "redis waits: CrashLoopBackOff", "server": None}
SLAVE = Server("orders-0", "slave", "", False, 1000, "slave")


@pytest.mark.parametrize(
    "master",
    [DOWN, {"ready": False, "server": None}, {"ready": False, "server": SLAVE}],
    ids=["does not run", "loads its data", "does not lead yet"],
)
def test_pods_that_hold_the_only_data_are_not_deleted_where_nobody_is_the_master(master):
    """Sentinels go on naming a master that is down while there is no replica that could take over."""
    seen = watched(server(0, lasts=False, **master), server(1, lasts=False, **DOWN), server(2, lasts=False, **DOWN))
    for one in seen, replace(seen, views={}):
        with pytest.raises(Refusal) as refused:
            make_plan(one)
        assert "orders-2: does not run" in refused.value.found[0]


def test_pods_that_do_not_run_are_deleted_where_the_master_has_their_data():
    seen = watched(server(0, lasts=False), server(1, lasts=False, **DOWN), server(2, lasts=False, **DOWN))
    assert order(seen)[:2] == ["restart 2", "restart 1"]
    lasting = watched(*(server(n, **DOWN) for n in range(3)))
    assert order(lasting)[:3] == ["restart 2", "restart 1", "restart 0"]


@pytest.mark.parametrize("changes", [{}, {"ready": False, "waiting": "redis waits: CrashLoopBackOff", "server": None}])
def test_what_a_pod_keeps_for_a_person_does_not_go_with_it(changes):
    kept = ("kept-of-term-3-0123abcd",)
    seen = watched(server(0), server(1, kept=kept, lasts=False, **changes), server(2))
    with pytest.raises(Refusal) as refused:
        make_plan(seen)
    assert list(refused.value.found) == ["orders-1: kept-of-term-3-0123abcd in an emptyDir, which goes with the pod"]
    assert "kubectl cp" in refused.value.advice
    assert order(watched(server(0), server(1, kept=kept, **changes), server(2)))
    assert order(watched(server(0), server(1, outdated=False, kept=kept, lasts=False), server(2)))


WHOLE = watched()


def test_all_that_work_may_go_on():
    assert obstacles(WHOLE) == []
    for target in [member.pod for member in WHOLE.members if member.pod != WHOLE.master]:
        assert obstacles(WHOLE, target) == []


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"ready": False}, "orders-1 is not ready"),
        ({"ready": False, "waiting": "does not exist: FailedCreate: quota"}, "FailedCreate: quota"),
        ({"server": None}, "orders-1 does not answer"),
        ({"server": replace(server(1).server, link_up=False)}, "orders-1 has no link"),
        ({"server": replace(server(1).server, offset=1000 - NEAR_BYTES - 1)}, f"orders-1 lacks {NEAR_BYTES + 1} bytes"),
        ({"server": replace(server(1).server, role="master", follows="")}, "2 servers are masters"),
    ],
)
def test_a_replica_that_is_not_well_stops_all_but_its_own_restart(changed, found):
    seen = watched(server(0), replace(server(1), **changed), server(2))
    for target in ("", "orders-2", "orders-sentinel-0"):
        assert any(found in line for line in obstacles(seen, target)), obstacles(seen, target)
    assert obstacles(seen, "orders-1") == []


def test_a_replica_that_has_nearly_all_is_in_sync():
    seen = watched(server(0), replace(server(1), server=replace(server(1).server, offset=1000 - NEAR_BYTES)), server(2))
    assert obstacles(seen) == []


def test_sentinels_go_only_while_the_others_agree():
    views = dict(WHOLE.views)
    del views["orders-sentinel-1"]
    seen = replace(WHOLE, views=views)
    assert obstacles(seen, "orders-sentinel-1") == []
    assert obstacles(seen, "orders-sentinel-0") == [
        "orders-sentinel-1 does not answer",
        *obstacles(seen, "orders-sentinel-0")[1:],
    ]
    other = replace(WHOLE.views["orders-sentinel-1"], others=1)
    assert (
        "knows 1 other Sentinels"
        in obstacles(replace(WHOLE, views={**WHOLE.views, other.sentinel: other}), "orders-2")[0]
    )


def test_a_failover_under_way_stops_everything():
    assert obstacles(watched(flags=("failover_in_progress",)), "orders-2")
    assert lift_obstacles(watched(flags=("failover_in_progress",)), "orders-0")


def test_writes_go_on_only_where_they_are_not_lost():
    assert lift_obstacles(WHOLE, "orders-0") == []
    assert lift_obstacles(WHOLE, "orders-1") == []
    deposed = watched(server(0, 0), server(1, 1), server(2, 1), master=1)
    assert lift_obstacles(deposed, "orders-0") == ["orders-0 is a master and most Sentinels say orders-1"]
    assert lift_obstacles(replace(WHOLE, views={}), "orders-0")
    assert lift_obstacles(watched(server(0, server=None), server(1), server(2)), "orders-0") == [
        "orders-0 does not answer"
    ]


def test_nobody_knows_what_a_silent_server_would_lose():
    seen = Observation((server(0, 0, server=None), server(1, 1)))
    assert "orders-0 does not answer" in obstacles(seen, "orders-0")[0]
    assert obstacles(seen, "orders-1") == []
