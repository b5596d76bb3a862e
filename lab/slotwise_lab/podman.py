# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of podman with the lab's own settings."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import BinaryIO

from .host import podman_environment
from .shell import run


class Podman:
    def __init__(self, cache: Path) -> None:
        self._environment = podman_environment(cache)

    def __call__(
        self, *arguments: str | Path, stdin: BinaryIO | bytes | None = None, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        return run(["podman", *arguments], stdin=stdin, environment=self._environment, check=check, timeout=timeout)

    def json(self, *arguments: str) -> list[dict]:
        return json.loads(self(*arguments).stdout or "[]") or []

    def image_exists(self, name: str) -> bool:
        return self("image", "exists", name, check=False).returncode == 0
