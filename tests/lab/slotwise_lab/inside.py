# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions and orders to a running machine, of whatever kind it is."""

from __future__ import annotations

import itertools
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO

from . import oci
from .config import Machine
from .recipes import IMAGE_STORE, Image
from .shell import LabError, wait_for

# A whole import would hash and write the layer again. So the image comes without
# it, and the layer is linked into the store and registered there. Should a
# collection of garbage take the link away before, the layer is read from its
# other name, and written after all.
_IMPORT = """\
cd "$1"
trap 'rm "$2"' EXIT
ctr --namespace k8s.io images import --no-unpack -
ln -f "$2" io.containerd.content.v1.content/blobs/sha256/
ctr --namespace k8s.io content ingest --expected-digest "sha256:$2" --expected-size "$3" "$2" <"$2"
"""


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
    def give_layer(self, machine: Machine, image: Image, layer: oci.Layer) -> None:
        """Make the image's layer a file of its name in the image store's directory."""

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

    def import_image(self, machine: Machine, image: Image) -> None:
        """Give an image to a machine, its layer apart: that is there already, or comes the quickest way."""
        layer = oci.layer(image.layout)
        self.give_layer(machine, image, layer)
        words = ("sh", "-ec", _IMPORT, "import", IMAGE_STORE, layer.file, str(layer.size))
        self.execute(machine, *words, stdin=oci.archive_without_layer(image.layout))
        if self.missing_images(machine, [image]):
            raise LabError(f"{machine.name}: the image {image.name} is not there after its import from {image.layout}")
