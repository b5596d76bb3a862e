# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent beside a Sentinel: which master the Sentinel begins with, and the labels of the servers' pods. No I/O.

Sentinels find a new master where they know the old one. Where none of them knows any, at the first start and after
all pods were gone, their agents find the one to begin with, by what the servers remember. So that all begin with the
same one, it is written to an object of Kubernetes first, the record, and only if that is still as it was when
everything else was looked at: of several agents one is first, and the others read what it wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .evidence import Deadline, State, Verdict, choose, pod
from .model import Action, Say, View, agreed

# A Sentinel hears of what others know in a few seconds.
ALONE_SECONDS = 30.0


@dataclass(frozen=True)
class Record:
    """Who is the master of the latest known term. ``version`` is that of the object."""

    version: str
    term: int = -1
    master: str = ""
    told: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """What people are told beside it: names and texts."""


@dataclass(frozen=True)
class Pod:
    """What matters of a server's pod. ``version`` changes with every change of it."""

    name: str
    version: str
    role: str
    epoch: str


@dataclass(frozen=True)
class SentinelSeen:
    """What the agent beside a Sentinel sees in one round. None is what does not answer.

    ``record`` and ``pods`` were read before everything else. ``configured`` tells whether the Sentinel has its
    configuration.
    """

    record: Record | None
    pods: Sequence[Pod] | None
    views: Mapping[str, View | None]
    states: Mapping[str, State | None]
    configured: bool
    decided: str = ""
    decided_term: int = -1


@dataclass(frozen=True)
class Begin(Action):
    """Write the Sentinel's configuration: the master that it watches, and the epoch that this is known from."""

    epoch: int
    master: str


@dataclass(frozen=True)
class Restart(Action):
    """End the Sentinel: its container starts anew, and begins with what the others know."""


@dataclass(frozen=True)
class Write(Action):
    """Change the record, if it is still at its version."""

    record: Record
    why: str


@dataclass(frozen=True)
class Label(Action):
    """Label a pod, if it is still at its version."""

    pod: str
    version: str
    role: str
    epoch: str


class SentinelAgent:
    """One round after the other."""

    def __init__(self, host: str, sentinels: int, election: float, patient: bool) -> None:
        self._host, self._sentinels, self._patient = host, sentinels, patient
        self._deadline = Deadline(election)
        self._alone_since: float | None = None
        self.verdict: Verdict | None = None

    def round(self, seen: SentinelSeen, now: float) -> list[Action]:
        """What to do about what is seen. ``now`` is a monotonic clock's time in seconds."""
        view = agreed(seen.views.values(), self._sentinels)
        actions: list[Action] = []
        if not seen.configured:
            actions += self._begin(seen, now)
        else:
            self._deadline.renew()
            self.verdict = None
        actions += self._agree(seen.views.get(self._host), view, now)
        record = seen.record
        if view is not None and record is not None and view.epoch > record.term:
            actions.append(Write(Record(record.version, view.epoch, view.master), "most Sentinels agree on it"))
        if seen.pods is not None:
            actions += labels(seen.pods, view, record) if view is not None else doubts(seen.pods, seen.states)
        return actions

    def _agree(self, own: View | None, view: View | None, now: float) -> list[Action]:
        """Leave what only this Sentinel believes: it would name the wrong master until the next failover.

        One that is late with the end of its own failover, and hears of a later one in that moment, takes over the epoch
        and not the master: it compares what it hears with the master before its failover.
        """
        if own is None or view is None:
            # Who is late says nothing.
            return []
        if own.epoch != view.epoch or own.master == view.master or own.failing_over:
            self._alone_since = None
            return []
        if self._alone_since is None:
            self._alone_since = now
        if now - self._alone_since < ALONE_SECONDS:
            return []
        self._alone_since = None
        return [Say("alone", "starts its Sentinel anew: in this epoch most others name another master"), Restart()]

    def _begin(self, seen: SentinelSeen, now: float) -> list[Action]:
        """The master to begin with: what Sentinels, the record or the servers know, whichever is of the latest term."""
        states = [state for state in seen.states.values() if state is not None]
        latest = max((state.term for state in states), default=-1)
        # Those that began before the record was written, or were cut off then, follow who begins by it.
        least = latest if seen.record is None else max(latest, seen.record.term)
        views = [view for view in seen.views.values() if view is not None and view.epoch >= least]
        if views:
            known = max(views, key=lambda view: (view.epoch, view.master))
            return self._with(known.epoch, known.master, "other Sentinels watch it")
        if seen.record is None:
            return [Say("begin", "waits: Kubernetes does not tell who was the last master")]
        leads = [state for state in states if state.leads and state.term >= max(latest, seen.record.term)]
        if len(leads) == 1 and leads[0].own:
            return self._with(leads[0].term, leads[0].host, "it leads")
        record = seen.record
        # Who does not answer may be of a later term, that was not written any more.
        waited = self._deadline.has_passed(seen.states, now)
        if waited and record.master and record.term >= latest and self._is_possible(seen, record):
            return self._with(record.term, record.master, "it is on record")
        term = max(latest, record.term) + 1
        decided = seen.decided if seen.decided_term == term else ""
        self.verdict = verdict = choose(seen.states, waited, self._patient, decided)
        said = Say(
            "begin",
            "\n  ".join((f"the master of term {term}: {verdict.best or '?'}, {verdict.why}", *verdict.evidence)),
        )
        if not verdict.best:
            return [said]
        return [said, Write(Record(record.version, term, verdict.best), verdict.why)]

    def _is_possible(self, seen: SentinelSeen, record: Record) -> bool:
        """Whether the master on record is one of the servers, and has not lost what it had."""
        if record.master not in seen.states:
            return False
        state = seen.states[record.master]
        return state is None or not state.empty or all(one is None or one.empty for one in seen.states.values())

    def _with(self, epoch: int, master: str, why: str) -> list[Action]:
        return [
            Say("begin", f"watching {pod(master)} from epoch {max(epoch, 0)} on: {why}"),
            Begin(max(epoch, 0), master),
        ]


def labels(pods: Sequence[Pod], view: View, record: Record | None = None) -> list[Action]:
    """What to write in a round: the slaves first, and the master only when all of them are stamped with its epoch.

    A stamp changes the version of a pod, so an agent that believes in an earlier epoch cannot label a master any
    more: it has either not seen a stamp, and its change is refused, or it has, and does nothing.
    """
    stamps = [int(one.epoch) for one in pods if one.epoch.isdigit()]
    if max(stamps, default=-1) > view.epoch or (record is not None and record.term > view.epoch):
        return [Say("labels", f"waits: a later epoch than {view.epoch} was seen")]
    epoch, leader = str(view.epoch), pod(view.master)
    slaves: list[Action] = [
        Label(one.name, one.version, "slave", epoch)
        for one in pods
        if one.name != leader and (one.role, one.epoch) != ("slave", epoch)
    ]
    if slaves:
        return slaves
    return [
        Label(one.name, one.version, "master", epoch)
        for one in pods
        if one.name == leader and (one.role, one.epoch) != ("master", epoch)
    ]


def doubts(pods: Sequence[Pod], states: Mapping[str, State | None]) -> list[Action]:
    """While Sentinels do not agree no pod becomes the master, and one that says that it is none loses the label."""
    roles = {pod(host): state for host, state in states.items()}
    return [
        Label(one.name, one.version, "slave", one.epoch)
        for one in pods
        if one.role == "master" and (state := roles.get(one.name)) is not None and not state.leads
    ]
