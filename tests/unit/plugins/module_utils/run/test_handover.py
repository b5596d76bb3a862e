# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failover is ordered only while writes are held back, whoever lets them go on meanwhile.

tests/integration/test_handover.py has the rest, with real servers.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils.redis.restart_plan import FENCE
from ansible_collections.slotwise.redis.plugins.module_utils.run import handover
from ansible_collections.slotwise.redis.plugins.module_utils.run.handover import HandOver

HOSTS = {"s-0": "127.0.0.1", "s-1": "127.0.0.2"}
SENTINELS = ("w-0", "w-1", "w-2")
CONFIGURED = "1"
# See the agent's model.py.
FENCE_OF_AGENTS = "1000001"


class World:
    """A master that gets a write whenever it takes some, its replica, and Sentinels that give failovers up."""

    def __init__(self, aborted: int, lifts: bool) -> None:
        self.aborted, self.lifts = aborted, lifts
        self.master, self.needed, self.offset, self.has = "s-0", CONFIGURED, 1000, 1000
        self.orders: list[bool] = []
        self.fences: list[float] = []
        self.held = 0.0
        self._fenced_at = 0.0

    def set_needed(self, value: str) -> None:
        if self.needed != str(FENCE) == value:
            self._fenced_at = time.monotonic()
        elif self.needed == str(FENCE) != value:
            self.held = max(self.held, time.monotonic() - self._fenced_at)
        self.needed = value

    def servers(self, name: str, command: tuple) -> object:
        if self.needed != str(FENCE):
            # the replica has it a moment later
            self.has, self.offset = self.offset, self.offset + 100
        else:
            self.has = self.offset
        if command[:2] == ("CONFIG", "SET"):
            if command[2] == "min-replicas-to-write" and name == "s-0":
                self.set_needed(str(command[3]))
            return b"OK"
        if command[:2] == ("CONFIG", "GET"):
            return [b"min-replicas-to-write", self.needed.encode(), b"min-replicas-max-lag", b"10"]
        if command[0] != "INFO":
            return b"OK"
        if name == self.master:
            return f"role:master\r\nmaster_repl_offset:{self.offset}\r\n".encode()
        return f"role:slave\r\nmaster_link_status:up\r\nslave_repl_offset:{self.has}\r\n".encode()

    def sentinels(self, _name: str, command: tuple) -> object:
        if command[1] == "FAILOVER":
            self.orders.append(self.needed == str(FENCE) and self.has >= self.offset)
            if len(self.orders) > self.aborted:
                self.master = "s-1"
            elif self.lifts:
                # an agent that thinks that the run was killed, or another run
                self.set_needed(CONFIGURED)
            return b"OK"
        fields = {"ip": HOSTS[self.master], "port": "6379", "flags": "master", "failover-timeout": "1000"}
        if command[1] == "REPLICAS":
            other = next(name for name in HOSTS if name != self.master)
            fields |= {"ip": HOSTS[other], "flags": "slave", "slave-priority": "100"}
        fields["down-after-milliseconds"] = "3000"
        words = [word.encode() for pair in fields.items() for word in pair]
        return [words] if command[1] == "REPLICAS" else words


class Fake:
    """What HandOver uses of a Fleet."""

    def __init__(self, names: Mapping[str, str], answer) -> None:
        self.endpoints = tuple(Endpoint(name, address, 6379) for name, address in names.items())
        self._answer = answer

    def gather(self, commands: Mapping[str, Sequence[tuple]]) -> dict[str, list[object]]:
        return {name: [self._answer(name, command) for command in batch] for name, batch in commands.items()}

    def ask_all(self, *commands: tuple) -> dict[str, list[object]]:
        return self.gather({one.name: commands for one in self.endpoints})


@pytest.fixture
def hand_over(monkeypatch):
    for name in ("ASK_SECONDS", "REST_SECONDS", "POLL_SECONDS", "SLOW_POLL_SECONDS"):
        monkeypatch.setattr(handover, name, 0.01)

    def run(world: World, timeout: float) -> str:
        fleets = Fake(HOSTS, world.servers), Fake(dict.fromkeys(SENTINELS, "127.0.0.9"), world.sentinels)
        return HandOver(*fleets, "orders", "s-0", min_replicas=CONFIGURED, report=print).run(timeout)

    return run


@pytest.mark.parametrize("aborted", [1, 3])
def test_where_somebody_lets_writes_go_on_they_are_held_back_anew(hand_over, aborted):
    world = World(aborted, lifts=True)
    assert hand_over(world, 20) == "s-1"
    assert world.orders == [True] * (aborted + 1)
    assert world.needed == CONFIGURED


@pytest.mark.parametrize("aborted", [1, 10**6])
def test_the_fence_of_an_agent_whose_pod_goes_is_not_lifted(hand_over, aborted):
    """It may have ordered a failover that nobody has heard of yet: what the master took then would be lost."""
    world = World(aborted, lifts=False)
    taken = []

    def sentinels(name: str, command: tuple) -> object:
        answer = World.sentinels(world, name, command)
        if command[1] == "FAILOVER" and world.master == "s-0":
            world.set_needed(FENCE_OF_AGENTS)
        return answer

    def servers(name: str, command: tuple) -> object:
        if command[:3] == ("CONFIG", "SET", "min-replicas-to-write") and world.needed == FENCE_OF_AGENTS:
            taken.append(str(command[3]))
        return World.servers(world, name, command)

    world.sentinels, world.servers = sentinels, servers
    with contextlib.nullcontext() if aborted == 1 else pytest.raises(EngineError):
        hand_over(world, 0.5)
    assert set(taken) <= {str(FENCE)}


def test_failovers_that_come_to_nothing_do_not_hold_writes_back_for_long(hand_over, monkeypatch):
    """Agents let writes go on after a minute, as a run that was killed would never do so."""
    monkeypatch.setattr(handover, "HOLD_SECONDS", 0.2)
    world = World(10**6, lifts=False)
    with pytest.raises(EngineError, match="did not fail over in time"):
        hand_over(world, 1)
    assert all(world.orders)
    assert world.held < 0.6
    assert world.needed == CONFIGURED
