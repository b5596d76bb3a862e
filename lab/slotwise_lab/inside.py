# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions and orders to a running machine, of whatever kind it is."""

from __future__ import annotations

import itertools
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO

from .config import Machine
from .recipes import Image
from .shell import wait_for


class Inside(ABC):
    @abstractmethod
    def execute(
        self, machine: Machine, *command: str | Path, stdin: BinaryIO | bytes | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root on the machine."""

    @abstractmethod
    def restart(self, machine: Machine) -> None:
        """Boot the machine again, with everything that is stored in it."""

    @abstractmethod
    def shell(self, machine: Machine) -> str:
        """How a person runs a command there."""

    @abstractmethod
    def import_image(self, machine: Machine, image: Image) -> None:
        """Give an image to the machine."""

    def unit_states(self, machine: Machine, units: tuple[str, ...]) -> dict[str, str]:
        states = self.execute(machine, "systemctl", "is-active", *units, check=False).stdout.split()
        return dict(itertools.zip_longest(units, states[: len(units)], fillvalue="unknown"))

    def inactive_units(self, machine: Machine, units: tuple[str, ...]) -> list[str]:
        states = self.unit_states(machine, units)
        return [unit for unit, state in states.items() if state not in ("active", "activating")]

    def boot_problem(self, machine: Machine, units: tuple[str, ...]) -> str:
        """Why only a new boot helps; waits for the end of a boot that is under way."""
        words = ("timeout", "30", "systemctl", "is-system-running", "--wait")
        if self.execute(machine, *words, check=False).stdout.strip() not in ("running", "degraded"):
            return "its boot does not come to an end"
        failed = [unit for unit, state in self.unit_states(machine, units).items() if state == "failed"]
        return f"failed: {', '.join(failed)}" if failed else ""

    def start_units(self, machine: Machine, units: list[str]) -> None:
        self.execute(machine, "systemctl", "start", *units)

    def wait_for_unit(self, machine: Machine, unit: str) -> None:
        def missing() -> str:
            state = self.unit_states(machine, (unit,))[unit]
            return "" if state == "active" else f"{unit} is {state}"

        look = f"{self.shell(machine)} journalctl -u {unit}"
        wait_for(f"{machine.name}: {unit}", missing, timeout=60, look=look)

    def missing_images(self, machine: Machine, images: list[Image]) -> list[Image]:
        listing = self.execute(machine, "ctr", "--namespace", "k8s.io", "images", "check", check=False).stdout
        # Columns: name, type, digest, state. An import that was interrupted is not complete.
        present = {(words[0], *words[2:4]) for line in listing.splitlines() if (words := line.split())}
        return [image for image in images if (image.name, image.digest, "complete") not in present]
