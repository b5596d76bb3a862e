# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that run on the host, for tests without Kubernetes."""

from __future__ import annotations

import json
from pathlib import Path

from .config import Lab
from .recipes import Recipes


def write_servers(lab: Lab, recipes: Recipes) -> None:
    """List the servers, and the other programs, with the words that start them on this host."""
    lab.directory.mkdir(exist_ok=True)
    for listing, rows in (
        (lab.servers, [describe(result) for result in recipes.built_servers()]),
        (lab.tools, [describe_tool(result) for result in recipes.built_tools()]),
    ):
        listing.write_text(json.dumps(rows, indent=2) + "\n")


def describe_tool(result: Path) -> dict:
    meta = json.loads((result / "tool.json").read_text())
    return {**meta, "command": _command(result / "root", meta["name"])}


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
    (path,) = (path for folder in ("usr/bin", "usr/sbin") if (path := root / folder / program).exists())
    return [str(loader), "--library-path", str(libraries), str(path)]
