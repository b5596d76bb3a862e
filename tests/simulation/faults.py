# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the deployment, by the seed. Each fault is a pair: begin, and mend."""

from __future__ import annotations

from typing import Callable

from .servers import Server
from .shells import Shell
from .world import World

Mend = Callable[[], None]
GRACE_SECONDS = 60.0
# Longer than a failover takes.
SLEEP_SECONDS = 25.0


class Faults:
    def __init__(self, world: World) -> None:
        self.world, self.random, self.loop = world, world.random, world.loop
        self._open: list[Mend] = []
        self.over = False

    def plan(self, first: float, last: float) -> None:
        kinds = [
            self.kill_server, self.kill_server, self.delete_pod, self.delete_pod, self.power_of_machine,
            self.power_of_machine, self.power_of_all, self.all_pods, self.all_pods, self.emptied_volume,
            self.full_volume, self.hang_server, self.slow_server, self.hang_agent, self.kill_agent,
            self.restart_sentinel, self.restart_sentinel, self.all_sentinels, self.hang_sentinel, self.isolate,
            self.isolate, self.split, self.pair, self.pair, self.one_way, self.no_api, self.planned_restart,
            self.planned_restart, self.planned_restart, self.lag, self.lag, self.rewrite, self.slow_network,
            self.lasting_outage, self.removes_kept, *self.stories, *self.stories,
        ]  # fmt: skip
        for _number in range(self.world.plan.faults):
            self.loop.after(self.random.uniform(first, last), self._begin, self.random.choice(kinds))

    def before_anything(self) -> None:
        """S6: something is broken while the first master is chosen."""
        for fault in self.random.sample([self.pair, self.one_way, self.no_api, self.isolate, self.split], 1):
            self._begin(fault)

    def _begin(self, fault: Callable[[], Mend]) -> None:
        if self.over:
            return
        self.world.count(fault.__name__)
        mend = fault()
        self._lasts(mend)

    def _lasts(self, mend: Mend) -> None:
        self._open.append(mend)
        self.loop.after(
            self.random.choice([1.0, 4.0, 8.0, 15.0, 30.0]) * self.random.uniform(0.7, 1.3), self._end, mend
        )

    def _end(self, mend: Mend) -> None:
        if mend in self._open:
            self._open.remove(mend)
            mend()

    def heal(self) -> None:
        """Nothing is broken from here on."""
        self.over = True
        for mend in list(self._open):
            self._end(mend)
        for server in self.world.servers:
            self._pod_starts(server)
        for number in range(len(self.world.sentinels)):
            self._sentinel_starts(number)
        self.world.trace("fault", "all", "is healed")

    def _say(self, what: str) -> None:
        self.world.trace("fault", "world", what)

    def _server(self) -> Server:
        """A master more often than others."""
        servers = self.world.servers
        masters = [one for one in servers if one.alive and one.role == "master"]
        return self.random.choice(masters if masters and self.random.random() < 0.5 else servers)

    # Processes and pods

    def _pod_ends(self, server: Server, signal: str, pod_too: bool) -> None:
        server.stop(signal)
        if pod_too:
            shell = self.world.shell_of(server)
            shell.end()
            shell.going, shell.gone = False, ""
            self.world.api.remove(server.name)

    def _pod_starts(self, server: Server) -> None:
        if not self.world.machine_runs(server.machine):
            return
        shell = self.world.shell_of(server)
        if not shell.alive and not server.alive:
            self.world.new_address(server)
        self.world.api.create(server.name)
        self.loop.after(self.random.uniform(0.0, 1.0), server.start)
        self.loop.after(self.random.choice([0.0, 0.5, 3.0]), shell.start)

    def kill_server(self, server: Server | None = None) -> Mend:
        server = server or self._server()
        self._say(f"{server.name} is killed")
        self._pod_ends(server, "SIGKILL", False)
        return lambda: self._pod_starts(server)

    def delete_pod(self, server: Server | None = None) -> Mend:
        server = server or self._server()
        self._say(f"the pod {server.name} is removed")
        self._pod_ends(server, "SIGKILL", True)
        return lambda: self._pod_starts(server)

    def emptied_volume(self, server: Server | None = None) -> Mend:
        server = server or self._server()
        self._say(f"the volume of {server.name} is emptied")
        self._pod_ends(server, "SIGKILL", True)
        server.volume.empty()
        return lambda: self._pod_starts(server)

    def _machine_off(self, machine: str) -> None:
        world = self.world
        world.switch(machine, False)
        for server in world.servers:
            if server.machine == machine:
                server.stop("power")
                world.shell_of(server).end()
        for sentinel, shell in zip(world.sentinels, world.sentinel_shells):
            if sentinel.machine == machine:
                sentinel.end(self.random.random() < 0.5)
                shell.end()

    def _machine_on(self, machine: str) -> None:
        """A machine takes its time to begin again."""
        self.loop.after(self.random.uniform(3.5, 8.0), self._machine_is_on, machine)

    def _machine_is_on(self, machine: str) -> None:
        world = self.world
        world.switch(machine, True)
        for server in world.servers:
            if server.machine == machine:
                self._pod_starts(server)
        for sentinel, shell in zip(world.sentinels, world.sentinel_shells):
            if sentinel.machine == machine:
                self.loop.after(self.random.uniform(0, 3), shell.start)

    def power_of_machine(self, server: Server | None = None) -> Mend:
        machine = (server or self._server()).machine
        self._say(f"{machine} loses power")
        self._machine_off(machine)
        return lambda: self._machine_on(machine)

    def power_of_all(self) -> Mend:
        self._say("all machines lose power")
        machines = [server.machine for server in self.world.servers]
        for machine in machines:
            self._machine_off(machine)
        away = self.random.choice([None, *machines])

        def mend() -> None:
            for machine in machines:
                if machine != away or self.over:
                    self._machine_on(machine)
            if away is not None and not self.over:
                self._open.append(lambda: self._machine_on(away))

        return mend

    def all_pods(self, late: Server | None = None) -> Mend:
        self._say("all pods are removed")
        for server in self.world.servers:
            self._pod_ends(server, self.random.choice(["SIGKILL", "SIGTERM"]), True)
        for sentinel, shell in zip(self.world.sentinels, self.world.sentinel_shells):
            sentinel.end(True)
            shell.end()
        late = late or self.random.choice([None, *self.world.servers])

        def mend() -> None:
            for server in self.world.servers:
                if server is not late or self.over:
                    self._pod_starts(server)
            for shell in self.world.sentinel_shells:
                if self.world.machine_runs(shell.machine):
                    self.loop.after(self.random.uniform(0, 3), shell.start)
            if late is not None and not self.over:
                self._open.append(lambda: self._pod_starts(late))

        return mend

    def lasting_outage(self, server: Server | None = None) -> Mend:
        """A server that comes back only when all else is over."""
        server = server or self._server()
        self._say(f"{server.name} is away for long")
        self._pod_ends(server, "SIGKILL", True)

        def mend() -> None:
            if self.over:
                self._pod_starts(server)
            else:
                self._open.append(mend)

        return mend

    def hang_server(self, server: Server | None = None) -> Mend:
        server = server or self._server()
        server.hang()
        return server.resume

    def slow_server(self) -> Mend:
        server = self._server()
        self._say(f"{server.name} is slow")
        server.slow = True
        return lambda: setattr(server, "slow", False)

    def hang_agent(self) -> Mend:
        shell = self.random.choice([*self.world.server_shells, *self.world.sentinel_shells])
        self._say(f"{shell.name} hangs")
        shell.hung = True
        return lambda: setattr(shell, "hung", False)

    def kill_agent(self, shell: Shell | None = None) -> Mend:
        shell = shell or self.random.choice([*self.world.server_shells, *self.world.sentinel_shells])
        self._say(f"{shell.name} ends")
        shell.end()
        return lambda: shell.start() if self.world.machine_runs(shell.machine) else None

    def _sentinel_starts(self, number: int) -> None:
        if self.world.machine_runs(self.world.sentinels[number].machine):
            self.world.sentinel_shells[number].start()

    def restart_sentinel(self) -> Mend:
        sentinel = self.random.choice(self.world.sentinels)
        pod_too = self.random.random() < 0.5
        sentinel.end(pod_too)
        if pod_too:
            self.world.sentinel_shells[sentinel.number].end()
        return lambda: self._sentinel_starts(sentinel.number)

    def all_sentinels(self) -> Mend:
        for sentinel, shell in zip(self.world.sentinels, self.world.sentinel_shells):
            sentinel.end(True)
            shell.end()

        def mend() -> None:
            for sentinel in self.world.sentinels:
                self._sentinel_starts(sentinel.number)

        return mend

    def hang_sentinel(self) -> Mend:
        sentinel = self.random.choice(self.world.sentinels)
        self._say(f"{sentinel.name} hangs")
        sentinel.hang()
        return sentinel.resume

    # Network

    def _cut(self, pairs: list[tuple[str, str]], what: str) -> Mend:
        self._say(what)
        self.world.network.cut(pairs)
        return lambda: (self.world.network.mend(pairs), self._say(f"over: {what}"))[0]

    def _machines(self) -> list[str]:
        return [server.machine for server in self.world.servers]

    def isolate(self, server: Server | None = None) -> Mend:
        machine = (server or self._server()).machine
        others = [*(one for one in self._machines() if one != machine), "api"]
        if self.random.random() < 0.7:
            others.append("client")
        return self._cut(
            [(machine, one) for one in others] + [(one, machine) for one in others], f"{machine} is cut off"
        )

    def split(self) -> Mend:
        nodes = [*self._machines(), "client", "api"]
        side = [node for node in nodes if self.random.random() < 0.5]
        other = [node for node in nodes if node not in side]
        pairs = [(a, b) for a in side for b in other]
        return self._cut(pairs + [(b, a) for a, b in pairs], f"{side} and {other} are apart")

    def pair(self) -> Mend:
        a, b = self.random.sample(self._machines(), 2)
        return self._cut([(a, b), (b, a)], f"no path between {a} and {b}")

    def one_way(self) -> Mend:
        a, b = self.random.sample([*self._machines(), "api", "client"], 2)
        return self._cut([(a, b)], f"nothing arrives from {a} at {b}")

    def slow_network(self) -> Mend:
        self._say("the network is slow")
        self.world.network.slow = self.random.choice([10.0, 50.0])
        return lambda: setattr(self.world.network, "slow", 1.0)

    def no_api(self) -> Mend:
        self._say("Kubernetes does not answer")
        self.world.api.away = True
        return lambda: setattr(self.world.api, "away", False)

    # Servers

    def lag(self) -> Mend:
        """Replicas are fed slowly, and so are behind."""
        chosen = [one for one in self.world.servers if self.random.random() < 0.6]
        self._say(f"replicas lag: {[one.name for one in chosen]}")
        for server in chosen:
            server.lag, server.bandwidth = self.random.choice([(3.0, 1000), (0.5, 1), (8.0, 1000), (0.9, 1000)])

        def mend() -> None:
            for server in chosen:
                server.lag, server.bandwidth = 0.0, 1000

        return mend

    def rewrite(self) -> Mend:
        for server in self.world.servers:
            server.rewrite()
            server.save_sometimes()
        return lambda: None

    def full_volume(self) -> Mend:
        server = self._server()
        self._say(f"the volume of {server.name} is full")
        server.volume.full = True
        return lambda: setattr(server.volume, "full", False)

    def removes_kept(self) -> Mend:
        """A person takes what is kept, and makes room."""
        for server in self.world.servers:
            archive(self.world, server)
        return lambda: None

    def planned_restart(self, server: Server | None = None) -> Mend:
        server = server or self._server()
        shell = self.world.shell_of(server)
        self._say(f"{server.name} is restarted as planned")
        if shell.alive and server.alive:
            shell.going, shell.gone = True, ""
            self._wait_for_hand_over(server, server.run_id, self.loop.now + GRACE_SECONDS)
        return lambda: None

    def _wait_for_hand_over(self, server: Server, run: str, deadline: float) -> None:
        shell = self.world.shell_of(server)
        if server.run_id != run or not shell.alive:
            shell.going, shell.gone = False, ""
            return
        if not shell.gone and self.loop.now < deadline:
            self.loop.after(0.1, self._wait_for_hand_over, server, run, deadline)
            return
        if shell.gone.startswith("handed over"):
            self._check_hand_over(server)
        self._pod_ends(server, "SIGTERM", True)
        self.loop.after(self.random.uniform(1, 5), self._pod_starts, server)

    def _check_hand_over(self, server: Server) -> None:
        """Each write that it acknowledged since it was made the master is in the data of whom it handed over to."""
        world = self.world
        target = world.server_of(server.follows)
        world.count("handed over")
        if target is None or target.role != "master" or server.master_since is None:
            return
        there = set(target.writes)
        lost = [
            one.write
            for one in world.acknowledged_writes.values()
            if one.by == server.name and one.at >= server.master_since and one.write not in there
        ]
        if lost:
            world.violate(f"the hand-over of {server.name} to {target.name} lost {len(lost)} writes: {lost[:5]}")

    # Stories: one fault after the other, in the order that once lost data

    @property
    def stories(self) -> list[Callable[[], Mend]]:
        return [
            self.stale_replica_and_all_pods, self.killed_while_it_synchronizes, self.restart_with_lagging_replicas,
            self.restart_with_a_hung_replica, self.restart_after_a_replicas, self.writes_on_the_small_side,
            self.one_master_after_the_other, self.stale_replica_and_power, self.restart_in_an_election,
            self.agent_ends_in_a_hand_over,
        ]  # fmt: skip

    def _then(self, seconds: float, fault: Callable[..., Mend], *arguments: object) -> None:
        def begin() -> None:
            if not self.over:
                self._lasts(fault(*arguments))

        self.loop.after(seconds, begin)

    def _master_and_replica(self) -> tuple[Server, Server]:
        servers = self.world.servers
        master = next((one for one in servers if one.alive and one.role == "master"), servers[0])
        return master, self.random.choice([one for one in servers if one is not master])

    def stale_replica_and_all_pods(self) -> Mend:
        """S2: the replica that returns has not what the others acknowledged."""
        master, replica = self._master_and_replica()
        self._then(self.random.uniform(1, 8), self.all_pods, master)
        return self.random.choice([self.isolate, self.delete_pod, self.kill_server])(replica)

    def stale_replica_and_power(self) -> Mend:
        master, replica = self._master_and_replica()
        self._then(self.random.uniform(1, 8), self.power_of_all)
        self._then(self.random.uniform(8, 9), self.lasting_outage, master)
        return self.isolate(replica)

    def killed_while_it_synchronizes(self) -> Mend:
        """The append only file of before is still there; and its master goes for long."""
        master, replica = self._master_and_replica()

        def trap() -> None:
            self._then(self.random.uniform(0.5, 3.0), self.kill_server, replica)
            if self.random.random() < 0.7:
                self._then(self.random.uniform(0.5, 5.0), self.all_pods, master)

        replica.trap = trap
        return self.kill_server(replica)

    def restart_with_lagging_replicas(self) -> Mend:
        """S1."""
        master, _replica = self._master_and_replica()
        self._then(self.random.uniform(1, 8), self.planned_restart, master)
        return self.lag()

    def agent_ends_in_a_hand_over(self) -> Mend:
        """The fence stays, and somebody has to lift it."""
        master, replica = self._master_and_replica()
        self._then(self.random.uniform(0.5, 4.0), self.kill_agent, self.world.shell_of(master))
        self.planned_restart(master)
        return self.hang_server(replica)

    def restart_with_a_hung_replica(self) -> Mend:
        """S7."""
        master, replica = self._master_and_replica()
        self._then(self.random.uniform(0.1, 8), self.planned_restart, master)
        return self.hang_server(replica)

    def restart_after_a_replicas(self) -> Mend:
        """S8."""
        master, replica = self._master_and_replica()
        self._then(self.random.uniform(1, 12), self.planned_restart, master)
        return self.planned_restart(replica)

    def writes_on_the_small_side(self) -> Mend:
        """The master goes on with one replica and clients, where few Sentinels are."""
        master, replica = self._master_and_replica()
        side = [master.machine, replica.machine, "client"]
        nodes = [*self._machines(), "api", *(one.machine for one in self.world.sentinels)]
        away = [node for node in dict.fromkeys(nodes) if node not in side]
        if len(self.world.servers) > 2 and self.random.random() < 0.5:
            away.append(side.pop(1))
        pairs = [(a, b) for a in side for b in away]
        return self._cut(pairs + [(b, a) for a, b in pairs], f"{side} and {away} are apart")

    def restart_in_an_election(self) -> Mend:
        """A Sentinel that has voted starts again in its pod."""
        master, _replica = self._master_and_replica()
        for _number in range(2):
            self._then(self.world.plan.down_after + self.random.uniform(0.2, 2.0), self.restart_sentinel_in_place)
        return self.kill_server(master)

    def restart_sentinel_in_place(self) -> Mend:
        self.random.choice(self.world.sentinels).end(False)
        return lambda: None

    def one_master_after_the_other(self) -> Mend:
        """And an agent sleeps until it labels one that has not been it for long."""
        self.world.sleeps = SLEEP_SECONDS
        master, _replica = self._master_and_replica()
        for _number in range(2):
            self._then(self.random.uniform(5, 20), self.kill_server)
        return self.random.choice([self.kill_server, self.delete_pod, self.power_of_machine])(master)


def archive(world: World, server: Server) -> None:
    for name in list(server.volume.kept):
        world.archive.update(server.volume.kept.pop(name))
