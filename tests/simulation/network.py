# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches whom. A path may be broken in one direction only: what was asked is then done, and the answer is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random


class Network:
    """Nodes are machines ("m0"), "client" and "api"; all that run on a machine share its paths."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._broken: Counter[tuple[str, str]] = Counter()
        self.slow = 1.0

    def carries(self, a: str, b: str) -> bool:
        """Whether what A sends arrives at B."""
        return a == b or not self._broken[(a, b)]

    def connects(self, a: str, b: str) -> bool:
        """Whether both directions work, as every connection needs."""
        return a == b or not (self._broken[(a, b)] or self._broken[(b, a)])

    def delay(self) -> float:
        return self._random.uniform(0.0005, 0.01) * self.slow

    def cut(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._broken.update(pairs)

    def mend(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._broken.subtract(pairs)
