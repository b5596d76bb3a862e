# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planned hand-over of a master, with real servers and Sentinels: no write is lost, and nothing stays set."""

from __future__ import annotations

import threading
import time

import pytest
import redis

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import DirectDialer, Fleet
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils.run import handover
from ansible_collections.slotwise.redis.plugins.module_utils.run.handover import HandOver
from ansible_collections.slotwise.redis.tests.integration.pods import wait_for
from ansible_collections.slotwise.redis.tests.integration.sentinel_farm import MASTER_NAME, Process, SentinelFarm

REPLY_SECONDS = 1.0
CONFIGURED = "1"
HASTY = {"sentinel failover-timeout": "3000"}
PATIENT = {"sentinel down-after-milliseconds": "30000"}
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


def hand_over(
    farm: SentinelFarm, timeout: float = 40, said: list[str] | None = None, old: Process | None = None
) -> Process:
    """The new master."""
    fleets = [
        Fleet(DirectDialer(), [Endpoint(p.host, p.host, p.port) for p in group], None, REPLY_SECONDS)
        for group in (farm.servers, farm.sentinels)
    ]
    try:
        report = print if said is None else said.append
        return farm.server(
            HandOver(*fleets, MASTER_NAME, (old or farm.master()).host, min_replicas=CONFIGURED, report=report).run(
                timeout
            )
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


def test_no_acknowledged_write_is_lost(every_flavor):
    with SentinelFarm(every_flavor, settings=SETTINGS) as farm:
        old = farm.master()
        with Writer(farm) as writer:
            new = hand_over(farm)
            assert (new is old, masters(farm)) == (False, [new])
            assert_nothing_is_set(farm)
        assert writer.lost(new) == 0
        print(f"{every_flavor}: longest write gap {writer.gap:.2f} s, {len(writer.acknowledged)} writes")


def test_writes_are_held_back_where_no_lag_counts(every_flavor):
    """With min-replicas-max-lag 0 a server does not look at min-replicas-to-write at all."""
    with SentinelFarm(every_flavor, settings={**SETTINGS, "min-replicas-max-lag": "0"}) as farm:
        with Writer(farm) as writer:
            new = hand_over(farm)
        assert writer.lost(new) == 0
        assert_nothing_is_set(farm)


def lag(farm: SentinelFarm, replica: Process, keys: int = 40) -> None:
    """Let a replica stand still while the master takes more than it may lack, without losing its link."""
    replica.freeze()
    for number in range(keys):
        farm.master().ask("SET", f"large:{number}", "x" * 100_000)


def test_a_replica_that_hangs_is_not_waited_for_and_never_chosen(every_flavor):
    """S7, and S1 in part: the other one has everything and suffices."""
    with SentinelFarm(every_flavor, settings=SETTINGS) as farm:
        hung = farm.servers[1]
        lag(farm, hung)
        said: list[str] = []
        try:
            with Writer(farm) as writer:
                new = hand_over(farm, said=said)
                assert new is farm.servers[2]
        finally:
            hung.thaw()
        wait_for("it follows the new master", lambda: hung.info().get("master_host") == new.host and farm.in_sync())
        assert writer.lost(new) == 0
        assert_nothing_is_set(farm)
        assert any(hung.host in line for line in said), said
        print(f"{every_flavor}: longest write gap {writer.gap:.2f} s")


def test_no_replica_in_sync_stops_it_with_the_reason_and_writes_go_on(every_flavor):
    with SentinelFarm(every_flavor, settings=SETTINGS) as farm:
        old = farm.master()
        for replica in farm.servers[1:]:
            lag(farm, replica)
        try:
            with pytest.raises(EngineError) as stopped:
                hand_over(farm, timeout=4)
        finally:
            for replica in farm.servers[1:]:
                replica.thaw()
        assert stopped.value.message == "No replica can take over without losing writes."
        wait_for("replicas are back", farm.in_sync)
        assert (farm.master(), masters(farm)) == (old, [old])
        with Writer(farm):
            assert_nothing_is_set(farm)


class Hanging(list):
    """Lines of progress; these servers hang for some seconds when writes are held back for the first time."""

    def __init__(self, seconds: float, *servers: Process, delay: float = 0) -> None:
        super().__init__()
        self._seconds, self._servers, self._delay, self.done = seconds, servers, delay, False

    def append(self, text: str) -> None:
        super().append(text)
        if "takes no more writes" in text and not self.done:
            self.done = True
            for server in self._servers:
                if self._delay:
                    threading.Timer(self._delay, server.freeze).start()
                else:
                    server.freeze()
                threading.Timer(self._delay + self._seconds, server.thaw).start()


def test_a_replica_that_falls_behind_meanwhile_gets_time(every_flavor, monkeypatch):
    """The fence is lifted, clients have a rest, and it is tried again when the replica has caught up."""
    monkeypatch.setattr(handover, "CATCH_UP_SECONDS", 0.5)
    with SentinelFarm(every_flavor, settings=SETTINGS, sentinel_settings=PATIENT) as farm:
        said = Hanging(3, farm.servers[1])
        with Writer(farm) as writer:
            new = hand_over(farm, said=said)
        assert any("did not catch up" in line for line in said), said
        assert writer.lost(new) == 0
        assert_nothing_is_set(farm)


def test_sentinels_that_do_not_fail_over_change_nothing(every_flavor):
    """Most Sentinels are away, so nobody is asked, and everything goes on as before."""
    with SentinelFarm(every_flavor, settings=SETTINGS, sentinel_settings=HASTY) as farm:
        old = farm.master()
        for sentinel in farm.sentinels[1:]:
            sentinel.freeze()
        try:
            with pytest.raises(EngineError):
                hand_over(farm, timeout=4, old=old)
            assert masters(farm) == [old]
            assert_nothing_is_set(farm)
            assert old.ask("SET", "after", "it") == "OK"
        finally:
            for sentinel in farm.sentinels[1:]:
                sentinel.thaw()


def test_a_failover_that_was_given_up_is_asked_for_again(every_flavor):
    """S8: accepted is not done. The replicas hang when one of them is told to lead, until the Sentinel gives up."""
    with SentinelFarm(every_flavor, settings=SETTINGS, sentinel_settings=HASTY) as farm:
        said = Hanging(6, *farm.servers[1:], delay=0.1)
        with Writer(farm) as writer:
            new = hand_over(farm, said=said)
        assert sum("answered: OK" in line for line in said) > 1, said
        assert writer.lost(new) == 0
        assert_nothing_is_set(farm)
