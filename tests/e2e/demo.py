# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make demo` runs, as somebody who has nothing of the lab in the environment."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import time

from deployment import ROOT, Deployment, Run, run_playbook

EXAMPLE = ROOT / "examples" / "inventories" / "demo"
LAB = ROOT / ".lab"


def environment(**more: str) -> dict[str, str]:
    """The environment of a fresh shell: no KUBECONFIG, and no programs of the lab."""
    path = ":".join(folder for folder in os.environ["PATH"].split(":") if not folder.startswith(str(LAB)))
    kept = {k: v for k, v in os.environ.items() if k not in ("KUBECONFIG", "MACHINES")}
    return {**kept, "PATH": path, "ANSIBLE_NOCOLOR": "1", **more}


def run_demo(**more: str) -> Run:
    begin = time.monotonic()
    done = subprocess.run(
        [ROOT / "tests" / "tools" / "demo"],
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Run(done.returncode, done.stdout, time.monotonic() - begin)


class Demo:
    """Both runs, and the deployment that they made."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.deployment = Deployment("demo", folder)
        there = self.deployment.kubectl("get", "statefulset,pvc", "-o", "name", check=False)
        self._stays = there != ""
        # Copies: the lab is known by the place of its kubeconfig, and its inventory names that.
        self.kubeconfig, self.machines = folder / "kubeconfig", folder / "machines.yml"
        shutil.copy(LAB / "kubeconfig", self.kubeconfig)
        shutil.copy(LAB / "inventory" / "hosts.yml", self.machines)
        self.elsewhere = run_demo(KUBECONFIG=str(self.kubeconfig), MACHINES=str(self.machines))
        self.on_the_lab = run_demo()

    def remove(self) -> None:
        """Once, and not what was there before."""
        if self._stays:
            return
        self._stays = True
        run = run_playbook("playbooks/uninstall.yml", [EXAMPLE], "-e", "redis_cluster_delete_data=true")
        assert run.code == 0, run.shown
        self.deployment.kubectl("delete", "namespace", "demo", "--ignore-not-found")
