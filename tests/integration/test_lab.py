# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What these tests stand on: every supported server, and the benchmark that PERF.md quotes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ansible_collections.slotwise.redis.tests.integration.farm import ROOT, flavors


@pytest.mark.parametrize("family", ["redis-7.0", "redis-8", "valkey-8", "valkey-9"])
def test_every_supported_family_is_here(family):
    """The lab goes on without a suite that it cannot download; tests would then say nothing of these servers."""
    found = [str(f) for f in flavors()]
    assert [f for f in found if f.startswith(f"{family}.")], f"{family} is not built, only {found}: python3 lab servers"


def test_the_benchmark_runs():
    """Few nodes, once: that it works, not how fast."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "bench" / "formation.py", "--nodes", "6", "--repetitions", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| 6 |")]
    assert [len(row.split("|")) for row in rows] == [11, 8], done.stdout
