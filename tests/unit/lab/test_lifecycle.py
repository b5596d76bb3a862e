# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the machines of a lab can be kept."""

import pytest
from slotwise_lab import lifecycle
from slotwise_lab.config import Lab


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path, tmp_path / "cache", "test", 5)


@pytest.fixture
def wanted(lab):
    return {machine: f"content of {machine.name}" for machine in lab.machines}


@pytest.fixture
def existing(wanted):
    return {machine.container: content for machine, content in wanted.items()}


def test_the_wanted_machines_are_kept(lab, existing, wanted):
    assert lifecycle.beyond_repair(lab, existing, wanted) == ""


def test_a_missing_worker_can_be_added(lab, existing, wanted):
    del existing["test-lab-worker2"]
    assert lifecycle.beyond_repair(lab, existing, wanted) == ""


def test_without_the_control_machine_nothing_can_be_kept(lab, existing, wanted):
    del existing["test-lab-control"]
    assert "lab-control is gone" in lifecycle.beyond_repair(lab, existing, wanted)


def test_a_machine_of_other_content_is_named(lab, existing, wanted):
    existing["test-lab-worker3"] = "older"
    assert "lab-worker3 was made from other" in lifecycle.beyond_repair(lab, existing, wanted)
