# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images as they are written for containerd."""

import hashlib
import io
import json
import tarfile

import pytest
from slotwise_lab import oci

NAME = "example/server:1.0"


@pytest.fixture
def image(tmp_path):
    program = tmp_path / "server"
    program.write_bytes(b"program")
    layer = tmp_path / "layer.tar"
    oci.layer_of_program(program, layer)
    digest = oci.write_layout(tmp_path / "image", NAME, layer, {"Cmd": ["/server"]})
    return tmp_path / "image", digest


def blob(folder, digest):
    return (folder / oci.BLOBS / digest.removeprefix("sha256:")).read_bytes()


def test_every_blob_has_the_name_of_its_content(image):
    folder, _ = image
    for path in (folder / oci.BLOBS).iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def test_the_index_leads_to_the_layer(image):
    folder, digest = image
    (entry,) = json.loads((folder / "index.json").read_text())["manifests"]
    assert (entry["digest"], entry["annotations"]) == (digest, {"io.containerd.image.name": NAME})
    manifest = json.loads(blob(folder, digest))
    config = json.loads(blob(folder, manifest["config"]["digest"]))
    assert config["config"] == {"Cmd": ["/server"]}
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
    with tarfile.open(fileobj=io.BytesIO(blob(folder, manifest["layers"][0]["digest"]))) as layer:
        assert [(entry.name, entry.mode) for entry in layer] == [("server", 0o755)]


def test_the_short_archive_has_all_but_the_layer(image):
    folder, _ = image
    with tarfile.open(fileobj=io.BytesIO(oci.archive_without_layer(folder))) as archive:
        short = {entry.name.removeprefix("./") for entry in archive if entry.isfile()}
    whole = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert whole - short == {str(oci.BLOBS / oci.layer(folder).file)}
