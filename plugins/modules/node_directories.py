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
    or none, where the volume exists already and had a marker once.
  - So is one that lies in the directory of another owner, or that has one in it, at any depth and through symbolic
    links, and one whose data is of another incarnation of the deployment.
  - Every directory is checked before the first one is changed.
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
      incarnation:
        description:
          - Incarnation of the deployment that the volume belongs to, which tells it from an earlier one of the same
            name. Empty where it is not known; that of a directory is then neither compared nor changed.
        type: str
        default: ""
      kubernetes:
        description: Kubernetes cluster of the volume, as the uid of its namespace C(kube-system). Empty for not known.
        type: str
        default: ""
      adopt:
        description:
          - Use the data of the directory though its marker names another incarnation. As long as the volume does not
            exist the marker stays as it is, so that a run that was interrupted can be told from data that was left.
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
      - V(absent) removes the directories and B(all data in them). Only a directory with the matching marker is removed,
        and none that holds another marked directory or a mount.
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

import os
import re
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils.machines import folders
from ansible_collections.slotwise.redis.plugins.module_utils.machines.marker import (
    ALL_PODS,
    MARKER,
    NEW_MARKER,
    NO_DATA,
    BadMarker,
    Owner,
    read_marker,
)


class Refused(Exception):
    """A directory that must not be touched; the message says what was found."""


class Lost(Refused):
    """The directory of a volume that exists is not the one that it was."""


@dataclass(frozen=True)
class Found:
    """A directory as it is. C(path) is where it really lies; there is no C(status) where it does not exist."""

    path: str
    status: os.stat_result | None = None
    marker: Owner | None = None
    names: tuple[str, ...] = ()


def owner_of(entry: dict[str, Any]) -> Owner:
    """Whose a directory shall be."""
    return Owner(*(entry[key] for key in ("deployment", "namespace", "pod", "incarnation", "kubernetes")))


def look(entry: dict[str, Any]) -> Found:
    """What is there; refuses what is no directory, and a marker that says nothing."""
    path = entry["path"]
    try:
        folder, missing = folders.open_deepest(path)
    except folders.Unsafe as reason:
        raise Refused(f"{path}: {reason}") from reason
    try:
        real = os.path.join(folders.real_path(folder), *missing)
        if missing:
            return Found(real)
        names = tuple(sorted(set(os.listdir(folder)) - NO_DATA))
        return Found(real, os.fstat(folder), read_marker(folder), names)
    except BadMarker as reason:
        raise Refused(f"{path}: its owner marker {MARKER} {reason}") from reason
    finally:
        os.close(folder)


def check(entry: dict[str, Any], found: Found, accept_empty: bool, removing: bool) -> None:
    """Refuse what belongs to someone else, and lost disks."""
    path, marker = entry["path"], found.marker
    lost = entry["exists"] and not accept_empty and not removing
    if found.status is None:
        if lost:
            raise Lost(f"{path}: does not exist, and the volume of pod {entry['pod']} does")
        return
    if marker is not None:
        check_owner(entry, found, marker, removing)
        return
    if not found.names and lost:
        raise Lost(f"{path}: is empty and has no owner marker {MARKER}, and the volume of pod {entry['pod']} exists")
    # What a volume that exists got without a marker may be its pod's. It may be used, and not be removed.
    if found.names and (removing or not entry["exists"]):
        shown = ", ".join(found.names[:5])
        more = f" and {len(found.names) - 5} more" if len(found.names) > 5 else ""
        raise Refused(f"{path}: has no owner marker {MARKER} but holds {shown}{more}")


def check_owner(entry: dict[str, Any], found: Found, marker: Owner, removing: bool) -> None:
    """Refuse a directory that is marked for another owner, another incarnation or another Kubernetes cluster."""
    path, wanted = entry["path"], owner_of(entry)
    if marker.names() != wanted.names():
        raise Refused(f"{path}: belongs to {marker}, not to {wanted}")
    # What all pods share has no data of its own, and nothing is lost where there is none.
    if entry["adopt"] or not found.names or entry["pod"] == ALL_PODS:
        return
    if wanted.incarnation and marker.incarnation and wanted.incarnation != marker.incarnation:
        use = "" if removing else ". To use it as it is, run site.yml once with -e k8s_storage_adopt_directories=true"
        raise Refused(
            f"{path}: holds data of incarnation {marker.incarnation} of {marker}, and its volume is of incarnation "
            f"{wanted.incarnation}{use}"
        )
    elsewhere = marker.kubernetes and wanted.kubernetes and marker.kubernetes != wanted.kubernetes
    if removing and not entry["exists"] and elsewhere:
        raise Refused(
            f"{path}: belongs to {marker} of another Kubernetes cluster ({marker.kubernetes}), and this one "
            f"({wanted.kubernetes}) has no volume for it"
        )


def check_around(entry: dict[str, Any], found: Found, removing: bool) -> None:
    """Refuse a directory in that of another owner, or with one in it."""
    path = entry["path"]
    # Removing what lies in that of another owner is the way out.
    for place, mark in [] if removing else folders.marks_above(found.path):
        if not shares(mark, owner_of(entry)):
            raise Refused(f"{path} of {owner_of(entry)}: lies in {place}, which belongs to {mark}")
    if found.status is None:
        return
    folder, missing = folders.open_deepest(path)
    try:
        marks = [] if missing else list(folders.marks_below(folder))
    except folders.Unsafe as reason:
        raise Refused(f"{path}: {reason}") from reason
    finally:
        os.close(folder)
    others = [f"{path}/{place}, which belongs to {mark}" for place, mark in marks if not shares(owner_of(entry), mark)]
    if others:
        raise Refused(f"{path} of {owner_of(entry)}: holds " + "; ".join(others))
    mounts = folders.mounts_below(found.path) if removing else []
    if mounts:
        raise Refused(f"{path}: has other file systems mounted in it, at {', '.join(mounts)}")


def shares(outer: Owner | str, inner: Owner | str) -> bool:
    """Whether a directory is one that all pods of a deployment share, and the other one of its pods'."""
    if isinstance(outer, str) or isinstance(inner, str):
        return False
    return (*inner.names()[:2], ALL_PODS) == outer.names() != inner.names()


def check_each_other(entries: list[dict[str, Any]], found: list[Found]) -> list[str]:
    """Directories of one call that are the same one, or lie in each other."""
    refused = []
    by_path: dict[str, dict[str, Any]] = {}
    for entry, place in zip(entries, found):
        other = by_path.setdefault(place.path, entry)
        if other is not entry:
            refused.append(f"{entry['path']} of {owner_of(entry)} is the same as {other['path']} of {owner_of(other)}")
    for path, entry in by_path.items():
        parent = os.path.dirname(path)
        while parent != "/":
            other = by_path.get(parent, entry)
            if other is not entry and not shares(owner_of(other), owner_of(entry)):
                refused.append(f"{entry['path']} of {owner_of(entry)} lies in {other['path']} of {owner_of(other)}")
            parent = os.path.dirname(parent)
    return refused


def wanted_marker(entry: dict[str, Any], marker: Owner | None) -> Owner:
    """What the marker shall say; what is not known stays as it is."""
    wanted = owner_of(entry)
    if marker is None:
        return wanted
    if entry["adopt"] and not entry["exists"]:
        return marker
    return replace(
        wanted,
        incarnation=wanted.incarnation or marker.incarnation,
        kubernetes=wanted.kubernetes or marker.kubernetes,
    )


def describe(found: Found) -> str:
    """One line about a directory for the diff."""
    if found.status is None:
        return "absent"
    status, marker = found.status, "not marked" if found.marker is None else "marked"
    of = f" as incarnation {found.marker.incarnation}" if found.marker and found.marker.incarnation else ""
    return f"owner {status.st_uid}:{status.st_gid}, mode {stat.S_IMODE(status.st_mode):04o}, {marker}{of}"


def plan_present(entry: dict[str, Any], found: Found, wanted: tuple[int, int, int]) -> list[str]:
    """What has to be done to a directory, in words."""
    uid, gid, mode = wanted
    if found.status is None:
        return ["create", "mark"]
    actions = []
    if (found.status.st_uid, found.status.st_gid) != (uid, gid):
        actions.append("change owner")
    if stat.S_IMODE(found.status.st_mode) != mode:
        actions.append("change mode")
    if found.marker != wanted_marker(entry, found.marker):
        actions.append("mark")
    return actions


def write_marker(folder: int, text: str) -> None:
    """Write the marker of an open directory so that nobody ever finds half of one."""
    with suppress(FileNotFoundError):
        os.unlink(NEW_MARKER, dir_fd=folder)
    file = os.open(NEW_MARKER, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    with os.fdopen(file, "w", encoding="utf-8") as marker:
        marker.write(text)
        marker.flush()
        os.fchmod(file, 0o644)
        os.fsync(file)
    os.replace(NEW_MARKER, MARKER, src_dir_fd=folder, dst_dir_fd=folder)


def make_present(entry: dict[str, Any], found: Found, actions: list[str], wanted: tuple[int, int, int]) -> None:
    """Do the planned actions, all of them to the directory that is opened here."""
    uid, gid, mode = wanted
    folder, missing = folders.open_deepest(entry["path"])
    try:
        if "create" in actions:
            folder = folders.make(folder, missing)
        if "mark" in actions:
            # Before the directory is handed over to its user.
            write_marker(folder, wanted_marker(entry, found.marker).text())
        if "create" in actions or "change owner" in actions:
            os.fchown(folder, uid, gid)
        if "create" in actions or "change mode" in actions:
            os.fchmod(folder, mode)
    finally:
        os.close(folder)


def make_absent(entry: dict[str, Any]) -> None:
    """Remove the data, then the marker, then the directory: an interrupted removal can be run again."""
    path = entry["path"]
    folder, missing = folders.open_deepest(path)
    try:
        if missing:
            return
        # A path through the descriptor, which leads to this directory whatever becomes of its name.
        here = f"/proc/self/fd/{folder}"
        for name in os.listdir(folder):
            if name == MARKER:
                continue
            if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                shutil.rmtree(f"{here}/{name}")
            else:
                os.unlink(name, dir_fd=folder)
        with suppress(FileNotFoundError):
            os.unlink(MARKER, dir_fd=folder)
    finally:
        os.close(folder)
    if not os.path.ismount(path):
        os.rmdir(path)


def check_all(module: AnsibleModule) -> list[Found]:
    """Every directory as it is, or one failure that names all that are refused."""
    entries = module.params["directories"]
    removing = module.params["state"] == "absent"
    states: list[Found] = []
    refused = []
    lost = False
    for entry in entries:
        try:
            found = look(entry)
            states.append(found)
            check(entry, found, module.params["accept_empty"], removing)
            check_around(entry, found, removing)
        except Refused as reason:
            lost = lost or isinstance(reason, Lost)
            refused.append(str(reason))
    if len(states) == len(entries) and not removing:
        refused += check_each_other(entries, states)
    if refused:
        module.fail_json(
            msg="Nothing was changed on this machine, because these directories are not as they should be:\n- "
            + "\n- ".join(refused)
            + f"\n{advice(lost, removing)}",
            refused=refused,
        )
    return states


def advice(lost: bool, removing: bool) -> str:
    """What to do about directories that are refused."""
    if lost:
        return (
            "Was a disk replaced, or is it not mounted? Mount it, and run again. If its data is lost, or there never "
            "was any, run once with accept_empty (node_local_storage_accept_empty=true, on an NFS server "
            "node_nfs_server_accept_empty=true): the pod starts empty. In a cluster with replicas it is filled by its "
            "master, else its data is lost."
        )
    if removing:
        return "Move the content away, and run again. Data of the deployment itself gets its marker by site.yml."
    return "Move the content away, or choose another storage path for the deployment."


def run(module: AnsibleModule) -> dict[str, Any]:
    """Check everything, then change what differs."""
    params = module.params
    wanted = (params["uid"], params["gid"], int(params["mode"], 8))
    rows, before, after = [], [], []
    for entry, found in zip(params["directories"], check_all(module)):
        path = entry["path"]
        if params["state"] == "present":
            actions = plan_present(entry, found, wanted)
            incarnation = wanted_marker(entry, found.marker).incarnation
            of = f" as incarnation {incarnation}" if incarnation else ""
            result = f"owner {wanted[0]}:{wanted[1]}, mode {wanted[2]:04o}, marked{of}"
        else:
            actions = [] if found.status is None else ["remove"]
            result = "absent"
        if actions:
            before.append(f"{path}: {describe(found)}")
            after.append(f"{path}: {result}")
            if not module.check_mode:
                if params["state"] == "present":
                    make_present(entry, found, actions, wanted)
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
                    "incarnation": {"type": "str", "default": ""},
                    "kubernetes": {"type": "str", "default": ""},
                    "adopt": {"type": "bool", "default": False},
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
    except folders.Unsafe as reason:
        module.fail_json(msg=f"A directory changed while this module was at work: {reason}. Run again.")
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'directory'}: {error.strerror or error}")


if __name__ == "__main__":
    main()
