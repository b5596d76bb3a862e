# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""To whom a master that goes hands over. Found by a seed of tests/simulation."""

from __future__ import annotations

import pytest
from agent.evidence import Data, State
from agent.handover import HandOver
from agent.model import FENCE, FENCE_OF_A_RUN, Ask, AskSentinel, Gone, Replica, Seen, Server, View

VIEWS = dict.fromkeys(("t-0", "t-1", "t-2"), View(1, "s-0", False, {"s-2": 100}))
# A former master that hangs: its agent tells what it was.
FORMER = State("s-1", 0, "s-1", Data("a", 500, 500), (), 9, leads=True)
PROMOTED = State("s-2", 1, "s-0", Data("c", 1000, 1000), (("b", 1000),), 9, leads=True)
LAGGED = State("s-2", 1, "s-0", Data("c", 990, 990), (("b", 990),), 9, leads=True)


@pytest.mark.parametrize(
    ("states", "to"),
    [
        ((FORMER,), None),
        ((FORMER, PROMOTED), "s-2"),
        ((PROMOTED,), "s-2"),
        # It has not what was acknowledged until the fence.
        ((LAGGED,), None),
    ],
)
def test_it_follows_who_has_everything(states, to):
    hand_over = HandOver("s-0", "6379", 30.0, 0)
    known = {one.host: one for one in states}

    def go(now, needed, states):
        server = Server("run", "master", "b", 1000, needed=needed, replicas=(Replica("s-2", True, 1000, 0),))
        return hand_over.round(Seen(server, VIEWS, states), server, VIEWS["t-0"], 1, now)

    go(0.0, 0, {"s-1": FORMER})
    assert isinstance(go(0.1, FENCE, {"s-1": FORMER})[-1], AskSentinel)
    hand_over.answered(True, 0.2)
    expected = [] if to is None else [Ask(("REPLICAOF", to, "6379"))]
    assert go(0.3, FENCE, known) == expected


@pytest.mark.parametrize(
    ("states", "now", "text"),
    [
        ((PROMOTED,), 0.4, "handed over to s-2"),
        # It was chosen, and did not say yet that it leads; or it has not everything.
        ((), 0.4, None),
        ((LAGGED,), 0.4, None),
        ((LAGGED,), 31.0, "s-2 may lack something: it stops with its data"),
    ],
)
def test_it_says_that_it_handed_over_only_if_that_is_proved(states, now, text):
    hand_over = HandOver("s-0", "6379", 30.0, 0)

    def go(at, role, needed, known):
        replicas = (Replica("s-2", True, 1000, 0),)
        server = Server("run", role, "b", 1000, follows="s-2.", needed=needed, replicas=replicas)
        return hand_over.round(Seen(server, VIEWS, known), server, VIEWS["t-0"], 1, at)

    go(0.0, "master", 0, {})
    go(0.1, "master", FENCE, {})
    hand_over.answered(True, 0.2)
    assert go(now, "slave", FENCE, {one.host: one for one in states}) == ([] if text is None else [Gone(text)])


@pytest.mark.parametrize("failing_over", [True, False])
def test_a_run_that_holds_writes_back_too_is_left_to_it(failing_over):
    """It may have ordered the failover already: what the master took then would be lost."""
    hand_over = HandOver("s-0", "6379", 30.0, 0)

    def go(now, needed, views):
        server = Server("run", "master", "b", 1000, needed=needed, replicas=(Replica("s-2", True, 1000, 0),))
        return hand_over.round(Seen(server, views, {}), server, views["t-0"], 1, now)

    go(0.0, 0, VIEWS)
    under_way = dict.fromkeys(VIEWS, View(1, "s-0", failing_over, {"s-2": 100}))
    assert go(0.1, FENCE_OF_A_RUN, under_way) == []
    again = go(0.2, FENCE_OF_A_RUN, VIEWS)
    assert again[-1] == Ask(("CONFIG", "SET", "min-replicas-to-write", str(FENCE)))
    assert isinstance(go(0.3, FENCE, VIEWS)[-1], AskSentinel)


def test_a_fence_that_was_taken_away_counts_no_more():
    hand_over = HandOver("s-0", "6379", 30.0, 2)
    server = Server("run", "master", "b", 1000, replicas=(Replica("s-2", True, 1000, 0),))
    for now, expected in ((0.0, FENCE), (0.1, 2), (0.2, FENCE)):
        actions = hand_over.round(Seen(server, VIEWS, {}), server, VIEWS["t-0"], 1, now)
        assert actions[-1] == Ask(("CONFIG", "SET", "min-replicas-to-write", str(expected)))
