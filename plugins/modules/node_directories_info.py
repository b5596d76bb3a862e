#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is in the directories of volumes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_directories_info
short_description: Say what is in the directories of volumes
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Looks into directories of volumes on this machine. Nothing is changed, and no key or value is read.
options:
  paths:
    description: The directories.
    type: list
    elements: path
    required: true
extends_documentation_fragment:
  - slotwise.redis.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Look into the directory of a volume
  slotwise.redis.node_directories_info:
    paths: [/srv/redis/shop.orders-0]
"""

RETURN = r"""
directories:
  description: What was found, in the order of the option.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The directory.
      type: str
    exists:
      description: Whether it exists.
      type: bool
    empty:
      description: Whether there is nothing in it but its marker.
      type: bool
    owner:
      description: Content of the owner marker, empty where there is none.
      type: dict
    files:
      description: How many files there are in it and below, the marker left out.
      type: int
    bytes:
      description: Their size in bytes.
      type: int
    newest:
      description: When the newest of them was written, in UTC.
      type: str
    node_id:
      description: Id of the cluster node whose files these are, empty where there is none.
      type: str
    summary:
      description: All of it in a sentence.
      type: str
      sample: >-
        /srv/redis/shop.orders-0: 5 files, 1048576 bytes, newest of 2026-11-21 10:00:00 UTC; Redis Cluster node
        1f2e, master; belongs to pod orders-0 of deployment orders in namespace shop
"""

import os
import re
import time
from contextlib import suppress
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils.machines import folders
from ansible_collections.slotwise.redis.plugins.module_utils.machines.marker import (
    MARKER,
    NEW_MARKER,
    NO_DATA,
    BadMarker,
    Owner,
    read_marker,
    read_regular,
)

# A line for each node of a cluster, of which there can be a thousand.
NODES_BYTES = 2**20


def myself(folder: int) -> tuple[str, str]:
    """Node id and role of the cluster node whose directory this is."""
    try:
        nodes = read_regular(folder, "nodes.conf", NODES_BYTES) or b""
    except BadMarker:
        return "", ""
    for line in nodes.decode("utf-8", errors="replace").splitlines():
        words = line.split()
        if len(words) > 2 and "myself" in words[2].split(",") and re.fullmatch("[0-9a-f]{40}", words[0]):
            return words[0], "master" if "master" in words[2] else "replica"
    return "", ""


def measure(folder: int) -> dict[str, Any]:
    """Number, size and age of the files in an open directory and below, its marker left out."""
    files = size = 0
    newest = 0.0
    for where, _folders, names, here in folders.walk(folder):
        for name in names:
            if not where and name in (MARKER, NEW_MARKER):
                continue
            # A server that runs removes files meanwhile.
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=here, follow_symlinks=False)
                files += 1
                size += status.st_size
                newest = max(newest, status.st_mtime)
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(newest)) if newest else ""
    return {"files": files, "bytes": size, "newest": when}


def look(path: str) -> dict[str, Any]:
    """One directory."""
    nothing = {
        "path": path,
        "exists": False,
        "empty": True,
        "owner": {},
        "files": 0,
        "bytes": 0,
        "newest": "",
        "node_id": "",
    }
    folder = -1
    try:
        folder, missing = folders.open_deepest(path)
        if missing:
            return {**nothing, "summary": f"{path}: does not exist"}
        node_id, role = myself(folder)
        empty = set(os.listdir(folder)) <= NO_DATA
        found = {**nothing, **measure(folder), "exists": True, "empty": empty, "node_id": node_id}
        try:
            owner = read_marker(folder)
        except BadMarker as reason:
            return {**found, "summary": summary(found, role, f"its owner marker {MARKER} {reason}")}
        return {**found, "owner": vars(owner) if owner else {}, "summary": summary(found, role, belongs_to(owner))}
    except folders.Unsafe as reason:
        return {**nothing, "summary": f"{path}: {reason}"}
    finally:
        if folder >= 0:
            os.close(folder)


def belongs_to(owner: Owner | None) -> str:
    """Whose the directory is, in words."""
    if owner is None:
        return f"no owner marker {MARKER}"
    return f"belongs to {owner}" + (f", incarnation {owner.incarnation}" if owner.incarnation else "")


def summary(found: dict[str, Any], role: str, owner: str) -> str:
    """A sentence for people."""
    path = found["path"]
    if not found["files"]:
        words = [f"{path}: no files"]
    else:
        words = [f"{path}: {found['files']} files, {found['bytes']} bytes, newest of {found['newest']}"]
    if found["node_id"]:
        words.append(f"Redis Cluster node {found['node_id']}, {role}")
    return "; ".join([*words, owner])


def main() -> None:
    """Module entry."""
    module = AnsibleModule(
        argument_spec={"paths": {"type": "list", "elements": "path", "required": True}}, supports_check_mode=True
    )
    try:
        module.exit_json(changed=False, directories=[look(path) for path in module.params["paths"]])
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'directory'}: {error.strerror or error}")


if __name__ == "__main__":
    main()
