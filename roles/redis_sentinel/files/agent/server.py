# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent beside a server: whom it follows, whether it may lead, what is kept and remembered. No I/O.

Sentinels decide who is the master. A server starts as a replica of itself, with a closed gate (see ``model.CLOSED``)
and with priority 0. From there on each round looks at what is true, and does the next thing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .evidence import HISTORIES, Data, Deadline, Memory, State, choose, has_all_of, has_more_than, pod
from .handover import HandOver
from .model import (
    FENCE,
    FENCE_OF_A_RUN,
    Action,
    Ask,
    AskSentinel,
    Gate,
    Gone,
    Keep,
    Note,
    Renew,
    Say,
    Seen,
    Server,
    View,
    agreed,
    choosable,
)

# The replica-priority of a server that Sentinels may choose, and of one that they must not.
CHOOSABLE, SHUT_OUT = 100, 0
# How often progress is noted.
NOTE_SECONDS = 2.0
# A run of the collection that was killed may have left its fence.
FENCE_SECONDS = 60.0
# A failover that ended a moment ago may be heard of only now.
QUIET_SECONDS = 5.0
# A server that connects to an address where nobody is any more would wait for a minute (repl-timeout).
CONNECT_SECONDS = 3.0
# Sentinels take no replica that has been without its master for long, as they count it, and a server that stands for an
# election may have been: then it counts anew.
STAND_SECONDS = 60.0
# A Sentinel that made a server the master, and died before it told anybody, leaves one that nobody names.
UNNAMED_SECONDS = 30.0
# Between two orders to fail over that nothing came of.
ASK_SECONDS = 5.0
# Space that stays free on the volume when data is kept, as a share of the data: the next append only file needs room.
ROOM = 1.2
UNNOTED = (
    "has lost data that it had noted, and cannot note that on its volume, which may be full: it neither leads nor "
    "follows until it can, and tries again by itself"
)


@dataclass(frozen=True)
class Settings:
    """``host`` is the DNS name of this server's pod, ``hosts`` that of every server in the order of ordinals."""

    host: str
    hosts: tuple[str, ...]
    sentinels: int
    election: float
    """How long servers that do not answer are waited for, in seconds, as all times here."""
    patient: bool
    """A person decides where it is not known who has most."""
    patience: float
    """How long a hand-over may take."""
    needed: int
    """The configured min-replicas-to-write."""
    copies: int
    """How many kept directories a volume may have."""
    port: str = "6379"


class ServerAgent:
    """One round after the other. ``memory`` is what the volume has."""

    def __init__(self, settings: Settings, memory: Memory) -> None:
        self._settings = settings
        self.memory = memory
        # What the server has now. The memory is about what the volume has.
        self.data = memory.data
        self.history = memory.history
        self.waiting = ""
        self.ready = False
        self.state: State | None = None
        self._noted = memory
        self._noted_at = float("-inf")
        # Less came back than was noted, and that is not noted yet.
        self._less = False
        # The process in which this server was a master or had a link, and so knows how far it is.
        self._live = ""
        self._last_offset: int | None = None
        # The latest write was seen at this offset, and none since.
        self._written: tuple[tuple[str, str, int, int, int], int] = (("", "", 0, 0, 0), 0)
        # The replication id under which Sentinels agreed on this server as the master.
        self._reign = memory.data.replid if memory.master == settings.host else ""
        self._outvoted: tuple[int, str, str] | None = None
        self._outvoted_since = 0.0
        self._deadline = Deadline(settings.election)
        self._connecting: tuple[str, float] | None = None
        self._stands_since: float | None = None
        self._dead_link_since: float | None = None
        self._fence_since: float | None = None
        # The process in which this server had the priority of its place, and since when somebody else's has stood.
        self._placed = ""
        self._set_back_since: float | None = None
        # The process, the term and the master that it has last had its place with.
        self._place = ("", -1, "")
        # Until when each Sentinel counts as one that may give this server's place to another.
        self._contested: dict[str, float] = {}
        self._asked_at = float("-inf")
        self._asked = 0
        self._kept = ""
        # Which data is to be in a snapshot that is later than the one of this time.
        self._snapshot: tuple[Data, int] | None = None
        self._hand_over: HandOver | None = None

    def round(self, seen: Seen, now: float) -> list[Action]:
        """What to do about what is seen. ``now`` is a monotonic clock's time in seconds."""
        server = seen.server
        if server is None or server.loading:
            # Others must not believe what it was, and what was noted is not known to be there.
            self.state = None
            self._deadline.renew()
            self.ready = False
            return self._note(seen, now, final=True)
        if seen.disk.problem:
            # As while its file is being written: what is remembered of the volume is true of it, if anything is.
            server = replace(server, rewriting=True)
        unnoted = self._less
        self._measure(seen, server)
        view = agreed(seen.views.values(), self._settings.sentinels)
        # A master that goes must not wait for anything else.
        if seen.going:
            actions = self._go(seen, server, view, now)
        else:
            actions = self._lift_fence(seen, server, view, now)
            if unnoted and not server.leads:
                actions += self._shut_out(server)
            if view is not None:
                mine = view.master == self._settings.host
                actions += self._expected(seen, server, view, now) if mine else self._other(seen, server, view, now)
            else:
                self._outvoted = None
        self.ready = self._is_ready(seen, server, view)
        self.state = State(
            self._settings.host, self.memory.term, self.memory.master, self.data, self.history, server.keys,
            server.leads, self.waiting or (UNNOTED if unnoted else ""), seen.disk.kept,
            self._hand_over.excluded if self._hand_over else (),
            tuple(replica.host for replica in server.replicas),
        )  # fmt: skip
        # Where the pod goes, this is the last time that it is known how far the server is.
        note = self._note(seen, now, final=any(isinstance(action, Gone) for action in actions))
        # As a master it could not tell any more that it had lost something, if this process ended before it noted that.
        place = _first_that_relies(actions) if self._less or seen.disk.problem else len(actions)
        return [*actions[:place], *note, *([] if seen.disk.problem else actions[place:])]

    # What this server has

    def _measure(self, seen: Seen, server: Server) -> None:
        before = self._last_offset
        if not server.delayed:
            self._last_offset = server.offset
        marker = (server.run_id, server.replid, server.backlog, server.dirty, server.saved_at)
        if marker != self._written[0] or self._written[1] > server.offset:
            self._written = (marker, server.offset)
        written, earlier = self._written[1], (server.replid2, server.offset2 - 1)
        alive = self._live == server.run_id
        if server.leads or (alive and not server.link_up and server.replid2 == self.data.replid != server.replid):
            self._live = server.run_id
            self._go_on(server, (earlier,))
            self.data = Data(server.replid, server.offset, written, earlier)
            self._remember_data(server, before, seen)
        elif server.link_up:
            self._live = server.run_id
            master = seen.states.get(_plain(server.follows))
            # The link may be a dead one to where the master ran before, and what it has begun since came by no link.
            same = master is not None and master.leads and master.data.replid == server.replid
            self._go_on(server, master.history if master and same else ())
            self.data = Data(server.replid, server.offset)
            self._remember_data(server, before, seen)
        elif alive:
            # Nothing comes any more.
            self.data = Data(server.replid, server.offset, written, earlier)
        else:
            self._begin(seen, server, Data(server.replid, server.offset, server.offset, earlier))

    def _go_on(self, server: Server, more: tuple[tuple[str, int], ...]) -> None:
        """The history goes on, or all data was replaced by that of the master, whose history is ``more``."""
        replid = self.data.replid
        pieces: dict[str, int] = {}
        mine = (*self.history, (replid, self.data.least))
        replaced = not server.leads and replid not in (server.replid, server.replid2)
        of_master = {known for known, _end in more}
        ours = () if replaced else mine
        # One after the other, as the data went through them.
        for known, end in (*(one for one in ours if one[0] not in of_master), *more, *ours):
            pieces[known] = max(end, pieces.get(known, -1))
        for unknown in ("", "0" * 40, server.replid):
            pieces.pop(unknown, None)
        self.history = tuple(pieces.items())[-HISTORIES:]

    def _remember_data(self, server: Server, before: int | None, seen: Seen) -> None:
        if server.rewriting:
            # The volume still has what is remembered.
            return
        # Asked before the size of the file was looked at, so that is in the file, and no more than it has now.
        now = 0 if server.delayed else server.offset
        least = now if before is None or before > server.offset else before
        data = Data(server.replid, least, self._written[1], (server.replid2, server.offset2 - 1))
        self.memory = replace(self.memory, data=data, history=self.history, files=seen.disk.tail)

    def _begin(self, seen: Seen, server: Server, snapshot: Data) -> None:
        """What a server has that was not seen with a link since it started.

        A snapshot says itself how far it goes, and so does a link that came and went unseen; after a start from an
        append only file the offset is 1.
        """
        known = self._noted.data
        self.data = snapshot if server.offset > 1 else self._read_from_disk(seen, server)
        self.history = self._noted.history
        if self.data.replid != known.replid or self.data.least < known.least:
            # Less came back than was noted, so nothing of that is proved any more.
            self.history = ()
            if not seen.disk.problem:
                self.memory = replace(self.memory, data=self.data, history=(), files=seen.disk.tail)
                self._less = True

    def _read_from_disk(self, seen: Seen, server: Server) -> Data:
        """What a server has that started from its files, where Redis does not say it."""
        noted, then, now = self._noted.data, self._noted.files, seen.disk.tail
        if not noted.replid:
            return Data()
        if not server.append_only:
            # A snapshot that has something of this history would have said how much.
            return Data(noted.replid, 0, None if server.keys else 0)
        if seen.disk.problem:
            return replace(noted, least=0, most=None)
        if now < then:
            # A file that has lost its end, or is an earlier one, or gone: something of what there was is not there.
            most = noted.most and noted.most - 1
            return replace(noted, least=0, most=most if server.keys else 0)
        return noted if now == then else replace(noted, most=None)

    def _is_whole(self, server: Server) -> bool:
        """Whether its files have all that it had before it started."""
        return server.append_only and self.data.least >= self._noted.data.least

    # What it does

    def _expected(self, seen: Seen, server: Server, view: View, now: float) -> list[Action]:
        """Most Sentinels say that this server is the master."""
        self._outvoted = None
        self.waiting = ""
        if server.leads:
            self._reign = server.replid
            self._deadline.renew()
            return [*self._close(server), *self._settle(server, view, now)]
        if server.link_up or any(state and state.leads and state.term >= view.epoch for state in seen.states.values()):
            # Sentinels are about to make it the master, or hear of another one in a moment.
            return []
        waited = self._deadline.has_passed(seen.states, now)
        ahead = [state for state in seen.states.values() if state and has_more_than(state, self._own_state(seen))]
        # Since an earlier term another one may have been the master.
        was_master = (self.memory.term, self.memory.master) == (view.epoch, self._settings.host)
        if not ahead and was_master and self._is_whole(server):
            return self._lead(view, "it was the master, and has its data")
        verdict = choose(
            self._all_states(seen), waited, self._settings.patient, self._decision(seen, view), self._settings.host
        )
        if verdict.best == self._settings.host:
            return self._lead(view, verdict.why, verdict.evidence)
        if verdict.best or ahead:
            # As the master it would take from its replicas what it has not.
            return [
                Say("election", f"Sentinels expect it to be the master, and {pod(verdict.best) or 'another'} has more"),
                *self._ask_for_failover(seen, now),
            ]
        return [Say("election", "\n  ".join((f"does not lead yet: {verdict.why}", *verdict.evidence)))]

    def _other(self, seen: Seen, server: Server, view: View, now: float) -> list[Action]:
        """Most Sentinels say that another server is the master."""
        master = seen.states.get(view.master)
        if server.leads:
            return self._step_down(server, view, now)
        self._outvoted = None
        if server.link_up and _plain(server.follows) == view.master and not self._is_dead_link(server, master, now):
            self._deadline.renew()
            self._connecting, self._stands_since, self.waiting, self._kept = None, None, "", ""
            shut_out = master is not None and self._settings.host in master.excluded
            return [*self._close(server), *(self._shut_out(server) if shut_out else self._settle(server, view, now))]
        if master is not None and master.leads:
            self._deadline.renew()
            return self._follow(seen, server, view, master, now)
        self._connecting = None
        return self._stand(seen, server, view, now)

    def _is_dead_link(self, server: Server, master: State | None, now: float) -> bool:
        """Whether the server only believes in its link: its master goes on with another history, from a new address."""
        if master is None or not master.leads or master.data.replid == server.replid:
            self._dead_link_since = None
            return False
        if self._dead_link_since is None:
            self._dead_link_since = now
        return now - self._dead_link_since > CONNECT_SECONDS

    def _step_down(self, server: Server, view: View, now: float) -> list[Action]:
        """A master of an earlier term becomes a replica; its gate is closed, so nothing is overwritten by that.

        Not at once: a Sentinel may be about to make it the master again, and tell the others. Not at all where one
        has done so since Sentinels agreed on it last, which shows by its replication id: that one tells the others,
        or makes it a replica.
        """
        outvoted = (view.epoch, view.master, server.replid)
        if self._outvoted != outvoted:
            self._outvoted, self._outvoted_since = outvoted, now
            return []
        was_master = self.memory.master == self._settings.host and view.epoch > self.memory.term
        made_anew = bool(self._reign) and self._reign != server.replid
        if (not was_master or made_anew) and now - self._outvoted_since < UNNAMED_SECONDS:
            return []
        return [
            *self._close(server),
            Say("role", f"was the master in term {self.memory.term}; {pod(view.master)} is it in term {view.epoch}"),
            Ask(("REPLICAOF", view.master, self._settings.port)),
        ]

    def _follow(self, seen: Seen, server: Server, view: View, master: State, now: float) -> list[Action]:
        """Get a link to the master, by which nothing is lost that the master has not."""
        if _plain(server.follows) != view.master:
            return [*self._close(server), Ask(("REPLICAOF", view.master, self._settings.port))]
        own = self._own_state(seen)
        name = self._name_of_kept(seen, server, own)
        if not has_all_of(master, own) and self._kept != name:
            if name not in seen.disk.kept:
                return self._keep(seen, server, own, master, name)
            self._kept = name
        self.waiting = ""
        if server.link_up:
            self._dead_link_since = None
            return [Ask(("REPLICAOF", _respelt(server.follows), self._settings.port))]
        if server.closed:
            self._connecting = (server.follows, now)
            return [Say("role", f"following {pod(view.master)}"), Gate(True)]
        if server.syncing or self._settings.host in master.replicas:
            # The master may take its time to make a snapshot.
            self._connecting = None
            return []
        if self._connecting is None or self._connecting[0] != server.follows:
            self._connecting = (server.follows, now)
        if now - self._connecting[1] < CONNECT_SECONDS:
            return []
        return [Ask(("REPLICAOF", _respelt(server.follows), self._settings.port))]

    def _name_of_kept(self, seen: Seen, server: Server, own: State) -> str:
        """The same for the same data only, so that nothing is kept twice, or taken for kept."""
        data = own.data
        name = f"kept-of-term-{max(self.memory.term, 0)}-{data.replid[:8] or 'unknown'}"
        if data.most is not None:
            return f"{name}-{data.most}"
        # Several data may have that much: those of a file differ by its size, snapshots by the process that read them.
        number, size = seen.disk.tail
        return f"{name}-{data.least}-{f'{number}.{size}' if server.append_only else server.run_id[:8]}"

    def _keep(self, seen: Seen, server: Server, own: State, master: State, name: str) -> list[Action]:
        """What to do before the data may be overwritten, until it is kept."""
        if seen.disk.problem:
            self.not_kept(seen.disk.problem)
            return [Say("role", self.waiting)]
        if server.rewriting:
            return [Say("role", "its append only file is being written: it is kept after that")]
        needs, full = int(seen.disk.data_bytes * ROOM), ""
        if len(seen.disk.kept) >= self._settings.copies:
            full = f"{len(seen.disk.kept)} kept directories are there, of {self._settings.copies} allowed"
        elif seen.disk.free_bytes < needs:
            full = f"{seen.disk.free_bytes} bytes are free, and {needs} are needed"
        if full:
            self.waiting = (
                f"has data that {pod(master.host)} may lack, and no room to keep it: {full}. "
                f"Look at {', '.join(seen.disk.kept) or 'the volume'}, remove what is not needed: it goes on by itself"
            )
            return [Say("role", self.waiting)]
        if not server.append_only:
            # What is in memory only goes to the file first.
            if server.saving:
                return []
            if self._snapshot is None or self._snapshot[0] != own.data:
                self._snapshot = (own.data, server.saved_at)
                return [Ask(("BGSAVE",))]
            before, self._snapshot = self._snapshot[1], None
            if server.saved_at == before or not server.saved_well:
                return [Say("role", "the snapshot of what is to be kept failed: trying again")]
        about = (
            f"{pod(own.host)} had {own.data.least} of history {own.data.replid}, {pod(master.host)} may lack some of it"
        )
        return [
            Say("role", f"what {pod(master.host)} may lack is kept in {name}"),
            Keep(name, server.append_only, about),
        ]

    def _stand(self, seen: Seen, server: Server, view: View, now: float) -> list[Action]:
        """Sentinels know a master that does not lead. They may choose this server only if it is the best one.

        Where it was in its place until now, a master that is silent has failed, and how long that may take is what
        Sentinels are told: nobody is waited for. Else all were away, and who is silent may have more.
        """
        waited = self._deadline.has_passed(seen.states, now)
        states, patient = self._all_states(seen), self._settings.patient
        if states.get(view.master) is None and self._was_in_place(server, view):
            states, patient = {host: state for host, state in states.items() if state is not None}, False
        verdict = choose(states, waited, patient, self._decision(seen, view))
        said = Say("election", "\n  ".join((f"{pod(view.master)} does not lead: {verdict.why}", *verdict.evidence)))
        if verdict.best != self._settings.host:
            if verdict.best:
                self._stands_since = None
            return [said, *self._close(server), *self._shut_out(server)]
        if self._stands_since is None:
            self._stands_since = now
        if now - self._stands_since < STAND_SECONDS:
            return [said, *self._close(server), *self._offer(server)]
        self._stands_since = now
        return [said, *self._close(server), Renew(view.master)]

    def _lead(self, view: View, why: str, evidence: tuple[str, ...] = ()) -> list[Action]:
        self._reign = ""
        said = "\n  ".join((f"becoming the master of term {view.epoch}: {why}", *evidence))
        return [
            Say("election", said),
            Ask(("REPLICAOF", "NO", "ONE")),
            Ask(("CONFIG", "SET", "replica-priority", str(CHOOSABLE))),
        ]

    def _settle(self, server: Server, view: View, now: float) -> list[Action]:
        """This server has its place: it remembers it, and Sentinels may choose it.

        A run sets back replicas that lag while it hands over, as long as its fence may stand.
        """
        self._remember_term(server, view)
        self._place = server.run_id, view.epoch, view.master
        if server.priority == CHOOSABLE:
            self._placed, self._set_back_since = server.run_id, None
            return []
        if self._placed == server.run_id:
            if self._set_back_since is None:
                self._set_back_since = now
            if now - self._set_back_since < FENCE_SECONDS:
                return []
        return self._offer(server)

    def _was_in_place(self, server: Server, view: View) -> bool:
        """Whether this process of the server followed this master in this term, and Sentinels might choose it."""
        return self._place == (server.run_id, view.epoch, view.master)

    def _remember_term(self, server: Server, view: View) -> None:
        if not server.rewriting:
            self.memory = replace(self.memory, term=view.epoch, master=view.master)

    def _go(self, seen: Seen, server: Server, view: View | None, now: float) -> list[Action]:
        if self._hand_over is None:
            one = self._settings
            self._hand_over = HandOver(one.host, one.port, one.patience, one.needed)
        if server.leads and view is not None and view.master == self._settings.host:
            # It may have been made the master only now.
            self._remember_term(server, view)
        return self._hand_over.round(seen, server, view, self.memory.term, now)

    def answered(self, accepted: bool, now: float) -> None:
        """What a Sentinel said to SENTINEL FAILOVER."""
        if self._hand_over is not None:
            self._hand_over.answered(accepted, now)

    def not_kept(self, why: str) -> None:
        """What was to be kept could not be."""
        self.waiting = f"has data that the master may lack, and could not keep it: {why}. It tries again by itself"

    # Small ones

    def _own_state(self, seen: Seen) -> State:
        memory, server = self.memory, seen.server
        assert server is not None
        return State(
            self._settings.host, memory.term, memory.master, self.data, self.history, server.keys, server.leads
        )

    def _all_states(self, seen: Seen) -> dict[str, State | None]:
        mine = self._settings.host
        return {host: self._own_state(seen) if host == mine else seen.states.get(host) for host in self._settings.hosts}

    def _decision(self, seen: Seen, view: View) -> str:
        return seen.decided if seen.decided and seen.decided_term == view.epoch + 1 else ""

    def _close(self, server: Server) -> list[Action]:
        return [] if server.closed or server.syncing else [Gate(False)]

    def _shut_out(self, server: Server) -> list[Action]:
        """Sentinels must not choose it."""
        self._placed = ""
        return self._priority(server, SHUT_OUT)

    def _offer(self, server: Server) -> list[Action]:
        """Sentinels may choose it."""
        self._set_back_since = None
        return self._priority(server, CHOOSABLE)

    def _priority(self, server: Server, priority: int) -> list[Action]:
        if server.priority == priority:
            return []
        return [Ask(("CONFIG", "SET", "replica-priority", str(priority)))]

    def _ask_for_failover(self, seen: Seen, now: float) -> list[Action]:
        # Two of them at once can make two masters of one epoch.
        if now - self._asked_at < ASK_SECONDS or any(one and one.failing_over for one in seen.views.values()):
            return []
        self._asked_at = now
        self._asked += 1
        sentinels = list(seen.views)
        return [AskSentinel(sentinels[self._asked % len(sentinels)])]

    def _lift_fence(self, seen: Seen, server: Server, view: View | None, now: float) -> list[Action]:
        """A hand-over that did not end, because its agent or its run was killed, leaves a fence."""
        self._hand_over = None
        if server.needed < FENCE_OF_A_RUN:
            self._fence_since = None
            self._contested.clear()
            return []
        if self._fence_since is None:
            self._fence_since = now
        left = now - self._fence_since >= (QUIET_SECONDS if server.needed == FENCE else FENCE_SECONDS)
        if self._may_be_replaced(seen, server, view, now) or not left:
            return []
        return [
            Say("fence", "takes writes again: a hand-over was left unfinished"),
            Ask(("CONFIG", "SET", "min-replicas-to-write", str(self._settings.needed))),
        ]

    def _may_be_replaced(self, seen: Seen, server: Server, view: View | None, now: float) -> bool:
        """Whether a failover is under way, or ended a moment ago: what this master took now would be lost.

        A Sentinel that falls silent counts for a while as what it was.
        """
        for host, one in seen.views.items():
            if one is None:
                continue
            if one.failing_over or one.master != self._settings.host:
                self._contested[host] = now + FENCE_SECONDS
            else:
                self._contested[host] = min(self._contested.get(host, now), now + QUIET_SECONDS)
        named = view is not None and view.master == self._settings.host
        return server.leads and (not named or any(until > now for until in self._contested.values()))

    def _is_ready(self, seen: Seen, server: Server, view: View | None) -> bool:
        """Whether the next pod may go: this one leads, or is in sync and Sentinels may choose it."""
        if server.leads:
            return view is None or view.master == self._settings.host
        in_sync = server.link_up and (view is None or _plain(server.follows) == view.master)
        return in_sync and (self.ready or choosable(seen.views.values(), self._settings.host, self._settings.sentinels))

    def _note(self, seen: Seen, now: float, final: bool = False) -> list[Action]:
        new, old = self.memory, self._noted
        moved = (new.term, new.master, new.data.replid) != (old.term, old.master, old.data.replid)
        moved = moved or self._less
        if new == old or (new.files == old.files and not moved and not final):
            return []
        if not moved and not final and now - self._noted_at < NOTE_SECONDS:
            return []
        self._noted_at = now
        return [Note(new)]

    def noted(self, memory: Memory) -> None:
        """The memory is on the volume."""
        self._less = False
        self._noted = memory


def _first_that_relies(actions: list[Action]) -> int:
    """The place of what is said and done so that a server leads, may be chosen, or gets other data."""
    place = next((place for place, action in enumerate(actions) if _relies(action)), len(actions))
    while place < len(actions) and place > 0 and isinstance(actions[place - 1], Say):
        place -= 1
    return place


def _relies(action: Action) -> bool:
    if isinstance(action, Ask):
        return action.words == ("REPLICAOF", "NO", "ONE") or action.words[-2:] == ("replica-priority", str(CHOOSABLE))
    return isinstance(action, Renew) or (isinstance(action, Gate) and action.open)


def _plain(host: str) -> str:
    return host.rstrip(".")


def _respelt(host: str) -> str:
    """Another spelling of the name, which makes a server look it up and connect anew."""
    return host[:-1] if host.endswith(".") else f"{host}."
