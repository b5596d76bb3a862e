# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the data of servers goes, what is proved about it, and who may lead. No I/O, no clock.

A server's data is a piece of a replication history: everything that the history with one replication id has up to an
offset (INFO: master_replid, master_repl_offset). Redis forgets both when it starts from an append only file, so the
agent notes them while they are known. What was noted is a minimum: more may have come afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

# How many earlier histories are remembered.
HISTORIES = 8


@dataclass(frozen=True)
class Data:
    """A server has the history up to ``least`` for sure, and its last write is at ``most`` or before.

    ``most`` is None where that is not known. It may be less than ``least``: PING and PUBLISH are in the history too.
    """

    replid: str = ""
    least: int = 0
    most: int | None = None
    before: tuple[str, int] = ("", -1)
    """The history that this one goes on from with the same offsets, and up to where (INFO: master_replid2)."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Data:
        replid, end = value["before"]
        return cls(str(value["replid"]), int(value["least"]), value["most"], (str(replid), int(end)))


@dataclass(frozen=True)
class Memory:
    """What a server remembers on its volume.

    ``term`` is the epoch of the Sentinels' configuration in which ``master`` was the master and this server was that,
    or had its data; -1 for a server that never had a master. ``history`` has the replication ids that its data goes
    through, each with the offset up to which it has it. ``files`` tells whether the data on disk is still that of
    ``data``.
    """

    term: int = -1
    master: str = ""
    data: Data = Data()
    history: tuple[tuple[str, int], ...] = ()
    files: tuple[int, int] = (0, 0)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Memory:
        """Raises ValueError, KeyError or TypeError for what is none."""
        return cls(
            int(value["term"]),
            str(value["master"]),
            Data.from_json(value["data"]),
            tuple((str(replid), int(offset)) for replid, offset in value["history"]),
            (int(value["files"][0]), int(value["files"][1])),
        )


@dataclass(frozen=True)
class State:
    """A server as its agent tells others: who it is, what it remembers, what it has now and does."""

    host: str
    term: int = -1
    master: str = ""
    data: Data = Data()
    history: tuple[tuple[str, int], ...] = ()
    keys: int = 0
    leads: bool = False
    """It is the master now."""
    waiting: str = ""
    """Why it does not follow the master, if a person has to decide."""
    kept: tuple[str, ...] = ()
    """Directories with data that a master may lack."""
    excluded: tuple[str, ...] = ()
    """Hosts that Sentinels must not choose while this master hands over."""
    replicas: tuple[str, ...] = ()
    """Hosts that have a connection to it as replicas, in sync or not yet."""

    @property
    def empty(self) -> bool:
        return self.term < 0 and self.keys == 0

    @property
    def own(self) -> bool:
        """Whether it was the master itself in its term."""
        return self.term >= 0 and self.master == self.host

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> State:
        memory = Memory.from_json({**value, "files": (0, 0)})
        return cls(
            str(value["host"]), memory.term, memory.master, memory.data, memory.history, int(value["keys"]),
            bool(value["leads"]), str(value["waiting"]), tuple(map(str, value["kept"])),
            tuple(map(str, value["excluded"])),
            tuple(map(str, value["replicas"])),
        )  # fmt: skip


class Deadline:
    """Until when servers that do not answer are waited for: so long after there was a master, or their last answer.

    One that is late once has not had its time.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None
        self._answered: dict[str, float] = {}

    def renew(self) -> None:
        """There is a master."""
        self._since = None

    def has_passed(self, states: Mapping[str, State | None], now: float) -> bool:
        """Whether nobody is waited for any more."""
        since = self._since = now if self._since is None else self._since
        self._answered.update({host: now for host, state in states.items() if state is not None})
        return all(
            now - max(since, self._answered.get(host, since)) >= self._seconds
            for host, state in states.items()
            if state is None
        )


@dataclass(frozen=True)
class Verdict:
    """Who may lead. ``best`` is empty while that is not decided; ``evidence`` has a line per server."""

    best: str
    why: str
    evidence: tuple[str, ...] = field(default=())


def reaches(state: State, replid: str) -> int:
    """Up to which offset a server has a history for sure; -1 where it is not known to have any of it."""
    pieces = (*state.history, state.data.before, (state.data.replid, state.data.least))
    known = [offset for one, offset in pieces if one == replid]
    return max(known, default=-1) if replid else -1


def has_all_of(state: State, other: State) -> bool:
    """Whether it is proved that a server has everything that the other one has."""
    most = other.data.most
    if other.empty:
        return True
    if most is None:
        return False
    replid, end = other.data.before
    return reaches(state, other.data.replid) >= most or (end >= most and reaches(state, replid) >= most)


def has_more_than(state: State, other: State) -> bool:
    """Whether it is proved that a server has something that the other one has not."""
    if state.empty:
        return False
    if other.empty or state.term > other.term:
        return True
    if state.term < other.term:
        return False
    if _went_on_without(state, other):
        return True
    return other.data.most is not None and reaches(state, other.data.replid) > other.data.most


def _went_on_without(state: State, other: State) -> bool:
    """Whether it was promoted and went on in a history of which the other one knows only those that came before.

    That one was not there any more then, or was promoted itself. Offsets go on from one history to the next.
    """
    most = -1 if state.data.most is None else state.data.most
    line = [*dict((*state.history, state.data.before)).items(), (state.data.replid, most)]
    line = [(replid, end) for replid, end in line if end >= 0]
    known = [place for place, (replid, _end) in enumerate(line) if reaches(other, replid) >= 0]
    unknown = line[known[-1] :] if known else []
    return any(end > start for (_before, start), (_replid, end) in zip(unknown, unknown[1:]))


def _is_ahead(rival: State, one: State) -> bool:
    return has_more_than(rival, one) and not has_more_than(one, rival)


def rank(state: State, ordinal: int, replid: str) -> tuple[int, bool, bool, int, int]:
    """The best known one is the greatest: the latest term, in it the master, else who got most, else the first."""
    return state.term, state.own, not state.empty, reaches(state, replid), -ordinal


def choose(
    states: Mapping[str, State | None], waited: bool, patient: bool, decided: str = "", expected: str = ""
) -> Verdict:
    """Which of the servers may lead, none of which does.

    :arg states: Every server of the deployment in the order of its ordinals; None for one that does not say anything.
    :arg waited: Whether those had the time that they are given.
    :arg patient: Whether a person has to decide where it is not known who has most, instead of taking the best known.
    :arg decided: The server that a person named.
    :arg expected: The one that Sentinels name already: it is taken among equals.
    """
    known = [state for state in states.values() if state is not None]
    silent = [host for host, state in states.items() if state is None]
    evidence = tuple(describe(state) for state in known) + tuple(f"{pod(host)}: does not answer" for host in silent)
    if decided:
        state = states.get(decided)
        if state is None:
            return Verdict("", f"a person decided for {pod(decided)}, which does not answer", evidence)
        return Verdict(decided, "a person decided", evidence)
    if not known:
        return Verdict("", "no server answers", evidence)
    latest = max(known, key=lambda state: (state.term, state.own, not state.empty, state.data.least))
    order = {host: number for number, host in enumerate(states)}
    # A former master may have lost what another still has. Of two that were promoted each may have something.
    fit = [one for one in known if not any(_is_ahead(rival, one) for rival in known)]
    best = max(fit or known, key=lambda state: rank(state, order[state.host], latest.data.replid))
    named = states.get(expected)
    if named is not None and all(has_all_of(named, state) for state in known if state is not named):
        best = named
    rivals = [state for state in known if state is not best and not has_all_of(best, state)]
    if not silent:
        if not rivals:
            return Verdict(best.host, "it is proved to have everything that the others have", evidence)
        if patient and not best.own:
            return Verdict("", f"it is not known whether {names(rivals)} have more than {pod(best.host)}", evidence)
        return Verdict(best.host, f"all answer, and it is the best known; {names(rivals)} may have more", evidence)
    if patient:
        return Verdict("", f"{', '.join(map(pod, silent))} may have more than {pod(best.host)}", evidence)
    if not waited:
        return Verdict("", f"waits for {', '.join(map(pod, silent))}", evidence)
    if len(known) * 2 < len(states):
        return Verdict("", f"fewer than half of the {len(states)} servers answer", evidence)
    return Verdict(best.host, f"the best known one; {', '.join(map(pod, silent))} had the time to answer", evidence)


def describe(state: State) -> str:
    """A server's evidence as a person reads it."""
    if state.empty:
        return f"{pod(state.host)}: no data"
    most = "more not excluded" if state.data.most is None else f"at most {state.data.most}"
    return (
        f"{pod(state.host)}: term {state.term}, {'the master' if state.own else f'replica of {pod(state.master)}'}, "
        f"{state.keys} keys, history {state.data.replid[:8] or '?'} at least to {state.data.least}, {most}"
    )


def names(states: list[State]) -> str:
    return ", ".join(pod(state.host) for state in states)


def pod(host: str) -> str:
    """The pod of a DNS name; other hosts stay as they are."""
    name = host.partition(".")[0]
    return host if name.isdigit() else name
