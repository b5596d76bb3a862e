# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_cluster_init killed after each single command that changes something, then run again."""

from __future__ import annotations

import itertools
import signal

import pytest

from ansible_collections.slotwise.redis.tests.integration import run, state
from ansible_collections.slotwise.redis.tests.integration.farm import HOST, Farm

COMMANDS_OF_A_CREATION = 6 + 3 + 3 + 15 + 3 + 6
"""Tune six nodes, three epochs, three slot ranges, a full mesh, three replicas, configure six nodes."""
SLOTS_ARE_GIVEN = 6 + 3 + 3
COMMANDS_OF_A_REPAIR = 5 + 1 + 5
"""Five introductions, one replica, and each other node forgets the one that is gone."""


@pytest.fixture
def runs():
    with run.ForkedRuns() as forked:
        yield forked


def assert_completed(runs: run.ForkedRuns, farm: Farm, after: str, **options: object) -> None:
    result = runs.init(farm.nodes, **options).ok()
    assert not state.unserving(farm), after
    before = state.writes(farm)
    again = runs.init(farm.nodes, **options).ok()
    assert (again["changed"], again["plan"], again["actions"]) == (False, [], []), after
    assert len(again["after"]) == len(result["after"]) == len(farm.ports), after
    assert state.writes(farm) == before, after


def test_creation_killed_after_every_command(newest_flavor, runs):
    with Farm(newest_flavor, 6) as farm:
        for count in itertools.count(1):
            killed = runs.init(farm.nodes, killed_after=count)
            if killed.code != -signal.SIGKILL:
                assert killed.ok()["changed"]
                assert count > COMMANDS_OF_A_CREATION
                return
            assert_completed(runs, farm, f"killed after command {count}")
            assert state.settings(farm) == [state.SETTINGS] * 6, f"killed after command {count}"
            state.empty_again(farm)


def test_repair_killed_after_every_command(newest_redis, runs):
    """A replica came back empty, and the run that lets it join is killed, each time a command later."""
    with Farm(newest_redis, 6, state.QUICK) as farm:
        runs.init(farm.nodes, **state.QUICK_RUN).ok()
        keys = state.fill(farm, 300)
        for count in itertools.count(1):
            after = f"killed after command {count}"
            lost = state.ids(farm)[5]
            farm.wipe(5)
            farm.start(5)
            farm.wait_answers(5)
            killed = runs.init(farm.nodes, killed_after=count, **state.QUICK_RUN)
            assert_completed(runs, farm, after, **state.QUICK_RUN)
            assert all(lost not in state.view(farm, i) for i in range(6)), after
            assert not state.missing(farm, keys), after
            if killed.code != -signal.SIGKILL:
                assert killed.ok()["changed"]
                assert count > COMMANDS_OF_A_REPAIR
                return


@pytest.mark.parametrize("count", [3, SLOTS_ARE_GIVEN + 4])
def test_a_run_that_is_asked_to_end_sets_the_settings_back(newest_redis, count):
    """SIGTERM, as AWX cancels a job: said so, nothing left tuned, and the next run goes on."""
    with Farm(newest_redis, 6) as farm:
        command = run.interrupted_command(count, signal.SIGTERM)
        failed = run.finish(run.start(command, {"nodes": farm.nodes, "timeout": 60})).failed()
        assert "SIGTERM" in failed["msg"]
        assert state.settings(farm) == [state.SETTINGS] * 6
        run.init(farm.nodes).ok()
        assert not state.unserving(farm)


def test_a_server_that_is_restarted_meanwhile_is_waited_for(newest_flavor):
    """As when Kubernetes restarts a container of a cluster that is being formed: the same run ends it."""
    with Farm(newest_flavor, 6) as farm:
        command = run.interrupted_command(SLOTS_ARE_GIVEN, signal.SIGSTOP)
        with run.started(command, {"nodes": farm.nodes, "timeout": 60}) as process:
            state.eventually(lambda: state.writes(farm).get("cluster|addslotsrange") == 3, 60, "slots are given away")
            farm.restart(1)
            farm.restart(4)
            process.send_signal(signal.SIGCONT)
            done = run.finish(process).ok()
        assert {step["action"] for step in done["actions"]} >= {"add_slots", "meet", "replicate", "configure"}
        assert not state.unserving(farm)
        assert state.settings(farm) == [state.SETTINGS] * 6
        again = run.init(farm.nodes).ok()
        assert not again["changed"], again["plan"]


def test_a_member_of_another_cluster_that_appears_while_joining_is_not_introduced(newest_flavor):
    """A node dies when the slots are given away, and another cluster's member answers at its address."""
    untuned = {"cluster-node-timeout": "300"}
    with Farm(newest_flavor, 6, untuned) as farm, Farm(newest_flavor, 3, {**state.QUICK, "appendonly": "yes"}) as other:
        run.init(other.nodes, replicas=0, **state.QUICK_RUN).ok()
        keys = state.fill(other, 200)
        command = run.interrupted_command(3 + 3, signal.SIGSTOP)
        options = {"cluster_node_timeout": 300}
        with run.started(command, {"nodes": farm.nodes, "timeout": 60, **options}) as process:
            state.eventually(lambda: state.writes(farm).get("cluster|addslotsrange") == 3, 60, "slots are given away")
            farm.stop(5)
            other.move(2, ports=[farm.ports[5]])
            before = state.writes(other)
            process.send_signal(signal.SIGCONT)
            failed = run.finish(process).failed()

        assert failed["msg"].startswith(
            "A Redis node that does not belong to this deployment is a member of its cluster."
        )
        assert any(farm.nodes[5] in line for line in failed["found"])
        assert state.writes(other) == before
        known = set(state.ids(other))
        state.eventually(lambda: all(set(state.view(other, i)) == known for i in range(3)), 60, "three know three")
        state.eventually(lambda: not state.missing(other, keys), 60, "its keys are there")

        failed = run.init(farm.nodes, timeout=3, **options).failed()
        assert HOST in failed["msg"]
        assert state.writes(other) == before
