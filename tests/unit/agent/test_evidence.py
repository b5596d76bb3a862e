# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is proved about the data of servers, and who may lead by it."""

from __future__ import annotations

import json

import pytest
from agent.evidence import Data, Memory, State, choose, has_all_of, has_more_than

HOSTS = ("s-0", "s-1", "s-2")


def state(number, *, term=5, master="s-0", least=100, most=None, replid="a", history=()):
    return State(f"s-{number}", term, master, Data(replid, least, most), history, 9)


def promoted(number, *, most, end):
    return State(f"s-{number}", 5, "s-1", Data("b", most, most, ("a", end)), (), 9)


def empty(number):
    return State(f"s-{number}")


# Seed 20536: no Sentinel named the one any more, and the other one was promoted from the same history. The first was
# promoted once more before it wrote anything again.
UNNAMED = State("s-1", 5, "s-0", Data("b", 160, 150, ("a", 140)), (("z", 30), ("a", 140)), 9)
AGAIN = State("s-1", 5, "s-0", Data("c", 160, 150, ("b", 155)), (("z", 30), ("a", 140), ("b", 155)), 9)
AT_REST = State("s-0", 5, "s-0", Data("d", 140, 140, ("a", 140)), (("z", 30), ("a", 140)), 9)
WROTE_TOO = State("s-0", 5, "s-0", Data("d", 150, 145, ("a", 140)), (("z", 30), ("a", 140)), 9)
# It was empty, and all its data came from a server that has not been in history a.
RELATED_LONG_AGO = State("s-2", 5, "s-0", Data("e", 99, 99, ("0" * 40, -2)), (("z", 30),), 9)
UNRELATED = State("s-2", 5, "s-0", Data("e", 99, 99, ("0" * 40, -2)), (), 9)


@pytest.mark.parametrize(
    ("one", "other", "all_of", "more"),
    [
        # Equal and at rest: each has all of the other.
        (state(0, least=100, most=100), state(1, least=100, most=100), True, False),
        # What was noted while it was linked is a minimum, so nothing is proved by it.
        (state(0, least=200), state(1, least=100), False, False),
        (state(0, least=200), state(1, least=100, most=150), True, True),
        (state(0, least=120), state(1, least=100, most=150), False, False),
        (state(0, least=100, most=100), state(1, least=150), False, False),
        (state(0), empty(1), True, True),
        (empty(0), state(1), False, False),
        (empty(0), empty(1), True, False),
        # Another history, whatever the offsets are.
        (state(0, least=900, most=900), state(1, least=1, most=1, replid="b"), False, False),
        # A promoted replica knows how far it was in the history of its master.
        (state(0, replid="c", history=(("a", 150),)), state(1, least=100, most=150), True, False),
        (state(0, replid="c", history=(("a", 149),)), state(1, least=100, most=150), False, False),
        # One that was promoted and wrote nothing since is known by its history of before; one that started anew is not.
        (state(0, least=150, most=150), promoted(1, most=140, end=145), True, False),
        (state(0, least=150, most=150), promoted(1, most=150, end=145), False, False),
        (state(0, least=150, most=150), state(1, least=0, most=0, replid="b", history=(("a", 900),)), False, False),
        (promoted(1, most=150, end=140), state(0, least=130, most=130), True, True),
        # What comes after the last write of the other one may be PING only, and is taken for more.
        (promoted(1, most=140, end=140), state(0, least=130, most=130), True, True),
        (promoted(1, most=140, end=140), state(0, least=140, most=140), True, False),
        (UNNAMED, AT_REST, True, True),
        (AGAIN, AT_REST, True, True),
        (AT_REST, AGAIN, False, False),
        (AGAIN, WROTE_TOO, False, True),
        (WROTE_TOO, AGAIN, False, True),
        (AT_REST, UNNAMED, False, False),
        (UNNAMED, RELATED_LONG_AGO, False, True),
        (UNNAMED, UNRELATED, False, False),
        (UNRELATED, UNNAMED, False, False),
        # A later term has something of its own.
        (state(0, term=6, replid="c"), state(1, least=100, most=100), False, True),
    ],
)
def test_what_is_proved(one, other, all_of, more):
    assert has_all_of(one, other) is all_of
    assert has_more_than(one, other) is more


def chosen(*states, **options):
    known = dict.fromkeys(HOSTS)
    known.update({one.host: one for one in states})
    return choose(known, **{"waited": False, "patient": False, **options}).best


def test_the_first_of_equal_servers_leads_at_once():
    assert chosen(*map(empty, range(3))) == "s-0"


def test_one_that_sentinels_name_already_is_taken_among_equals():
    assert chosen(*map(empty, range(3)), expected="s-2") == "s-2"
    assert chosen(empty(0), empty(2), State("s-1", keys=1), expected="s-2") == "s-1"


def test_a_server_with_data_is_never_led_by_an_empty_one():
    assert chosen(empty(0), empty(1), State("s-2", keys=3)) == "s-2"


def test_the_stale_one_does_not_lead_because_of_its_number():
    """S2: one replica was away, the master does not come back."""
    stale, current = state(0, master="s-2", least=50, most=50), state(1, master="s-2", least=100)
    assert chosen(stale, current) == ""
    assert chosen(stale, current, waited=True) == "s-1"
    assert chosen(stale, current, waited=True, patient=True) == ""


def test_the_master_of_the_latest_term_leads_at_once_where_all_answer():
    assert chosen(state(0), state(1, least=99), state(2, least=101), patient=True) == "s-0"
    assert chosen(state(0, term=4), state(1, term=5, master="s-1"), state(2, term=5, master="s-1")) == "s-1"


@pytest.mark.parametrize("unnamed", [UNNAMED, AGAIN])
def test_a_former_master_does_not_lead_before_one_that_went_on_without_it(unnamed):
    assert chosen(AT_REST, unnamed, empty(2)) == "s-1"
    assert chosen(AT_REST, unnamed, empty(2), patient=True) == "s-1"
    # Each of them may have something, and then it is the former master; the third has less than both.
    third = state(2, least=90, most=90)
    assert chosen(WROTE_TOO, unnamed, third) == "s-0"


def test_half_of_the_servers_are_enough_after_the_time_and_fewer_never():
    assert chosen(state(1), waited=True) == ""
    assert choose({"s-0": None, "s-1": state(1)}, True, False).best == "s-1"


def test_a_person_decides():
    stale, current = state(0, least=50, most=50), state(1, least=100)
    assert chosen(stale, current, patient=True, decided="s-0") == "s-0"
    assert chosen(stale, current, waited=True, decided="s-2") == "", "it does not answer"


def test_the_evidence_names_every_server():
    verdict = choose({"s-0": None, "s-1": state(1, most=120)}, False, False)
    assert verdict.evidence == (
        "s-1: term 5, replica of s-0, 9 keys, history a at least to 100, at most 120",
        "s-0: does not answer",
    )


@pytest.mark.parametrize("memory", [Memory(), Memory(7, "s-1", Data("a", 5, None, ("c", 2)), (("b", 3),), (2, 900))])
def test_a_memory_is_read_as_it_was_written(memory):
    assert Memory.from_json(json.loads(json.dumps(memory.to_json()))) == memory
    one = State("s-1", 7, "s-1", Data("a", 5), (("b", 3),), 4, True, "w", ("k",), ("s-2",), ("s-0",))
    assert State.from_json(json.loads(json.dumps(one.to_json()))) == one
