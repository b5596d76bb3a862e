# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planned hand-over: before a master goes, a replica that has every acknowledged write is the master. No I/O.

Writes are refused from one moment on, the fence (NOREPLICAS). A replica that has the offset of that moment has every
write that was acknowledged, however long the failover takes. CLIENT PAUSE would hold writes back instead, and with
them the PUBLISH by which Sentinels talk: they would call the master dead; and when it ends before the failover does,
writes are lost. Sentinels choose by what they saw up to ten seconds ago, so replicas that lag must not be choosable
at all before it begins.
"""

from __future__ import annotations

from .evidence import pod, reaches
from .model import FENCE, FENCE_OF_A_RUN, Action, Ask, AskSentinel, Gone, Say, Seen, Server, View

# A replica that is behind by no more gets in sync in a moment.
NEAR_BYTES = 1_000_000
# How long the fence may stand without a replica that has everything.
FENCE_SECONDS = 5.0
# After that long without a failover in progress and without a new master, one that was accepted has been given up.
GIVEN_UP_SECONDS = 3.0


class HandOver:
    """From the order to stop until a replica leads, or not. ``needed`` is the configured min-replicas-to-write."""

    def __init__(self, host: str, port: str, patience: float, needed: int) -> None:
        self._host, self._port, self._patience, self._needed = host, port, patience, needed
        self._began: float | None = None
        self._fenced: float | None = None
        self._everything: int | None = None
        self._ordered: float | None = None
        self._asked = 0
        self.excluded: tuple[str, ...] = ()

    @property
    def fenced(self) -> bool:
        return self._fenced is not None

    def round(self, seen: Seen, server: Server, view: View | None, term: int, now: float) -> list[Action]:
        """What to do next. ``term`` is that in which this server was the master."""
        if self._began is None:
            self._began = now
        late = now - self._began > self._patience
        if not server.leads:
            return self._leave(seen, server, late)
        if self._ordered is not None:
            # A former master that hangs still says that it leads.
            leader = next((host for host in seen.states if self._has_everything(seen, host, server)), "")
            if leader:
                # Whatever Sentinels do now, this server takes no write any more.
                return [Ask(("REPLICAOF", leader, self._port))]
        if late:
            return [Gone("could not hand over: it stops with its data, as the master")]
        if view is not None and view.master != self._host and view.epoch > term:
            return [Ask(("REPLICAOF", view.master, self._port))]
        if view is None or view.master != self._host:
            return [Say("hand-over", "waits: most Sentinels do not name this server as the master")]
        if self._fenced is None:
            return self._prepare(seen, server, now)
        return self._order(seen, server, self._fenced, now)

    def _leave(self, seen: Seen, server: Server, late: bool) -> list[Action]:
        """It leads no more, by its own will or by that of a Sentinel."""
        follows = server.follows.rstrip(".")
        if not self.fenced or self._everything is None:
            return [Gone("is not the master")]
        if self._has_everything(seen, follows, server):
            return [Gone(f"handed over to {pod(follows)}")]
        return [Gone(f"{pod(follows)} may lack something: it stops with its data")] if late else []

    def _has_everything(self, seen: Seen, host: str, server: Server) -> bool:
        """Whether it leads, and is proved to have what this server had at the fence."""
        state = seen.states.get(host)
        return state is not None and state.leads and reaches(state, server.replid) >= (self._everything or 0)

    def _prepare(self, seen: Seen, server: Server, now: float) -> list[Action]:
        fit = {r.host for r in server.replicas if r.online and r.lag <= 1 and server.offset - r.offset <= NEAR_BYTES}
        if not fit:
            return [Say("hand-over", "waits: no replica is in sync")]
        self.excluded = tuple(sorted(self._choices(seen) - fit))
        if self.excluded:
            return [
                Say("hand-over", f"waits until Sentinels do not choose {', '.join(map(pod, self.excluded))}, which lag")
            ]
        if not self._choices(seen):
            return [Say("hand-over", "waits: Sentinels may choose no replica yet")]
        self._fenced, self._everything, self._ordered = now, None, None
        return [
            Say("hand-over", f"takes no more writes; in sync: {', '.join(map(pod, sorted(fit)))}"),
            Ask(("CONFIG", "SET", "min-replicas-to-write", str(FENCE))),
        ]

    def _order(self, seen: Seen, server: Server, fenced: float, now: float) -> list[Action]:
        if server.needed < FENCE:
            # The fence could not be set, or somebody took it away: nothing counts that was seen since. That of a run
            # stays: a failover that it ordered may be under way.
            self._fenced = None
            return [] if server.needed == FENCE_OF_A_RUN else [self._unfence()]
        if self._everything is None:
            self._everything = server.offset
        offsets = {replica.host: replica.offset for replica in server.replicas if replica.online}
        behind = sorted(host for host in self._choices(seen) if offsets.get(host, -1) < self._everything)
        failing_over = any(one is not None and one.failing_over for one in seen.views.values())
        if failing_over:
            # Another one at the same time could make a second master of the same epoch.
            return []
        if self._ordered is not None:
            if now - self._ordered < GIVEN_UP_SECONDS:
                return []
            # Accepted and given up, for example because a Sentinel saw the replica for the first time a moment before.
            self._ordered = None
        if behind or not self._choices(seen):
            if now - fenced < FENCE_SECONDS:
                return []
            # Their time is over: without them, or later.
            self.excluded = tuple(behind)
            return [
                Say("hand-over", f"{', '.join(map(pod, behind)) or 'no replica'} not in sync in time"),
                self._unfence(),
            ]
        sentinels = list(seen.views)
        sentinel = sentinels[self._asked % len(sentinels)]
        self._asked += 1
        return [AskSentinel(sentinel)]

    def answered(self, accepted: bool, now: float) -> None:
        """What a Sentinel said to the order."""
        if accepted:
            self._ordered = now

    def _choices(self, seen: Seen) -> set[str]:
        """Replicas that at least one Sentinel might take."""
        return {host for one in seen.views.values() if one for host, priority in one.choices.items() if priority > 0}

    def _unfence(self) -> Action:
        self._fenced = None
        return Ask(("CONFIG", "SET", "min-replicas-to-write", str(self._needed)))
