# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines: privileged podman containers that run systemd."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from . import oci
from .config import Lab, Machine
from .inside import Inside
from .podman import Podman
from .recipes import Image
from .shell import LabError

LABEL = "slotwise.lab"
CONTENT_LABEL = "slotwise.lab.content"

_IMAGE_STORE = "/var/lib/containerd"
_INIT = "/usr/local/sbin/lab-init"
# Kept on disk volumes: overlayfs does not stack on the overlayfs of the container.
_VOLUMES = (_IMAGE_STORE, "/var/lib/kubelet")
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


@dataclass(frozen=True)
class Container:
    """A container of this lab as podman knows it."""

    name: str
    running: bool
    started_at: int
    content: str


class Machines(Inside):
    def __init__(self, lab: Lab, podman: Podman) -> None:
        self._lab = lab
        self._podman = podman

    def containers(self) -> dict[str, Container]:
        listing = self._podman.json("ps", "--all", "--filter", f"label={LABEL}={self._lab.name}", "--format", "json")
        return {
            item["Names"][0]: Container(
                item["Names"][0], item["State"] == "running", item["StartedAt"], item["Labels"].get(CONTENT_LABEL, "")
            )
            for item in listing
        }

    def create(self, machine: Machine, image: str, files: bytes, content: str) -> None:
        """Make the container and put its files in, so that it boots with everything in place."""
        hosts = [word for m in self._lab.all_machines for word in ("--add-host", f"{m.name}:{m.address}")]
        volumes = [word for path in _VOLUMES for word in ("--volume", path)]
        labels = ["--label", f"{LABEL}={self._lab.name}", "--label", f"{CONTENT_LABEL}={content}"]
        self._podman(
            "create", "--name", machine.container, "--hostname", machine.name, *labels,
            "--privileged", "--systemd=always", "--cgroupns=private", "--pids-limit=-1",
            "--network", self._lab.name, "--ip", str(machine.address), *hosts, *volumes, image, _INIT,
        )  # fmt: skip
        self._podman("cp", "--archive=false", "-", f"{machine.container}:/", stdin=files)

    def start(self, machine: Machine) -> None:
        self._podman("start", machine.container)

    def boot(self, machines: list[Machine]) -> None:
        for machine in machines:
            self.start(machine)

    def stop(self, machine: Machine) -> None:
        """End every process at once, as a power failure does."""
        self._podman("kill", machine.container)

    def running(self, machine: Machine) -> bool:
        container = self.containers().get(machine.container)
        return container is not None and container.running

    def started_at(self, machine: Machine) -> int:
        return self.containers()[machine.container].started_at

    def restart(self, machine: Machine) -> None:
        self._podman("restart", "--time", "0", machine.container)

    def remove_all(self) -> list[str]:
        names = sorted(self.containers())
        if names:
            self._podman("rm", "--force", "--volumes", "--time", "0", *names)
        return names

    def execute(
        self, machine: Machine, *command: str | Path, stdin: BinaryIO | bytes | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        interactive = [] if stdin is None else ["--interactive"]
        return self._podman("exec", *interactive, machine.container, *command, stdin=stdin, check=check)

    def shell(self, machine: Machine) -> str:
        return f"podman exec {machine.container}"

    def import_image(self, machine: Machine, image: Image) -> None:
        """Give an image to a machine without writing it again: all machines share one copy."""
        layer = oci.layer(image.layout)
        _link(image.layout / oci.BLOBS / layer.file, self._volume(machine, _IMAGE_STORE) / layer.file)
        words = ("sh", "-ec", _IMPORT, "import", _IMAGE_STORE, layer.file, str(layer.size))
        self.execute(machine, *words, stdin=oci.archive_without_layer(image.layout))
        if self.missing_images(machine, [image]):
            raise LabError(f"{machine.name}: the image {image.name} is not there after its import from {image.layout}")

    def _volume(self, machine: Machine, path: str) -> Path:
        mounts = self._podman.json("inspect", machine.container)[0]["Mounts"]
        return Path(next(mount["Source"] for mount in mounts if mount["Destination"] == path))


def _link(source: Path, target: Path) -> None:
    if target.exists():
        return
    try:
        target.hardlink_to(source)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def content_of(*parts: bytes | str) -> str:
    """A short name of everything that a machine was made from."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode())
    return digest.hexdigest()[:16]
