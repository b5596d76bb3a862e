# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an NFS client ran into, in words that name cause and cure. Pure: no I/O, no clock, no randomness.

PRIVATE, may change at any time.
"""

from __future__ import annotations

import errno
import ipaddress
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PORT = 2049
UNITS = {
    **{unit: 1024**power for power, unit in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))},
    **{unit: 1000**power for power, unit in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
}
# The probe must end, so its mount gives up after 10 to 15 seconds of silence and never goes to the background. The last
# of contradicting options counts; pods keep the options they were given.
_PROBE_OPTIONS = ("fg", "soft", "timeo=50", "retrans=1", "retry=0")

_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>[A-Za-z]*)")
_NO_KERNEL_CLIENT = ("unknown filesystem type", "no such device", "not configured in kernel")
# The last one is what mount.nfs makes of a connection that breaks: somebody answers, and it is no NFS server.
_NO_ANSWER = ("timed out", "refused", "no route", "unreachable", "is down", "resolve", "mount system call failed")
_NO_VERSION = ("protocol not supported", "requested nfs version", "not supported")
_VERSION_OPTION = re.compile(r"(nfs)?vers=.*|v[234](\.[0-9])?")
_BAD_OPTIONS = ("incorrect mount option", "invalid argument", "bad option", "parsing error", "unknown option")
_NOT_SERVED = ("access denied", "permission denied", "no such file", "not permitted", "stale", "not a directory")


@dataclass(frozen=True)
class Target:
    """One export, and who shall be able to use it."""

    server: str
    export: str
    uid: int
    gid: int
    options: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The export as mount wants it: an IPv6 address in brackets."""
        return f"[{self.server}]:{self.export}" if ":" in self.server else f"{self.server}:{self.export}"

    @property
    def port(self) -> int:
        """The TCP port of the server."""
        ports = [option[5:] for option in self.options if re.fullmatch(r"port=[1-9][0-9]*", option)]
        return int(ports[-1]) if ports else PORT

    @property
    def attempts(self) -> list[str]:
        """Options for mount.nfs, to be tried in this order while there is no version in common.

        By itself it takes any refusal of version 4 as a reason to try version 3, to start rpc.statd for that, and to
        report what version 3 failed with.
        """
        asked = any(_VERSION_OPTION.fullmatch(option) for option in self.options)
        versions: list[tuple[str, ...]] = [()] if asked else [("nfsvers=4",), ("nfsvers=3",)]
        return [",".join((*self.options, *version, *_PROBE_OPTIONS)) for version in versions]


@dataclass(frozen=True)
class Problem:
    """Why an export cannot be used: a word for programs, a sentence for people."""

    reason: str
    message: str


@dataclass(frozen=True)
class Listing:
    """What C(showmount -e) said: path -> clients, or why it said nothing."""

    exports: Mapping[str, Sequence[str]] | None
    error: str = ""

    def nearest(self, export: str) -> str | None:
        """The listed export that holds this directory."""
        return max((p for p in self.exports or {} if _inside(export, p)), key=len, default=None)


def parse_showmount(text: str) -> dict[str, list[str]]:
    """Path -> clients from C(showmount -e --no-headers)."""
    exports: dict[str, list[str]] = {}
    for line in text.splitlines():
        # Paths may hold blanks, lists of clients do not.
        path, _blank, clients = line.rstrip().rpartition(" ")
        if path.strip():
            exports.setdefault(path.strip(), []).extend(c for c in clients.split(",") if c)
    return exports


def listed_for(address: str, clients: Sequence[str]) -> bool | None:
    """Whether an address is among the clients of an export; None when names decide that on the server."""
    own = ipaddress.ip_address(address)
    unknown = False
    for client in clients:
        if client in ("*", "(everyone)"):
            return True
        try:
            if own in ipaddress.ip_network(client, strict=False):
                return True
        except ValueError:
            unknown = True
    return None if unknown else False


def size_in_bytes(size: str) -> int:
    """A Kubernetes quantity as a number of bytes."""
    match = _SIZE.fullmatch(size)
    if match is None or match.group("unit") not in UNITS:
        raise ValueError(
            f"size is {size!r}. Allowed: a number followed by nothing or one of {', '.join(u for u in UNITS if u)}."
        )
    return int(float(match.group("number")) * UNITS[match.group("unit")])


def bad_mount(entry: Mapping[str, Any]) -> list[str]:
    """What is wrong with a mount as it was asked for."""
    where = f"mounts of {entry['namespace']}/{entry['name']}"
    server, export, paths = entry["server"], entry["export"], entry["paths"]
    problems = []
    if not re.fullmatch(r"[A-Za-z0-9:][A-Za-z0-9.:%_-]*", server):
        problems.append(f"{where}: server is {server!r}. Allowed: an address or a host name.")
    bad = [path for path in (export, *paths) if not path.startswith("/") or {".", ".."} & set(path.split("/"))]
    problems += [
        f"{where}: {path!r} is no absolute path. Allowed: paths from /, without . and .. in them." for path in bad
    ]
    problems += [
        f"{where}: path {path} lies outside of export {export}. Allowed: the export and directories below it."
        for path in paths
        if not bad and not _inside(path, export)
    ]
    problems += [
        f"{where}: mount_options holds {option!r}. Allowed: one option in each item, such as nfsvers=4.1."
        for option in entry["mount_options"]
        if not option or re.search(r"[\s,]", option)
    ]
    if entry["size"]:
        try:
            size_in_bytes(entry["size"])
        except ValueError as error:
            problems.append(f"{where}: {error}")
    return problems


def summary(seconds: Sequence[float]) -> tuple[float, float]:
    """Median and worst of some times, in milliseconds."""
    ordered = sorted(seconds)
    return round(ordered[math.ceil(len(ordered) / 2) - 1] * 1000, 2), round(ordered[-1] * 1000, 2)


def no_client(target: Target) -> Problem:
    """The machine lacks the programs."""
    return _problem(
        "missing_client",
        target,
        "this machine has no mount.nfs. Install nfs-common (Debian family) or nfs-utils (RedHat family), or run the "
        "role node_prereqs with node_prereqs_nfs_client=true.",
    )


def no_answer(target: Target, found: str, step: str = "") -> Problem:
    """Nobody answers at the server's address."""
    return _problem(
        "unreachable",
        target,
        f"{target.server} does not answer on TCP port {target.port}{step} ({found}). Check the address, that the NFS "
        "server runs there (systemctl status nfs-server), and that no firewall closes the port for this machine.",
    )


def no_version(said: str) -> bool:
    """Whether mount.nfs failed for want of a version that both sides know."""
    return any(words in said.lower() for words in _NO_VERSION)


def mount_problem(target: Target, said: str, listing: Listing, address: str, kernel: str) -> Problem:
    """Why mount.nfs failed; C(said) is what it printed, C(address) that of this machine towards the server."""
    # Programs that mount.nfs starts print too.
    own = [line for line in said.splitlines() if line.startswith("mount.nfs")]
    said = " ".join(" ".join(own or [said]).split()) or "nothing"
    text = said.lower()
    if any(words in text for words in _NO_KERNEL_CLIENT):
        return _problem(
            "no_kernel_client",
            target,
            f"the kernel of this machine ({kernel}) has no NFS client; mount.nfs said: {said}. Install the kernel's "
            "nfs modules (modprobe nfsv4 shows whether they are there), or keep these pods away from this machine with "
            "hosts in the storage of the deployment.",
        )
    if "statd" in text:
        return _no_lock(target, said)
    if any(words in text for words in _NOT_SERVED):
        return _not_served(target, said, listing, address)
    if any(words in text for words in _NO_ANSWER):
        return _no_reply(target, said, listing, address)
    if any(words in text for words in _BAD_OPTIONS):
        return _problem(
            "bad_options",
            target,
            f"the mount options {_list(target.options)} are not accepted; mount.nfs said: {said}. nfs(5) lists what is "
            "allowed.",
        )
    if no_version(said):
        return _problem(
            "no_version",
            target,
            f"server and this machine have no NFS version in common with the mount options {_list(target.options)}; "
            f"mount.nfs said: {said}. Ask for another nfs_version; rpcinfo -p {target.server} and, on the server, "
            "/proc/fs/nfsd/versions show what there is.",
        )
    return _problem("mount_failed", target, f"cannot be mounted; mount.nfs said: {said}.")


def _no_reply(target: Target, said: str, listing: Listing, address: str) -> Problem:
    nearest = listing.nearest(target.export)
    if nearest is not None and listed_for(address, (listing.exports or {})[nearest]) is False:
        return _not_served(target, said, listing, address)
    return _problem(
        "unreachable",
        target,
        f"{target.server} accepts connections on TCP port {target.port}, and still the mount got no answer ({said}). "
        "Version 3 needs the ports of rpcbind (111) and mountd too: use version 4 where the server has it. Look for "
        f"firewalls in between, and at exportfs -v on the server for this machine ({address}).",
    )


def _not_served(target: Target, said: str, listing: Listing, address: str) -> Problem:
    showmount = f"showmount -e {target.server}"
    if listing.exports is None:
        return _problem(
            "not_exported",
            target,
            f"there is no such export, or none for this machine ({address}); mount.nfs said: {said}; {showmount} "
            f"cannot tell: {listing.error}. Look at exportfs -v on the server, and add what is missing.",
        )
    nearest = listing.nearest(target.export)
    if nearest is None:
        listed = ", ".join(sorted(listing.exports)) or "nothing"
        return _problem(
            "no_export",
            target,
            f"there is no such export; {showmount} lists {listed}. Correct the path, or export it on the server (the "
            "role node_nfs_server does).",
        )
    clients = listing.exports[nearest]
    if listed_for(address, clients):
        return _problem(
            "no_directory",
            target,
            f"{nearest} is exported to this machine ({address}), and still mount.nfs said: {said}. Does the directory "
            "exist on the server? Make it there (the role node_nfs_server does), then run exportfs -ra; exportfs -v "
            "shows whether sec= or another option stands in the way.",
        )
    return _problem(
        "not_exported",
        target,
        f"not exported to this machine ({address}); {showmount} lists {nearest} for {_list(clients)}. Add this machine "
        "to the clients of the export, then run exportfs -ra on the server (the role node_nfs_server does both).",
    )


def file_problem(target: Target, facts: Mapping[str, Any]) -> Problem:
    """Why a step in a directory failed.

    C(facts): step, errno, path; status (uid, gid, mode of the directory) or None when not even that can be read;
    root_writes: whether root of this machine could; free_bytes or None.
    """
    code, path, step = facts["errno"], facts["path"], facts["step"]
    cause = os.strerror(code)
    if code == errno.EROFS:
        why = "was mounted with the option ro" if "ro" in target.options else "is exported read-only"
        return _problem(
            "read_only",
            target,
            f"{path} {why} ({cause}). Redis must write: use rw in "
            f"{'the mount options' if 'ro' in target.options else 'the export on the server, then run exportfs -ra'}.",
        )
    if code in (errno.ENOSPC, errno.EDQUOT):
        free = "" if facts["free_bytes"] is None else f", {facts['free_bytes']} bytes are free"
        return _problem(
            "full",
            target,
            f"{path} is full: {cause} at the step {step}{free}. Make room on the server, or raise the quota of uid "
            f"{target.uid} there.",
        )
    if step == "lock":
        return _no_lock(target, f"{cause} in {path}")
    if code in (errno.EACCES, errno.EPERM):
        return _no_permission(target, facts, cause)
    if code in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        return _problem(
            "no_directory",
            target,
            f"{path} is not a directory on the server ({cause}). Make it there, owned by {target.uid}:{target.gid} "
            "(the role node_nfs_server does), then run exportfs -ra.",
        )
    if code in (errno.EIO, errno.ETIMEDOUT):
        return no_answer(target, f"{cause} in {path}", f" at the step {step}")
    return _problem("failed", target, f"{path}: {cause} at the step {step}.")


def too_slow(target: Target, step: str, seconds: float) -> Problem:
    """The probe was ended by its deadline."""
    return _problem(
        "too_slow",
        target,
        f"the step {step} did not end within {seconds:.0f} s. Look at the load and the disks of the server, and at "
        "dmesg of this machine for 'nfs: server not responding'.",
    )


def broken(target: Target, error: str) -> Problem:
    """The probe itself could not do its work."""
    return _problem("failed", target, f"the probe could not work on this machine: {error}.")


def small_warning(target: Target, size: str, used: Mapping[str, int]) -> str | None:
    """What to say when an export has less room than its volume promises; what lies there already counts as room."""
    free, taken = used["free_bytes"], used["used_bytes"]
    if free + taken >= size_in_bytes(size):
        return None
    return (
        f"{target.source}: the volume promises {size}, and the server has {free} bytes free besides the {taken} that "
        "the volume uses. NFS enforces no size: Redis stops writing when the server is full."
    )


def _no_permission(target: Target, facts: Mapping[str, Any], cause: str) -> Problem:
    path, status = facts["path"], facts["status"]
    cure = f"On the server: chown {target.uid}:{target.gid} {path} (the role node_nfs_server makes it so)."
    if status is None:
        return _problem(
            "not_writable",
            target,
            f"{path} cannot be reached ({cause}): a directory above it, from {target.export} on, is not searchable for "
            f"this user. On the server: chmod o+x the directories in between, or chown them to {target.uid}.",
        )
    uid, gid, mode = status
    found = f"belongs to {uid}:{gid} with mode {mode:04o}"
    if uid == target.uid:
        return _problem(
            "not_writable",
            target,
            f"{path} {found}, which does not let its owner write ({cause}). On the server: chmod 0750 {path}.",
        )
    if uid == 0:
        squash = (
            "root of this machine could write there: root is not squashed, which Redis does not need"
            if facts["root_writes"]
            else "the server maps root to nobody (root_squash, as it should), so no client can correct that"
        )
        return _problem("root_owned", target, f"{path} {found}: root's ({cause}), and {squash}. {cure}")
    return _problem("wrong_owner", target, f"{path} {found}, another user's ({cause}). {cure}")


def _no_lock(target: Target, found: str) -> Problem:
    return _problem(
        "lock_refused",
        target,
        f"the server refuses locks ({found}), and Redis locks nodes.conf. Use NFS version 4, which locks over port "
        f"{PORT}; version 3 needs rpc.statd on both machines and the server's lockd ports open.",
    )


def _problem(reason: str, target: Target, sentence: str) -> Problem:
    return Problem(reason, f"{target.source} for uid {target.uid}: {sentence}")


def _inside(path: str, parent: str) -> bool:
    path, parent = path.rstrip("/") + "/", parent.rstrip("/") + "/"
    return path.startswith(parent)


def _list(items: Sequence[str]) -> str:
    return ", ".join(items) or "(none)"
