# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_cluster_init makes a cluster, leaves a finished one alone, and grows one; check mode says so before."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ansible_collections.slotwise.redis.tests.integration import run, state
from ansible_collections.slotwise.redis.tests.integration.farm import Farm


def without_times(actions: list[dict]) -> list[dict]:
    return [{k: v for k, v in action.items() if k != "after_ms"} for action in actions]


def in_order(steps: list[dict]) -> list[str]:
    """Steps that can be compared: nodes of one round answer in any order."""
    return sorted(map(repr, steps))


def assert_unchanged(farm: Farm, **options: object) -> None:
    """Check mode and a run both find nothing to do, and do nothing."""
    before = state.writes(farm)
    for check in (True, False):
        result = run.init(farm.nodes, check=check, **options).ok()
        assert (result["changed"], result["plan"], result["actions"]) == (False, [], [])
        assert result["diff"] == {"prepared": ""}
        assert len(result["after"]) == len(farm.ports)
    assert state.writes(farm) == before


def assert_change(farm: Farm, replicas: int = 1, settings: dict | None = None, **options: object) -> dict:
    """Check mode shows the plan and changes nothing; the run executes exactly this plan, and ends with ``settings``."""
    before = state.writes(farm)
    shown = run.init(farm.nodes, check=True, replicas=replicas, **options).ok()
    assert shown["changed"] and shown["plan"] and not shown["actions"]
    assert shown["after"] == shown["before"]
    assert len(shown["diff"]["prepared"].splitlines()) == len(shown["plan"])
    assert state.writes(farm) == before, "check mode changed something"

    done = run.init(farm.nodes, replicas=replicas, **options).ok()
    assert done["changed"]
    assert done["plan"] == shown["plan"]
    assert done["diff"] == shown["diff"]
    assert in_order(without_times(done["actions"])) == in_order(shown["plan"])
    assert not state.unserving(farm, replicas)
    assert state.settings(farm) == [settings or state.SETTINGS] * len(farm.ports)
    return done


def test_create_again_modify_again(flavor):
    """Each in check mode and for real, on every server version."""
    with Farm(flavor, 6) as farm:
        created = assert_change(farm)
        assert [row["role"] for row in created["after"]] == ["master", "replica"] * 3
        assert [row["slots"] for row in created["after"][::2]] == ["0-5460", "5461-10922", "10923-16383"]
        assert_unchanged(farm)

        keys = state.fill(farm, 300)
        farm.grow(3)
        assert_change(farm, replicas=2, settings=state.QUICK, **state.QUICK_RUN)
        assert_unchanged(farm, replicas=2, **state.QUICK_RUN)
        assert not state.missing(farm, keys)


def test_three_shards_with_two_replicas(newest_flavor):
    with Farm(newest_flavor, 9) as farm:
        assert_change(farm, replicas=2)
        assert_unchanged(farm, replicas=2)


def test_masters_without_replicas(newest_redis):
    with Farm(newest_redis, 5) as farm:
        assert_change(farm, replicas=0, shards=5)
        assert_unchanged(farm, replicas=0, shards=5)


def test_another_order_of_the_nodes_changes_nothing(newest_redis):
    with Farm(newest_redis, 6) as farm:
        run.init(farm.nodes).ok()
        before = state.writes(farm)
        assert run.init(farm.nodes[::-1]).ok()["changed"] is False
        assert state.writes(farm) == before


def test_fewer_nodes_than_the_cluster_has_are_refused(newest_redis):
    """Deleting a replica is not what this module does: the node that was left out lives."""
    with Farm(newest_redis, 6, {"cluster-node-timeout": "300"}) as farm:
        run.init(farm.nodes, cluster_node_timeout=300).ok()
        before = state.writes(farm)
        left_out = state.ids(farm)[3:]
        failed = run.init(farm.nodes[:3], replicas=0, cluster_node_timeout=300).failed()
        assert "does not belong to this deployment" in failed["msg"]
        assert any(node_id in line for node_id in left_out for line in failed["found"])
        assert failed["changed"] is False
        assert state.writes(farm) == before


def test_changed_settings_are_planned_and_set(newest_redis):
    with Farm(newest_redis, 6) as farm:
        run.init(farm.nodes).ok()
        options = {"cluster_node_timeout": 5000, "repl_diskless_sync_delay": 1}
        result = run.init(farm.nodes, **options).ok()
        assert {step["action"] for step in result["plan"]} == {"configure"}
        wanted = {"cluster-node-timeout": "5000", "repl-diskless-sync-delay": "1"}
        assert state.settings(farm) == [wanted] * 6
        assert_unchanged(farm, **options)


def test_a_timeout_below_the_temporary_one_is_kept_while_forming(newest_redis):
    with Farm(newest_redis, 6, {"cluster-node-timeout": "400"}) as farm:
        result = run.init(farm.nodes, cluster_node_timeout=400).ok()
        assert not [step for step in result["plan"] if step["action"] == "tune"]
        assert not state.unserving(farm)


def test_servers_made_by_another_tool_are_taken_over_unchanged(newest_flavor):
    """A cluster whose slots this collection did not deal is a cluster all the same."""
    with Farm(newest_flavor, 6, state.QUICK) as farm:
        for index, (first, last) in enumerate([(0, 99), (100, 9000), (9001, 16383)]):
            farm.ask(index, "CLUSTER", "ADDSLOTSRANGE", first, last)
            farm.ask(index, "CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        for port in farm.ports[1:]:
            farm.ask(0, "CLUSTER", "MEET", "127.0.0.1", port)
        state.eventually(lambda: all(len(state.view(farm, i)) == 6 for i in range(6)), 30, "all are met")
        for index, node_id in enumerate(state.ids(farm)[:3]):
            farm.ask(index + 3, "CLUSTER", "REPLICATE", node_id)
        state.eventually(lambda: not state.unserving(farm), 30, "the cluster is complete")
        assert_unchanged(farm, **state.QUICK_RUN)


@contextmanager
def a_master_stands_still(farm: Farm):
    """Once others know the first master, for as long as it takes them to call it failing, as on a busy machine.

    They go on saying so for twice the node timeout after it has answered again (a master with slots), so that whoever
    waits for them sees it.
    """
    over = threading.Event()

    def flags() -> list[str]:
        """What the others say of it, of those who know it."""
        peers = [words for index in range(1, len(farm.ports)) for words in state.view(farm, index).values()]
        return [words[2] for words in peers if words[1].split("@")[0] == farm.nodes[0]]

    def stand_still() -> None:
        others = len(farm.ports) - 1
        state.eventually(lambda: over.is_set() or flags().count("master") == others, 60, "all know the first master")
        farm.pause(0)
        try:
            state.eventually(lambda: over.is_set() or "master,fail" in flags(), 60, "they call it failing")
        finally:
            farm.resume(0)

    with ThreadPoolExecutor() as pool:
        still = pool.submit(stand_still)
        try:
            yield
        finally:
            over.set()
        still.result()


def test_servers_too_slow_for_the_temporary_timeout_become_a_cluster_slowly(newest_flavor, tmp_path):
    progress = tmp_path / "progress"
    with Farm(newest_flavor, 6) as farm:
        with a_master_stands_still(farm):
            done = run.init(farm.nodes, timeout=150, progress_file=str(progress)).ok()
        assert "failing, which answer: going on with slower settings" in progress.read_text()
        assert sum(action["action"] == "configure" for action in done["actions"]) == 6
        assert state.settings(farm) == [state.SETTINGS] * 6
        state.eventually(lambda: not state.unserving(farm), 60, "it serves")
        assert_unchanged(farm)


@pytest.mark.large
def test_hundred_and_eight_nodes(newest_redis):
    with Farm(newest_redis, 108) as farm:
        options = {"shards": 54, "timeout": 120}
        assert_change(farm, **options)
        assert_unchanged(farm, **options)
