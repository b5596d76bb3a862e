# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run sets replicas that lag back while it hands over (plugins/module_utils/run/handover.py); their agents let it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agent.evidence import Data, Memory, State
from agent.model import Ask, Disk, Seen, Server, View
from agent.server import FENCE_SECONDS, ServerAgent, Settings

REPLICA = Server("run", "slave", "a", 100, follows="s-0", link_up=True, keys=9)
MASTER = State("s-0", 4, "s-0", Data("a", 100, 100), (), 9, leads=True)


def offer(priority):
    return Ask(("CONFIG", "SET", "replica-priority", str(priority)))


class Lab:
    """The agent of a replica, and rounds of it, two in a second."""

    def __init__(self):
        self.agent = ServerAgent(Settings("s-1", ("s-0", "s-1"), 1, 20.0, False, 30.0, 0, 3), Memory())
        self.now = 0.0

    def round(self, priority, server=REPLICA, master=MASTER):
        self.now += 0.5
        seen = Seen(replace(server, priority=priority), {"t-0": View(4, "s-0")}, {"s-0": master}, Disk((1, 500)))
        return [action for action in self.agent.round(seen, self.now) if isinstance(action, Ask)]

    def offered_after(self, priority, server=REPLICA):
        """The seconds until its agent lets Sentinels choose it."""
        began = self.now + 0.5
        while offer(100) not in self.round(priority, server):
            assert self.now < began + 200
        return self.now - began


def test_a_server_that_starts_is_offered_as_soon_as_it_has_its_link():
    assert Lab().offered_after(0) == 0


@pytest.mark.parametrize("priority", [0, 1, 7])
def test_what_somebody_else_has_set_stays_as_long_as_the_fence_of_a_run(priority):
    lab = Lab()
    lab.round(100)
    assert lab.offered_after(priority) == FENCE_SECONDS
    # A run that still waits sets it back again, once Sentinels see it.
    lab.round(100)
    assert lab.offered_after(priority) == FENCE_SECONDS


def test_what_the_agent_has_set_itself_is_taken_back_at_once():
    """A master that hands over shuts out those that lag."""
    lab = Lab()
    lab.round(100)
    assert lab.round(100, master=replace(MASTER, excluded=("s-1",))) == [offer(0)]
    assert lab.offered_after(0) == 0


def test_a_server_that_started_again_was_not_set_back():
    lab = Lab()
    lab.round(100)
    lab.round(0)
    assert lab.offered_after(0, replace(REPLICA, run_id="next")) == 0


def test_who_has_most_is_offered_at_once_where_no_master_is_left():
    lab = Lab()
    lab.round(100)
    lab.round(0)
    orphan = replace(REPLICA, link_up=False)
    assert offer(100) in lab.round(0, orphan, replace(MASTER, data=Data("a", 50, 50), leads=False))
