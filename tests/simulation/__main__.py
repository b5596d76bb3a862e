# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: python -m tests.simulation [--seed N] [--trace] [--from N] [--count N]  Replays one seed, or tries many."""

from __future__ import annotations

import argparse
import time
from collections import Counter

from .run import simulate


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--trace", action="store_true", help="tell everything that happens")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--count", type=int, default=100, help="how many seeds")
    options = parser.parse_args()
    tell = print if options.trace else None
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.count)
    begin, totals, failed = time.perf_counter(), Counter(), []
    longest = (0.0, -1)
    for seed in seeds:
        result = simulate(seed, tell)
        totals.update(result.counts)
        longest = max(longest, (result.healed_after, seed))
        if result.violations:
            failed.append(seed)
            print(f"seed {seed}: {result.violations[0]}", flush=True)
    seconds = time.perf_counter() - begin
    print(f"{len(seeds)} seeds in {seconds:.1f} s, {len(failed)} failed: {failed[:40]}")
    print(f"longest to heal: {longest[0]:.0f} s (seed {longest[1]})")
    print(", ".join(f"{name} {number}" for name, number in sorted(totals.items())))


if __name__ == "__main__":
    main()
