# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""CONTRIBUTING.md says where things are: the files exist, and have what it says that they have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECTION = (ROOT / "CONTRIBUTING.md").read_text().partition("## Where is it?")[2].partition("\n\nTests on")[0]
ROWS = dict(re.findall(r"^[|] ([^|`]+) [|] (.*) [|]$", SECTION, re.M))
FILES_AT_MOST = 2


def test_ten_questions_are_answered():
    del ROWS["question"]
    assert len(ROWS) == 10


@pytest.mark.parametrize("question", [row for row in ROWS if row != "question"])
def test_an_answer_is_true(question):
    found = re.findall(r"`([^`]+/[^`]+)` \(`([^`]+)`\)", ROWS[question])
    assert 1 <= len(found) <= FILES_AT_MOST
    for file, words in found:
        assert words in (ROOT / file).read_text(), f"{file} has no {words}"
