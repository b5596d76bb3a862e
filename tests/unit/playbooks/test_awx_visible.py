# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX offers a file as a playbook only when it recognises it by a line of text.

It does not know import_playbook by its full name, which ansible-lint wants. So each playbook has a play of its own.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOKS = sorted([ROOT / "site.yml", *(ROOT / "playbooks").glob("*.yml")])
# What AWX looks for, line by line.
RECOGNISED = re.compile(r"^\s*?-?\s*?(?:hosts|include|import_playbook):\s*?.*?$")
SKIPPED_FOLDERS = {"roles", "tasks", "group_vars", "host_vars"}


def relative(path: Path) -> str:
    """Name a playbook in test output."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=relative)
def test_awx_lists_it(playbook):
    assert any(RECOGNISED.match(line) for line in playbook.read_text().splitlines())
    parts = Path(relative(playbook)).parts
    assert not SKIPPED_FOLDERS.intersection(parts)
    assert not any(part.startswith(".") for part in parts)


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=relative)
def test_it_has_a_play_of_its_own(playbook):
    plays = yaml.safe_load(playbook.read_text())
    assert any("hosts" in play for play in plays)
    assert re.search(r"^(- |  )hosts:", playbook.read_text(), re.M)


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=relative)
def test_every_play_has_a_name(playbook):
    assert all(play.get("name") for play in yaml.safe_load(playbook.read_text()))


def test_all_playbooks_are_of_one_extension():
    assert list((ROOT / "playbooks").glob("*.yaml")) == []


def test_root_site_is_the_collection_site():
    imported = [play.get("ansible.builtin.import_playbook") for play in yaml.safe_load((ROOT / "site.yml").read_text())]
    assert "playbooks/site.yml" in imported
