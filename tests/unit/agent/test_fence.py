# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fence that a hand-over left is lifted when nothing can come of the hand-over any more, and not before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agent.evidence import Data, Memory, State
from agent.model import FENCE, FENCE_OF_A_RUN, Ask, Disk, Seen, Server, View
from agent.server import FENCE_SECONDS, QUIET_SECONDS, ServerAgent, Settings

LIFT = Ask(("CONFIG", "SET", "min-replicas-to-write", "1"))
MASTER = Server("run", "master", "a", 100, needed=FENCE_OF_A_RUN, keys=9)
QUIET = View(4, "s-0")
BUSY = View(4, "s-0", failing_over=True)
# During a failover a Sentinel names the new master already.
SWITCHED = View(5, "s-1", failing_over=True)
DONE = View(5, "s-1")


class Lab:
    """The agent of a master, and rounds of it, two in a second."""

    def __init__(self, server=MASTER):
        settings = Settings("s-0", ("s-0", "s-1"), 3, 20.0, False, 30.0, 1, 3)
        self.agent, self.server, self.now = ServerAgent(settings, Memory(4, "s-0", Data("a", 100))), server, 0.0

    def lifts(self, seconds, *views):
        """After how long it lifts the fence; None where it does not."""
        until, began = self.now + seconds, self.now
        states = {"s-1": State("s-1", 4, "s-0", Data("a", 100), (), 9)}
        while self.now < until:
            seen = Seen(self.server, dict(zip(("t-0", "t-1", "t-2"), views)), states, Disk((1, 500), 10, 1000))
            if LIFT in self.agent.round(seen, self.now):
                return self.now - began
            self.now += 0.5
        return None


@pytest.mark.parametrize(("fence", "seconds"), [(FENCE_OF_A_RUN, FENCE_SECONDS), (FENCE, QUIET_SECONDS)])
def test_a_fence_that_was_left_is_lifted(fence, seconds):
    assert Lab(replace(MASTER, needed=fence)).lifts(200, QUIET, QUIET, QUIET) == seconds


@pytest.mark.parametrize("fence", [FENCE_OF_A_RUN, FENCE])
@pytest.mark.parametrize("one", [BUSY, SWITCHED])
def test_no_fence_is_lifted_while_a_sentinel_fails_over(fence, one):
    """With a failover-timeout above half a minute one that a run asked for goes on for longer than a fence stands."""
    lab = Lab(replace(MASTER, needed=fence))
    assert lab.lifts(QUIET_SECONDS - 1, QUIET, QUIET, QUIET) is None
    assert lab.lifts(100, QUIET, one, QUIET) is None
    # Its end is heard of in a moment.
    assert lab.lifts(100, QUIET, QUIET, QUIET) >= QUIET_SECONDS - 0.5


@pytest.mark.parametrize(
    "views",
    [
        (QUIET, DONE, QUIET),  # the others hear of it next
        (DONE, DONE, QUIET),
        (None, None, QUIET),
        (None, None, None),
        (QUIET, DONE, None),
    ],
)
def test_no_fence_is_lifted_unless_all_that_answer_name_this_master(views):
    lab = Lab()
    lab.lifts(50, QUIET, QUIET, QUIET)
    assert lab.lifts(100, *views) is None


def test_a_sentinel_that_falls_silent_in_its_failover_is_waited_for_and_not_for_ever():
    lab = Lab()
    lab.lifts(50, QUIET, BUSY, QUIET)
    assert 50 < lab.lifts(200, QUIET, None, QUIET) <= FENCE_SECONDS


def test_a_late_answer_is_no_new_minute():
    lab = Lab()
    lab.lifts(55, QUIET, QUIET, QUIET)
    lab.lifts(1, None, None, QUIET)
    assert lab.lifts(100, QUIET, QUIET, QUIET) <= 4


def test_who_follows_needs_no_fence():
    lab = Lab(replace(MASTER, role="slave", follows="s-1", link_up=True))
    assert lab.lifts(100, DONE, DONE, DONE) == FENCE_SECONDS
