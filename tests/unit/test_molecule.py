# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook that a molecule sequence names exists: molecule passes silently over a missing one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = sorted(path.parent for path in (ROOT / "molecule").glob("*/molecule.yml"))
BASE = yaml.safe_load((ROOT / ".config/molecule/config.yml").read_text())
SHARED = {"create", "destroy"}


def sequence(scenario: Path) -> list[str]:
    """Return the test sequence of a scenario, from its own file or the base."""
    own = yaml.safe_load((scenario / "molecule.yml").read_text()) or {}
    return own.get("scenario", BASE["scenario"])["test_sequence"]


def test_every_role_has_a_scenario():
    roles = {path.name for path in (ROOT / "roles").iterdir() if path.is_dir()}
    # Used by the others only, and tested with them.
    roles.remove("common")
    assert roles | {"default", "site"} <= {path.name for path in SCENARIOS}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_every_playbook_exists(scenario):
    for name in SHARED:
        assert (scenario / BASE["ansible"]["playbooks"][name]).resolve().is_file()
    for action in sequence(scenario):
        name, *playbooks = action.split()
        # An argument is looked at only when the plain playbook exists too.
        plain = {"check": "converge", "idempotence": "converge"}.get(name, name)
        for file in (f"{plain}.yml", *playbooks):
            assert (scenario / file).is_file(), f"{action}: {scenario.name}/{file} is missing"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_no_scenario_touches_the_demo(scenario):
    for file in scenario.rglob("*.yml"):
        words = file.read_text().split()
        assert "demo" not in words, f"{file.relative_to(ROOT)}: demo belongs to make demo"
