# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab of this checkout in the hands of a test.

Use: put tests/lab on sys.path, then `from slotwise_lab import handle`.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache

from . import cluster
from .config import CHECKOUT, Lab, find_lab
from .machines import Machines
from .podman import Podman


@cache
def lab() -> Lab:
    """Names, addresses and paths: lab().kubeconfig, lab().inventory, lab().dns_address, ..."""
    return find_lab(CHECKOUT, os.environ)


def kubectl(*arguments: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run kubectl as the administrator of the lab."""
    return cluster.kubectl(lab(), *arguments, stdin=stdin, check=check)


def machine_exec(name: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command as root on a machine (lab-control, lab-worker1, ...), not through SSH."""
    machines = Machines(lab(), Podman(lab().cache))
    return machines.execute(lab().machine(name), *command, check=check)
