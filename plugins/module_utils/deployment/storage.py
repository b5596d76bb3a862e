# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a deployment stores its data: the kinds of storage, their settings, and which settings lose data.

PRIVATE, may change at any time. Pure: no I/O.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

TYPES = ("local", "hostpath", "emptydir", "nfs", "nfs_shared", "storageclass")
# One volume of ours for each pod, on a machine that Kubernetes runs on.
ON_MACHINES = ("local", "hostpath")
ON_NFS = ("nfs", "nfs_shared")
# We make the persistent volumes; with the others Kubernetes does.
PLANNED = ON_MACHINES + ON_NFS

UNITS = {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
    "Ei": 2**60,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "E": 10**18,
}
ACCESS_MODES = ("ReadWriteOnce", "ReadWriteMany")
NFS_VERSIONS = ("4.0", "4.1", "4.2")
# Waits for a server that is away as long as it takes, and tells no program of an error that is none: see nfs(5).
NFS_OPTIONS = ("hard", "timeo=600", "retrans=2")

DEFAULTS: dict[str, Any] = {
    "type": "local",
    "size": "8Gi",
    "path": "/var/lib/slotwise-redis",
    "hosts": [],
    "volumes_per_host": None,
    "reclaim_policy": "Retain",
    "access_mode": "",
    "storage_class": "",
    "server": "",
    "clients": [],
    "nfs_version": "4.2",
    "mount_options": list(NFS_OPTIONS),
}

_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>" + "|".join(UNITS) + r")")
_VERSION = re.compile(r"(nfsvers|vers|minorversion)=.*|v[0-9.]+")
_PATH = re.compile(r"(?:/[A-Za-z0-9_.@-]+)+")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?")

# Mount options that are refused, and why.
_LOSING = {
    "soft": "a server that is away for a while makes writes fail, and Redis stops with a half written file",
    "softerr": "a server that is away for a while makes writes fail, and Redis stops with a half written file",
    "nolock": "two pods could write the same files",
    "local_lock": "two pods on two machines could write the same files",
    "ro": "Redis has to write",
}


def well_formed(storage: Mapping[str, Any]) -> dict[str, Any]:
    """The same with nothing in place of what is of a wrong type, so that all else can be looked at."""
    return {name: value for name, value in storage.items() if not _misshapen(name, value)}


def shape_problems(storage: Mapping[str, Any], variable: str = "storage") -> list[str]:
    """A sentence for each value of a wrong type."""
    return [
        f"{variable}.{name} is {value!r}. Allowed: {_SHAPES[name]}."
        for name, value in storage.items()
        if _misshapen(name, value)
    ]


_SHAPES = {
    "hosts": "a list of inventory names",
    "server": "a text",
    "type": "a text",
    "mount_options": "a list of texts",
}


def _misshapen(name: str, value: Any) -> bool:
    if name in ("hosts", "mount_options"):
        return not (isinstance(value, (list, tuple)) and all(isinstance(item, str) and item for item in value))
    return name in _SHAPES and not isinstance(value, str)


def storage_settings(storage: Mapping[str, Any], name: str, namespace: str) -> dict[str, Any]:
    """The description of a deployment's storage with nothing left out. What is wrong in it stays as it is."""
    settings = {**DEFAULTS, **storage}
    kind = settings["type"]
    settings["access_mode"] = settings["access_mode"] or ("ReadWriteMany" if kind == "nfs_shared" else "ReadWriteOnce")
    if kind in PLANNED and not settings["storage_class"]:
        settings["storage_class"] = f"{namespace}.{name}-{str(kind).replace('_', '-')}"
    if kind not in ON_NFS:
        settings["mount_options"] = list(storage.get("mount_options") or [])
    elif isinstance(settings["mount_options"], (list, tuple)):
        settings["mount_options"] = [f"nfsvers={settings['nfs_version']}", *settings["mount_options"]]
    return settings


def size_bytes(size: Any) -> float | None:
    """A Kubernetes quantity with a unit in bytes, None where it is none."""
    match = _SIZE.fullmatch(size) if isinstance(size, str) else None
    return float(match.group("number")) * UNITS[match.group("unit")] if match else None


def storage_problems(settings: Mapping[str, Any], variable: str = "storage") -> list[str]:
    """What speaks against a complete description; each sentence names variable, value and what is allowed."""
    kind = settings["type"]
    if kind not in TYPES:
        return [f"{variable}.type is {kind!r}: unknown storage type. Allowed: {', '.join(TYPES)}."]
    checks = [_size_problem, _reclaim_problem, _access_problem, _options_problem]
    if kind in PLANNED:
        checks.append(_path_problem)
    if kind in ON_MACHINES:
        checks.append(_limit_problem)
    if kind in ON_NFS:
        checks += [_server_problem, _version_problem, _clients_problem]
    problems = (check(settings, variable) for check in checks)
    return [problem for problem in problems if problem]


def _size_problem(settings: Mapping[str, Any], variable: str) -> str | None:
    if size_bytes(settings["size"]):
        return None
    return (
        f"{variable}.size is {settings['size']!r}: not a size with a unit. Allowed: a number above 0 followed by one "
        "of "
        f"{', '.join(UNITS)}, for example 8Gi."
    )


def _path_problem(settings: Mapping[str, Any], variable: str) -> str | None:
    path = settings["path"]
    text = path.rstrip("/") if isinstance(path, str) else ""
    if _PATH.fullmatch(text) and not {".", ".."} & set(text.split("/")):
        return None
    return (
        f"{variable}.path is {path!r}. Allowed: the absolute path of a directory below /, in letters, digits and "
        "_ . @ -, without . and .. as parts."
    )


def _limit_problem(settings: Mapping[str, Any], variable: str) -> str | None:
    limit = settings["volumes_per_host"]
    if limit is None or (not isinstance(limit, bool) and str(limit).isdecimal() and int(limit) >= 1):
        return None
    return f"{variable}.volumes_per_host is {limit!r}. Allowed: a whole number from 1, or leave it out."


def _reclaim_problem(settings: Mapping[str, Any], variable: str) -> str | None:
    policy, kind = settings["reclaim_policy"], settings["type"]
    allowed = ("Retain",) if kind in (*ON_NFS, "hostpath") else ("Retain", "Delete")
    if policy in allowed:
        return None
    reason = {
        "Recycle": " Recycle is deprecated, only ever worked for NFS and hostPath volumes, and wipes data.",
        "Delete": " Kubernetes cannot delete such a volume and would leave it Failed; uninstall removes it when asked.",
    }
    return (
        f"{variable}.reclaim_policy is {policy!r}. Allowed with type {kind}: {', '.join(allowed)}."
        f"{reason.get(str(policy), '')}"
    )


def _access_problem(settings: Mapping[str, Any], variable: str) -> str | None:
    mode, kind = settings["access_mode"], settings["type"]
    allowed: tuple[str, ...] = ACCESS_MODES
    if kind in ON_MACHINES:
        allowed = ("ReadWriteOnce",)
    elif kind == "nfs_shared":
        allowed = ("ReadWriteMany",)
    elif kind == "storageclass":
        allowed = (*ACCESS_MODES, "ReadWriteOncePod")
    if mode in allowed:
        return None
    return f"{variable}.access_mode is {mode!r}. Allowed with type {kind}: {', '.join(allowed)}."


def _options_problem(settings: Mapping[str, Any], variable: str) -> str | None:
    options, kind = settings["mount_options"], settings["type"]
    name = f"{variable}.mount_options is {options!r}"
    if not isinstance(options, (list, tuple)) or not all(isinstance(item, str) and item for item in options):
        return f"{name}. Allowed: a list of mount options, for example [hard, noatime]."
    if kind not in ON_NFS:
        return f"{name}. Allowed with type {kind}: none, leave it out; nothing is mounted." if options else None
    for option in options:
        word = option.split("=", 1)[0]
        if re.search(r"[\s,]", option):
            return f"{name}, with {option!r}. Give each option as an item of its own."
        if word in _LOSING:
            return f"{name}, with {option}. Leave it out: {_LOSING[word]}."
    if [option for option in options[1:] if _VERSION.fullmatch(option)]:
        return f"{name}. The version of NFS is {variable}.nfs_version; leave it out here."
    return None


def _server_problem(settings: Mapping[str, Any], variable: str) -> str | None:
    server = settings["server"]
    if isinstance(server, str) and _HOST.fullmatch(server):
        return None
    return (
        f"{variable}.server is {server!r}. Allowed with type {settings['type']}: the inventory name of a machine of "
        "group "
        "nfs_servers, or the address of another NFS server."
    )


def _version_problem(settings: Mapping[str, Any], variable: str) -> str | None:
    if str(settings["nfs_version"]) in NFS_VERSIONS:
        return None
    return (
        f"{variable}.nfs_version is {settings['nfs_version']!r}. Allowed: {', '.join(NFS_VERSIONS)}, in quotes. "
        "Version 3 "
        "keeps the locks of a machine that died for ever, so that a pod could not start elsewhere."
    )


def _clients_problem(settings: Mapping[str, Any], variable: str) -> str | None:
    clients = settings["clients"]
    for client in clients if isinstance(clients, (list, tuple)) else [clients]:
        if not _is_network(client):
            return (
                f"{variable}.clients holds {client!r}. Allowed: IP addresses and networks of the machines that mount "
                "the "
                "volumes, such as 192.0.2.11 or 192.0.2.0/24, or none for the addresses of the Kubernetes nodes."
            )
    return None


def _is_network(text: Any) -> bool:
    try:
        return bool(ipaddress.ip_network(text, strict=False)) if isinstance(text, str) else False
    except ValueError:
        return False
