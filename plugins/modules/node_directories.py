#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Directories for the local volumes of one machine."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_directories
short_description: Directories for local volumes, marked with their owner
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Creates the directories that local persistent volumes of this machine point to, all in one call.
  - Each directory gets a marker file C(.slotwise-owner.json) that names its deployment, namespace and pod.
  - A directory that is marked for another owner, or that holds files and has no marker, is refused. Every directory is
    checked before the first one is changed.
options:
  directories:
    description: The directories of this machine.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      deployment:
        description: Deployment that the volume belongs to.
        type: str
        required: true
      namespace:
        description: Namespace of the deployment.
        type: str
        required: true
      pod:
        description: Pod that uses the volume.
        type: str
        required: true
      exists:
        description:
          - The persistent volume exists, so the directory is known to be that of this pod.
            A missing marker is then written again, whatever the directory holds.
        type: bool
        default: false
  uid:
    description: Owner of the directories.
    type: int
    default: 999
  gid:
    description: Group of the directories.
    type: int
    default: 999
  mode:
    description: Mode of the directories, in octal digits.
    type: str
    default: "0750"
  state:
    description:
      - V(present) creates what is missing and corrects owner, group, mode and marker.
      - V(absent) removes the directories and B(all data in them). Only a directory with the matching marker is removed.
    type: str
    choices:
      - present
      - absent
    default: present
extends_documentation_fragment:
  - slotwise.redis.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Make the directory of one volume
  slotwise.redis.node_directories:
    directories:
      - path: /srv/redis/shop.orders-0
        deployment: orders
        namespace: shop
        pod: orders-0
"""

RETURN = r"""
directories:
  description: What was found and done, in the order of the option.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The directory.
      type: str
    pod:
      description: Its pod.
      type: str
    changed:
      description: Whether it changed.
      type: bool
    actions:
      description: What was done, in words.
      type: list
      elements: str
"""

import json
import os
import re
import shutil
import stat
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule

MARKER = ".slotwise-owner.json"
MANAGER = "slotwise.redis"
# What a fresh file system has in its root directory.
IGNORED = {"lost+found"}


class Refused(Exception):
    """A directory that must not be touched; the message says what was found."""


def marker_text(entry: dict[str, Any]) -> str:
    """Content of the marker file of a directory."""
    owner = {"managed_by": MANAGER, **{key: entry[key] for key in ("deployment", "namespace", "pod")}}
    return json.dumps(owner, sort_keys=True) + "\n"


def read_marker(path: str) -> str | None:
    """The marker as it is, or None."""
    try:
        with open(os.path.join(path, MARKER), encoding="utf-8") as marker:
            return marker.read()
    except FileNotFoundError:
        return None


def check_owner(entry: dict[str, Any]) -> os.stat_result | None:
    """The directory's status, None when it does not exist; refuses what belongs to someone else."""
    path = entry["path"]
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise Refused(f"{path}: a part of this path is not a directory") from error
    if not stat.S_ISDIR(status.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a directory"
        raise Refused(f"{path}: exists and is {kind}")
    marker = read_marker(path)
    if marker is None:
        found = sorted(set(os.listdir(path)) - IGNORED)
        if found and not entry["exists"]:
            shown = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
            raise Refused(f"{path}: has no owner marker {MARKER} but holds {shown}")
        return status
    try:
        owner = json.loads(marker)
        names = {key: owner.get(key) for key in ("managed_by", "deployment", "namespace", "pod")}
    except (ValueError, AttributeError) as error:
        raise Refused(f"{path}: its owner marker {MARKER} cannot be read: {marker[:200]!r}") from error
    if names != json.loads(marker_text(entry)):
        raise Refused(
            f"{path}: belongs to pod {names['pod']} of deployment {names['deployment']} in namespace "
            f"{names['namespace']}, not to pod {entry['pod']} of deployment {entry['deployment']} in namespace "
            f"{entry['namespace']}"
        )
    return status


def describe(status: os.stat_result | None, marked: bool) -> str:
    """One line about a directory for the diff."""
    if status is None:
        return "absent"
    marker = "marked" if marked else "not marked"
    return f"owner {status.st_uid}:{status.st_gid}, mode {stat.S_IMODE(status.st_mode):04o}, {marker}"


def plan_present(entry: dict[str, Any], status: os.stat_result | None, wanted: tuple[int, int, int]) -> list[str]:
    """What has to be done to a directory, in words."""
    uid, gid, mode = wanted
    if status is None:
        return ["create", "mark"]
    actions = []
    if (status.st_uid, status.st_gid) != (uid, gid):
        actions.append("change owner")
    if stat.S_IMODE(status.st_mode) != mode:
        actions.append("change mode")
    if read_marker(entry["path"]) != marker_text(entry):
        actions.append("mark")
    return actions


def make_present(entry: dict[str, Any], actions: list[str], wanted: tuple[int, int, int]) -> None:
    """Do the planned actions."""
    uid, gid, mode = wanted
    path = entry["path"]
    if "create" in actions:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        os.mkdir(path, 0o700)
    if "mark" in actions:
        # Written before the directory is handed over, so that its owner never finds a half written marker.
        handle, temporary = tempfile.mkstemp(prefix=MARKER + ".", dir=path)
        with os.fdopen(handle, "w", encoding="utf-8") as marker:
            marker.write(marker_text(entry))
            os.fchmod(marker.fileno(), 0o644)
        os.replace(temporary, os.path.join(path, MARKER))
    if "create" in actions or "change owner" in actions:
        os.chown(path, uid, gid)
    if "create" in actions or "change mode" in actions:
        os.chmod(path, mode)


def make_absent(entry: dict[str, Any]) -> None:
    """Remove the data, then the marker, then the directory: an interrupted removal can be run again."""
    path = entry["path"]
    for name in os.listdir(path):
        inner = os.path.join(path, name)
        if name == MARKER:
            continue
        if os.path.isdir(inner) and not os.path.islink(inner):
            shutil.rmtree(inner)
        else:
            os.unlink(inner)
    if os.path.lexists(os.path.join(path, MARKER)):
        os.unlink(os.path.join(path, MARKER))
    if not os.path.ismount(path):
        os.rmdir(path)


def check_all(module: AnsibleModule) -> list[os.stat_result | None]:
    """Status of every directory, or one failure that names all that are refused."""
    states: list[os.stat_result | None] = []
    refused = []
    for entry in module.params["directories"]:
        try:
            states.append(check_owner(entry))
        except Refused as reason:
            refused.append(str(reason))
    if refused:
        module.fail_json(
            msg="Nothing was changed on this machine, because these directories are not ours to use:\n- "
            + "\n- ".join(refused)
            + "\nMove the content away, or choose another storage path for the deployment.",
            refused=refused,
        )
    return states


def run(module: AnsibleModule) -> dict[str, Any]:
    """Check everything, then change what differs."""
    params = module.params
    wanted = (params["uid"], params["gid"], int(params["mode"], 8))
    rows, before, after = [], [], []
    for entry, status in zip(params["directories"], check_all(module)):
        path = entry["path"]
        if params["state"] == "present":
            actions = plan_present(entry, status, wanted)
            result = f"owner {wanted[0]}:{wanted[1]}, mode {wanted[2]:04o}, marked"
        else:
            actions = [] if status is None else ["remove"]
            result = "absent"
        if actions:
            before.append(f"{path}: {describe(status, read_marker(path) is not None)}")
            after.append(f"{path}: {result}")
            if not module.check_mode:
                if params["state"] == "present":
                    make_present(entry, actions, wanted)
                else:
                    make_absent(entry)
        rows.append({"path": path, "pod": entry["pod"], "changed": bool(actions), "actions": actions})
    return {
        "changed": any(row["changed"] for row in rows),
        "directories": rows,
        "diff": {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)},
    }


def main() -> None:
    """Module entry."""
    module = AnsibleModule(
        argument_spec={
            "directories": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "deployment": {"type": "str", "required": True},
                    "namespace": {"type": "str", "required": True},
                    "pod": {"type": "str", "required": True},
                    "exists": {"type": "bool", "default": False},
                },
            },
            "uid": {"type": "int", "default": 999},
            "gid": {"type": "int", "default": 999},
            "mode": {"type": "str", "default": "0750"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    if re.fullmatch(r"0?[0-7]{3,4}", module.params["mode"]) is None:
        module.fail_json(msg=f"mode is {module.params['mode']!r}. Allowed: octal digits such as 0750.")
    relative = [entry["path"] for entry in module.params["directories"] if not os.path.isabs(entry["path"])]
    if relative:
        module.fail_json(msg=f"directories[].path must be absolute, got: {', '.join(relative)}.")
    try:
        module.exit_json(**run(module))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'directory'}: {error.strerror or error}")


if __name__ == "__main__":
    main()
