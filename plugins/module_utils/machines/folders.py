# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Directories that root works on below directories that others can write.

PRIVATE, may change at any time.

A path means something else as soon as somebody puts a link into it. So a directory is opened once, step by step, and
everything is done to what was opened.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from ansible_collections.slotwise.redis.plugins.module_utils.machines.marker import (
    MARKER,
    BadMarker,
    Owner,
    read_marker,
)

# The directory of a Redis server has a dozen files, and one directory in it.
MAX_DEPTH = 32
MAX_ENTRIES = 100_000
MAX_LINKS = 40

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Unsafe(Exception):
    """A path that root must not go; the message is what was found there."""


def open_deepest(path: str) -> tuple[int, list[str]]:
    """The deepest directory on the way to C(path) that exists, open, and the names that are missing below it.

    The last name is never followed where it is a link, and others only where nobody but root can make one.
    """
    *parents, last = _parts(path) or [""]
    if not last or ".." in (*parents, last):
        raise Unsafe("is not the path of a directory below / without .. in it")
    here, missing = _follow(parents)
    if missing:
        return here, [*missing, last]
    try:
        there = os.open(last, _DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
    except FileNotFoundError:
        return here, [last]
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            os.close(here)
            raise
        link = _is_link(here, last)
        os.close(here)
        raise Unsafe(f"exists and is {'a symbolic link' if link else 'not a directory'}") from error
    os.close(here)
    return there, []


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _follow(parts: list[str]) -> tuple[int, list[str]]:
    here = os.open("/", _DIRECTORY)
    links = 0
    try:
        while parts:
            name = parts[0]
            try:
                there = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
                parts = parts[1:]
            except FileNotFoundError:
                break
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                target = _trusted_target(here, name)
                links += 1
                if links > MAX_LINKS:
                    raise Unsafe("has too many symbolic links on the way") from error
                parts = [*_parts(target), *parts[1:]]
                there = os.open("/" if target.startswith("/") else ".", _DIRECTORY, dir_fd=here)
            os.close(here)
            here = there
    except BaseException:
        os.close(here)
        raise
    return here, parts


def _is_link(folder: int, name: str) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _trusted_target(folder: int, name: str) -> str:
    if not _is_link(folder, name):
        raise Unsafe("a part of this path is not a directory")
    status = os.fstat(folder)
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        link = os.path.join(real_path(folder), name)
        raise Unsafe(f"leads through the symbolic link {link}, which others than root can change")
    return os.readlink(name, dir_fd=folder)


def real_path(folder: int) -> str:
    """Where an open directory is, without links."""
    return os.readlink(f"/proc/self/fd/{folder}")


def make(folder: int, missing: list[str]) -> int:
    """Make the missing directories below an open one, which is closed; the last of them, open, for its owner alone.

    Everybody may enter the others, whatever the umask of the user: an NFS server enters them as Redis.
    """
    umask = os.umask(0o022)
    try:
        for number, name in enumerate(missing, 1):
            os.mkdir(name, 0o700 if number == len(missing) else 0o755, dir_fd=folder)
            there = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = there
    finally:
        os.umask(umask)
    return folder


def walk(folder: int) -> Iterator[tuple[str, list[str], list[str], int]]:
    """Each directory in an open one with its path below it, directories, other files, and itself, open.

    Links are not followed, and what cannot be the directory of a Redis server has an end.
    """

    def fail(error: OSError) -> None:
        # A server that runs removes files meanwhile.
        if not isinstance(error, FileNotFoundError):
            raise error

    entries = 0
    for where, folders, names, here in os.fwalk(".", dir_fd=folder, onerror=fail):
        entries += len(folders) + len(names)
        if where.count("/") > MAX_DEPTH or entries > MAX_ENTRIES:
            raise Unsafe(
                f"holds more than {MAX_ENTRIES} files or directories deeper than {MAX_DEPTH}, as no Redis server makes"
            )
        yield where[2:], folders, names, here


def mark_of(folder: int) -> Owner | str | None:
    """Whose an open directory is, None where nobody said, and what is wrong with the marker where it says nothing."""
    try:
        return read_marker(folder)
    except BadMarker as error:
        return f"somebody: its owner marker {MARKER} {error}"


def marks_below(folder: int) -> Iterator[tuple[str, Owner | str]]:
    """The marked directories in an open one, at any depth, without itself."""
    for where, _folders, _names, here in walk(folder):
        mark = mark_of(here) if where else None
        if mark is not None:
            yield where, mark


def marks_above(path: str) -> Iterator[tuple[str, Owner | str]]:
    """The marked directories that a real path lies in."""
    while path != "/":
        path = os.path.dirname(path)
        try:
            folder = os.open(path, _DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        try:
            mark = mark_of(folder)
        finally:
            os.close(folder)
        if mark is not None:
            yield path, mark


def mounts_below(path: str) -> list[str]:
    """Mount points in a directory, by its real path."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
        points = [line.split(" ")[4].replace("\\040", " ") for line in mounts]
    return sorted({point for point in points if point.startswith(path.rstrip("/") + "/")})
