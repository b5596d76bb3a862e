# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a seed decides before anything happens: sizes, settings and how bad the weather is."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass
class Plan:
    """Times in seconds. ``stalls``: the share of rounds and actions that take long."""

    servers: int = 3
    sentinels: int = 3
    append_only: bool = True
    needed: int = 1
    patient: bool = False
    election: float = 20.0
    copies: int = 3
    backlog: int = 10000
    repl_timeout: float = 60.0
    down_after: float = 5.0
    failover_timeout: float = 30.0
    stalls: float = 0.02
    crashes: float = 0.0
    """How often a process ends just after it did something that matters."""
    faults: int = 3
    calm: bool = True
    """The first deployment is done before the first fault."""

    @property
    def quorum(self) -> int:
        return self.sentinels // 2 + 1


def plan_of(random: Random) -> Plan:
    servers = random.choice([3, 3, 3, 3, 3, 3, 2, 4, 5])
    return Plan(
        servers=servers,
        sentinels=random.choice([3, 3, 3, 3, 5]),
        append_only=random.random() < 0.85,
        needed=random.choice([1, 1, 1, 0]) if servers > 2 else 0,
        patient=random.random() < 0.15,
        election=random.choice([5.0, 20.0, 20.0]),
        copies=random.choice([1, 3, 3]),
        backlog=random.choice([0, 30, 10000, 10000]),
        repl_timeout=random.choice([15.0, 60.0]),
        stalls=random.choice([0.0, 0.02, 0.1, 0.4]),
        crashes=random.choice([0.0, 0.0, 0.05, 0.2]),
        faults=random.choice([0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8]),
        calm=random.random() < 0.8,
    )
