# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the lab."""

from __future__ import annotations

import argparse
import os
import sys

from . import host, lifecycle, servers, steps
from .config import CHECKOUT, Lab, find_lab
from .recipes import Recipes
from .shell import LabError


def build(lab: Lab, nfs: bool) -> int:
    """Build every program and image that the lab needs."""
    _build(lab, nfs)
    return 0


def up(lab: Lab, nfs: bool) -> int:
    """Bring the lab to the state: all machines up, all nodes Ready."""
    recipes = _build(lab, nfs)
    host.ensure_kernel_settings()
    lifecycle.up(lab, recipes, nfs)
    return 0


def down(lab: Lab) -> int:
    """Remove the lab of this checkout; the cache stays."""
    host.require_root()
    lifecycle.down(lab)
    return 0


def status(lab: Lab) -> int:
    """Show the lab of this checkout; exit code 0 when it is up."""
    host.require_root()
    return lifecycle.status(lab)


def run_servers(lab: Lab) -> int:
    """Build the programs for tests on the host and list them in .lab/servers.json and .lab/tools.json."""
    host.require_root()
    host.ensure_programs(host.FOR_ROOT_FILE_SYSTEMS)
    recipes = Recipes(lab.cache)
    steps.build([*recipes.servers.values(), *recipes.tools.values()], lab.cache)
    servers.write_servers(lab, recipes)
    return 0


COMMANDS = {"up": up, "down": down, "status": status, "build": build, "servers": run_servers}
WITH_NFS = ("up", "build")


def _build(lab: Lab, nfs: bool) -> Recipes:
    host.require_root()
    host.ensure_programs(host.FOR_ROOT_FILE_SYSTEMS, host.FOR_MACHINES, *([host.FOR_NFS_MACHINES] if nfs else []))
    if nfs:
        host.ensure_own_kernels()
    recipes = Recipes(lab.cache)
    steps.build(recipes.with_nfs if nfs else recipes.all, lab.cache)
    return recipes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        words = commands.add_parser(name, help=command.__doc__)
        if name in WITH_NFS:
            words.add_argument("--nfs", action="store_true", help="with an NFS server and two workers that have NFS")
    chosen = vars(parser.parse_args())
    try:
        return COMMANDS[chosen.pop("command")](find_lab(CHECKOUT, os.environ), **chosen)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        if error.hint:
            print(f"lab: {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
