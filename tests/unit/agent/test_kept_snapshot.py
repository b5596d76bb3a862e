# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a server without an append only file is a snapshot of the data that is to be kept.

Found by a seed of tests/simulation: a snapshot that had been asked for, and was not needed then, was taken for one of
later data.
"""

from __future__ import annotations

from dataclasses import replace

from agent.evidence import Data, Memory, State
from agent.model import Ask, Disk, Keep, Seen, Server, View
from agent.server import ServerAgent, Settings

HOSTS = ("s-0", "s-1")
BGSAVE = Ask(("BGSAVE",))
GATED = Server("run", "slave", "a", 100, follows="s-1", append_only=False, keys=9, saved_at=1)
MASTER = State("s-1", 2, "s-1", Data("x", 50, 50), (), 9, leads=True)


def agent_and_round():
    agent = ServerAgent(Settings("s-0", HOSTS, 1, 20.0, False, 30.0, 0, 3), Memory(1, "s-0", Data("a", 90, 90)))

    def go(server):
        disk = Disk((0, 0), 10, 1000)
        return agent.round(Seen(server, {"t-0": View(2, "s-1")}, {"s-1": MASTER}, disk), 0.0)

    go(replace(GATED, role="master", follows=""))
    return agent, go


def kept(actions):
    return [action for action in actions if isinstance(action, Keep)]


def test_a_snapshot_is_taken_and_kept():
    _agent, go = agent_and_round()
    assert BGSAVE in go(GATED)
    assert not kept(go(replace(GATED, saving=True)))
    assert kept(go(replace(GATED, saved_at=2)))


def test_a_snapshot_of_earlier_data_is_none():
    _agent, go = agent_and_round()
    assert BGSAVE in go(GATED)
    later = replace(GATED, offset=700, saved_at=2)
    go(replace(later, role="master", follows=""))
    actions = go(later)
    assert BGSAVE in actions
    assert not kept(actions)
    assert kept(go(replace(later, saved_at=3)))


def test_a_snapshot_that_was_begun_before_is_waited_for():
    _agent, go = agent_and_round()
    assert BGSAVE not in go(replace(GATED, saving=True))
    assert BGSAVE in go(replace(GATED, saved_at=2))


def test_a_snapshot_that_failed_is_taken_again():
    _agent, go = agent_and_round()
    assert BGSAVE in go(GATED)
    assert not kept(go(replace(GATED, saved_well=False)))
    assert BGSAVE in go(GATED)
