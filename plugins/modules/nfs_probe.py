#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether this machine can use NFS exports as the pods will."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nfs_probe
short_description: Prove that this machine can use NFS exports, and how fast they are
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Mounts each export where no other process sees it (a mount namespace of its own), and does there what Redis does,
    as the user that Redis runs as. Writes, syncs and renames a file 50 times in the first directory of each export and
    once in the others, and takes a lock.
  - Every mount is tried. What cannot be used fails with a message that names cause and cure.
  - Nothing stays behind. Files are called C(.slotwise-probe-*) and removed, and the mount is gone with its process.
  - The probe mounts with O(mounts[].mount_options), and besides with C(soft) and short timeouts, so that it ends. Where
    these options name no version, it tries 4, then 3.
requirements:
  - mount.nfs and showmount (nfs-common or nfs-utils); without them the module says so
  - root
options:
  mounts:
    description: The exports that this machine shall be able to use.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Deployment that uses the export.
        type: str
        required: true
      namespace:
        description: Namespace of the deployment.
        type: str
        required: true
      server:
        description: Address or host name of the NFS server.
        type: str
        required: true
      export:
        description: Exported directory.
        type: str
        required: true
      paths:
        description: Directories to write in, the export itself or below it. Without any, the export.
        type: list
        elements: str
        default: []
      size:
        description: Size that the volume promises, as a Kubernetes quantity. A warning tells when there is less room.
        type: str
      mount_options:
        description: Mount options of the volume, one in each item.
        type: list
        elements: str
        default: []
  uid:
    description: User to write as.
    type: int
    default: 999
  gid:
    description: Group to write as.
    type: int
    default: 999
  timeout:
    description: Seconds to wait for the server, for its list of exports, and for the mount. Each has its own.
    type: int
    default: 15
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
- name: Prove an export
  slotwise.redis.nfs_probe:
    mounts:
      - name: orders
        namespace: shop
        server: 192.0.2.7
        export: /srv/nfs/shop.orders-0
        size: 8Gi
        mount_options: [nfsvers=4.1]
"""

RETURN = r"""
mounts:
  description: The exports that can be used, in the order of the option. RV(problems) has the others.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Deployment.
      type: str
    namespace:
      description: Its namespace.
      type: str
    server:
      description: The server.
      type: str
    export:
      description: The export.
      type: str
    vers:
      description: NFS version in use.
      type: str
      sample: "4.2"
    fsync_ms_p50:
      description: Median of the times that writing and syncing 4 KiB took, in milliseconds.
      type: float
    fsync_ms_worst:
      description: The longest of them.
      type: float
    free_bytes:
      description: Room that the user has.
      type: int
problems:
  description: The exports that cannot be used.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Deployment.
      type: str
    namespace:
      description: Its namespace.
      type: str
    server:
      description: The server.
      type: str
    export:
      description: The export.
      type: str
    reason:
      description:
        - One of V(missing_client), V(no_kernel_client), V(unreachable), V(not_exported), V(no_export), V(no_directory),
          V(wrong_owner), V(root_owned), V(not_writable), V(read_only), V(full), V(lock_refused), V(bad_options),
          V(no_version), V(mount_failed), V(too_slow), V(failed).
      type: str
    message:
      description: Cause and cure.
      type: str
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import secrets
import select
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils.machines import nfs

# From the kernel's sched.h and mount.h.
CLONE_NEWNS = 0x20000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 2
PREFIX = ".slotwise-probe-"
ROUNDS = 50
BLOCK = b"slotwise" * 512
# A server that was just started lets nobody open or lock files for up to 90 seconds, its grace time.
WORK_SECONDS = 120
# Every user may pass through it, which the module's own temporary folder does not allow.
FOLDER = "/tmp"
# The tools of root are not in everybody's PATH.
TOOLS = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
ENVIRONMENT = {**os.environ, "LC_ALL": "C", "PATH": TOOLS}


class Failed(Exception):
    """A step in a directory that failed; the facts are for C(nfs.file_problem)."""

    def __init__(self, step: str, path: str, code: int):
        super().__init__(step)
        self.facts = {"step": step, "path": path, "errno": code}


def reach(target: nfs.Target, timeout: float) -> str:
    """Address of this machine towards the server."""
    with socket.create_connection((target.server, target.port), timeout) as connection:
        return connection.getsockname()[0]


def list_exports(server: str, timeout: float) -> nfs.Listing:
    """What the server says that it exports. A server of NFS version 4 alone need not answer this."""
    try:
        done = subprocess.run(
            ["showmount", "--no-headers", "-e", server],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return nfs.Listing(None, f"no answer within {timeout} s")
    except OSError as error:
        return nfs.Listing(None, str(error.strerror))
    if done.returncode:
        return nfs.Listing(None, " ".join(done.stderr.split()))
    return nfs.Listing(nfs.parse_showmount(done.stdout))


def hide_mounts() -> None:
    """Give this process mounts of its own; the kernel removes them with the process, however it ends."""
    # os.unshare came with Python 3.12 only, and os has no mount.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) or libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None):
        code = ctypes.get_errno()
        raise OSError(code, f"cannot make a mount namespace: {os.strerror(code)}")


def version_of(mount_point: str) -> str:
    """NFS version of a mount, from the kernel's table."""
    with open("/proc/self/mounts", encoding="utf-8") as table:
        for line in table:
            fields = line.split()
            if fields[1] == mount_point:
                return next((o[5:] for o in fields[3].split(",") if o.startswith("vers=")), "")
    return ""


@contextlib.contextmanager
def step(name: str, path: str) -> Iterator[None]:
    """Names the step in which the system refuses something."""
    try:
        yield
    except OSError as error:
        raise Failed(name, path, error.errno or errno.EIO) from error


def exercise(place: str, path: str, rounds: int) -> list[float]:
    """Do in a directory what Redis does; returns how long each write and sync took."""
    name = os.path.join(place, PREFIX + secrets.token_hex(8))
    times = []
    try:
        for _round in range(rounds):
            with step("create", path):
                handle = os.open(name + ".new", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            try:
                begin = time.monotonic()
                with step("write", path):
                    os.write(handle, BLOCK)
                with step("fsync", path):
                    os.fsync(handle)
                times.append(time.monotonic() - begin)
            finally:
                with step("close", path):
                    os.close(handle)
            with step("rename", path):
                os.rename(name + ".new", name)
        with step("lock", path), open(name, "r+b") as locked:
            fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        for leftover in (name, name + ".new"):
            with contextlib.suppress(OSError):
                os.unlink(leftover)
    return times


def used_bytes(place: str) -> int:
    """Room that the files of a directory take already."""
    total = 0
    for folder, _folders, files in os.walk(place):
        for file in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, file)).st_blocks * 512
    return total


def status_of(place: str) -> tuple[int, int, int] | None:
    """Owner, group and mode of a directory as far as this user may see them."""
    try:
        found = os.stat(place)
    except OSError:
        return None
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def room(place: str) -> int | None:
    """Bytes that this user may still write."""
    try:
        found = os.statvfs(place)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def place_of(target: nfs.Target, mount_point: str, path: str) -> str:
    """Where a directory of the server is below the mount."""
    return os.path.normpath(os.path.join(mount_point, os.path.relpath(path, target.export)))


def work(target: nfs.Target, mount_point: str, paths: list[str], tell: Callable[..., None]) -> None:
    """All directories of one export, as the user that Redis runs as. Runs in a process of its own."""
    os.setgroups([target.gid])
    os.setgid(target.gid)
    os.setuid(target.uid)
    times: list[float] = []
    used = 0
    for path in paths:
        place = place_of(target, mount_point, path)
        tell(step=f"write in {path}")
        try:
            found = exercise(place, path, 1 if times else ROUNDS)
        except Failed as failed:
            tell(failed={**failed.facts, "status": status_of(place), "free_bytes": room(place)})
            return
        times = times or found
        used += used_bytes(place)
    tell(used={"times": times, "free_bytes": room(mount_point) or 0, "used_bytes": used})


def mount_and_work(target: nfs.Target, paths: list[str], timeout: float, tell: Callable[..., None]) -> None:
    """Mount an export where nobody else sees it, and use it. Runs in a process of its own."""
    hide_mounts()
    mount_point = tempfile.mkdtemp(prefix=PREFIX[1:], dir=FOLDER)
    # mkdtemp keeps others out, and the user that writes is another one.
    os.chmod(mount_point, 0o711)
    program = shutil.which("mount.nfs", path=TOOLS) or "mount.nfs"
    try:
        tell(step="mount")
        for options in target.attempts:
            done = subprocess.run(
                [program, target.source, mount_point, "-n", "-o", options],
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout,
                check=False,
            )
            if done.returncode == 0 or not nfs.no_version(done.stdout):
                break
        if done.returncode:
            tell(refused=done.stdout[:1000])
            return
        tell(vers=version_of(mount_point))
        os.waitpid(run_apart(lambda: work(target, mount_point, paths, tell), tell), 0)
        tell(root_writes=[path for path in paths if os.access(place_of(target, mount_point, path), os.W_OK)])
    except subprocess.TimeoutExpired:
        tell(refused=f"mount timed out after {timeout} s")
    finally:
        ctypes.CDLL(None).umount2(os.fsencode(mount_point), MNT_DETACH)
        with contextlib.suppress(OSError):
            os.rmdir(mount_point)


def run_apart(task: Callable[[], None], tell: Callable[..., None], leader: bool = False) -> int:
    """Start a process for a task; SIGTERM ends it so that it still removes its files."""

    def leave(*_signal: object) -> None:
        raise SystemExit

    process = os.fork()
    if process:
        return process
    try:
        signal.signal(signal.SIGTERM, leave)
        if leader:
            os.setsid()
        task()
    except Exception as error:
        with contextlib.suppress(OSError):
            tell(broken=f"{type(error).__name__}: {error}"[:1000])
    finally:
        # The copy of the module that this process is must not go on after the task.
        os._exit(0)


def listen(source: int, facts: dict[str, Any], seconds: float) -> bool:
    """Collect what the processes tell until all have ended; false when that took too long."""
    deadline = time.monotonic() + seconds
    text = b""
    while select.select([source], [], [], max(0.0, deadline - time.monotonic()))[0]:
        heard = os.read(source, 65536)
        if not heard:
            return True
        *lines, text = (text + heard).split(b"\n")
        for line in lines:
            facts.update(json.loads(line))
    return False


def probe(target: nfs.Target, paths: list[str], timeout: float) -> dict[str, Any]:
    """What happened to one export: step, refused, vers, failed, root_writes, used, broken, late."""
    source, sink = os.pipe()

    def tell(**facts: object) -> None:
        os.write(sink, json.dumps(facts).encode() + b"\n")

    facts: dict[str, Any] = {}
    process = run_apart(lambda: mount_and_work(target, paths, timeout, tell), tell, leader=True)
    os.close(sink)
    try:
        if not listen(source, facts, len(target.attempts) * timeout + WORK_SECONDS):
            facts["late"] = True
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process, number)
                if listen(source, {}, 5):
                    break
        # Not awaited: a process that hangs in the kernel must not make this one hang.
        os.waitpid(process, os.WNOHANG)
    finally:
        os.close(source)
    return facts


class Servers:
    """What is known about the servers; each is asked once."""

    def __init__(self, timeout: float):
        self._timeout = timeout
        self._addresses: dict[tuple[str, int], str | OSError] = {}
        self._listings: dict[str, nfs.Listing] = {}

    def address(self, target: nfs.Target) -> str | OSError:
        """Address of this machine towards a server, or why there is no answer."""
        key = (target.server, target.port)
        if key not in self._addresses:
            try:
                self._addresses[key] = reach(target, self._timeout)
            except OSError as error:
                self._addresses[key] = error
        return self._addresses[key]

    def listing(self, server: str) -> nfs.Listing:
        """What a server says that it exports; asked only to explain a refusal."""
        if server not in self._listings:
            self._listings[server] = list_exports(server, self._timeout)
        return self._listings[server]


def judge(target: nfs.Target, facts: dict[str, Any], address: str, servers: Servers) -> nfs.Problem | None:
    """What is wrong with an export, from what happened."""
    if "refused" in facts:
        return nfs.mount_problem(target, facts["refused"], servers.listing(target.server), address, os.uname().release)
    if "failed" in facts:
        failed = facts["failed"]
        return nfs.file_problem(target, {**failed, "root_writes": failed["path"] in facts.get("root_writes", ())})
    if "broken" in facts:
        return nfs.broken(target, facts["broken"])
    if "used" not in facts:
        return nfs.too_slow(target, facts.get("step", "start"), WORK_SECONDS)
    return None


def run(params: dict[str, Any], warn: Callable[[str], None]) -> dict[str, Any]:
    """Try every mount, one after the other, so that none disturbs the times of another."""
    servers = Servers(params["timeout"])
    rows, problems = [], []
    for entry in params["mounts"]:
        of = {key: entry[key] for key in ("name", "namespace", "server", "export")}
        options = tuple(entry["mount_options"])
        target = nfs.Target(entry["server"], entry["export"], params["uid"], params["gid"], options)
        facts: dict[str, Any] = {}
        if shutil.which("mount.nfs", path=TOOLS) is None:
            problem: nfs.Problem | None = nfs.no_client(target)
        elif isinstance(address := servers.address(target), OSError):
            problem = nfs.no_answer(target, str(address.strerror or address))
        else:
            facts = probe(target, entry["paths"] or [entry["export"]], params["timeout"])
            problem = judge(target, facts, address, servers)
        if problem:
            problems.append({**of, "reason": problem.reason, "message": problem.message})
            continue
        used = facts["used"]
        median, worst = nfs.summary(used["times"])
        rows.append(
            {
                **of,
                "vers": facts["vers"],
                "fsync_ms_p50": median,
                "fsync_ms_worst": worst,
                "free_bytes": used["free_bytes"],
            }
        )
        if entry["size"] and (warning := nfs.small_warning(target, entry["size"], used)):
            warn(warning)
    return {"changed": False, "mounts": rows, "problems": problems}


def main() -> None:
    """Module entry."""
    module = AnsibleModule(
        argument_spec={
            "mounts": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "namespace": {"type": "str", "required": True},
                    "server": {"type": "str", "required": True},
                    "export": {"type": "str", "required": True},
                    "paths": {"type": "list", "elements": "str", "default": []},
                    "size": {"type": "str"},
                    "mount_options": {"type": "list", "elements": "str", "default": []},
                },
            },
            "uid": {"type": "int", "default": 999},
            "gid": {"type": "int", "default": 999},
            "timeout": {"type": "int", "default": 15},
        },
        supports_check_mode=True,
    )
    wrong = [text for entry in module.params["mounts"] for text in nfs.bad_mount(entry)]
    if wrong:
        module.fail_json(msg="Nothing was tried.\n- " + "\n- ".join(wrong))
    if os.geteuid() != 0:
        module.fail_json(msg="Only root can mount. Run this task with become: true.")
    result = run(module.params, module.warn)
    if result["problems"]:
        texts = [problem["message"] for problem in result["problems"]]
        module.fail_json(msg="NFS cannot be used from this machine:\n- " + "\n- ".join(texts), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
