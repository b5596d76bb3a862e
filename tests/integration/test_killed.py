# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_cluster_init killed after each single command that changes something, then run again."""

from __future__ import annotations

import itertools
import signal

from ansible_collections.slotwise.redis.tests.integration import run, state
from ansible_collections.slotwise.redis.tests.integration.farm import Farm

COMMANDS_OF_A_CREATION = 6 + 3 + 3 + 15 + 3 + 6
"""Tune six nodes, three epochs, three slot ranges, a full mesh, three replicas, configure six nodes."""


def assert_completed(farm: Farm, after: str) -> None:
    result = run.init(farm.nodes).ok()
    assert not state.unserving(farm), after
    assert state.settings(farm) == [state.SETTINGS] * len(farm.ports), after
    before = state.writes(farm)
    again = run.init(farm.nodes).ok()
    assert (again["changed"], again["plan"], again["actions"]) == (False, [], []), after
    assert again["after"] == result["after"], after
    assert state.writes(farm) == before, after


def test_creation_killed_after_every_command(newest_flavor):
    with Farm(newest_flavor, 6) as farm:
        for count in itertools.count(1):
            killed = run.killed_init(farm.nodes, count)
            if killed.code != -signal.SIGKILL:
                assert killed.ok()["changed"]
                assert count > COMMANDS_OF_A_CREATION
                return
            assert_completed(farm, f"killed after command {count}")
            state.empty_again(farm)
