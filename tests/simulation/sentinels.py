# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Sentinel: who is down, votes, failovers, gossip. After src/sentinel.c of Redis 7, whose names are used here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model import View

if TYPE_CHECKING:
    from .servers import Server
    from .world import World

TICK = 0.25
INFO_SECONDS = 10.0
HELLO_SECONDS = 2.0
ASK_SECONDS = 1.0
ELECTION_SECONDS = 10.0
RECONF_SECONDS = 10.0
TILT_SECONDS = 30.0


class Instance:
    """A server as a Sentinel knows it."""

    def __init__(self, server: Server, role: str, now: float) -> None:
        self.server, self.host = server, server.host
        self.last_avail = now
        self.down_since: float | None = None
        self.went_down_at = float("-inf")
        self.info_at = float("-inf")
        self.asked_at = float("-inf")
        self.role, self.role_at = role, now
        self.run_id = ""
        self.priority, self.offset = 100, 0
        self.follows, self.follows_at = "", now
        self.link_up = True
        self.link_down_since: float | None = None
        self.sent_at: float | None = None
        self.in_progress = self.done = False
        self.connected = True


class Sentinel:
    def __init__(self, world: World, number: int) -> None:
        self.world, self.loop, self.random = world, world.loop, world.random
        self.number, self.name, self.host = number, f"t-{number}", f"t-{number}.redis"
        self.machine = f"m{number % len(world.servers)}"
        self.configured = False
        self.alive = False
        self.hung = False
        self.votes = -1
        """The latest epoch in the file of the process before, if the pod is the same."""
        self._runs = 0
        self._inbox: list = []

    @property
    def answers(self) -> bool:
        return self.alive and not self.hung

    def configure(self, epoch: int, master: str) -> None:
        """What the agent's Begin does, and the start of the process after it."""
        self.configured = True
        self._start_with = (epoch, max(epoch, self.votes), master)
        self._runs += 1
        self.loop.after(self.random.uniform(0.05, 0.5), self._start, self._runs)

    def _start(self, run: int) -> None:
        if run != self._runs or not self.configured:
            return
        epoch, latest, master = self._start_with
        self.alive, self.hung = True, False
        self.current_epoch, self.leader_epoch, self.leader = latest, latest, ""
        self.config_epoch = epoch
        self.others: dict[str, Sentinel] = {}
        self.down_says: dict[str, tuple[float, bool, str, int]] = {}
        """What other Sentinels answered: when, whether the master is down, whom they voted for, in which epoch."""
        self._asked: dict[str, float] = {}
        self.hello_at = self.loop.now + self.random.uniform(0, HELLO_SECONDS) - HELLO_SECONDS
        self.tilt_until = 0.0
        self._reset_master(master)
        self._inbox.clear()
        self.world.trace("sentinel", self.name, f"watches {master} from epoch {epoch} on")
        self._later(TICK, self._tick)

    def end(self, pod_too: bool) -> None:
        """The container ends, and leaves its file; with the pod that goes too."""
        if self.alive:
            self.votes = max(self.votes, self.current_epoch, self.leader_epoch, self.config_epoch)
        if pod_too:
            self.votes = -1
        self._runs += 1
        self.alive = self.hung = self.configured = False
        self.world.trace("sentinel", self.name, "ends, and its file too" if pod_too else "ends")

    def hang(self) -> None:
        self.hung = self.alive
        self._hung_at = self.loop.now

    def resume(self) -> None:
        if not self.hung:
            return
        self.hung = False
        if self.loop.now - self._hung_at > 2.0:
            self.tilt_until = self.loop.now + TILT_SECONDS
        waiting, self._inbox[:] = list(self._inbox), []
        for call in waiting:
            call()

    def _later(self, seconds: float, call, *arguments) -> None:
        run = self._runs

        def do() -> None:
            if self._runs == run and self.alive:
                if self.hung:
                    self._inbox.append(do)
                else:
                    call(*arguments)

        self.loop.after(seconds, do)

    def _reset_master(self, host: str) -> None:
        now = self.loop.now
        self.master = Instance(self.world.server(host), "master", now)
        self.slaves = {one.host: Instance(one, "slave", now) for one in self.world.servers if one.host != host}
        self.o_down = False
        self.state = ""
        self.failover_epoch = 0
        self.failover_started_at = float("-inf")
        self.state_changed_at = now
        self.forced = False
        self.promoted: Instance | None = None
        self.leader = ""

    # What agents ask

    def address(self) -> str:
        if self.promoted is not None and self.state == "reconf":
            return self.promoted.host
        return self.master.host

    def view(self) -> View:
        choices = {host: one.priority for host, one in self.slaves.items() if one.down_since is None and one.connected}
        return View(self.config_epoch, self.address(), bool(self.state), choices)

    def fail_over(self) -> bool:
        """SENTINEL FAILOVER."""
        if self.state:
            return True
        if self._select() is None:
            return False
        self._start_failover()
        self.forced = True
        return True

    # Ticks

    def _tick(self) -> None:
        self._later(TICK, self._tick)
        now = self.loop.now
        master = self.master
        self._look_at(master, now)
        for slave in list(self.slaves.values()):
            self._look_at(slave, now)
            if self.master is not master:
                return
        if now - self.hello_at >= HELLO_SECONDS:
            self.hello_at = now
            self._say_hello()
        if now < self.tilt_until:
            return
        self._check_master(now)

    def _look_at(self, one: Instance, now: float) -> None:
        server = one.server
        reaches = self.world.network.connects(self.machine, server.machine)
        if reaches and server.answers:
            if not (server.slow and self.random.random() < 0.5):
                one.last_avail = now
                one.connected = True
            period = INFO_SECONDS
            if one is not self.master and (self.o_down or self.state or not one.link_up):
                period = 1.0
            if now - one.info_at >= period and now - one.asked_at >= 1.0:
                one.asked_at = now
                self._refresh(one, server, now)
        elif (reaches and not server.alive) or now - one.last_avail > self.world.plan.down_after / 2:
            one.connected = False
        down = now - one.last_avail > self.world.plan.down_after
        if (
            one is self.master
            and one.role == "slave"
            and now - one.role_at > self.world.plan.down_after + 2 * INFO_SECONDS
        ):
            down = True
        if down and one.down_since is None:
            one.down_since = one.went_down_at = now
            self.world.trace("sentinel", self.name, f"+sdown {one.host}")
        elif not down and one.down_since is not None:
            one.down_since = None

    def _refresh(self, one: Instance, server: Server, now: float) -> None:
        one.info_at = now
        if one.role != server.role:
            one.role, one.role_at = server.role, now
        one.run_id, one.priority, one.offset = server.run_id, server.priority, server.reported_offset()
        if server.follows != one.follows:
            one.follows, one.follows_at = server.follows, now
        one.link_up = server.role == "master" or server.linked
        one.link_down_since = server.link_down_since
        if one is self.master or now < self.tilt_until:
            return
        if server.role == "master":
            if one is self.promoted and self.state == "wait-promotion":
                self.config_epoch = self.failover_epoch
                self._go_to("reconf")
                self.world.trace("sentinel", self.name, f"+promoted-slave {one.host} epoch {self.config_epoch}")
                self.hello_at = float("-inf")
            elif one is not self.promoted and self._sane() and self._no_down_for(one, 8.0) and now - one.role_at > 8.0:
                self.world.trace("sentinel", self.name, f"+convert-to-slave {one.host}")
                self._order(one, self.master.host)
        elif (
            one.follows.rstrip(".") != self.master.host
            and one is not self.promoted
            and not self.state
            and self._sane()
            and self._no_down_for(one, self.world.plan.failover_timeout)
            and now - one.follows_at > self.world.plan.failover_timeout
        ):
            self.world.trace("sentinel", self.name, f"+fix-slave-config {one.host}")
            self._order(one, self.master.host)
        told = self.state == "reconf" and one.sent_at is not None and not one.done
        if told and one.follows.rstrip(".") == self.promoted.host:
            one.in_progress = True
            one.done = one.link_up

    def _sane(self) -> bool:
        master = self.master
        return (
            master.role == "master"
            and master.down_since is None
            and not self.o_down
            and self.loop.now - master.info_at < 2 * INFO_SECONDS
        )

    def _no_down_for(self, one: Instance, seconds: float) -> bool:
        return self.loop.now - one.went_down_at > seconds

    def _order(self, one: Instance, master: str | None) -> None:
        """SLAVEOF, on its way for a moment."""
        if self.world.network.carries(self.machine, one.server.machine) and one.server.alive:
            words = ("REPLICAOF", "NO", "ONE") if master is None else ("REPLICAOF", master)
            one.server.receive(self.world.network.delay(), one.server.command, words)

    def _check_master(self, now: float) -> None:
        master = self.master
        if master.down_since is not None:
            votes = 1 + sum(down for _at, down, _leader, _epoch in self.down_says.values())
            self.o_down = votes >= self.world.plan.quorum
            self._ask_others(now, forced=False)
        else:
            self.o_down = False
        if self.o_down and not self.state and now - self.failover_started_at >= 2 * self.world.plan.failover_timeout:
            self._start_failover()
            self._ask_others(now, forced=True)
        if self.state:
            self._go_on(now)

    def _start_failover(self) -> None:
        self.current_epoch += 1
        self.failover_epoch = self.current_epoch
        self.failover_started_at = self.loop.now + self.random.uniform(0, 1.0)
        self.forced = False
        self._go_to("wait-start")
        self.world.trace("sentinel", self.name, f"+try-failover {self.master.host} epoch {self.failover_epoch}")

    def _go_to(self, state: str) -> None:
        self.state, self.state_changed_at = state, self.loop.now

    def _abort(self, why: str) -> None:
        self.world.trace("sentinel", self.name, f"-failover-abort-{why}")
        self.state, self.forced, self.promoted = "", False, None
        self.state_changed_at = self.loop.now

    # Votes

    def _ask_others(self, now: float, forced: bool) -> None:
        for other in self.others.values():
            name = other.name
            if name in self.down_says and now - self.down_says[name][0] > 5.0:
                del self.down_says[name]
            if not forced and now - self._asked.get(name, float("-inf")) < ASK_SECONDS:
                continue
            self._asked[name] = now
            if self.world.network.carries(self.machine, other.machine) and other.alive:
                other._later(
                    self.world.network.delay(), other._is_down, self, self.master.host, self.current_epoch,
                    self.name if self.state else "*",
                )  # fmt: skip

    def _is_down(self, asker: Sentinel, host: str, epoch: int, runid: str) -> None:
        down = self.loop.now >= self.tilt_until and self.master.host == host and self.master.down_since is not None
        leader, leader_epoch = "*", 0
        if runid != "*" and self.master.host == host:
            leader, leader_epoch = self._vote(epoch, runid)
        if self.world.network.carries(self.machine, asker.machine) and asker.alive:
            asker._later(self.world.network.delay(), asker._told, self.name, down, leader, leader_epoch)

    def _told(self, name: str, down: bool, leader: str, leader_epoch: int) -> None:
        before = self.down_says.get(name, (0.0, False, "", 0))
        if leader == "*":
            leader, leader_epoch = before[2:]
        self.down_says[name] = (self.loop.now, down, leader, leader_epoch)

    def _vote(self, epoch: int, runid: str) -> tuple[str, int]:
        self.current_epoch = max(self.current_epoch, epoch)
        if self.leader_epoch < epoch and self.current_epoch <= epoch:
            self.leader, self.leader_epoch = runid, self.current_epoch
            self.world.trace("sentinel", self.name, f"votes for {runid} in epoch {epoch}")
            if runid != self.name:
                self.failover_started_at = self.loop.now + self.random.uniform(0, 1.0)
        return self.leader, self.leader_epoch

    def _leads(self) -> bool:
        epoch = self.failover_epoch
        counted: dict[str, int] = {}
        for _at, _down, leader, leader_epoch in self.down_says.values():
            if leader and leader_epoch == self.current_epoch:
                counted[leader] = counted.get(leader, 0) + 1
        winner = max(sorted(counted), key=lambda name: counted[name], default="")
        mine, mine_epoch = self._vote(epoch, winner or self.name)
        if mine and mine_epoch == epoch:
            counted[mine] = counted.get(mine, 0) + 1
        winner = max(sorted(counted), key=lambda name: counted[name], default="")
        voters = len(self.others) + 1
        needed = max(voters // 2 + 1, self.world.plan.quorum)
        return winner == self.name and counted[winner] >= needed

    # Failover

    def _select(self) -> Instance | None:
        now, plan = self.loop.now, self.world.plan
        down = self.master.down_since is not None
        fresh = 5.0 if down else 3 * INFO_SECONDS
        longest = (now - self.master.down_since if down else 0.0) + plan.down_after * 10
        fit = [
            one
            for one in self.slaves.values()
            if one.down_since is None
            and one.connected
            and now - one.last_avail <= 5.0
            and one.priority > 0
            and now - one.info_at <= fresh
            and (one.link_up or one.link_down_since is None or now - one.link_down_since <= longest)
        ]
        return min(fit, key=lambda one: (one.priority, -one.offset, one.run_id), default=None)

    def _go_on(self, now: float) -> None:
        timeout = self.world.plan.failover_timeout
        if self.state == "wait-start":
            # An order to fail over needs no votes, but one of its own is given.
            if not self._leads() and not self.forced:
                self._ask_others(now, forced=False)
                if now - self.failover_started_at > min(ELECTION_SECONDS, timeout):
                    self._abort("not-elected")
                return
            self._go_to("select")
        elif self.state == "select":
            self.promoted = self._select()
            if self.promoted is None:
                self._abort("no-good-slave")
                return
            self.world.trace("sentinel", self.name, f"+selected-slave {self.promoted.host}")
            self._go_to("noone")
        elif self.state == "noone":
            if not self.promoted.connected:
                if now - self.state_changed_at > timeout:
                    self._abort("slave-timeout")
                return
            self._order(self.promoted, None)
            self._go_to("wait-promotion")
        elif self.state == "wait-promotion":
            if now - self.state_changed_at > timeout:
                self._abort("slave-timeout")
        elif self.state == "reconf":
            self._reconfigure(now, timeout)

    def _reconfigure(self, now: float, timeout: float) -> None:
        promoted = self.promoted
        others = [one for one in self.slaves.values() if one is not promoted]
        for one in others:
            if one.sent_at is not None and not one.in_progress and now - one.sent_at > RECONF_SECONDS:
                one.done = True
        busy = sum(1 for one in others if one.sent_at is not None and not one.done)
        for one in others:
            if busy >= 1:
                break
            if one.sent_at is None and not one.done and one.connected:
                self._order(one, promoted.host)
                one.sent_at = now
                busy += 1
        late = now - self.state_changed_at > timeout
        if late or all(one.done or one.down_since is not None for one in others):
            if late:
                for one in others:
                    if not one.done and one.sent_at is None and one.connected:
                        self._order(one, promoted.host)
            self.world.trace("sentinel", self.name, f"+switch-master {promoted.host}")
            self._reset_master(promoted.host)

    # Gossip

    def _say_hello(self) -> None:
        network = self.world.network
        said = (self.current_epoch, self.address(), self.config_epoch)
        ways = [
            server.machine
            for server in self.world.servers
            if server.answers and not server.loading and network.connects(self.machine, server.machine)
        ]
        for other in self.world.sentinels:
            if other is self or not other.alive:
                continue
            direct = other.name in self.others and network.connects(self.machine, other.machine)
            if direct or any(network.connects(way, other.machine) for way in ways):
                other._later(network.delay(), other._hear, self, *said)

    def _hear(self, other: Sentinel, epoch: int, master: str, config_epoch: int) -> None:
        self.others[other.name] = other
        self.current_epoch = max(self.current_epoch, epoch)
        if config_epoch > self.config_epoch:
            self.config_epoch = config_epoch
            if master != self.master.host:
                self.world.trace("sentinel", self.name, f"+config-update-from {other.name}: {master} {config_epoch}")
                self._reset_master(master)
