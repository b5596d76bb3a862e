# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password is in no process list, no output and no server log."""

from __future__ import annotations

import pathlib
import time

import pytest

from ansible_collections.slotwise.redis.tests.integration import run, state
from ansible_collections.slotwise.redis.tests.integration.farm import HOST, Farm, free_ports, newest

PASSWORD = "s3cret-Zaungast-7781"


def command_lines() -> str:
    """Arguments of every process, as any user of the machine sees them."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:
            continue  # it has ended
    return "\n".join(found)


def watched(command: list[str], options: dict) -> run.Run:
    """Look at all processes again and again while this one runs."""
    looks = 0
    with run.started(command, options) as process:
        while process.poll() is None:
            assert PASSWORD not in command_lines()
            looks += 1
            time.sleep(0.02)
        assert looks > 3
        return run.finish(process)


@pytest.fixture(scope="module")
def farm():
    with Farm(newest("redis"), 6, password=PASSWORD) as farm:
        yield farm


def assert_hidden(farm: Farm, result: run.Run) -> None:
    assert PASSWORD not in result.stdout
    assert PASSWORD not in result.stderr
    assert all(PASSWORD not in farm.log(index) for index in range(6))


def test_creation(farm):
    state.empty_again(farm)
    done = watched(run.init_command(), {"nodes": farm.nodes, "login_password": PASSWORD})
    done.ok()
    assert_hidden(farm, done)


@pytest.mark.parametrize("module", ["redis_cluster_init", "redis_cluster_info", "redis_cluster_verify"])
def test_a_run_on_a_finished_cluster(farm, module):
    run.init(farm.nodes, login_password=PASSWORD).ok()
    options = {"nodes": farm.nodes, "login_password": PASSWORD, "timeout": 10}
    done = watched(["-m", f"{run.MODULES}.{module}"], options)
    done.ok()
    assert_hidden(farm, done)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda farm, options: options["nodes"].append(f"{HOST}:{free_ports(1, avoid=farm.ports)[0]}"),
        lambda farm, options: options.update(login_password=PASSWORD + "0"),
        lambda farm, options: options.update(shards=2),
        lambda farm, options: options["nodes"].append(PASSWORD),
        lambda farm, options: options.update(timeout="soon"),
    ],
    ids=["node down", "password refused", "wrong size", "password in nodes", "wrong type"],
)
def test_a_run_that_fails(farm, spoil):
    options = {"nodes": farm.nodes[:5], "login_password": PASSWORD, "timeout": 2}
    spoil(farm, options)
    done = watched(run.init_command(), options)
    done.failed()
    assert_hidden(farm, done)
