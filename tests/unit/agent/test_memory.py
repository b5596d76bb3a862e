# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server says of its data after it has started again. Each was found by a seed of tests/simulation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agent.evidence import Data, Memory, State, choose, has_all_of
from agent.model import Ask, Disk, Note, Seen, Server, View
from agent.server import ServerAgent, Settings

HOSTS = ("s-0", "s-1", "s-2")
NOTED = Memory(4, "s-0", Data("a", 100, 120), (("z", 40),), (1, 500))
PARKED = Server("run", "slave", "dummy", 1, follows="s-0", keys=9)


def started(server, tail=(1, 500), memory=NOTED):
    agent = ServerAgent(Settings("s-0", HOSTS, 3, 20.0, False, 30.0, 0, 3), memory)
    views = dict.fromkeys(("t-0", "t-1", "t-2"), View(4, "s-0"))
    agent.round(Seen(server, views, {"s-1": None, "s-2": None}, Disk(tail)), 0.0)
    return agent


@pytest.mark.parametrize(
    ("server", "tail", "data", "history"),
    [
        (PARKED, (1, 500), Data("a", 100, 120), NOTED.history),
        # More came after it was noted, in the same file or after a rewrite.
        (PARKED, (1, 700), Data("a", 100), NOTED.history),
        (PARKED, (2, 0), Data("a", 100), NOTED.history),
        # The end of the file is lost, and so is something of what was noted; without keys all of it is.
        (PARKED, (1, 400), Data("a", 0, 119), ()),
        (replace(PARKED, keys=0), (0, 0), Data("a", 0, 0), ()),
        # Snapshots only: none was there, it is from before, or it is of what was noted.
        (replace(PARKED, append_only=False, keys=0), (0, 0), Data("a", 0, 0), ()),
        (replace(PARKED, append_only=False), (0, 0), Data("a", 0), ()),
        (replace(PARKED, append_only=False, replid="a", offset=90), (0, 0), Data("a", 90, 90), ()),
        (replace(PARKED, append_only=False, replid="z", offset=30), (0, 0), Data("z", 30, 30), ()),
        (replace(PARKED, append_only=False, replid="a", offset=110), (0, 0), Data("a", 110, 110), NOTED.history),
        # It had a link already, which the agent did not see: it says how far it is, and all of it is other data.
        (replace(PARKED, replid="c", offset=700), (3, 0), Data("c", 700, 700), ()),
    ],
)
def test_what_came_back(server, tail, data, history):
    state = started(server, tail).state
    assert (replace(state.data, before=data.before), state.history) == (data, history)


def test_a_master_that_lost_something_proves_nothing_by_what_it_noted():
    agent = started(PARKED, (1, 400))
    leads = replace(PARKED, role="master", replid="b", offset=1, replid2="dummy", offset2=2, follows="")
    agent.round(Seen(leads, {}, {"s-1": None, "s-2": None}, Disk((1, 400))), 1.0)
    assert agent.state.leads
    assert not has_all_of(agent.state, State("s-1", 4, "s-0", Data("a", 90, 90), (), 9))


def test_a_former_master_that_is_proved_to_have_less_does_not_lead():
    states = {
        "s-0": State("s-0", 4, "s-0", Data("a", 0, 0), (), 0),
        "s-1": State("s-1", 4, "s-0", Data("a", 90, 90), (), 9),
        "s-2": State("s-2", 4, "s-0", Data("a", 80, 80), (), 9),
    }
    assert choose(states, False, False).best == "s-1"


@pytest.mark.parametrize("full", [{"replid": "m", "backlog": 5001}, {"backlog": 5001}])
def test_data_that_came_at_once_is_not_counted_as_no_write(full):
    """A full synchronisation leaves the count of writes as it is."""
    agent = started(replace(PARKED, dirty=0, backlog=2))
    linked = replace(PARKED, offset=5000, link_up=True, dirty=0, **full)
    for now, server in enumerate((linked, replace(linked, link_up=False))):
        agent.round(Seen(server, {}, {"s-1": None, "s-2": None}, Disk((2, 0))), now + 1.0)
    assert agent.state.data.most == 5000


@pytest.mark.parametrize(("server", "tail"), [(PARKED, (1, 400)), (replace(PARKED, append_only=False, keys=0), (0, 0))])
def test_a_loss_is_noted_before_anything_else_is_done(server, tail):
    agent = ServerAgent(Settings("s-0", ("s-0",), 3, 0.0, False, 30.0, 0, 3), NOTED)
    views = dict.fromkeys(("t-0", "t-1", "t-2"), View(4, "s-0"))
    actions = agent.round(Seen(server, views, {}, Disk(tail)), 0.0)
    assert isinstance(actions[0], Note)
    assert (actions[0].memory.data.least, actions[0].memory.history) == (0, ())
    assert Ask(("REPLICAOF", "NO", "ONE")) in actions
