# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running programs, waiting for conditions, and errors that say what to do."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_STARTED = time.monotonic()


class LabError(Exception):
    """A failure with what is missing and, when known, what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def say(text: str) -> None:
    """One line of progress with the time since the program started."""
    print(f"[{time.monotonic() - _STARTED:6.1f} s] {text}", flush=True)


def run(
    command: Sequence[str | Path],
    *,
    stdin: BinaryIO | bytes | str | None = None,
    environment: Mapping[str, str] | None = None,
    check: bool = True,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return its output as text."""
    words = [str(word) for word in command]
    if stdin is None:
        given = {"stdin": subprocess.DEVNULL}
    elif isinstance(stdin, (bytes, str)):
        given = {"input": stdin.encode() if isinstance(stdin, str) else stdin}
    else:
        given = {"stdin": stdin}
    try:
        done = subprocess.run(
            words,
            **given,
            check=False,
            capture_output=True,
            env={**os.environ, **(environment or {})},
            timeout=timeout,
        )
    except FileNotFoundError as missing:
        raise LabError(f"the program {words[0]} is not installed") from missing
    except subprocess.TimeoutExpired as late:
        raise LabError(f"no end after {timeout:.0f} s: {' '.join(words)}") from late
    result = subprocess.CompletedProcess(
        words, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )
    if check and result.returncode:
        said = "\n".join((result.stderr or result.stdout).strip().splitlines()[-20:])
        raise LabError(f"exit code {result.returncode} from: {' '.join(words)}\n{said}")
    return result


def wait_for(what: str, missing: Callable[[], str], *, timeout: float, look: str) -> None:
    """Wait until `missing` returns an empty text; otherwise say what it returned last."""
    deadline = time.monotonic() + timeout
    while reason := missing():
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not there after {timeout:.0f} s: {reason}", f"to look at it: {look}")
        time.sleep(0.25)


def each(action: Callable[[T], R], items: Sequence[T], workers: int = 4) -> list[R]:
    """Run an action for all items at the same time; results in the order of the items."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(action, items))
