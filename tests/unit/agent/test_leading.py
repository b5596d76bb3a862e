# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a server that Sentinels expect to be the master leads. Each was found by a seed of tests/simulation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agent.evidence import Data, Memory, State
from agent.model import Ask, Disk, Renew, Seen, Server, View
from agent.sentinel import Record, SentinelAgent, SentinelSeen, Write
from agent.server import ServerAgent, Settings

HOSTS = ("s-0", "s-1", "s-2")
LEAD = Ask(("REPLICAOF", "NO", "ONE"))
PARKED = Server("run", "slave", "dummy", 1, follows="s-0", keys=9)
BEHIND = State("s-1", 4, "s-2", Data("a", 80, 80), (), 9)
AHEAD = State("s-2", 4, "s-0", Data("a", 130, 130), (), 9)
ELECTION = 20.0


def agent_of(term, master="s-0", data=Data("a", 100, 120), history=()):  # noqa: B008
    settings = Settings("s-0", HOSTS, 3, ELECTION, False, 30.0, 0, 3)
    return ServerAgent(settings, Memory(term, master, data, history, (1, 500)))


def leads(agent, now, *states, epoch=4, server=PARKED, going=False):
    known = {"s-1": None, "s-2": None, **{one.host: one for one in states}}
    views = dict.fromkeys(("t-0", "t-1", "t-2"), View(epoch, "s-0"))
    return LEAD in agent.round(Seen(server, views, known, Disk((1, 500)), going), now)


@pytest.mark.parametrize(
    ("term", "master", "at_once"),
    [
        (4, "s-0", True),
        # In term 3 another one may have been the master, which does not answer.
        (3, "s-0", False),
        (-1, "s-0", False),
        (4, "s-1", False),
    ],
)
def test_only_the_master_of_this_very_term_waits_for_nobody(term, master, at_once):
    agent = agent_of(term, master)
    assert leads(agent, 0.0) is at_once


def test_it_does_not_lead_because_another_is_late_once():
    """Seed 2932: one that had answered half a second before had the time to answer, it was said."""
    agent = agent_of(3, "s-1")
    assert not leads(agent, 0.0, BEHIND, AHEAD)
    assert not leads(agent, ELECTION, BEHIND, AHEAD)
    assert not leads(agent, ELECTION + 1, BEHIND)
    assert not leads(agent, 2 * ELECTION - 1, BEHIND)
    assert leads(agent, 2 * ELECTION, BEHIND)


def test_those_that_stay_silent_are_not_waited_for_any_longer():
    agent = agent_of(3, "s-1")
    assert not leads(agent, 0.0, BEHIND, AHEAD)
    assert not leads(agent, ELECTION - 0.5, BEHIND)
    assert leads(agent, ELECTION, BEHIND)


def test_a_sentinel_does_not_begin_because_a_server_is_late_once():
    record = Record("1")
    agent = SentinelAgent("t-0", 3, ELECTION, False)

    def writes(now, *states):
        known = {"s-0": State("s-0"), "s-1": BEHIND, "s-2": None, "s-3": None}
        known.update({one.host: one for one in states})
        seen = SentinelSeen(record, None, {}, known, configured=False)
        return [action.record.master for action in agent.round(seen, now) if isinstance(action, Write)]

    assert writes(0.0, AHEAD) == []
    assert writes(ELECTION - 1, AHEAD) == []
    assert writes(ELECTION) == []
    assert writes(2 * ELECTION - 2) == []
    assert writes(2 * ELECTION - 1) == ["s-1"]


def test_one_that_is_made_the_master_while_it_goes_remembers_that():
    """Seed 3885: replicas were of a later term than their master, which came back and did not lead any more."""
    agent = agent_of(0, "s-1")
    master = replace(PARKED, role="master", replid="b", offset=200, replid2="a", offset2=201, follows="")
    leads(agent, 0.0, epoch=1, server=master, going=True)
    assert (agent.state.term, agent.state.master) == (1, "s-0")


def test_histories_stay_in_the_order_in_which_the_data_went_through_them():
    """Also where the master still knows of one that its replica has forgotten."""
    agent = agent_of(4, "s-1", Data("b", 100), (("z", 5),))
    linked = replace(PARKED, replid="c", replid2="b", offset2=101, offset=150, follows="s-1", link_up=True)
    master = State("s-1", 4, "s-1", Data("c", 150, 150), (("a", 50), ("b", 110)), 9, leads=True)
    leads(agent, 0.0, master, server=linked)
    assert agent.state.history == (("z", 5), ("a", 50), ("b", 110))


def test_a_server_that_stands_for_long_counts_anew_although_others_are_late_now_and_then():
    """Seed 2160: Sentinels refuse a replica whose link has been down for long, and that never ended."""
    agent = agent_of(4, "s-1", Data("a", 100, 100))

    parked = replace(PARKED, replid="a", offset=100, follows="s-1")

    def renews(now, *states, server=parked):
        known = {"s-1": None, "s-2": None, **{one.host: one for one in states}}
        views = dict.fromkeys(("t-0", "t-1", "t-2"), View(4, "s-1"))
        return Renew("s-1") in agent.round(Seen(server, views, known, Disk((1, 500))), now)

    third = replace(BEHIND, host="s-2")
    assert not renews(0.0, BEHIND, third)
    assert not renews(29.5, BEHIND, third)
    assert not renews(30.0, BEHIND)
    assert not renews(59.5, BEHIND, third)
    assert renews(60.0, BEHIND, third)
    # Another one was better meanwhile.
    assert not renews(100.0, BEHIND, AHEAD)
    assert not renews(120.0, BEHIND, third)
    assert renews(180.0, BEHIND, third)
    # It had a link meanwhile.
    assert not renews(200.0, replace(BEHIND, leads=True), third, server=replace(parked, link_up=True))
    assert not renews(240.0, BEHIND, third)
    assert renews(300.0, BEHIND, third)


FOLLOWS = Server("run", "slave", "a", 120, follows="s-1", keys=9, link_up=True)
MASTER = State("s-1", 4, "s-1", Data("a", 120), (), 9, leads=True)
EQUAL = State("s-2", 4, "s-1", Data("a", 120, 120), (), 9)
BETTER = State("s-2", 4, "s-1", Data("a", 130, 130), (), 9)


def priorities(agent, now, server, *states, epoch=4):
    """What a round does to the priority of this server, which Sentinels take for a replica of s-1."""
    known = {"s-1": None, "s-2": None, **{one.host: one for one in states}}
    views = dict.fromkeys(("t-0", "t-1", "t-2"), View(epoch, "s-1"))
    actions = agent.round(Seen(server, views, known, Disk((1, 500)), False), now)
    return [action.words[-1] for action in actions if isinstance(action, Ask) and "replica-priority" in action.words]


@pytest.mark.parametrize("others", [(EQUAL,), ()], ids=["another answers", "nobody answers"])
@pytest.mark.parametrize("patient", [False, True])
def test_a_master_that_fails_is_not_waited_for_by_those_that_followed_it(others, patient):
    """Its machine died, and the links were reset. Sentinels say when it is down, and Redis users expect no more."""
    agent = ServerAgent(Settings("s-0", HOSTS, 3, ELECTION, patient, 30.0, 0, 3), Memory(4, "s-1", Data("a", 100, 120)))
    assert priorities(agent, 0.0, replace(FOLLOWS, priority=100), MASTER, EQUAL) == []
    alone = replace(FOLLOWS, priority=100, link_up=False)
    assert [priorities(agent, now, alone, *others) for now in (0.5, 1.0, 1.5)] == [[], [], []]


def test_a_better_one_is_left_to_sentinels_and_counts_again_when_it_is_gone():
    agent = agent_of(4, "s-1")
    assert priorities(agent, 0.0, replace(FOLLOWS, priority=100), MASTER, EQUAL) == []
    alone = replace(FOLLOWS, priority=100, link_up=False)
    assert priorities(agent, 0.5, alone, BETTER) == ["0"]
    assert priorities(agent, 1.0, replace(alone, priority=0)) == ["100"]


def test_who_started_since_waits_for_the_master_of_its_term():
    """All were away: the master may be late, and has what nobody else has."""
    agent = agent_of(4, "s-1")
    alone = replace(FOLLOWS, link_up=False)
    assert priorities(agent, 0.0, replace(alone, priority=100), EQUAL) == ["0"]
    assert priorities(agent, ELECTION - 0.5, replace(alone, priority=0), EQUAL) == []
    assert priorities(agent, ELECTION, replace(alone, priority=0), EQUAL) == ["100"]


@pytest.mark.parametrize("tail", [(0, 0), (1, 0), (1, 499)])
def test_a_master_that_lost_the_end_of_its_file_is_known_to_lack_it(tail):
    """Emptied in place under its agent: it was the best known one, with no key, and its replicas followed it."""
    agent = agent_of(4, "s-0", Data("a", 100, 120))
    empty = replace(PARKED, keys=0, append_only=True)
    known = {"s-1": State("s-1", 4, "s-0", Data("a", 120, 120), (), 9), "s-2": None}
    views = dict.fromkeys(("t-0", "t-1", "t-2"), View(4, "s-0"))
    actions = agent.round(Seen(empty, views, known, Disk(tail), False), 0.0)
    assert LEAD not in actions
    assert (agent.data.least, agent.data.most) == (0, 0)
    agent = agent_of(4, "s-0", Data("a", 100, 120))
    agent.round(Seen(replace(empty, keys=3), views, known, Disk(tail), False), 0.0)
    assert (agent.data.least, agent.data.most) == (0, 119)


def test_nothing_is_learned_of_a_master_that_started_anew_by_a_link_to_where_it_was():
    """Seed 4925: it took the history that the master had begun since for its own, and proved with it what it lacked."""
    agent = agent_of(4, "s-1")
    linked = replace(FOLLOWS, priority=100)
    priorities(agent, 0.0, linked, replace(MASTER, history=(("z", 40),)))
    assert ("z", 40) in agent.history
    anew = replace(MASTER, data=Data("c", 1, 1, ("b", 1)), history=(("b", 1), ("a", 110)))
    priorities(agent, 0.5, linked, anew)
    assert "b" not in dict(agent.history)
