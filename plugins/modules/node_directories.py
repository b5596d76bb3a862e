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
  - A directory that is marked for another owner, or that holds files and has no marker, is refused. So is an empty one,
    or none, where the volume exists already and had a marker once. Every directory is checked before the first one is
    changed.
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
            A missing marker is then written again where the directory holds files.
            A directory that is missing, or empty without a marker, is refused unless O(accept_empty=true), as its disk
            was replaced or is not mounted.
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
  accept_empty:
    description: Start with an empty directory where one with a marker was, after a disk was replaced.
    type: bool
    default: false
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

from ansible_collections.slotwise.redis.plugins.module_utils._marker import MARKER, read_marker

MANAGER = "slotwise.redis"
# What a fresh file system has in its root directory.
IGNORED = {"lost+found"}


class Refused(Exception):
    """A directory that must not be touched; the message says what was found."""


class Lost(Refused):
    """The directory of a volume that exists is not the one that it was."""


def marker_text(entry: dict[str, Any]) -> str:
    """Content of the marker file of a directory."""
    owner = {"managed_by": MANAGER, **{key: entry[key] for key in ("deployment", "namespace", "pod")}}
    return json.dumps(owner, sort_keys=True) + "\n"


def check_owner(entry: dict[str, Any], accept_empty: bool, removing: bool = False) -> os.stat_result | None:
    """The directory's status, None when it does not exist; refuses what belongs to someone else, and lost disks."""
    path = entry["path"]
    lost = entry["exists"] and not accept_empty and not removing
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        if lost:
            raise Lost(f"{path}: does not exist, and the volume of pod {entry['pod']} does") from None
        return None
    except NotADirectoryError as error:
        raise Refused(f"{path}: a part of this path is not a directory") from error
    if not stat.S_ISDIR(status.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a directory"
        raise Refused(f"{path}: exists and is {kind}")
    marker = read_marker(path)
    if marker is None:
        found = sorted(set(os.listdir(path)) - IGNORED)
        if not found and lost:
            raise Lost(
                f"{path}: is empty and has no owner marker {MARKER}, and the volume of pod {entry['pod']} exists"
            )
        # What a volume that exists got without a marker may be its pod's. It may be used, and not be removed.
        if found and (removing or not entry["exists"]):
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
        # Everybody may enter the parents, whatever the umask of the user: an NFS server enters them as Redis.
        umask = os.umask(0o022)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.umask(umask)
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
    lost = False
    removing = module.params["state"] == "absent"
    for entry in module.params["directories"]:
        try:
            states.append(check_owner(entry, module.params["accept_empty"], removing))
        except Lost as reason:
            lost = True
            refused.append(str(reason))
        except Refused as reason:
            refused.append(str(reason))
    if refused:
        advice = (
            "Was a disk replaced, or is it not mounted? Mount it, and run again. If its data is lost, or there never "
            "was "
            "any, run once with accept_empty (node_local_storage_accept_empty=true, on an NFS server "
            "node_nfs_server_accept_empty=true): the pod starts empty. "
            "In a cluster with replicas it is filled by its master, else its data is lost."
            if lost
            else "Move the content away, and run again. Data of the deployment itself gets its marker by site.yml."
            if removing
            else "Move the content away, or choose another storage path for the deployment."
        )
        module.fail_json(
            msg="Nothing was changed on this machine, because these directories are not as they should be:\n- "
            + "\n- ".join(refused)
            + f"\n{advice}",
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
            "accept_empty": {"type": "bool", "default": False},
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
