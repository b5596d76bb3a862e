# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules run as Ansible runs them: a process of its own, options on stdin, one JSON document on stdout."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ansible_collections.slotwise.redis.tests.forked import MODULES, ForkedModules
from ansible_collections.slotwise.redis.tests.integration.farm import ROOT

INTERRUPTED_RUN = pathlib.Path(__file__).with_name("interrupted_run.py")
RUN_SECONDS = 240


@dataclass(frozen=True)
class Run:
    """One finished run of a module."""

    code: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict:
        assert self.stdout, f"exit code {self.code}, nothing on stdout: {self.stderr}"
        return json.loads(self.stdout)

    def ok(self) -> dict:
        """The result of a run that must have succeeded."""
        assert self.code == 0, f"{self.result.get('msg', self.stdout)}\n{self.stderr}"
        return self.result

    def failed(self) -> dict:
        """The result of a run that must have failed, with a message and not a traceback."""
        assert self.code == 1, f"exit code {self.code}: {self.stdout}{self.stderr}"
        assert self.result["failed"] is True
        assert not self.stderr, self.stderr
        assert "exception" not in self.result, self.result
        return self.result


def arguments(options: dict, check: bool = False) -> str:
    return json.dumps({"ANSIBLE_MODULE_ARGS": {**options, "_ansible_check_mode": check}})


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "collections")}


def start(command: list[str], options: dict, check: bool = False) -> subprocess.Popen[str]:
    """A module that runs while the test does something else."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    process.stdin.write(arguments(options, check))
    process.stdin.close()
    process.stdin = None
    return process


@contextmanager
def started(command: list[str], options: dict) -> Iterator[subprocess.Popen[str]]:
    """The same, ended with the test whatever happens in it."""
    process = start(command, options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def finish(process: subprocess.Popen[str]) -> Run:
    try:
        stdout, stderr = process.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        raise AssertionError(f"the module did not end within {RUN_SECONDS} s: {stdout}{stderr}") from None
    return Run(process.returncode, stdout, stderr)


def init_command() -> list[str]:
    return ["-m", f"{MODULES}.redis_cluster_init"]


def init(nodes: list[str], check: bool = False, **options: object) -> Run:
    return finish(start(init_command(), {"nodes": nodes, "timeout": 60, **options}, check))


def info(nodes: list[str], **options: object) -> Run:
    return finish(start(["-m", f"{MODULES}.redis_cluster_info"], {"nodes": nodes, **options}))


def verify(nodes: list[str], check: bool = False, **options: object) -> Run:
    return finish(start(["-m", f"{MODULES}.redis_cluster_verify"], {"nodes": nodes, "timeout": 30, **options}, check))


def interrupted_command(commands: int, by: signal.Signals) -> list[str]:
    """redis_cluster_init that signals itself when it has sent this many commands that change something."""
    return [str(INTERRUPTED_RUN), str(commands), by.name]


class ForkedRuns(ForkedModules):
    """redis_cluster_init many times. A context manager."""

    def __init__(self) -> None:
        super().__init__([str(INTERRUPTED_RUN)])

    def init(self, nodes: list[str], killed_after: int = 0, **options: object) -> Run:
        """A run; with ``killed_after`` it is killed when it has sent this many commands that change something."""
        text = arguments({"nodes": nodes, "timeout": 60, **options})
        code, stdout = self.run("redis_cluster_init", text, count=killed_after, signal="SIGKILL")
        return Run(code, stdout, "")
