# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent beside a server does where its volume fails: people are told, and the rest goes on."""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import replace

import pytest
from agent import disk
from agent.__main__ import ServerShell
from agent.evidence import Data, Memory, State
from agent.model import FENCE, Keep, Replica, Server, View

MEMORY = Memory(4, "s-0", Data("a", 100, 100), (), (1, 5))
OLD = Server("run", "slave", "a", 100, follows="s-1", priority=100, keys=9)
MASTER = State("s-1", 5, "s-1", Data("x", 50, 50), (), 9, leads=True)
OTHER_LEADS = View(5, "s-1")


class Told:
    """What those who are asked have answered."""

    def __init__(self, answers):
        self._answers = answers

    def ask(self):
        pass

    def answers(self):
        return self._answers


@contextlib.contextmanager
def shell_of(tmp_path, server, view, states, memory=MEMORY):
    """The agent of s-0 as its pod runs it. ``orders`` has what its server is told."""
    data, run = tmp_path / "data", tmp_path / "run"
    for folder in (data / disk.APPEND_ONLY, run):
        folder.mkdir(parents=True)
    (data / disk.APPEND_ONLY / disk.MANIFEST).write_text("file appendonly.aof.1.incr.aof seq 1 type i\n")
    (data / disk.APPEND_ONLY / "appendonly.aof.1.incr.aof").write_text("12345")
    (tmp_path / "redis.conf").write_text("min-replicas-to-write 1\n")
    disk.remember(data, memory)
    environment = {
        "POD_HOSTNAME": "s-0", "HOSTS": "s-0 s-1", "SENTINEL_HOSTS": "t-0", "MASTER_NAME": "orders", "REDIS_PORT": "1",
        "SENTINEL_PORT": "1", "AGENT_PORT": "0", "REDIS_HOST": "127.0.0.1", "REDIS_RUN": str(run),
        "REDIS_AUTH": "disabled", "DECISION": str(tmp_path / "decision"), "ELECTION_SECONDS": "20", "PATIENT": "no",
        "REDIS_DATA": str(data), "REDIS_CONFIG": str(tmp_path / "redis.conf"), "PRESTOP_SECONDS": "30",
        "KEPT_COPIES": "3",
    }  # fmt: skip
    shell = ServerShell(environment)
    shell.pause = lambda: 0
    shell.servers, shell.views = Told({one.host: one for one in states}), Told({"t-0": view})
    shell.current, shell.orders = server, []
    shell._server = lambda: shell.current
    shell._must = lambda *words: shell.orders.append(words)
    with (tmp_path / "log").open("w") as shell.log:
        try:
            yield shell
        finally:
            shell.status.close()


def rounds(shell, count=1):
    left = iter(range(count + 1))
    shell.done = lambda: next(left) == count
    shell.orders.clear()
    shell.run_rounds()
    return shell.orders


def failing(number):
    def fail(*unused, **more):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.ENOSPC])
def test_what_cannot_be_kept_is_what_it_waits_for(tmp_path, monkeypatch, number):
    with shell_of(tmp_path, OLD, OTHER_LEADS, [MASTER]) as shell:
        with monkeypatch.context() as broken:
            broken.setattr(disk.os, "link", failing(number))
            assert not rounds(shell, 3)
            assert os.strerror(number) in shell._state()["waiting"]
        assert ("CONFIG", "SET", "masteruser", "", "masterauth", b"") in rounds(shell, 2)
        assert shell._state()["waiting"] == ""
        assert len(shell._state()["kept"]) == 1


def test_an_agent_that_copies_is_alive(tmp_path, monkeypatch):
    with shell_of(tmp_path, OLD, OTHER_LEADS, [MASTER]) as shell:
        monkeypatch.setattr(disk.os, "link", failing(errno.EPERM))
        shell.round_at = float("-inf")
        assert not shell.live()
        shell.do(Keep("kept-of-term-5-a-100", True, "why"))
        assert shell.live()


def test_what_an_agent_that_was_killed_had_copied_is_removed_by_the_next(tmp_path):
    half = tmp_path / "data" / "kept-of-term-4-a-50.new"
    half.mkdir(parents=True)
    with shell_of(tmp_path, OLD, OTHER_LEADS, [MASTER]):
        assert not half.exists()


# What the agent beside a server that leads sees of those who watch it.
MINE = View(4, "s-0", choices={"s-1": 100})
LEADS = Server("run", "master", "a", 100, needed=1, keys=9, replicas=(Replica("s-1", True, 100, 0),))


@contextlib.contextmanager
def dead_volume(monkeypatch, number):
    with monkeypatch.context() as broken:
        broken.setattr(disk.os, "statvfs", failing(number))
        yield


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_a_master_with_a_dead_volume_hands_over(tmp_path, monkeypatch, number):
    with shell_of(tmp_path, LEADS, MINE, []) as shell:
        rounds(shell)
        with dead_volume(monkeypatch, number):
            (shell.run_directory / "going").touch()
            assert rounds(shell) == [("CONFIG", "SET", "min-replicas-to-write", str(FENCE))]
            shell.current = replace(LEADS, role="slave", follows="s-1")
            rounds(shell)
        assert (shell.run_directory / "gone").read_text()
        assert (tmp_path / "log").read_text().count("the volume cannot be read: ") == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_what_a_volume_has_is_not_forgotten_because_it_cannot_be_read_once(tmp_path, monkeypatch, number):
    """It is as if nothing were there, for as long as that."""
    parked = Server("run", "slave", "dummy", 1, follows="s-0", priority=0, keys=9)
    with shell_of(tmp_path, parked, View(4, "s-0"), []) as shell:
        with dead_volume(monkeypatch, number):
            assert not rounds(shell, 3)
            assert shell._state()["data"]["least"] == 0
        assert ("REPLICAOF", "NO", "ONE") in rounds(shell)
        assert shell._state()["data"]["least"] == 100
        assert disk.recall(tmp_path / "data") == (MEMORY, "")


def test_nothing_is_noted_of_a_volume_that_cannot_be_read(tmp_path, monkeypatch):
    """What the server has now may not be there."""
    with shell_of(tmp_path, LEADS, MINE, []) as shell:
        rounds(shell)
        with dead_volume(monkeypatch, errno.EIO):
            shell.current = replace(LEADS, replid="b", offset=900)
            rounds(shell, 3)
            assert shell._state()["data"]["least"] == 900
        assert disk.recall(tmp_path / "data")[0].data.least == 100


def test_a_loser_with_a_dead_volume_waits(tmp_path, monkeypatch):
    with shell_of(tmp_path, OLD, OTHER_LEADS, [MASTER]) as shell, dead_volume(monkeypatch, errno.EIO):
        assert not rounds(shell, 3)
        assert os.strerror(errno.EIO) in shell._state()["waiting"]
