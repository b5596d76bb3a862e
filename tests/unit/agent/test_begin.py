# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""With which master a Sentinel begins. A seed of tests/simulation found: it wrote to the record who leads from then on,
and then began with what others had begun with, so that nobody ever was of the term on record, and no pod was
labelled any more.
"""

from __future__ import annotations

import pytest
from agent.evidence import Data, State
from agent.model import View
from agent.redis_io import votes_in
from agent.sentinel import Begin, Record, Restart, SentinelAgent, SentinelSeen, Write

SERVER = State("s-1", 1, "s-1", Data("a", 90, 90), (), 9)


@pytest.mark.parametrize(
    ("record", "views", "begins"),
    [
        (Record("1", 2, "s-1"), (View(1, "s-1"), View(1, "s-1")), Begin(2, "s-1")),
        (Record("1", 2, "s-1"), (View(1, "s-0"), None), Begin(2, "s-1")),
        (Record("1", 2, "s-1"), (View(2, "s-0"), View(1, "s-1")), Begin(2, "s-0")),
        (Record("1", 1, "s-0"), (View(1, "s-1"), None), Begin(1, "s-1")),
        # Kubernetes does not answer.
        (None, (View(1, "s-1"), View(1, "s-1")), Begin(1, "s-1")),
    ],
)
def test_a_sentinel_begins_with_the_latest(record, views, begins):
    states = {"s-0": State("s-0"), "s-1": SERVER}
    seen = SentinelSeen(record, None, dict(zip(("t-0", "t-1"), views)), states, configured=False)
    actions = SentinelAgent("t-0", 3, 20.0, False).round(seen, 0.0)
    assert [action for action in actions if isinstance(action, Begin)] == [begins]


@pytest.mark.parametrize("patient", [False, True])
def test_a_sentinel_believes_the_record_only_when_nobody_is_waited_for(patient):
    """Sentinels that made s-2 the master of term 2 and all ended did not write that any more."""
    agent = SentinelAgent("t-0", 3, 20.0, patient)

    def begins(now, third):
        states = {"s-0": State("s-0"), "s-1": SERVER, "s-2": third}
        seen = SentinelSeen(Record("1", 1, "s-1"), None, {}, states, configured=False)
        return [action for action in agent.round(seen, now) if isinstance(action, (Begin, Write))]

    assert begins(0.0, None) == []
    assert begins(19.5, None) == []
    assert begins(20.0, None) == [Begin(1, "s-1")]
    assert begins(20.0, State("s-2")) == [Begin(1, "s-1")]
    later = State("s-2", 2, "s-2", Data("b", 95, 95, ("a", 90)), (("a", 90),), 9)
    assert begins(20.0, later) == [Write(Record("1", 3, "s-2"), "it is proved to have everything that the others have")]


def test_a_sentinel_that_is_alone_with_what_it_names_starts_anew():
    """Found by a seed: one that was late took over the epoch of a later failover, and not its master."""
    agent = SentinelAgent("t-0", 3, 20.0, False)

    def restarts(now, own, others=View(2, "s-1")):  # noqa: B008
        views = {"t-0": own, "t-1": others, "t-2": others}
        return Restart() in agent.round(SentinelSeen(None, None, views, {}, configured=True), now)

    assert not restarts(0.0, View(2, "s-2"))
    assert not restarts(29.0, View(2, "s-2"))
    # It heard of it, does not answer, or is of another epoch: that comes right by itself.
    assert not restarts(30.0, View(2, "s-1"))
    assert not restarts(31.0, View(2, "s-2"))
    assert not restarts(61.0, None)
    assert not restarts(62.0, View(1, "s-2"))
    assert not restarts(93.0, View(3, "s-2"))
    assert not restarts(93.5, View(2, "s-2", failing_over=True))
    # Nobody knows who of them is right.
    assert not restarts(94.0, View(2, "s-2"), None)
    assert not restarts(125.0, View(2, "s-2"), None)
    assert not restarts(126.0, View(2, "s-2"))
    # Seed 2255: now and then one is late.
    assert not restarts(140.0, None)
    assert not restarts(145.0, View(2, "s-2"), None)
    assert restarts(156.0, View(2, "s-2"))
    assert not restarts(157.0, View(2, "s-2"))


@pytest.mark.parametrize(
    ("config", "latest"),
    [
        ("", -1),
        ("port 1\nsentinel config-epoch orders 4\nsentinel leader-epoch orders 6\nsentinel current-epoch 5\n", 6),
        # The end of a file that was being written.
        ("sentinel current-epoch 5\nsentinel", 5),
        ("sentinel\n\nsentinel current-epoch\nsentinel current-epoch 7\n", 7),
    ],
)
def test_the_votes_in_a_configuration_that_is_not_whole(config, latest):
    assert votes_in(config) == latest
