# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The volume of a server: its memory, how far its append only file goes, and what is kept."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pathlib
import shutil
from typing import Callable

from .evidence import Memory
from .model import Disk

MEMORY = ".slotwise-memory.json"
# What releases before 0.1 wrote: the term and the master on one line.
EARLIER = ".slotwise-master"
APPEND_ONLY, SNAPSHOT = "appendonlydir", "dump.rdb"
MANIFEST = "appendonly.aof.manifest"
KEPT = "kept-of-term-"
# What file systems say that have no links, and those where a file has as many as it may.
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK)
CHUNK_BYTES = 16 << 20


def replace_file(path: pathlib.Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file, whole: on any failure, a full disk too, the old one is still there. Raises OSError."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def recall(data: pathlib.Path) -> tuple[Memory, str]:
    """The memory on a volume, and what is wrong with it: then it counts as a server that never had a master."""
    path = data / MEMORY
    try:
        return Memory.from_json(json.loads(path.read_text())), ""
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError) as error:
        return Memory(), f"{path} cannot be read ({error})"
    try:
        term, master = (data / EARLIER).read_text().split()
        return Memory(int(term), master), ""
    except (FileNotFoundError, ValueError):
        return Memory(), ""


def remember(data: pathlib.Path, memory: Memory) -> None:
    replace_file(data / MEMORY, json.dumps(memory.to_json()).encode())


def look(data: pathlib.Path) -> Disk:
    try:
        free = os.statvfs(data)
        names = sorted(entry.name for entry in data.iterdir())
        kept = tuple(name for name in names if name.startswith(KEPT) and not name.endswith(".new"))
        return Disk(_tail(data), _size(data), free.f_bavail * free.f_frsize, kept)
    except OSError as error:
        # A dead disk, or a file server that has forgotten the directory: no reason not to hand over.
        return Disk(problem=str(error))


def _tail(data: pathlib.Path) -> tuple[int, int]:
    """The number of the file that is appended to (Redis 7: the last one of type i in the manifest), and its size."""
    try:
        manifest = (data / APPEND_ONLY / MANIFEST).read_text()
        files = [line.split() for line in manifest.splitlines() if " type i" in line]
        name, number = files[-1][1], files[-1][3]
        return int(number), (data / APPEND_ONLY / name).stat().st_size
    except (FileNotFoundError, ValueError, IndexError):
        return 0, 0


def _size(data: pathlib.Path) -> int:
    total = 0
    for path in (data / SNAPSHOT, *(data / APPEND_ONLY).glob("*")):
        # A file may go while its directory is read.
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def remove_halves(data: pathlib.Path) -> None:
    """What an agent that was killed had not kept yet holds room that nobody knows of."""
    for half in data.glob(f"{KEPT}*.new"):
        shutil.rmtree(half, ignore_errors=True)


def keep(
    data: pathlib.Path, name: str, append_only: bool, about: str, progress: Callable[[], None] = lambda: None
) -> None:
    """Link the files with the data into a directory of its own, or copy them where there are no links.

    Raises OSError where not all of them could be, and nothing is left then. ``progress`` is called now and then.
    """
    new, target = data / f"{name}.new", data / name
    remove_halves(data)
    try:
        new.mkdir()
        source = data / APPEND_ONLY
        if append_only:
            before = {path.name for path in source.iterdir()}
            (new / APPEND_ONLY).mkdir()
            for file in sorted(before):
                _link_or_copy(source / file, new / APPEND_ONLY / file, progress)
            if {path.name for path in source.iterdir()} != before:
                raise OSError("the append only file was rewritten meanwhile")
        elif (data / SNAPSHOT).exists():
            _link_or_copy(data / SNAPSHOT, new / SNAPSHOT, progress)
        (new / "about.txt").write_text(f"{about}\n")
        new.rename(target)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def _link_or_copy(source: pathlib.Path, target: pathlib.Path, progress: Callable[[], None]) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        with source.open("rb") as old, target.open("xb") as new:
            while chunk := old.read(CHUNK_BYTES):
                new.write(chunk)
                new.flush()
                # Only then may what it was copied from be overwritten.
                os.fsync(new.fileno())
                progress()
