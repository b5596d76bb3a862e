# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab of this checkout in the hands of a test.

Use: put lab on sys.path, then `from slotwise_lab import handle`.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache

from . import cluster, lifecycle
from .config import CHECKOUT, Lab, find_lab
from .machines import Machines
from .podman import Podman
from .uml import UmlMachines


@cache
def lab() -> Lab:
    """Names, addresses and paths: lab().kubeconfig, lab().inventory, lab().dns_address, ..."""
    return find_lab(CHECKOUT, os.environ)


def kubectl(*arguments: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run kubectl as the administrator of the lab."""
    return cluster.kubectl(lab(), *arguments, stdin=stdin, check=check)


def machine_exec(name: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command as root on a machine; through SSH only on those with their own kernel (lab-nfs, ...)."""
    machine, podman = lab().machine(name), Podman(lab().cache)
    machines = UmlMachines(lab(), podman) if machine.own_kernel else Machines(lab(), podman)
    return machines.execute(machine, *command, check=check)


def power_off(name: str) -> None:
    """End a machine at once, as a power failure does."""
    lifecycle.power_off(lab(), lab().machine(name))


def power_on(name: str) -> None:
    """Boot it again with the same disk, and wait for its services and its Kubernetes node."""
    lifecycle.power_on(lab(), lab().machine(name))
