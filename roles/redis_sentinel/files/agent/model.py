# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agents see, and what they do about it. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .evidence import Memory, State

# A server whose master has to accept this user cannot get a link, so nothing overwrites its data. The agent opens the
# gate for a link by which nothing is lost; Sentinels can make a server a replica at any time, and with a closed gate
# that is harmless.
CLOSED = "slotwise-closed"
# A value of min-replicas-to-write that no deployment reaches: writes are refused at once, and PUBLISH, by which
# Sentinels talk to each other, goes on.
FENCE = 1000001
# What a run of the collection sets for its own hand-over.
FENCE_OF_A_RUN = 1000000


@dataclass(frozen=True)
class Replica:
    """A replica as its master sees it (INFO replication, slaveN)."""

    host: str
    online: bool
    offset: int
    lag: int


@dataclass(frozen=True)
class Server:
    """What a server says of itself."""

    run_id: str
    role: str
    replid: str = ""
    offset: int = 0
    replid2: str = ""
    offset2: int = -1
    follows: str = ""
    link_up: bool = False
    syncing: bool = False
    loading: bool = False
    priority: int = 100
    needed: int = 0
    """min-replicas-to-write"""
    closed: bool = True
    """Whether the gate is."""
    append_only: bool = True
    keys: int = 0
    """In all databases, and functions: a server without any has no data."""
    dirty: int = 0
    """Counts writes since ``saved_at``, and nothing else."""
    backlog: int = 0
    """Where its backlog begins: elsewhere after all data came from a master, of which ``dirty`` counts nothing."""
    saving: bool = False
    saved_at: int = 0
    saved_well: bool = True
    rewriting: bool = False
    """Its append only file is not yet, or not again, that of its data: it would read older data if it started now."""
    replicas: tuple[Replica, ...] = ()
    delayed: bool = False
    """The disk is busy: the latest part of the append only file waits in memory, for up to two seconds."""

    @property
    def leads(self) -> bool:
        return self.role == "master"


@dataclass(frozen=True)
class View:
    """Who is the master, as one Sentinel sees it. ``choices``: replicas that it may take, host -> slave-priority."""

    epoch: int
    master: str
    failing_over: bool = False
    choices: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Disk:
    """The volume of a server. ``tail``: number and size of the file that grows, before the server was asked."""

    tail: tuple[int, int] = (0, 0)
    data_bytes: int = 0
    free_bytes: int = 0
    kept: tuple[str, ...] = ()
    problem: str = ""
    """Why it cannot be read: then nothing is known to be there."""


@dataclass(frozen=True)
class Seen:
    """What the agent beside a server sees in one round. None is what does not answer."""

    server: Server | None
    views: Mapping[str, View | None]
    states: Mapping[str, State | None]
    """Of the other servers, by host."""
    disk: Disk = Disk()
    going: bool = False
    """The pod is being stopped."""
    decided: str = ""
    """The server that a person chose for this term, see ``parse_decision``."""
    decided_term: int = -1


class Action:
    """Done in the order of a round's list; the first that fails ends it, and the next round looks again."""


@dataclass(frozen=True)
class Say(Action):
    """A line for the log, once until something else is said under the same topic."""

    topic: str
    text: str


@dataclass(frozen=True)
class Ask(Action):
    """A command for the own server, which must answer OK."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Gate(Action):
    """Let the server have a link to its master, or not."""

    open: bool


@dataclass(frozen=True)
class Renew(Action):
    """Have the server count anew how long it has been without its master: it is none for a moment that nobody sees."""

    master: str


@dataclass(frozen=True)
class AskSentinel(Action):
    """SENTINEL FAILOVER. A refusal is no failure: it is seen in the next round."""

    host: str


@dataclass(frozen=True)
class Keep(Action):
    """Link the files of the data to a directory beside it, or copy them."""

    name: str
    append_only: bool
    about: str


@dataclass(frozen=True)
class Note(Action):
    """Write the memory to the volume."""

    memory: Memory


@dataclass(frozen=True)
class Gone(Action):
    """The pod may stop now."""

    text: str


def agreed(views: Iterable[View | None], sentinels: int) -> View | None:
    """What more than half of all Sentinels say. A single one can be wrong, or cut off."""
    known = [view for view in views if view is not None]
    counted = Counter((view.epoch, view.master) for view in known).most_common(1)
    if not counted or counted[0][1] <= sentinels // 2:
        return None
    return next(view for view in known if (view.epoch, view.master) == counted[0][0])


def choosable(views: Iterable[View | None], host: str, sentinels: int) -> bool:
    """Whether most Sentinels may take this replica for a master."""
    return sum(view is not None and view.choices.get(host, 0) > 0 for view in views) > sentinels // 2


def parse_decision(text: str) -> tuple[str, int]:
    """POD@TERM as a person writes it; nothing for anything else."""
    name, _at, term = text.strip().partition("@")
    return (name, int(term)) if name and term.isdigit() else ("", -1)
