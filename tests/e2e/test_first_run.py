# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The very first run: predicted by check mode, then done, then unchanged."""

from __future__ import annotations

import pathlib
import re

from conftest import make, remove
from deployment import Deployment, handle

KINDS = "namespaces,pv,storageclasses,statefulsets,services,configmaps,secrets,pvc,pods,pdb,networkpolicies,leases"
STEP = re.compile(r"^\s*\+?\s*(e2e-first-\d+|all nodes): (?:CLUSTER|CONFIG) .*$", re.MULTILINE)


def everything() -> list[str]:
    """What there is of this deployment: its objects, and its directories on the machines."""
    objects = handle.kubectl("get", KINDS, "-A", "-o", "name").stdout.splitlines()
    for machine in ("lab-worker1", "lab-worker2", "lab-worker3"):
        found = handle.machine_exec(
            machine, "sh", "-c", "find /var/lib/slotwise-* -maxdepth 1 2>/dev/null || true"
        ).stdout
        objects += [f"{machine}{path}" for path in found.split()]
    return sorted(o for o in objects if "e2e-first" in o)


def steps(output: str) -> list[str]:
    return [match[0].strip(" +") for match in STEP.finditer(output)]


def test_check_mode_predicts_the_first_run(tmp_path: pathlib.Path) -> None:
    deployment: Deployment = make("e2e-first", tmp_path)
    remove(deployment)
    assert everything() == []

    check = deployment.site("--check", "--diff")
    assert everything() == []
    run = deployment.site("--diff")
    again = deployment.site()

    assert steps(check.output) == steps(run.output) != []
    assert check.changed == run.changed
    for kind in ("StatefulSet", "PersistentVolume", "StorageClass", "Service", "NetworkPolicy", "PodDisruptionBudget"):
        assert re.search(rf"kind: {kind}\b", check.output), f"{kind} is not in the diff of check mode"
    assert again.unchanged, again.output
    # Shown while the module runs: forming takes as long as pods take to start.
    assert len(re.findall(r"^  \[e2e-first\] \S+", run.output, re.MULTILINE)) > 1, run.output
    assert deployment.unlabelled() == []
    rows = deployment.info()["topology"]
    for shard in range(3):
        machines = [r["machine"] for r in rows if r["shard"] == shard]
        assert len(machines) == len(set(machines)) == 2, rows
    remove(deployment)
