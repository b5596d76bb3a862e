# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept once is not taken for other data. Found by a seed of tests/simulation: data that was read from files, of
which only a minimum is known, was overwritten, because other data with the same minimum had been kept before.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from agent.evidence import Data, Memory, State
from agent.model import Disk, Gate, Keep, Seen, Server, View
from agent.server import ServerAgent, Settings

MASTER = State("s-1", 2, "s-1", Data("x", 50, 50), (), 9, leads=True)
NOTED = Memory(1, "s-0", Data("a", 90, 95), (), (1, 500))
GATED = Server("run-1", "slave", "dummy", 1, follows="s-1", keys=9)


def done(server, disk, memory=NOTED):
    """What a new agent does at once."""
    agent = ServerAgent(Settings("s-0", ("s-0", "s-1"), 1, 20.0, False, 30.0, 0, 3), memory)
    return agent.round(Seen(server, {"t-0": View(2, "s-1")}, {"s-1": MASTER}, disk), 0.0)


def kept(server, disk, memory=NOTED):
    (name,) = [action.name for action in done(server, disk, memory) if isinstance(action, Keep)]
    return name


def volume(*tail, there=()):
    return Disk(tail, 10, 1000, tuple(there))


@pytest.mark.parametrize("tail", [(1, 500), (1, 700), (3, 0)])
def test_what_is_kept_is_not_kept_again(tail):
    name = kept(GATED, volume(*tail))
    assert Gate(True) in done(replace(GATED, run_id="run-2"), volume(*tail, there=[name]))


@pytest.mark.parametrize("other", [(1, 600), (2, 700), (4, 700)])
def test_data_of_another_file_is_other_data(other):
    name = kept(GATED, volume(1, 700))
    assert kept(GATED, volume(*other, there=[name])) != name


def test_nothing_is_kept_while_the_files_are_those_of_other_data():
    actions = done(replace(GATED, rewriting=True), volume(1, 500))
    assert not [action for action in actions if isinstance(action, (Keep, Gate))]
