# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations come from a monotonic clock: the other one may be set by an hour at any time."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A Lease carries a time that other machines read.
WRITES_TIMES = {"lease.py"}
FILES = sorted([*ROOT.glob("plugins/**/*.py"), *ROOT.glob("roles/*/files/**/*.py")])
WALL = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today")}


def uses_of_the_wall_clock(text: str) -> list[int]:
    """Lines that ask for the time of day, however the module or its names were imported."""
    tree = ast.parse(text)
    lines = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and any((_last(node.value), node.attr) == clock for clock in WALL)
    ]
    lines += [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and any((node.module, name.name) in WALL for name in node.names)
    ]
    return sorted(lines)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_duration_is_of_the_time_of_day(file):
    if file.name not in WRITES_TIMES:
        assert uses_of_the_wall_clock(file.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.time()",
        "import time\nclock = time.time",
        "from time import time",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime\ndatetime.utcnow()",
    ],
)
def test_the_search_finds_them(text):
    assert uses_of_the_wall_clock(text)


def test_the_search_leaves_others_alone():
    assert not uses_of_the_wall_clock("import time\ntime.monotonic()\ntime.sleep(1)\nrow.time\nself.now()")
