# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything together: one deployment, its clients, and what is promised about it."""

from __future__ import annotations

from random import Random
from typing import Any, Callable

from agent.model import Keep

from .clients import Acknowledged, Client
from .kubernetes import Api
from .loop import Loop
from .network import Network
from .plan import Plan
from .sentinels import Sentinel
from .servers import Server
from .shells import SentinelShell, ServerShell
from .volumes import Volume

# How much a server may have got since its agent noted how far it is.
FEW_WRITES = 30


class World:
    def __init__(self, seed: int, plan: Plan, tell: Callable[[str], None] | None = None) -> None:
        self.seed, self.plan, self._tell = seed, plan, tell
        self.random = Random(seed)
        self.loop = Loop()
        self.network = Network(self.random)
        self.servers: list[Server] = []
        self.servers += [Server(self, number, Volume(self.random, plan.append_only)) for number in range(plan.servers)]
        self._by_host = {one.host: one for one in self.servers}
        self.pod_names = [one.name for one in self.servers]
        self.sentinels = [Sentinel(self, number) for number in range(plan.sentinels)]
        self.api = Api(self.pod_names)
        self.server_shells = [ServerShell(self, one) for one in self.servers]
        self.sentinel_shells = [SentinelShell(self, one) for one in self.sentinels]
        self._off: set[str] = set()
        self._names = {one.host: 0 for one in self.servers}
        self.decision: tuple[str, int] = ("", -1)
        self.acknowledged_writes: dict[int, Acknowledged] = {}
        self.archive: set[int] = set()
        """What a person took from kept copies before removing them."""
        self._writes = 0
        self.violations: list[str] = []
        self.clients = [Client(self, wait, self.random.choice([0.2, 0.5, 1.0])) for wait in (0, 1, plan.servers - 1)]
        self.counts: dict[str, int] = {}

    # Telling

    def trace(self, kind: str, who: str, what: str) -> None:
        if self._tell is not None:
            self._tell(f"{self.loop.now:8.3f} {kind:8} {who}: {what}")

    def violate(self, what: str) -> None:
        self.trace("VIOLATED", "property", what)
        self.violations.append(f"{self.loop.now:.3f}: {what}")

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + number

    # Names and machines

    def server(self, host: str) -> Server:
        return self._by_host[host.rstrip(".")]

    def server_of(self, host: str) -> Server | None:
        return self._by_host.get(host.rstrip("."))

    def shell_of(self, server: Server) -> ServerShell:
        return self.server_shells[server.number]

    def resolve(self, server: Server) -> int:
        return self._names[server.host]

    def machine_runs(self, machine: str) -> bool:
        return machine not in self._off

    def switch(self, machine: str, on: bool) -> None:
        if on:
            self._off.discard(machine)
        else:
            self._off.add(machine)

    def new_address(self, server: Server) -> None:
        """The pod is another one; its name leads there a moment later."""
        server.address += 1
        self.loop.after(self.random.choice([0.0, 1.0, 5.0]), self._publish_address, server)

    def _publish_address(self, server: Server) -> None:
        self._names[server.host] = server.address

    # What clients do

    def endpoint(self) -> Server | None:
        for name in self.api.labelled():
            server = self.servers[int(name[2:])]
            if self.shell_of(server).ready and server.alive and self.network.connects("client", server.machine):
                return server
        return None

    def next_write(self) -> int:
        self._writes += 1
        return self._writes

    def acknowledged(self, write: int, server: Server) -> Acknowledged:
        one = self.acknowledged_writes[write] = Acknowledged(write, self.loop.now, server.name)
        return one

    # Crashes at the worst moment

    disturbed = False
    """Whether anything may still break."""
    sleeps = 0.0
    """How long the next agent is stopped that is about to label a master."""

    def may_crash(self, server: Server) -> None:
        if self.disturbed and self.random.random() < self.plan.crashes:
            self.loop.after(self.random.choice([0.0, 0.1, 0.5, 2.0]), self._crash, server, server.run_id)

    def _crash(self, server: Server, run: str) -> None:
        if server.run_id == run and self.disturbed:
            signal = self.random.choice(["SIGKILL", "power"])
            server.stop(signal)
            pause = self.random.choice([0.5, 2.0, 12.0]) if signal == "SIGKILL" else self.random.uniform(4.0, 15.0)
            self.loop.after(pause, self._starts_again, server)

    def _starts_again(self, server: Server) -> None:
        if self.machine_runs(server.machine) and self.shell_of(server).alive:
            server.start()

    def crash_agent(self, shell: Any) -> None:
        self.trace("agent", shell.name, "ends")
        shell.end()
        self.loop.after(self.random.choice([0.5, 3.0]), self._agent_again, shell)

    def _agent_again(self, shell: Any) -> None:
        if self.machine_runs(shell.machine):
            shell.start()

    # What is done to servers

    def kept(self, server: Server, action: Keep) -> None:
        server.volume.keep(action.name)
        self.trace("volume", server.name, f"{action.name}: {len(server.volume.kept[action.name])} writes")
        self.count("kept copies")

    def elected(self, server: Server) -> None:
        """An agent makes its server the master: not one that has much less than another of its term that answers."""
        if not self.plan.append_only or self.decision[0]:
            return
        mine = self.acknowledged_writes.keys() & set(server.writes)
        term = self.shell_of(server).agent.memory.term
        for one in self.servers:
            shell = self.shell_of(one)
            reached = shell.alive and not shell.hung and self.network.connects(server.machine, one.machine)
            measured = reached and one.answers and shell.agent.state is not None and shell.agent.state.keys > FEW_WRITES
            if not measured or shell.agent.state.term < term:
                continue
            if one.volume.lost or one.volume.full or one.detached:
                continue
            theirs = self.acknowledged_writes.keys() & set(one.writes)
            if mine < theirs and len(theirs) - len(mine) > FEW_WRITES:
                self.violate(f"{server.name} leads with {len(mine)} writes, though {one.name} has {len(theirs)}")

    def replaced(self, server: Server, by: list[int]) -> None:
        """A full synchronisation is about to replace a server's data: of what is gone with that a copy must be."""
        gone = [write for write in set(server.writes).difference(by) if write in self.acknowledged_writes]
        if not gone:
            return
        elsewhere = set(self.archive)
        for one in self.servers:
            elsewhere.update(*one.volume.kept.values())
            if one is not server:
                elsewhere.update(one.writes, one.volume.writes())
        lost = sorted(set(gone) - elsewhere)
        if lost:
            self.violate(f"{server.name} lost {len(lost)} acknowledged writes by a synchronisation: {lost[:5]}")

    def without_agent(self, server: Server, parse: Callable[..., Any]) -> Any:
        """A server's answers as text, read by the agent's own function."""
        seen = server.seen()
        info = [
            f"run_id:{seen.run_id}", f"role:{seen.role}", f"master_replid:{seen.replid}",
            f"master_repl_offset:{seen.offset}", f"slave_repl_offset:{seen.offset}", f"master_replid2:{seen.replid2}",
            f"second_repl_offset:{seen.offset2}", f"master_host:{seen.follows}",
            f"master_link_status:{'up' if seen.link_up else 'down'}",
            f"master_sync_in_progress:{int(seen.syncing)}", f"loading:{int(seen.loading)}",
            f"rdb_bgsave_in_progress:{int(seen.saving)}", "rdb_last_save_time:0", "rdb_last_bgsave_status:ok",
            f"aof_enabled:{int(seen.append_only)}", f"aof_rewrite_in_progress:{int(seen.rewriting)}",
            "aof_rewrite_scheduled:0", "aof_pending_bio_fsync:0", "aof_buffer_length:0",
            f"rdb_changes_since_last_save:{seen.dirty}",
            f"repl_backlog_first_byte_offset:{seen.backlog}", "aof_last_bgrewrite_status:ok",
            *([f"db0:keys={seen.keys},expires=0"] if seen.keys else []),
        ]  # fmt: skip
        config = [
            "replica-priority", str(seen.priority), "min-replicas-to-write", str(seen.needed), "masteruser",
            "slotwise-closed" if seen.closed else "", "appendonly", "yes" if seen.append_only else "no",
            "cluster-announce-hostname", "",
        ]  # fmt: skip
        return parse(server.host, ["\r\n".join(info), config])

    # Beginning

    def begin(self) -> None:
        for server, shell in zip(self.servers, self.server_shells):
            self.loop.after(self.random.uniform(0, 3), server.start)
            self.loop.after(self.random.uniform(0, 4), shell.start)
        for shell in self.sentinel_shells:
            self.loop.after(self.random.uniform(0, 5), shell.start)
