# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images as OCI layouts, written without a container engine."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from dataclasses import dataclass
from pathlib import Path

from .steps import Log

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
BLOBS = Path("blobs/sha256")


def layer_of_root(log: Log, root: Path, layer: Path) -> None:
    log.run("tar", "--create", "--numeric-owner", "--sort=name", "-C", root, "-f", layer, ".")


def layer_of_program(program: Path, layer: Path) -> None:
    """A layer with one program in the root directory."""
    with tarfile.open(layer, "w") as archive:
        entry = tarfile.TarInfo(program.name)
        entry.size = program.stat().st_size
        entry.mode = 0o755
        with program.open("rb") as content:
            archive.addfile(entry, content)


def write_layout(folder: Path, name: str, layer: Path, config: dict) -> str:
    """Write an image as an OCI layout, taking the layer file into it; returns its digest."""
    diff = _digest_of_file(layer)
    size = layer.stat().st_size
    image = _json(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [diff]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor("application/vnd.oci.image.config.v1+json", image),
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": diff, "size": size}],
        }
    )
    entry = {**_descriptor(_MANIFEST, manifest), "annotations": {"io.containerd.image.name": name}}
    blobs = folder / BLOBS
    blobs.mkdir(parents=True)
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": [entry]}))
    for blob in (image, manifest):
        (blobs / _hex(_digest(blob))).write_bytes(blob)
    layer.rename(blobs / _hex(diff))
    for path in blobs.iterdir():
        path.chmod(0o444)
    return entry["digest"]


@dataclass(frozen=True)
class Layer:
    digest: str
    size: int

    @property
    def file(self) -> str:
        return _hex(self.digest)


def layer(folder: Path) -> Layer:
    """The one layer of an image that was written here."""
    (described,) = _manifest(folder)["layers"]
    return Layer(described["digest"], described["size"])


def archive_without_layer(folder: Path) -> bytes:
    """What describes the image, for a store that has the layer already."""
    buffer = io.BytesIO()
    left_out = layer(folder).file
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(folder, ".", filter=lambda entry: None if entry.name.endswith(left_out) else entry)
    return buffer.getvalue()


def _manifest(folder: Path) -> dict:
    (entry,) = json.loads((folder / "index.json").read_text())["manifests"]
    return json.loads((folder / BLOBS / _hex(entry["digest"])).read_text())


def _json(content: dict) -> bytes:
    return json.dumps(content, sort_keys=True).encode()


def _descriptor(media_type: str, blob: bytes) -> dict:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as content:
        return "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()


def _hex(digest: str) -> str:
    return digest.split(":")[1]
