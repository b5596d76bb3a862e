# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: run_parts.py PART...  Runs `make PART` one after the other, shows their output, ends with a table of times.

Parts that are joined by + run side by side, each line with its part before it. The first that fails ends the run when
those beside it have ended. Parts that print pytest's or ours "slowest" lines ("12.34s call tests/...") are gathered
into one list, so that a slow test is seen without scrolling.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

SLOW_LINE = re.compile(r"^(\d+\.\d+)s (?:call|setup|teardown|step)\s+(\S.*)$")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
SHOWN = 12


@dataclass
class Part:
    """One part, and what became of it. ``mark`` begins each of its lines."""

    name: str
    mark: str = ""
    seconds: float = 0.0
    passed: bool = False
    slow: list[tuple[float, str]] = field(default_factory=list)

    def run(self) -> None:
        """Run it with its output passed on line by line; collect its slow lines."""
        begin = time.monotonic()
        with subprocess.Popen(
            ["make", self.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            for line in process.stdout:
                sys.stdout.write(f"{self.mark}{line}")
                sys.stdout.flush()
                match = SLOW_LINE.match(COLOURS.sub("", line).strip())
                if match:
                    self.slow.append((float(match[1]), f"{self.name}: {match[2]}"))
        self.seconds = time.monotonic() - begin
        self.passed = process.returncode == 0


def run_step(names: str) -> list[Part]:
    """Run the parts of a step side by side."""
    print(f"\n=== {names.replace('+', ', ')}", flush=True)
    words = names.split("+")
    width = max(map(len, words))
    parts = [Part(word, f"{word:<{width}} | " if len(words) > 1 else "") for word in words]
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(Part.run, parts))
    return parts


def main(steps: list[str]) -> int:
    """Run the steps in order; 0 when all passed."""
    begin = time.monotonic()
    done: list[Part] = []
    waiting = list(steps)
    while waiting and all(part.passed for part in done):
        done += run_step(waiting.pop(0))

    slow = [line for part in done for line in part.slow]
    if slow:
        print("\nslowest")
        for seconds, name in sorted(slow, reverse=True)[:SHOWN]:
            print(f"{seconds:9.1f} s  {name}")
    print("\ntimes")
    for part in done:
        print(f"{part.seconds:9.1f} s  {part.name:<12} {'passed' if part.passed else 'FAILED'}")
    print(f"{time.monotonic() - begin:9.1f} s  total")

    failed = [part.name for part in done if not part.passed]
    if failed:
        missing = ", ".join(waiting).replace("+", ", ")
        print(f"\ntest: {', '.join(failed)} failed" + (f"; not run: {missing}" if missing else ""), file=sys.stderr)
        return 1
    print(f"\ntest: all {len(done)} parts passed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
