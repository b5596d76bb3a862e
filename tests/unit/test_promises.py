# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test that docs/promises.md names exists, and every promise in its tables names one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROMISES = (ROOT / "docs" / "promises.md").read_text()
NAMED = re.compile(r"`((?:tests|molecule)/[^`]+)`")
ROWS = [line for line in PROMISES.splitlines() if line.startswith("| ") and not line.startswith("| promise |")]


def names_in(path: Path) -> set[str]:
    """The tests of a file, by reading it: importing some needs a lab."""
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("named", sorted(set(NAMED.findall(PROMISES))))
def test_what_proves_a_promise_exists(named):
    path, _colons, name = named.partition("::")
    assert (ROOT / path).is_file(), f"docs/promises.md names {path}, which is no file"
    if path.startswith("tests/"):
        assert name in names_in(ROOT / path), f"docs/promises.md names {named}, and {path} has no such test"


@pytest.mark.parametrize("row", ROWS)
def test_every_promise_names_what_proves_it(row):
    _start, promise, where, proof, _end = row.split("|")
    assert promise.strip()
    assert where.strip()
    assert NAMED.search(proof), f"nothing proves: {promise.strip()}"


def test_there_are_promises_of_every_part():
    assert len(ROWS) > 50
