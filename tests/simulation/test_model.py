# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator does what was measured on real servers and Sentinels (tests/integration)."""

from __future__ import annotations

import pytest

from tests.simulation.plan import Plan
from tests.simulation.world import World


@pytest.fixture
def world():
    """Servers 0, 1 and 2 without agents: 0 is the master, with open gates."""
    world = World(1, Plan(needed=0))
    for server in world.servers:
        server.start()
    world.loop.run_until(2.0)
    for server in world.servers:
        server.gate(True)
    world.servers[0].lead()
    for server in world.servers[1:]:
        server.follow(world.servers[0].host)
    world.loop.run_until(12.0)
    for write in range(1, 11):
        assert world.servers[0].write(write) == "OK"
    world.loop.run_until(15.0)
    return world


def watched(world):
    for server in world.servers:
        server.priority = 100
    for sentinel in world.sentinels:
        sentinel.configure(0, world.servers[0].host)
    world.loop.run_until(30.0)


def masters(world):
    return [one.name for one in world.servers if one.alive and one.role == "master"]


def test_replicas_have_what_was_written(world):
    assert [one.writes for one in world.servers] == [list(range(1, 11))] * 3
    assert {one.offset for one in world.servers} == {world.servers[0].offset}


def test_a_closed_gate_keeps_a_link_and_allows_no_new_one(world):
    master, replica, _other = world.servers
    replica.gate(False)
    world.loop.run_until(20.0)
    assert replica.linked
    master.stop("SIGKILL")
    master.start()
    world.loop.run_until(22.0)
    master.lead()
    world.loop.run_until(30.0)
    assert not replica.linked
    assert replica.seen().offset == replica.offset > 1
    replica.gate(True)
    world.loop.run_until(40.0)
    assert replica.linked


def test_a_server_with_an_append_only_file_forgets_how_far_it_is(world):
    replica = world.servers[1]
    replica.gate(False)
    replica.stop("SIGTERM")
    replica.start()
    world.loop.run_until(20.0)
    seen = replica.seen()
    assert (seen.role, seen.offset, seen.follows, seen.priority, seen.keys) == ("slave", 1, replica.host, 0, 10)


def test_the_old_file_stays_until_the_new_one_is_written(world):
    replica = world.servers[1]
    replica.volume.aof = [1, 2]
    replica.stop("SIGKILL")
    replica.trap = lambda: replica.stop("SIGKILL")
    replica.start()
    world.loop.run_until(17.0)
    replica.gate(True)
    replica.follow(world.servers[0].host)
    world.loop.run_until(30.0)
    assert not replica.alive
    assert replica.volume.writes() == [1, 2]


def test_a_dead_master_is_replaced(world):
    watched(world)
    world.servers[0].stop("SIGKILL")
    world.loop.run_until(world.loop.now + 10.0)
    assert len(masters(world)) == 1
    world.loop.run_until(world.loop.now + 5.0)
    assert {one.address() for one in world.sentinels} == {one.host for one in world.servers if one.role == "master"}
    assert {one.config_epoch for one in world.sentinels} == {1}


def test_a_failover_by_order_leaves_the_old_master_alone_for_ten_seconds(world):
    watched(world)
    assert world.sentinels[0].fail_over()
    begin = world.loop.now
    world.loop.run_until(begin + 2.5)
    assert len({one.address() for one in world.sentinels} - {world.servers[0].host}) == 1
    world.loop.run_until(begin + 7.0)
    assert "s-0" in masters(world)
    world.loop.run_until(begin + 25.0)
    assert len(masters(world)) == 1
    assert "s-0" not in masters(world)


def test_sentinels_choose_no_replica_with_priority_0(world):
    watched(world)
    for server in world.servers:
        server.priority = 0
    world.loop.run_until(world.loop.now + 12.0)
    assert not world.sentinels[0].fail_over()
    world.servers[0].stop("SIGKILL")
    world.loop.run_until(world.loop.now + 15.0)
    assert masters(world) == []


def test_two_sentinels_that_are_asked_at_once_use_one_epoch(world):
    """Measured: a failover by order needs no votes."""
    watched(world)
    assert world.sentinels[0].fail_over()
    assert world.sentinels[1].fail_over()
    assert world.sentinels[0].failover_epoch == world.sentinels[1].failover_epoch == 1
