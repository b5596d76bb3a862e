# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: run_parts.py PART...  Runs `make PART` one after the other, shows their output, ends with a table of times.

The first part that fails ends the run with its name. Parts that print pytest's or ours "slowest" lines
("12.34s call tests/...") are gathered into one list, so that a slow test is seen without scrolling.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

SLOW_LINE = re.compile(r"^(\d+\.\d+)s (?:call|setup|teardown|step)\s+(\S.*)$")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
SHOWN = 12


def run(part: str, slow: list[tuple[float, str]]) -> int:
    """Run one part with its output passed on line by line; collect its slow lines."""
    with subprocess.Popen(
        ["make", part], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            match = SLOW_LINE.match(COLOURS.sub("", line).strip())
            if match:
                slow.append((float(match[1]), f"{part}: {match[2]}"))
    return process.returncode


def main(parts: list[str]) -> int:
    """Run the parts in order; 0 when all passed."""
    times: list[tuple[str, float, str]] = []
    slow: list[tuple[float, str]] = []
    for part in parts:
        print(f"\n=== {part}", flush=True)
        begin = time.monotonic()
        code = run(part, slow)
        times.append((part, time.monotonic() - begin, "passed" if code == 0 else "FAILED"))
        if code != 0:
            break

    if slow:
        print("\nslowest")
        for seconds, name in sorted(slow, reverse=True)[:SHOWN]:
            print(f"{seconds:9.1f} s  {name}")
    print("\ntimes")
    for part, seconds, outcome in times:
        print(f"{seconds:9.1f} s  {part:<12} {outcome}")
    print(f"{sum(row[1] for row in times):9.1f} s  total")

    last, outcome = times[-1][0], times[-1][2]
    if outcome == "FAILED":
        missing = parts[len(times) :]
        print(f"\ntest: {last} failed" + (f"; not run: {', '.join(missing)}" if missing else ""), file=sys.stderr)
        return 1
    print(f"\ntest: all {len(times)} parts passed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
