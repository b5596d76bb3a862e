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

import json
import os
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._marker import MARKER, read_marker


def myself(path: str) -> tuple[str, str]:
    """Node id and role of the cluster node whose directory this is."""
    try:
        with open(os.path.join(path, "nodes.conf"), encoding="utf-8", errors="replace") as nodes:
            for line in nodes:
                words = line.split()
                if len(words) > 2 and "myself" in words[2].split(","):
                    return words[0], "master" if "master" in words[2] else "replica"
    except FileNotFoundError:
        pass
    return "", ""


def owner_of(path: str) -> dict[str, Any]:
    """The marker, empty where there is none that can be read."""
    try:
        owner = json.loads(read_marker(path) or "{}")
    except ValueError:
        return {}
    return owner if isinstance(owner, dict) else {}


def look(path: str) -> dict[str, Any]:
    """One directory."""
    found: dict[str, Any] = {"path": path, "exists": os.path.isdir(path), "owner": {}, "files": 0, "bytes": 0}
    newest = 0.0
    for folder, _folders, names in os.walk(path):
        for name in names:
            if name != MARKER:
                status = os.lstat(os.path.join(folder, name))
                found["files"] += 1
                found["bytes"] += status.st_size
                newest = max(newest, status.st_mtime)
    found["newest"] = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(newest)) if newest else ""
    found["owner"] = owner_of(path)
    found["node_id"], role = myself(path)
    return {**found, "summary": summary(found, role)}


def summary(found: dict[str, Any], role: str) -> str:
    """A sentence for people."""
    path, owner = found["path"], found["owner"]
    if not found["exists"]:
        return f"{path}: does not exist"
    if not found["files"]:
        words = [f"{path}: no files"]
    else:
        words = [f"{path}: {found['files']} files, {found['bytes']} bytes, newest of {found['newest']}"]
    if found["node_id"]:
        words.append(f"Redis Cluster node {found['node_id']}, {role}")
    if owner:
        words.append(
            f"belongs to pod {owner.get('pod')} of deployment {owner.get('deployment')} in namespace "
            f"{owner.get('namespace')}"
        )
    else:
        words.append(f"no owner marker {MARKER}")
    return "; ".join(words)


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
