# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time: events in the order of their times, and nothing in between."""

from __future__ import annotations

import heapq
from typing import Any, Callable


class Loop:
    """``after_event`` is called after each event."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[..., None], tuple]] = []
        self._count = 0
        self.after_event: Callable[[], None] = lambda: None

    def after(self, seconds: float, call: Callable[..., None], *arguments: Any) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.now + seconds, self._count, call, arguments))

    def run_until(self, end: float) -> None:
        events, pop = self._events, heapq.heappop
        while events and events[0][0] <= end:
            self.now, _number, call, arguments = pop(events)
            call(*arguments)
            self.after_event()
        self.now = end
