# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server programs that run on the host, for tests without Kubernetes."""

from __future__ import annotations

import json
from pathlib import Path

from .config import Lab
from .recipes import Recipes


def write_servers(lab: Lab, recipes: Recipes) -> None:
    """List the servers with the words that start them on this host."""
    listing = [describe(result) for result in recipes.built_servers()]
    lab.directory.mkdir(exist_ok=True)
    lab.servers.write_text(json.dumps(listing, indent=2) + "\n")


def describe(result: Path) -> dict:
    meta = json.loads((result / "server.json").read_text())
    root = result / "root"
    return {
        **meta,
        "server": _command(root, f"{meta['flavor']}-server"),
        "cli": _command(root, f"{meta['flavor']}-cli"),
    }


def _command(root: Path, program: str) -> list[str]:
    """The program with the loader and libraries of its own suite: the host's may be older."""
    loader = next((root / "usr/lib").glob("*/ld-linux-*.so.*"))
    libraries = loader.parent
    return [str(loader), "--library-path", str(libraries), str(root / "usr/bin" / program)]
