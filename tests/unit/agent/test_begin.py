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
from agent.sentinel import Begin, Record, SentinelAgent, SentinelSeen

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
    seen = SentinelSeen(record, None, dict(zip(("t-0", "t-1"), views)), {"s-0": None, "s-1": SERVER}, configured=False)
    actions = SentinelAgent(3, 20.0, False).round(seen, 0.0)
    assert [action for action in actions if isinstance(action, Begin)] == [begins]
