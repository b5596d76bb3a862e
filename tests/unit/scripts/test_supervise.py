# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""supervise.sh keeps a script going, also where no process can be started; the probe sees when it is gone."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[3] / "roles" / "common" / "files"
# Nobody else has processes as this user, who is needed as limits do not hold for root.
SOMEBODY = 61234
SCRIPT = """echo >>"$REDIS_RUN/runs"
[ -e "$REDIS_RUN/stays" ] || exit 1
sleep 60
"""
CLIENT = "#!/bin/sh\necho PONG\n"


def wait_for(condition, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def user() -> dict[str, int]:
    return {"user": SOMEBODY, "group": SOMEBODY} if os.getuid() == 0 else {}


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="slotwise-supervise-", dir="/dev/shm"))
    path.chmod(0o777)
    for script in ("common.sh", "supervise.sh", "probe.sh"):
        shutil.copy(FILES / script, path)
    (path / "topology.sh").write_text("")
    (path / "beside.sh").write_text(SCRIPT)
    (path / "redis-cli").write_text(CLIENT)
    (path / "redis-cli").chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def supervised(folder, shell):
    """The supervisor, which may have this many processes beside those of others."""
    started = []

    def start(processes: int) -> subprocess.Popen:
        process = subprocess.Popen(
            ["prlimit", f"--nproc={processes}:", *shell, str(folder / "supervise.sh"), "beside.sh"],
            env=environment(folder),
            start_new_session=True,
            stderr=subprocess.DEVNULL,
            **user(),
        )
        started.append(process)
        # As run_beside of a topology does.
        (folder / "supervisor").write_text(f"{process.pid}\n")
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "REDIS_RUN": str(folder),
        "REDIS_POD": str(folder),
        "REDIS_AUTH": "disabled",
    }


def is_alive(folder: Path, shell) -> bool:
    command = [*shell, str(folder / "probe.sh"), "liveness"]
    return subprocess.run(command, env=environment(folder), check=False, **user()).returncode == 0


def runs(folder: Path) -> int:
    path = folder / "runs"
    return len(path.read_text()) if path.exists() else 0


def state(process: subprocess.Popen) -> str:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_script_that_ends_is_started_again(folder, shell, supervised):
    supervised(1000)
    wait_for(lambda: runs(folder) == 2)
    assert is_alive(folder, shell)


def test_a_script_that_is_killed_is_started_again(folder, supervised):
    (folder / "stays").touch()
    process = supervised(1000)
    wait_for(lambda: runs(folder) == 1)
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGKILL)
    wait_for(lambda: runs(folder) == 2)


def test_it_waits_where_no_process_can_be_started_and_goes_on_with_a_probe(folder, shell, supervised):
    (folder / "stays").touch()
    process = supervised(1)
    wait_for(lambda: state(process) == "T")
    # There is still no room.
    assert is_alive(folder, shell)
    wait_for(lambda: state(process) == "T")
    assert runs(folder) == 0
    subprocess.run(["prlimit", f"--pid={process.pid}", "--nproc=1000:"], check=True, **user())
    assert is_alive(folder, shell)
    wait_for(lambda: runs(folder) == 1)


def test_a_probe_sees_that_the_supervisor_is_gone(folder, shell, supervised):
    (folder / "stays").touch()
    process = supervised(1000)
    wait_for(lambda: runs(folder) == 1)
    assert is_alive(folder, shell)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not is_alive(folder, shell)


def test_a_probe_needs_no_supervisor_where_nothing_runs_beside_the_server(folder, shell):
    assert is_alive(folder, shell)
