# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planned hand-over of a master, with real servers and Sentinels: no write is lost, and nothing stays set."""

from __future__ import annotations

import threading
import time

import redis

from ansible_collections.slotwise.redis.plugins.module_utils._handover import HandOver
from ansible_collections.slotwise.redis.plugins.module_utils._topology import Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils._transport import DirectDialer, Fleet
from ansible_collections.slotwise.redis.tests.integration.pods import wait_for
from ansible_collections.slotwise.redis.tests.integration.sentinel_farm import MASTER_NAME, Process, SentinelFarm

REPLY_SECONDS = 1.0
CONFIGURED = "1"
SETTINGS = {"min-replicas-to-write": CONFIGURED, "repl-ping-replica-period": "1"}


class Writer(threading.Thread):
    """Writes one key after the other to the master that a Sentinel names. A context manager."""

    def __init__(self, farm: SentinelFarm, value: str = "v") -> None:
        super().__init__(daemon=True)
        self._farm, self._value, self._done = farm, value, threading.Event()
        self.acknowledged: list[tuple[float, int]] = []

    def run(self) -> None:
        number, connection = 0, None
        while not self._done.is_set():
            number += 1
            try:
                if connection is None:
                    sentinel = self._farm.sentinels[number % 3]
                    with redis.Redis(sentinel.host, sentinel.port, protocol=2, socket_timeout=1) as asked:
                        host, port = asked.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", MASTER_NAME)
                    connection = redis.Redis(host, int(port), socket_timeout=3, protocol=2)
                connection.set(f"w:{number}", self._value)
                self.acknowledged.append((time.monotonic(), number))
            except redis.RedisError:
                time.sleep(0.02)
                if connection is not None:
                    connection.close()
                connection = None

    def __enter__(self) -> Writer:
        self.start()
        wait_for("writes", lambda: len(self.acknowledged) > 50)
        return self

    def __exit__(self, error: object, *unused: object) -> None:
        count = len(self.acknowledged)
        try:
            if not error:
                wait_for("writes after it", lambda: len(self.acknowledged) > count + 50)
        finally:
            self._done.set()
            self.join()

    @property
    def gap(self) -> float:
        times = [at for at, _number in self.acknowledged]
        return max(after - before for before, after in zip(times, times[1:]))

    def lost(self, server: Process) -> int:
        numbers = [number for _at, number in self.acknowledged]
        return sum(value is None for value in server.ask("MGET", *(f"w:{number}" for number in numbers)))


def hand_over(farm: SentinelFarm, timeout: float = 40, said: list[str] | None = None) -> Process:
    """The new master."""
    fleets = [
        Fleet(DirectDialer(), [Endpoint(p.host, p.host, p.port) for p in group], None, REPLY_SECONDS)
        for group in (farm.servers, farm.sentinels)
    ]
    try:
        report = print if said is None else said.append
        return farm.server(
            HandOver(*fleets, MASTER_NAME, farm.master().host, min_replicas=CONFIGURED, report=report).run(timeout)
        )
    finally:
        for fleet in fleets:
            fleet.close()


def assert_nothing_is_set(farm: SentinelFarm) -> None:
    for server in farm.servers:
        assert server.ask("CONFIG", "GET", "min-replicas-to-write")[1] == CONFIGURED
        assert server.ask("CONFIG", "GET", "replica-priority")[1] == "100"


def masters(farm: SentinelFarm) -> list[Process]:
    return [server for server in farm.servers if server.role == "master"]


def test_no_acknowledged_write_is_lost(flavor):
    with SentinelFarm(flavor, settings=SETTINGS) as farm:
        old = farm.master()
        with Writer(farm) as writer:
            new = hand_over(farm)
            assert (new is old, masters(farm)) == (False, [new])
            assert_nothing_is_set(farm)
        assert writer.lost(new) == 0
        print(f"{flavor}: longest write gap {writer.gap:.2f} s, {len(writer.acknowledged)} writes")
