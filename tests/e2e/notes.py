# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pasting the commands that a run prints at its end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

from deployment import ROOT

WITH_LAB = {**os.environ, "PATH": f"{ROOT / '.lab' / 'bin'}:{os.environ['PATH']}"}


def paste_all(notes: str, environment: Mapping[str, str] = WITH_LAB, first: str = "true") -> dict[str, str]:
    """Run each command in a shell of its own, after the line ``first``; command -> what it printed. All succeed."""
    commands = [line.strip() for line in notes.splitlines() if line.strip().startswith("kubectl ")]
    assert commands, notes
    return {command: _paste(command, environment, first) for command in commands}


def _paste(command: str, environment: Mapping[str, str], first: str) -> str:
    if " port-forward " in command:
        return _listens(command, environment, first)
    # Nobody types into the session of a test, so it ends at once.
    done = subprocess.run(
        ["bash", "-c", f"{first}\n{command.replace(' -it ', ' -i ')}"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def _listens(command: str, environment: Mapping[str, str], first: str) -> str:
    """It says so when it listens, and goes on until it is ended."""
    with subprocess.Popen(
        ["bash", "-c", f"{first}\nexec {command}"], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            said = process.stdout.readline()
        finally:
            process.terminate()
    assert said.startswith("Forwarding from"), command
    return said
