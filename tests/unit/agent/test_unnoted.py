# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A loss that cannot be noted, as on a full volume, keeps a server from its place, and nothing else from being done."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agent.evidence import Data, Memory, State
from agent.model import FENCE, FENCE_OF_A_RUN, Ask, Disk, Gate, Gone, Note, Renew, Say, Seen, Server, View
from agent.server import FENCE_SECONDS, ServerAgent, Settings

NOTED = Memory(4, "s-0", Data("a", 100, 120), (), (1, 500))
PARKED = Server("run", "slave", "dummy", 1, follows="s-0", priority=0, keys=9)
# It came with less than was noted, and a Sentinel has promoted it before its agent saw it.
LEADS = Server("run", "master", "b", 60, needed=1, keys=9)
OFFER = Ask(("CONFIG", "SET", "replica-priority", "100"))
LIFT = Ask(("CONFIG", "SET", "min-replicas-to-write", "1"))
MINE, OTHERS = View(4, "s-0"), View(5, "s-1")
MASTER = State("s-1", 5, "s-1", Data("a", 150, 150), (), 9, leads=True)
FULL = Disk((1, 400), 10, 0)


class Lab:
    """Rounds of an agent, of which each ends where something is to be noted: the volume is full."""

    def __init__(self, memory=NOTED):
        self.agent = ServerAgent(Settings("s-0", ("s-0", "s-1"), 1, 0.0, False, 30.0, 1, 3), memory)
        self.now = -0.5

    def all(self, server, view=MINE, *states, going=False):
        self.now += 0.5
        known = {"s-1": None, **{one.host: one for one in states}}
        return self.agent.round(Seen(server, {"t-0": view}, known, FULL, going), self.now)

    def done(self, *arguments, **more):
        actions = self.all(*arguments, **more)
        place = next((place for place, one in enumerate(actions) if isinstance(one, Note)), len(actions))
        return [one for one in actions[:place] if not isinstance(one, Say)]


@pytest.mark.parametrize(
    ("server", "view", "states", "wanted"),
    [
        (PARKED, MINE, (), Ask(("REPLICAOF", "NO", "ONE"))),
        # It stands for an election, or follows who leads.
        (PARKED, OTHERS, (State("s-1"),), OFFER),
        (replace(PARKED, follows="s-1"), OTHERS, (MASTER,), Gate(True)),
    ],
)
def test_it_has_no_place_before_its_loss_is_noted(server, view, states, wanted):
    lab = Lab()
    for _round in range(300):
        assert not [one for one in lab.done(server, view, *states) if one in (wanted, OFFER) or isinstance(one, Renew)]
    assert "cannot note" in lab.agent.state.waiting
    assert wanted in lab.all(server, view, *states)
    # There is room again.
    lab.agent.noted(lab.agent.memory)
    assert wanted in lab.done(server, view, *states)
    assert lab.agent.state.waiting == ""


def test_it_is_not_chosen_either_where_it_could_have_been():
    lab, choosable = Lab(), replace(PARKED, priority=100)
    lab.done(choosable, OTHERS, MASTER)
    assert Ask(("CONFIG", "SET", "replica-priority", "0")) in lab.done(choosable, OTHERS, MASTER)


@pytest.mark.parametrize("fence", [FENCE, FENCE_OF_A_RUN])
def test_a_fence_is_lifted_all_the_same(fence):
    lab, fenced = LabThatLost(), replace(LEADS, needed=fence)
    until = FENCE_SECONDS * 2 + 2
    assert LIFT in [one for _round in range(int(until)) for one in lab.done(fenced)]


@pytest.mark.parametrize("server", [LEADS, replace(PARKED, follows="s-1", link_up=False)])
def test_a_pod_goes_all_the_same(server):
    lab = LabThatLost()
    done = [one for _round in range(80) for one in lab.done(server, going=True)]
    assert [one for one in done if isinstance(one, Gone)]


class LabThatLost(Lab):
    """It is known to have lost something."""

    def __init__(self):
        super().__init__()
        self.done(PARKED)
