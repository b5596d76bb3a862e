# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis server: roles, replication histories, synchronisation, and what survives on its volume.

What is modelled was measured on real servers, see tests/integration/ and SERVERS in docs/development.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from agent.model import Replica
from agent.model import Server as Seen

from .volumes import WRITE_BYTES, Volume

if TYPE_CHECKING:
    from .world import World

NOISE_BYTES = 60
PING_SECONDS = 1.0


class Link:
    """A replica's connection to its master, which both believe in until they hear that it is gone, or time out."""

    def __init__(self, master: Server, replica: Server, position: int, now: float) -> None:
        self.master, self.replica = master, replica
        self.address = master.address
        self.position = position
        """How many entries of the master's backlog were sent."""
        self.acknowledged = 0
        self.master_heard_at = self.replica_heard_at = now
        self.online = False
        """The synchronisation is done: the stream flows."""
        self.pumping = False
        self.waiting: list = []


class Server:
    """The process of a server, with its volume. ``machine`` is the network's node."""

    def __init__(self, world: World, number: int, volume: Volume) -> None:
        self.world, self.loop, self.random = world, world.loop, world.random
        self.number, self.host, self.name = number, f"s-{number}.redis", f"s-{number}"
        self.machine = f"m{number}"
        self.volume = volume
        self.append_only = world.plan.append_only
        self.configured_needed = world.plan.needed
        self.alive = False
        self.hung = False
        self.slow = False
        self.address = 0
        self.lag = 0.0
        self.bandwidth = 1000
        self._inbox: list = []
        self._runs = 0
        self.master_since: float | None = None
        self.trap: Callable[[], None] | None = None
        """Called when all data was replaced."""
        self._reset()

    def _reset(self) -> None:
        self.run_id = ""
        self.role = "slave"
        self.replid, self.offset, self.replid2, self.offset2 = "", 0, "0" * 40, -1
        self.cached = False
        self.follows = self.host
        self.upstream: Link | None = None
        self.attempt = 0
        self.connecting = False
        self.transferring = False
        self.downstream: list[Link] = []
        self.link_down_since: float | None = None
        self.loading = False
        self.priority, self.needed, self.closed = 0, self.configured_needed, True
        self.writes: list[int] = []
        self.detached = self.rewriting = False
        self.saving, self.saved_well, self.dirty = False, True, 0
        self.backlog: list[tuple[int, int]] = []
        self.backlog_start = 0
        self._inbox.clear()

    # The process

    @property
    def answers(self) -> bool:
        return self.alive and not self.hung

    def start(self) -> None:
        """As topology.sh has it: a replica of itself, behind a closed gate, which Sentinels must not choose."""
        if self.alive:
            return
        self._reset()
        self._runs += 1
        self.alive, self.loading = True, True
        self.run_id = f"run-{self.number}-{self._runs}-{self.random.getrandbits(32):08x}"
        self.replid = self._new_id()
        self.world.trace("server", self.name, "starts")
        self._later(self.random.uniform(0.05, 1.0), self._load)
        self._later(self.random.uniform(0, PING_SECONDS), self._cron)

    def _load(self) -> None:
        self.loading = False
        if self.append_only:
            self.writes = self.volume.aof
            # Redis 8 shows an old offset.
            self.offset = self.random.choice([0, 0, 13013])
        else:
            writes, replid, self.offset = self.volume.snapshot
            self.writes = list(writes)
            if replid:
                self.replid, self.cached = replid, True
        self.backlog_start = self.offset
        self.world.trace("server", self.name, f"has loaded {len(self.writes)} writes")

    def stop(self, signal: str) -> None:
        """SIGKILL, SIGTERM, or "power" for the machine."""
        if not self.alive:
            if signal == "power":
                before = list(self.volume.writes())
                self.volume.lose_power(self.loop.now)
                self.volume.account(before)
            return
        before = [*self.writes, *self.volume.writes()]
        if signal == "SIGTERM" and not self.append_only and not self.loading:
            self._save()
        if signal == "power":
            self.volume.lose_power(self.loop.now)
        self.alive, self.hung = False, False
        self.volume.account(before)
        self.world.trace("server", self.name, f"ends by {signal}")
        silent = signal == "power"
        if self.upstream is not None:
            self._unlink(self.upstream, silent)
        for link in list(self.downstream):
            self._unlink(link, silent)
        self._reset()

    def hang(self) -> None:
        if self.alive:
            self.hung = True
            self.world.trace("server", self.name, "hangs")

    def resume(self) -> None:
        if self.hung:
            self.hung = False
            self.world.trace("server", self.name, "goes on")
            waiting, self._inbox[:] = list(self._inbox), []
            for call in waiting:
                call()

    def _later(self, seconds: float, call, *arguments) -> None:
        """Done by this process, if it still runs by then."""
        run = self.run_id

        def do() -> None:
            if self.run_id == run:
                call(*arguments)

        def now_or_when_it_goes_on() -> None:
            if self.run_id != run:
                return
            if self.hung:
                self._inbox.append(do)
            else:
                call(*arguments)

        self.loop.after(seconds, now_or_when_it_goes_on)

    def receive(self, seconds: float, call, *arguments) -> None:
        """A command that arrives after some time; a process that hangs does it when it goes on."""
        if self.alive:
            self._later(seconds + (self.random.uniform(0.1, 2.0) if self.slow else 0.0), call, *arguments)

    # What it tells

    def reported_offset(self) -> int:
        if self.role == "master" or self.upstream is not None or self.cached:
            return self.offset
        return 1

    @property
    def linked(self) -> bool:
        return self.upstream is not None and self.upstream.online

    def seen(self) -> Seen:
        """Its answers to INFO and CONFIG GET."""
        now = self.loop.now
        return Seen(
            self.run_id, self.role, self.replid, self.reported_offset(), self.replid2, self.offset2,
            self.follows if self.role == "slave" else "", self.linked, self.transferring, self.loading, self.priority,
            self.needed, self.closed, self.append_only, len(self.writes), self.dirty, self.backlog_start + 1,
            self.saving, self.volume.saved_at, self.saved_well, self.detached or self.rewriting,
            tuple(
                Replica(link.replica.host, link.online, link.acknowledged, int(now - link.master_heard_at))
                for link in self.downstream
            ),
        )  # fmt: skip

    # Commands

    def command(self, words: tuple[str, ...]) -> str:
        self.world.trace("server", self.name, " ".join(words))
        if self.loading:
            return "LOADING"
        if words[0] == "REPLICAOF":
            if words[1:] == ("NO", "ONE"):
                self.lead()
            else:
                self.follow(words[1])
        elif words[:2] == ("CONFIG", "SET"):
            for name, value in zip(words[2::2], words[3::2]):
                if name == "replica-priority":
                    self.priority = int(value)
                elif name == "min-replicas-to-write":
                    self.needed = int(value)
                else:
                    raise AssertionError(words)
        elif words == ("BGSAVE",):
            if self.saving:
                return "ERR Background save already in progress"
            self.saving = True
            forked = (list(self.writes), self.replid, self.offset)
            self._later(self.random.uniform(0.1, 3.0), self._child_saved, forked, self.dirty)
        else:
            raise AssertionError(words)
        return "OK"

    def gate(self, is_open: bool) -> str:
        self.world.trace("server", self.name, "gate opens" if is_open else "gate closes")
        self.closed = not is_open
        return "OK"

    def lead(self) -> None:
        if self.role == "master":
            return
        self._drop_upstream()
        self.role, self.follows = "master", ""
        self.replid2, self.offset2, self.replid = self.replid, self.offset + 1, self._new_id()
        self.cached, self.link_down_since = False, None
        self.master_since = self.loop.now
        self.world.may_crash(self)
        for link in list(self.downstream):
            self._unlink(link)

    def renew(self, master: str) -> str:
        """REPLICAOF NO ONE and REPLICAOF master in one transaction."""
        self.world.trace("server", self.name, f"is a master for a moment, and follows {master}")
        self.lead()
        self.follow(master)
        return "OK"

    def follow(self, host: str) -> None:
        if self.role == "slave" and self.follows == host:
            return
        if self.role == "master":
            self.cached = True
        self._drop_upstream()
        self.role, self.follows = "slave", host
        self.attempt += 1
        self.connecting = self.transferring = False
        # Its own replicas keep their links until it has another history.
        self._connect()

    def write(self, write: int) -> str:
        """What a client is told."""
        if self.loading:
            return "LOADING"
        if self.role != "master":
            return "READONLY"
        now = self.loop.now
        if self.needed:
            good = sum(1 for link in self.downstream if link.online and now - link.master_heard_at <= 10)
            if good < self.needed:
                return "NOREPLICAS"
        self._feed(WRITE_BYTES, write)
        return "OK"

    # The stream

    def _feed(self, size: int, write: int) -> None:
        self.offset += size
        self.backlog.append((self.offset, write))
        if write:
            self._apply([write])
        for link in self.downstream:
            self._pump_later(link)

    def _apply(self, writes: list[int]) -> None:
        if self.append_only and not self.detached:
            self.volume.append(writes, self.loop.now)
        else:
            self.writes.extend(writes)
        self.volume.gained(writes)
        self.dirty += len(writes)

    def _pump_later(self, link: Link) -> None:
        if link.online and not link.pumping:
            link.pumping = True
            self.loop.after(link.replica.lag + self.world.network.delay(), self._pump, link)

    def _pump(self, link: Link) -> None:
        link.pumping = False
        replica = link.replica
        if replica.upstream is not link or link not in self.downstream:
            return
        if self.hung or replica.hung or not self.world.network.connects(self.machine, replica.machine):
            # It is sent again; the replica's timeout ends it.
            return
        new = self.backlog[link.position : link.position + replica.bandwidth]
        if new:
            link.position += len(new)
            replica.backlog.extend(new)
            replica.offset = new[-1][0]
            writes = [write for _offset, write in new if write]
            if writes:
                replica._apply(writes)
            for below in replica.downstream:
                replica._pump_later(below)
        link.replica_heard_at = self.loop.now
        self.loop.after(self.world.network.delay(), self._acknowledged, link, replica.offset)
        if link.position < len(self.backlog):
            link.pumping = True
            self.loop.after(0.1, self._pump, link)

    def _acknowledged(self, link: Link, offset: int) -> None:
        if link in self.downstream and not self.hung:
            if not self.world.network.connects(self.machine, link.replica.machine):
                return
            link.acknowledged = max(offset, link.acknowledged)
            link.master_heard_at = self.loop.now

    def acknowledged_by(self, offset: int) -> list[Server]:
        return [link.replica for link in self.downstream if link.online and link.acknowledged >= offset]

    # Links

    def _cron(self) -> None:
        """Once a second: pings, timeouts, and another try to connect."""
        self._later(PING_SECONDS, self._cron)
        now = self.loop.now
        if self.loading:
            return
        if self.role == "master" and self.downstream and self.random.random() < 0.5:
            self._feed(NOISE_BYTES, 0)
        for link in list(self.downstream):
            if now - link.master_heard_at > self.world.plan.repl_timeout:
                self.world.trace("server", self.name, f"gives up the replica {link.replica.name}")
                self._end_of(link, of_master=True)
            elif link.online:
                self._pump_later(link)
        if self.upstream is not None and self._reset_by(self.upstream):
            self._end_of(self.upstream, of_replica=True)
        if self.upstream is not None and now - self.upstream.replica_heard_at > self.world.plan.repl_timeout:
            self.world.trace("server", self.name, f"gives up the master {self.upstream.master.name}")
            self._end_of(self.upstream, of_replica=True)
        if self.role == "slave" and self.upstream is None and not self.connecting:
            self._connect()

    def _reset_by(self, link: Link) -> bool:
        """The other end does not know of it any more, and says so."""
        master = link.master
        there = master.on_network and master.address == link.address
        return link not in master.downstream and there and self.world.network.connects(self.machine, master.machine)

    def _connect(self) -> None:
        target = self.world.server_of(self.follows)
        self.attempt += 1
        self.connecting = True
        attempt = self.attempt
        if target is None or target is self:
            self.connecting = False
            return
        address = self.world.resolve(target)
        reaches = self.world.network.connects(self.machine, target.machine)
        if address != target.address or not reaches or target.hung or not target.on_network:
            # Nobody says no: it waits.
            self._later(self.world.plan.repl_timeout, self._failed, attempt)
        elif not target.alive:
            self.connecting = False
        else:
            self._later(self.world.network.delay(), self._authenticate, attempt, target, target.run_id)

    @property
    def on_network(self) -> bool:
        """Whether its machine refuses connections to a process that is not there."""
        return self.world.machine_runs(self.machine)

    def _failed(self, attempt: int) -> None:
        if attempt == self.attempt:
            self.connecting = self.transferring = False

    def _authenticate(self, attempt: int, target: Server, run: str) -> None:
        if attempt != self.attempt or self.upstream is not None:
            return
        if self.closed or target.run_id != run or target.hung or target.loading:
            self._failed(attempt)
            return
        self._later(self.random.choice([0.01, 0.01, 0.5]), self._synchronize, attempt, target, run)

    def _synchronize(self, attempt: int, target: Server, run: str) -> None:
        """PSYNC. The gate does not matter any more."""
        if attempt != self.attempt:
            return
        if target.run_id != run or target.hung or not self.world.network.connects(self.machine, target.machine):
            self._failed(attempt)
            return
        if target.role != "master" and not target.linked:
            self._failed(attempt)
            return
        now = self.loop.now
        position = self._place_in(target) if self.cached else None
        link = Link(target, self, position or 0, now)
        if position is not None:
            self.world.trace("server", self.name, f"goes on with {target.name} at {self.offset}")
            if self.replid != target.replid:
                self.replid2, self.offset2, self.replid = self.replid, self.offset + 1, target.replid
                for below in list(self.downstream):
                    self._unlink(below)
            link.online = True
            self._link(link)
            target._pump_later(link)
            return
        self.transferring = True
        link.position = len(target.backlog)
        copy = list(target.writes)
        self.world.trace("server", self.name, f"gets all data of {target.name}: {len(copy)} writes")
        target.downstream.append(link)
        self.upstream = link
        self._later(
            self.random.choice([0.1, 1.0, 1.0, 4.0]),
            self._transferred,
            attempt,
            link,
            copy,
            target.replid,
            target.offset,
        )

    def _place_in(self, master: Server) -> int | None:
        """Where in the master's backlog this server's history goes on."""
        same = self.replid == master.replid or (self.replid == master.replid2 and self.offset < master.offset2)
        if not same or not master.backlog_start <= self.offset <= master.offset:
            return None
        low, high = 0, len(master.backlog)
        while low < high:
            middle = (low + high) // 2
            if master.backlog[middle][0] > self.offset:
                high = middle
            else:
                low = middle + 1
        return low if len(master.backlog) - low <= self.world.plan.backlog else None

    def _link(self, link: Link) -> None:
        self.connecting = self.transferring = False
        self.cached = True
        self.upstream = link
        link.acknowledged = self.offset
        link.master_heard_at = link.replica_heard_at = self.loop.now
        if link not in link.master.downstream:
            link.master.downstream.append(link)

    def _transferred(self, attempt: int, link: Link, copy: list[int], replid: str, offset: int) -> None:
        if attempt != self.attempt or self.upstream is not link:
            return
        if link not in link.master.downstream or not self.world.network.connects(self.machine, link.master.machine):
            self._end_of(link, of_replica=True)
            return
        for below in list(self.downstream):
            self._unlink(below)
        self.world.replaced(self, copy)
        if self.append_only:
            # The old file stays until the new one is written.
            self.detached = True
            self._later(self.random.choice([0.05, 0.2, 3.0]), self._rewritten, copy, len(copy))
        else:
            self.volume.snapshot = (list(copy), replid, offset)
        self.writes = copy
        self.volume.gained(copy)
        self.replid, self.offset, self.replid2, self.offset2 = replid, offset, "0" * 40, -1
        self.backlog, self.backlog_start = [], offset
        # The child of a snapshot is killed; what counts writes does not change.
        self.saving = False
        self.loading = True
        self.transferring = False
        self.world.may_crash(self)
        trap, self.trap = self.trap, None
        if trap is not None:
            trap()
        self._later(self.random.choice([0.01, 0.3]), self._loaded, attempt, link)

    def _loaded(self, attempt: int, link: Link) -> None:
        self.loading = False
        if attempt != self.attempt or self.upstream is not link:
            return
        link.online = True
        self._link(link)
        link.master._pump_later(link)

    def _rewritten(self, writes: list[int], since: int) -> None:
        if self.writes is writes and self.detached:
            self.detached = False
            self.volume.new_base(writes, since)

    def rewrite(self) -> None:
        """BGREWRITEAOF: another file begins."""
        if self.answers and self.append_only and not self.detached and not self.loading:
            self.volume.cut_tail()
            self.rewriting = True
            self._later(self.random.choice([0.1, 3.0]), setattr, self, "rewriting", False)

    def _drop_upstream(self) -> None:
        if self.upstream is not None:
            self._unlink(self.upstream)

    def _unlink(self, link: Link, silent: bool = False) -> None:
        """One end closes it: the other one hears of it, if it can."""
        heard = not silent and self.world.network.connects(link.master.machine, link.replica.machine)
        for end in (link.master, link.replica):
            if end is self or heard:
                self._end_of(link, of_master=end is link.master, of_replica=end is link.replica)

    def _end_of(self, link: Link, of_master: bool = False, of_replica: bool = False) -> None:
        if of_master and link in link.master.downstream:
            link.master.downstream.remove(link)
        replica = link.replica
        if of_replica and replica.upstream is link:
            replica.upstream = None
            replica.attempt += 1
            replica.connecting = replica.transferring = False
            replica.link_down_since = self.loop.now

    # Snapshots

    def _save(self) -> None:
        self._saved((list(self.writes), self.replid, self.offset), self.dirty)

    def _saved(self, snapshot: tuple[list[int], str, int], dirty: int) -> None:
        self.saving = False
        self.saved_well = not self.volume.full
        if self.saved_well:
            self.volume.snapshot, self.volume.saved_at = snapshot, int(self.loop.now)
            self.dirty -= dirty

    def _child_saved(self, snapshot: tuple[list[int], str, int], dirty: int) -> None:
        if self.saving:
            self._saved(snapshot, dirty)

    def save_sometimes(self) -> None:
        if self.answers and not self.loading and not self.append_only and not self.volume.full:
            self._save()

    def _new_id(self) -> str:
        return f"{self.random.getrandbits(64):016x}" + "0" * 24
