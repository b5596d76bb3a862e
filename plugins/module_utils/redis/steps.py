# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps on nodes of a Redis Cluster, a class each, and the plan that they make. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any, ClassVar, TypeVar

Command = tuple[object, ...]
EVERYWHERE = "all nodes"


@dataclass(frozen=True)
class Step:
    """One guarded action on one node, and why it is taken."""

    node: str
    reason: str
    action: ClassVar[str] = ""
    """Its name in results."""
    words: ClassVar[str] = ""
    """How it reads; parts of it are put in by their names."""
    together: ClassVar[str] = ""
    """Steps that follow each other and have the same text here are carried out side by side."""

    @property
    def parts(self) -> dict[str, Any]:
        """What it has beside node and reason."""
        return {field.name: getattr(self, field.name) for field in fields(self)[2:]}

    def as_dict(self) -> dict[str, Any]:
        return {"action": self.action, "node": self.node, **self.parts, "reason": self.reason}

    def text(self) -> str:
        words = self.words.format(**{name: _plain(value) for name, value in self.parts.items()})
        return f"{self.node}: {words}  # {self.reason}"

    def commands(self) -> list[Command]:
        """What is sent to its node, where that is known beforehand and is all there is to do."""
        raise NotImplementedError


@dataclass(frozen=True)
class Set(Step):
    """Settings of a node, by their names."""

    settings: Mapping[str, str]
    words = "CONFIG SET {settings}"

    def commands(self) -> list[Command]:
        return [("CONFIG", "SET", *(word for pair in self.settings.items() for word in pair))]


@dataclass(frozen=True)
class Tune(Set):
    """For the time in which the cluster is formed."""

    action, together = "tune", "tune"


@dataclass(frozen=True)
class Configure(Set):
    """What the node shall run with."""

    action, together = "configure", "configure"


@dataclass(frozen=True)
class FailOver(Step):
    """A replica asks the masters for their votes until it is the master."""

    action, words, together = "fail_over", "CLUSTER FAILOVER FORCE", "fail_over"


@dataclass(frozen=True)
class SetEpoch(Step):
    """Only for a node that knows no other yet."""

    epoch: int
    action, words, together = "set_epoch", "CLUSTER SET-CONFIG-EPOCH {epoch}", "set_epoch"

    def commands(self) -> list[Command]:
        return [("CLUSTER", "SET-CONFIG-EPOCH", self.epoch)]


@dataclass(frozen=True)
class AddSlots(Step):
    """Slots that no other node serves, as ranges."""

    ranges: Sequence[str]
    action, words, together = "add_slots", "CLUSTER ADDSLOTSRANGE {ranges}", "add_slots"

    def commands(self) -> list[Command]:
        words = " ".join(self.ranges).split()
        ends = (word.split("-") for word in words)
        return [("CLUSTER", "ADDSLOTSRANGE", *(end for pair in ends for end in (pair[0], pair[-1])))]


@dataclass(frozen=True)
class Meet(Step):
    """The node introduces itself to others; names of these."""

    peers: Sequence[str]
    action, words, together = "meet", "CLUSTER MEET {peers}", "join"


@dataclass(frozen=True)
class Replicate(Step):
    """The node follows a master as soon as it knows it; the name of that."""

    master: str
    action, words, together = "replicate", "CLUSTER REPLICATE {master}", "join"


@dataclass(frozen=True)
class Forget(Step):
    """All nodes forget one that is gone, by its id."""

    node_id: str
    action, words, together = "forget", "CLUSTER FORGET {node_id}", "forget"


Kind = TypeVar("Kind", bound=Step)


@dataclass(frozen=True)
class Plan:
    """Steps that lead from the observed to the desired state, in the order in which they are carried out."""

    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    def of(self, *kinds: type[Kind]) -> tuple[Kind, ...]:
        return tuple(step for step in self.steps if isinstance(step, kinds))

    def rounds(self) -> Iterator[list[Step]]:
        """Those that are carried out side by side, in order."""
        for _together, steps in groupby(self.steps, key=lambda step: step.together):
            yield list(steps)


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(item) for item in value)
    return str(value)
