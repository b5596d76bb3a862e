# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The volume of a server: its append only file or snapshot, the agent's memory, and what is kept.

Data are lists of the ids of writes. A list that is kept, or was replaced by a full synchronisation, is not changed any
more: as files that have another link.
"""

from __future__ import annotations

from random import Random

from agent.evidence import Memory
from agent.model import Disk

WRITE_BYTES = 100
FSYNC_SECONDS = 1.0


class Volume:
    """``had`` are all writes that were ever on it, or in the memory of its server; ``lost`` what the world took."""

    def __init__(self, random: Random, append_only: bool) -> None:
        self._random, self._append_only = random, append_only
        self.full = False
        self.emptied = 0
        self.had: set[int] = set()
        self.lost: set[int] = set()
        self.kept: dict[str, list[int]] = {}
        self._make()

    def _make(self) -> None:
        self.memory = Memory()
        self.aof: list[int] = []
        self._file, self._base = 1, 0
        self._synced, self._synced_at = 0, 0.0
        # What was written, its replication id and offset.
        self.snapshot: tuple[list[int], str, int] = ([], "", 0)
        self.saved_at = 0

    def writes(self) -> list[int]:
        return self.aof if self._append_only else self.snapshot[0]

    def append(self, writes: list[int], now: float) -> None:
        if now - self._synced_at >= FSYNC_SECONDS:
            self._synced, self._synced_at = len(self.aof), now
        self.aof.extend(writes)

    def new_base(self, writes: list[int], since: int) -> None:
        """A rewrite of the append only file is done that began when it had ``since`` writes."""
        self.aof, self._base = writes, since
        self._file += 1
        self._synced = since

    def cut_tail(self) -> None:
        """The file is rewritten: what comes is appended to a new one."""
        self._file += 1
        self._base = len(self.aof)

    def lose_power(self, now: float) -> None:
        """What was written in the last second may not be on the disk."""
        if now - self._synced_at < FSYNC_SECONDS and len(self.aof) > self._synced:
            keep = self._random.randint(self._synced, len(self.aof))
            self.aof = self.aof[:keep]
            self._base = min(self._base, keep)
        self._synced = len(self.aof)

    def gained(self, writes: list[int]) -> None:
        self.had.update(writes)
        if self.lost:
            self.lost.difference_update(writes)

    def account(self, before: list[int]) -> None:
        """What a server had before it went and is not on the disk was taken by the world, and not by a decision."""
        gone = set(before).difference(self.writes(), *self.kept.values())
        self.lost |= gone

    def empty(self) -> None:
        self.lost |= self.had
        self.kept = {}
        self.emptied += 1
        self._make()

    # What the agent does with it

    def look(self, memory_bytes: int) -> Disk:
        tail = (self._file, (len(self.aof) - self._base) * WRITE_BYTES) if self._append_only else (0, 0)
        return Disk(tail, memory_bytes, 0 if self.full else 10**9, tuple(sorted(self.kept)))

    def remember(self, memory: Memory) -> None:
        if self.full:
            raise OSError("no space left on device")
        self.memory = Memory.from_json(memory.to_json())

    def keep(self, name: str) -> None:
        if self.full:
            raise OSError("no space left on device")
        self.kept[name] = list(self.writes())
