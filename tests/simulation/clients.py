# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients: they write through the pod that is labelled as the master and ready, and wait for replicas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .servers import Server
    from .world import World

WAIT_SECONDS = 1.0


@dataclass
class Acknowledged:
    """A write that a client was told of, by whom, and which servers had it by WAIT."""

    write: int
    at: float
    by: str
    copies: list[str] = field(default_factory=list)


class Client:
    """Keeps its connection until something goes wrong, as clients do."""

    def __init__(self, world: World, wait: int, pause: float) -> None:
        self.world, self.loop, self.wait, self.pause = world, world.loop, wait, pause
        self.server: Server | None = None
        self.run = ""
        self.stopped = False
        self.loop.after(world.random.uniform(0, 1), self._next)

    def _next(self) -> None:
        if self.stopped:
            return
        self.loop.after(self.pause * self.world.random.uniform(0.5, 1.5), self._next)
        if self.server is None:
            self.server = self.world.endpoint()
            if self.server is None:
                return
            self.run = self.server.run_id
        server, network = self.server, self.world.network
        if server.run_id != self.run or not network.carries("client", server.machine):
            self.server = None
            return
        write = self.world.next_write()
        if server.hung:
            # It is in the socket's buffer, and done when the server goes on; nobody waits for that.
            server.receive(0.0, server.write, write)
            self.server = None
            return
        reply = server.write(write)
        if not network.carries(server.machine, "client"):
            self.server = None
            return
        if reply != "OK":
            self.server = None
            return
        acknowledged = self.world.acknowledged(write, server)
        if self.wait:
            self._waited(acknowledged, server, server.offset, server.run_id, self.loop.now + WAIT_SECONDS)

    def _waited(self, acknowledged: Acknowledged, server: Server, offset: int, run: str, deadline: float) -> None:
        if server.run_id != run or server.role != "master":
            return
        copies = server.acknowledged_by(offset)
        if len(copies) >= self.wait:
            acknowledged.copies = [one.name for one in copies]
        elif self.loop.now < deadline:
            self.loop.after(0.1, self._waited, acknowledged, server, offset, run, deadline)
