# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run prints at its end can be pasted."""

from __future__ import annotations

import shlex
import subprocess

from demo import Demo, environment


def test_the_commands_of_the_notes_work(demo: Demo) -> None:
    """In a shell that has seen nothing of the lab but the last line of the demo."""
    notes = demo.on_the_lab.output
    first = notes.rstrip().splitlines()[-1]
    commands = [line.strip() for line in notes.splitlines() if line.strip().startswith("kubectl ")]
    assert len(commands) >= 4, notes
    for command in commands:
        words = shlex.split(command.partition(" | ")[0])
        if "port-forward" in words:
            check_port_forward(first, command)
            continue
        # nobody types into the session of a test, so it ends at once
        done = subprocess.run(
            ["bash", "-c", f"{first}\n{command.replace(' -it ', ' -i ')}"],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        if "get secret" in command:
            assert done.stdout == demo.deployment.password
        if "cluster nodes" in command:
            assert done.stdout.count("master") == 3, done.stdout


def check_port_forward(first: str, command: str) -> None:
    """It says so when it listens, and goes on until it is ended."""
    with subprocess.Popen(
        ["bash", "-c", f"{first}\nexec {command}"], env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline().startswith("Forwarding from"), command
        finally:
            process.terminate()
