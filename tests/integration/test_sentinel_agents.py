# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What agents promise, with real servers and Sentinels: nothing lost when a master goes, what losers have kept."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import pytest
import redis

from .pods import wait_for
from .sentinel_pods import MASTER_NAME, SentinelPods

ODD_PASSWORDS = ('b lank "quote\\', " lead'ing#", "-dash é%$")


class Writer(threading.Thread):
    """Writes one key after the other to whoever is labelled, and knows what was acknowledged."""

    def __init__(self, pods: SentinelPods) -> None:
        super().__init__(daemon=True)
        self._pods, self._done = pods, threading.Event()
        self.acknowledged: list[int] = []

    def run(self) -> None:
        number = 0
        while not self._done.is_set():
            for host in self._pods.kubernetes.masters():
                number += 1
                with contextlib.suppress(redis.RedisError), client(self._pods, host) as connection:
                    connection.set(f"w:{number}", "x" * 500)
                    self.acknowledged.append(number)

    def __enter__(self) -> Writer:
        self.start()
        wait_for("writes are acknowledged", lambda: len(self.acknowledged) > 50)
        return self

    def __exit__(self, *unused: object) -> None:
        self._done.set()
        self.join()

    def lost(self, host: str) -> list[int]:
        with client(self._pods, host) as connection:
            values = connection.mget([f"w:{number}" for number in self.acknowledged])
        return [number for number, value in zip(self.acknowledged, values) if value is None]


def client(pods: SentinelPods, host: str) -> redis.Redis:
    return redis.Redis(host, pods.redis_port, password=pods.password or None, socket_timeout=2, retry=None)


def signal_container(pods: SentinelPods, host: str, number: int) -> None:
    os.killpg(pods.processes[f"{host} container"].pid, number)


def other_than(pods: SentinelPods, *hosts: str) -> list[str]:
    return [host for host in pods.servers if host not in hosts]


def test_a_planned_stop_loses_nothing_and_neither_does_the_next_one(every_flavor):
    """S8: the second master goes within ten seconds of the start of its replica."""
    with SentinelPods(every_flavor) as pods:
        first = pods.wait_whole()
        with Writer(pods) as writer:
            pods.stop(first)
            second = pods.wait_whole(first)
            pods.start(first)
            wait_for("the first one may be chosen", lambda: pods.ready(first))
            pods.stop(second)
            third = pods.wait_whole(second)
        assert writer.lost(third) == []
        assert "handed over" in pods.log(first)
        assert "handed over" in pods.log(second)
        assert pods.kubernetes.most_masters == 1
        assert not [name for host in (first, third) for name in pods.state(host)["kept"]]


def test_replicas_that_lag_are_waited_for(every_flavor):
    """S1: both replicas stand still when the master is told to go, and come to themselves later."""
    with SentinelPods(every_flavor) as pods:
        master = pods.wait_whole()
        with Writer(pods) as writer:
            for host in other_than(pods, master):
                signal_container(pods, host, signal.SIGSTOP)
            written = len(writer.acknowledged)
            wait_for("they lag", lambda: len(writer.acknowledged) > written + 200)
            timer = threading.Timer(
                3, lambda: [signal_container(pods, h, signal.SIGCONT) for h in other_than(pods, master)]
            )
            timer.start()
            pods.stop(master)
            new = pods.wait_whole(master)
        assert writer.lost(new) == []
        assert "handed over" in pods.log(master)


def test_a_hung_replica_holds_nobody_up(every_flavor):
    """S7"""
    with SentinelPods(every_flavor) as pods:
        master = pods.wait_whole()
        hung, other = other_than(pods, master)
        with Writer(pods) as writer:
            signal_container(pods, hung, signal.SIGSTOP)
            began = time.monotonic()
            pods.stop(master)
            seconds = time.monotonic() - began
            wait_for("the other one is labelled", lambda: pods.kubernetes.masters() == [other])
        assert writer.lost(other) == []
        assert seconds < 25
        signal_container(pods, hung, signal.SIGCONT)


def test_who_had_more_leads_when_the_master_does_not_come_back(every_flavor):
    """S2: the replica with the lower number was away during acknowledged writes."""
    with SentinelPods(every_flavor) as pods:
        master = pods.wait_whole()
        assert master == pods.servers[0], "the first one of equals"
        stale, current = pods.servers[1:]
        with client(pods, master) as connection:
            connection.set("before", 1)
            assert connection.wait(2, 5000) == 2
            pods.kill(stale)
            for number in range(1000):
                connection.set(f"k:{number}", number)
            assert connection.wait(1, 5000) == 1
        wait_for("it is noted", lambda: pods.state(current)["data"]["least"] >= offset(pods, master) - 2000)
        time.sleep(2.5)  # as long as progress may stay unnoted
        for host in (master, current):
            pods.kill(host)
        for host in pods.sentinels:
            pods.kill(host)
        for host in (*pods.sentinels, stale, current):
            pods.start(host)
        wait_for("the one with more leads", lambda: pods.role(current) == "master", 60)
        with client(pods, current) as connection:
            assert connection.get("k:999") == b"999"
        # The old master comes back, and keeps what may be only its own.
        pods.start(master)
        assert pods.wait_whole() == current


def offset(pods: SentinelPods, host: str) -> int:
    with client(pods, host) as connection:
        return connection.info("replication")["master_repl_offset"]


@pytest.mark.parametrize(("append_only", "stale"), [("yes", "yes"), ("no", "yes"), ("no", "no")])
def test_what_only_an_outvoted_master_has_is_kept(every_flavor, append_only, stale):
    """It is cut off, takes writes that nobody else has, and finds another master when it is back.

    ``stale`` is replica-serve-stale-data: without, a server that waits for its link refuses BGSAVE too.
    """
    with SentinelPods(every_flavor) as pods:
        pods.directives |= {"appendonly": append_only, "replica-serve-stale-data": stale}
        for host in pods.servers:
            pods.kill(host)
            pods.start(host)
        master = pods.wait_whole()
        os.killpg(pods.processes[f"{master} agent"].pid, signal.SIGSTOP)
        signal_container(pods, master, signal.SIGSTOP)
        wait_for("another one leads", lambda: pods.kubernetes.masters() not in ([], [master]))
        new = pods.kubernetes.masters()[0]
        signal_container(pods, master, signal.SIGCONT)
        with client(pods, master) as connection:
            connection.set("only-here", 1)
        os.killpg(pods.processes[f"{master} agent"].pid, signal.SIGCONT)
        assert pods.wait_whole() == new
        (kept,) = pods.state(master)["kept"]
        files = [path for path in (pods.root / master / "data" / kept).rglob("*") if path.is_file()]
        assert any(b"only-here" in path.read_bytes() for path in files), files
        assert pods.ask(master, "get", "only-here") == ""
        assert pods.ask(master, "config", "get", "replica-serve-stale-data").split()[1] == stale
        wait_for("people are told", lambda: kept in pods.kubernetes.told.get("kept", ""))


def test_without_room_a_loser_waits_instead_of_overwriting(every_flavor):
    with SentinelPods(every_flavor, KEPT_COPIES="1") as pods:
        master = pods.wait_whole()
        (pods.root / master / "data" / "kept-of-term-0-earlier").mkdir()
        os.killpg(pods.processes[f"{master} agent"].pid, signal.SIGSTOP)
        signal_container(pods, master, signal.SIGSTOP)
        wait_for("another one leads", lambda: pods.kubernetes.masters() not in ([], [master]))
        signal_container(pods, master, signal.SIGCONT)
        with client(pods, master) as connection:
            connection.set("only-here", 1)
        os.killpg(pods.processes[f"{master} agent"].pid, signal.SIGCONT)
        wait_for("it says why it waits", lambda: "no room to keep it" in pods.state(master)["waiting"])
        assert pods.ask(master, "get", "only-here") == "1"
        (pods.root / master / "data" / "kept-of-term-0-earlier").rmdir()
        pods.wait_whole()
        assert pods.state(master)["waiting"] == ""


@pytest.mark.parametrize("password", ODD_PASSWORDS)
def test_a_sentinel_starts_again_in_place_with_any_password(every_flavor, password):
    """S5: a Sentinel writes passwords without quotes to its file."""
    with SentinelPods(every_flavor, servers=2, password=password) as pods:
        pods.wait_whole()
        host = pods.sentinels[0]
        wait_for(
            "the file was rewritten", lambda: "known-sentinel" in (pods.root / host / "run/sentinel.conf").read_text()
        )
        pods._end(f"{host} container", signal.SIGKILL)
        pods.start_container(host)
        wait_for(
            "it watches the master",
            lambda: (
                pods.servers[0]
                in pods.ask(host, "sentinel", "get-master-addr-by-name", MASTER_NAME, port=pods.sentinel_port)
            ),
        )
        wait_for(
            "and reaches it",
            lambda: (
                "flags\nmaster\n" in pods.ask(host, "sentinel", "master", MASTER_NAME, port=pods.sentinel_port) + "\n"
            ),
        )


def test_all_sentinels_at_once_take_the_same_master_again(every_flavor):
    with SentinelPods(every_flavor) as pods:
        master = pods.wait_whole()
        for host in pods.sentinels:
            pods.kill(host)
        for host in pods.sentinels:
            pods.start(host)
        assert pods.wait_whole() == master


def test_a_sentinel_that_is_alone_with_what_it_names_is_started_anew(every_flavor, monkeypatch):
    """It hears the others all the time, and believes itself: they are of the same epoch."""
    monkeypatch.setattr("agent.sentinel.ALONE_SECONDS", 3.0)
    with SentinelPods(every_flavor, servers=2, password="") as pods:
        master = pods.wait_whole()
        host = pods.sentinels[0]
        (other,) = other_than(pods, master)

        def ask(*words: str) -> str:
            return pods.ask(host, "sentinel", *words, port=pods.sentinel_port)

        ask("remove", MASTER_NAME)
        assert ask("monitor", MASTER_NAME, other, str(pods.redis_port), "2") == "OK"
        wait_for("the Sentinel ends", lambda: pods.processes[f"{host} container"].poll() is not None)
        assert "starts its Sentinel anew" in pods.log(host)
        pods.start_container(host)
        wait_for("it names the master", lambda: master in ask("get-master-addr-by-name", MASTER_NAME))
        assert pods.wait_whole() == master


@pytest.mark.parametrize("place", ["another pod", "in place"])
def test_an_emptied_server_is_never_promoted(every_flavor, place):
    """The master's volume is emptied, and it is back before Sentinels find it down; its agent lives on, or is new."""
    with SentinelPods(every_flavor) as pods:
        master = pods.wait_whole()
        with client(pods, master) as connection:
            connection.set("k", "v")
            assert connection.wait(2, 5000) == 2
        if place == "in place":
            signal_container(pods, master, signal.SIGSTOP)
            pods.wipe(master)
            pods._end(f"{master} container", signal.SIGKILL)
            pods.start_container(master)
        else:
            pods.kill(master)
            pods.wipe(master)
            pods.start(master)
        new = (
            wait_for("another one leads", lambda: pods.kubernetes.masters() not in ([], [master])) and pods.wait_whole()
        )
        assert new != master
        assert pods.ask(new, "get", "k") == "v"
        assert pods.ask(master, "get", "k") == "v"


def test_a_master_that_does_not_come_back_is_replaced_as_soon_as_sentinels_find_it_down(every_flavor):
    """Its machine died and its links were reset: those who followed it do not wait as after a power failure of all."""
    with SentinelPods(every_flavor, ELECTION_SECONDS="600") as pods:
        master = pods.wait_whole()
        with Writer(pods) as writer:
            pods.kill(master)
            wait_for("another one leads", lambda: pods.kubernetes.masters() not in ([], [master]), 30)
            new, last = pods.kubernetes.masters()[0], len(writer.acknowledged)
            wait_for("writes to it", lambda: len(writer.acknowledged) > last + 50)
        pods.start(master)
        assert pods.wait_whole() == new


def test_an_agent_that_dies_takes_nothing_along(every_flavor):
    with SentinelPods(every_flavor) as pods:
        master = pods.wait_whole()
        with Writer(pods) as writer:
            for host in pods.servers:
                pods._end(f"{host} agent", signal.SIGKILL)
            count = len(writer.acknowledged)
            wait_for("servers go on", lambda: len(writer.acknowledged) > count + 100)
            for host in pods.servers:
                pods.start_agent(host)
            assert pods.wait_whole() == master
            pods.stop(master)
            new = pods.wait_whole(master)
        assert writer.lost(new) == []
