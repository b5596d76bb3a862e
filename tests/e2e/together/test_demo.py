# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`, and the inventory that users begin with."""

from __future__ import annotations

import pathlib

import pytest
from demo import LAB, Demo, run_demo
from deployment import ROOT, run_playbook


def test_a_cluster_that_kubeconfig_names(demo: Demo) -> None:
    run = demo.elsewhere
    assert run.code == 0, run.shown
    assert f"--kubeconfig {LAB}" not in run.output, run.shown
    assert demo.deployment.info()["healthy"]


def test_the_lab_again_changes_nothing(demo: Demo) -> None:
    run = demo.on_the_lab
    assert run.unchanged, run.shown
    assert run.says("Redis Cluster demo in namespace demo")
    assert run.output.rstrip().splitlines()[-1].strip().startswith("export PATH="), run.shown


REFUSED = {
    "kubeconfig that is not there": ({"KUBECONFIG": "/nowhere/config"}, "KUBECONFIG=/nowhere/config cannot be read"),
    "no machines": ({"KUBECONFIG": "{copy}"}, "MACHINES is not set"),
    "machines that are not there": (
        {"KUBECONFIG": "{copy}", "MACHINES": "/nowhere/hosts"},
        "MACHINES=/nowhere/hosts does not exist",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path: pathlib.Path, case: str) -> None:
    given, words = REFUSED[case]
    copy = tmp_path / "config"
    copy.write_text((LAB / "kubeconfig").read_text())
    run = run_demo(**{name: value.format(copy=copy) for name, value in given.items()})
    assert run.code == 1
    assert words in run.output
    assert "PLAY" not in run.output


def test_the_inventory_of_the_repository_passes_the_preflight() -> None:
    run = run_playbook("playbooks/preflight.yml", [ROOT / "inventory"])
    assert run.unchanged, run.shown
    assert "orders-cache" in run.changed
