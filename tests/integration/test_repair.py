# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that were lost, came back empty, or came back elsewhere: one run heals, no key is lost."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.tests.integration import run, state
from ansible_collections.slotwise.redis.tests.integration.farm import Farm, Flavor, free_ports

KEYS = 3000
DURABLE = {**state.QUICK, "appendonly": "yes"}
"""Servers that keep their keys over a restart, and fail over within a few seconds."""


def init(farm: Farm, **options: object) -> run.Run:
    return run.init(farm.nodes, **state.QUICK_RUN, **options)


def assert_healed(farm: Farm, keys: dict[str, str], replicas: int = 1) -> None:
    assert not state.unserving(farm, replicas)
    assert not state.missing(farm, keys)
    assert state.settings(farm) == [state.QUICK] * len(farm.ports)
    before = state.writes(farm)
    again = init(farm, replicas=replicas).ok()
    assert (again["changed"], again["plan"]) == (False, [])
    assert state.writes(farm) == before


def assert_done_as_shown(farm: Farm, **options: object) -> dict:
    """Check mode, then the run: the same plan, and nothing changed by the former."""
    before = state.writes(farm)
    shown = init(farm, check=True, **options).ok()
    assert state.writes(farm) == before
    done = init(farm, **options).ok()
    assert done["changed"] and done["plan"] == shown["plan"]
    return done


def master_of(farm: Farm, index: int) -> int:
    node_id = state.view(farm, index)[state.ids(farm)[index]][3]
    return state.ids(farm).index(node_id)


def is_master(farm: Farm, index: int) -> bool:
    return state.section(farm, index, "INFO", "replication")["role"] == "master"


def come_back_empty(farm: Farm, *indexes: int) -> None:
    for index in indexes:
        farm.start(index)
    for index in indexes:
        farm.wait_answers(index)


def test_a_replica_that_came_back_empty(flavor: Flavor):
    with Farm(flavor, 6, DURABLE) as farm:
        init(farm).ok()
        keys = state.fill(farm, KEYS)
        lost, master = state.ids(farm)[4], master_of(farm, 4)
        farm.wipe(4)
        come_back_empty(farm, 4)
        done = assert_done_as_shown(farm)
        assert [s["action"] for s in done["plan"] if s["action"] != "configure"].count("replicate") == 1
        assert all(lost not in state.view(farm, i) for i in range(6))
        assert master_of(farm, 4) == master
        state.settled(farm)
        assert farm.ask(4, "DBSIZE") == farm.ask(master, "DBSIZE")
        assert_healed(farm, keys)


def test_a_master_that_came_back_empty(flavor: Flavor):
    """Its replica has taken over by then; the empty node becomes the replica of its former replica."""
    with Farm(flavor, 6, DURABLE) as farm:
        init(farm).ok()
        keys = state.fill(farm, KEYS)
        lost = state.ids(farm)[0]
        heir = next(i for i in range(3, 6) if master_of(farm, i) == 0)
        farm.wipe(0)
        state.eventually(lambda: is_master(farm, heir), 60, "the replica takes over")
        come_back_empty(farm, 0)
        assert_done_as_shown(farm)
        assert all(lost not in state.view(farm, i) for i in range(6))
        assert master_of(farm, 0) == heir
        assert_healed(farm, keys)


def test_a_master_that_came_back_empty_before_it_was_missed(newest_flavor: Flavor):
    """At its address another node answers. Redis never marks it as failing then, and no replica stands for election.

    As when a container starts again with an empty volume, and then its pod is deleted. The replica is held meanwhile:
    from that address it would copy the emptiness.
    """
    with Farm(newest_flavor, 6, {**DURABLE, "cluster-node-timeout": "60000"}) as farm:
        patient = {**state.QUICK_RUN, "cluster_node_timeout": 60000}
        run.init(farm.nodes, **patient).ok()
        keys = state.fill(farm, KEYS)
        lost = state.ids(farm)[0]
        heir = next(i for i in range(3, 6) if master_of(farm, i) == 0)
        others = [i for i in range(1, 6) if i != heir]
        farm.pause(heir)
        farm.wipe(0)
        come_back_empty(farm, 0)
        state.eventually(
            lambda: all("noaddr" in state.view(farm, i)[lost][2] for i in others), 60, "it is known to be nowhere"
        )
        farm.move(0)
        farm.wait_answers(0)
        farm.resume(heir)
        done = run.init(farm.nodes, **patient).ok()
        # Valkey 9 marks it, and has elected the replica by then.
        asked = [s["node"] for s in done["actions"] if s["action"] == "fail_over"]
        assert asked == [farm.nodes[heir]] or newest_flavor.flavor == "valkey"
        assert master_of(farm, 0) == heir
        assert all(lost not in state.view(farm, i) for i in range(6))
        assert not state.unserving(farm)
        assert not state.missing(farm, keys)
        assert not run.init(farm.nodes, **patient).ok()["changed"]


def test_a_run_during_a_failover_waits_for_it(newest_flavor: Flavor):
    """The slots of the lost master look ownerless at first; nobody gives them away."""
    with Farm(newest_flavor, 6, DURABLE) as farm:
        init(farm).ok()
        keys = state.fill(farm, KEYS)
        farm.wipe(1)
        with run.started(run.init_command(), {"nodes": farm.nodes, "timeout": 60, **state.QUICK_RUN}) as process:
            state.eventually(lambda: any(is_master(farm, i) for i in range(3, 6)), 60, "the replica takes over")
            come_back_empty(farm, 1)
            run.finish(process).ok()
        assert_healed(farm, keys)


def test_two_nodes_of_different_shards_came_back_empty(newest_flavor: Flavor):
    """A master and a replica of another shard at once."""
    with Farm(newest_flavor, 6, DURABLE) as farm:
        init(farm).ok()
        keys = state.fill(farm, KEYS)
        heir = next(i for i in range(3, 6) if master_of(farm, i) == 0)
        other = next(i for i in range(3, 6) if i != heir)
        farm.wipe(0)
        farm.wipe(other)
        state.eventually(lambda: is_master(farm, heir), 60, "the replica takes over")
        come_back_empty(farm, 0, other)
        assert_done_as_shown(farm)
        assert_healed(farm, keys)


def test_both_replicas_of_a_shard_came_back_empty(newest_redis: Flavor):
    with Farm(newest_redis, 9, DURABLE) as farm:
        init(farm, replicas=2).ok()
        keys = state.fill(farm, KEYS)
        both = [i for i in range(3, 9) if master_of(farm, i) == 1]
        for index in both:
            farm.wipe(index)
        come_back_empty(farm, *both)
        init(farm, replicas=2).ok()
        assert_healed(farm, keys, replicas=2)


def test_a_whole_shard_came_back_empty_is_refused(newest_redis: Flavor):
    with Farm(newest_redis, 6, DURABLE) as farm:
        init(farm).ok()
        state.fill(farm, KEYS)
        lost = [0, next(i for i in range(3, 6) if master_of(farm, i) == 0)]
        for index in lost:
            farm.wipe(index)
        come_back_empty(farm, *lost)
        before, counts = state.writes(farm), state.counts(farm)
        failed = init(farm).failed()
        assert failed["msg"].startswith("Slots 0-5460 belong to a Redis node that is gone.")
        assert (state.writes(farm), state.counts(farm)) == (before, counts)


def test_a_master_came_back_after_its_replica_took_over(newest_flavor: Flavor):
    """It has its volume, so it knows the others and turns replica alone: nothing to do, and nothing done."""
    with Farm(newest_flavor, 6, DURABLE) as farm:
        init(farm).ok()
        keys = state.fill(farm, KEYS)
        heir = next(i for i in range(3, 6) if master_of(farm, i) == 2)
        farm.stop(2)
        state.eventually(lambda: is_master(farm, heir), 60, "the replica takes over")
        farm.start(2)
        farm.wait_answers(2)
        before = state.writes(farm)
        result = init(farm).ok()
        assert (result["changed"], result["plan"]) == (False, [])
        assert state.writes(farm) == before
        assert_healed(farm, keys)


def test_all_servers_restarted_at_the_same_addresses(newest_flavor: Flavor):
    """Gossip heals that alone: the run waits for it and sends nothing."""
    with Farm(newest_flavor, 6, DURABLE) as farm:
        init(farm).ok()
        keys = state.fill(farm, KEYS)
        for index in range(6):
            farm.stop(index)
        come_back_empty(farm, *range(6))
        result = init(farm).ok()
        assert {s["action"] for s in result["plan"]} <= {"meet"}
        assert_healed(farm, keys)


@pytest.mark.parametrize(
    ("ports", "options"),
    [(False, {}), (True, {}), (False, {"replica-serve-stale-data": "no"})],
    ids=["addresses", "ports", "no stale data"],
)
def test_all_servers_restarted_elsewhere(newest_flavor: Flavor, ports, options):
    """No server finds another: every address in nodes.conf is outdated."""
    with Farm(newest_flavor, 6, {**DURABLE, **options}) as farm:
        init(farm).ok()
        keys = state.fill(farm, KEYS)
        known = set(state.ids(farm))
        farm.move(ports=free_ports(6, avoid=farm.ports) if ports else ())
        done = assert_done_as_shown(farm, timeout=20)
        assert {s["action"] for s in done["plan"]} == {"meet"}
        assert set(state.ids(farm)) == known
        assert_healed(farm, keys)


def test_one_server_restarted_at_a_new_address(newest_redis: Flavor):
    """It still finds the others, which tells them where it is."""
    with Farm(newest_redis, 6, DURABLE) as farm:
        init(farm).ok()
        keys = state.fill(farm, KEYS)
        farm.move(3)
        init(farm).ok()
        assert_healed(farm, keys)
