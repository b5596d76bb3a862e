# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true after every event, and at the end."""

from __future__ import annotations

from agent.model import FENCE_OF_A_RUN

from .servers import Server
from .world import World

# Two masters of one term for no longer than this, once nothing keeps them from hearing of each other.
TWO_MASTERS_SECONDS = 30.0


class Properties:
    """``after_event`` is called after each event; ``every_second`` looks at what takes time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._pairs: dict[tuple[str, str], float] = {}
        self._labelled: list[str] = []
        self._terms = [(0, -1)] * len(world.servers)
        world.loop.after_event = self.after_event

    def after_event(self) -> None:
        labelled = self.world.api.labelled()
        if labelled != self._labelled:
            self._labelled = labelled
            if len(labelled) > 1:
                self.world.violate(f"two labelled masters: {labelled}")

    def every_second(self) -> None:
        world = self.world
        now = world.loop.now
        for server in world.servers:
            volume, (emptied, term) = server.volume, self._terms[server.number]
            if volume.emptied == emptied and volume.memory.term < 0 <= term:
                world.violate(f"the memory of {server.name} is lost, that was of term {term}")
            if volume.emptied == emptied and volume.memory.term < term:
                world.count("went back to an earlier term")
            self._terms[server.number] = (volume.emptied, volume.memory.term)
        leading = []
        for server in world.servers:
            state = world.shell_of(server).agent.state if world.shell_of(server).alive else None
            if server.alive and server.role == "master" and state is not None and state.own and state.leads:
                leading.append((server, state.term))
        seen = set()
        for place, (one, term) in enumerate(leading):
            for other, its_term in leading[place + 1 :]:
                if term == its_term and self._undisturbed(one) and self._undisturbed(other):
                    pair = (one.name, other.name)
                    seen.add(pair)
                    since = self._pairs.setdefault(pair, now)
                    if now - since > TWO_MASTERS_SECONDS:
                        world.violate(f"two masters of term {term} for {now - since:.0f} s: {pair}")
                        self._pairs[pair] = float("inf")
        for pair in [pair for pair in self._pairs if pair not in seen]:
            del self._pairs[pair]

    def _undisturbed(self, server: Server) -> bool:
        world = self.world
        nodes = [one.machine for one in (*world.servers, *world.sentinels)]
        return server.answers and all(world.network.connects(server.machine, node) for node in nodes)

    # When all is healed

    def master(self) -> Server | None:
        masters = [one for one in self.world.servers if one.alive and one.role == "master"]
        return masters[0] if len(masters) == 1 else None

    def unsettled(self) -> str:
        """What is still not as it should be; empty when all is."""
        world = self.world
        masters = [one.name for one in world.servers if one.alive and one.role == "master"]
        if len(masters) != 1:
            return f"masters: {masters}"
        master = self.master()
        assert master is not None
        if world.api.labelled() != [master.name]:
            return f"labelled: {world.api.labelled()}, master {master.name}"
        wrong = self._wrong_sentinels(master)
        if wrong:
            return wrong
        if master.needed >= FENCE_OF_A_RUN:
            return f"{master.name} is fenced"
        for server in world.servers:
            shell = world.shell_of(server)
            if server is not master and not (server.linked and server.upstream in master.downstream):
                return f"{server.name} has no link to {master.name}: {shell.agent.waiting}"
            if not shell.ready or shell.going:
                return f"{server.name} is not ready"
            if server is not master and server.priority == 0:
                return f"{server.name} must not be chosen"
            if (
                server is not master
                and server.writes[-1:] != master.writes[-1:]
                and server.offset < master.offset - 500
            ):
                return f"{server.name} is behind"
        return ""

    def _wrong_sentinels(self, master: Server) -> str:
        world = self.world
        for sentinel in world.sentinels:
            if not sentinel.answers:
                return f"{sentinel.name} does not run"
            if sentinel.state:
                return f"{sentinel.name} fails over"
            if sentinel.address() != master.host:
                return f"{sentinel.name} names {sentinel.address()} in epoch {sentinel.config_epoch}, not {master.name}"
        return ""

    def missing(self) -> dict[int, list[str]]:
        """Acknowledged writes that are neither in the master's data nor in a copy that a state names."""
        world, master = self.world, self.master()
        found = set(world.archive)
        if master is not None:
            found.update(master.writes)
        for server in world.servers:
            state = world.shell_of(server).agent.state
            for name, writes in server.volume.kept.items():
                if state is not None and name in state.kept:
                    found.update(writes)
            if state is not None and state.waiting:
                found.update(server.writes)
        return {
            write: [one.name for one in world.servers if write in one.volume.had and write not in one.volume.lost]
            for write in world.acknowledged_writes
            if write not in found
        }

    def at_the_end(self) -> None:
        world = self.world
        missing = self.missing()
        promised = {write: volumes for write, volumes in missing.items() if volumes}
        if promised:
            write, volumes = next(iter(promised.items()))
            one = world.acknowledged_writes[write]
            world.violate(
                f"{len(promised)} acknowledged writes are neither in the master nor kept, though {volumes} survived; "
                f"the first: {write} at {one.at:.3f} by {one.by}, replicas {one.copies}"
            )
        master = self.master()
        in_master = set(master.writes) if master else set()
        world.count("acknowledged", len(world.acknowledged_writes))
        world.count("taken by the world", len(missing) - len(promised))
        world.count("only in kept copies", len(set(world.acknowledged_writes) - in_master) - len(missing))
