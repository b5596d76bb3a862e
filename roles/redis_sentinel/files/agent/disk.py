# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The volume of a server: its memory, how far its append only file goes, and what is kept."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil

from .evidence import Memory
from .model import Disk

MEMORY = ".slotwise-memory.json"
# What releases before 0.1 wrote: the term and the master on one line.
EARLIER = ".slotwise-master"
APPEND_ONLY, SNAPSHOT = "appendonlydir", "dump.rdb"
MANIFEST = "appendonly.aof.manifest"
KEPT = "kept-of-term-"


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
    free = os.statvfs(data)
    names = sorted(entry.name for entry in data.iterdir())
    kept = tuple(name for name in names if name.startswith(KEPT) and not name.endswith(".new"))
    return Disk(_tail(data), _size(data), free.f_bavail * free.f_frsize, kept)


def _tail(data: pathlib.Path) -> tuple[int, int]:
    """The number of the file that is appended to (Redis 7: the last one of type i in the manifest), and its size."""
    try:
        manifest = (data / APPEND_ONLY / MANIFEST).read_text()
        files = [line.split() for line in manifest.splitlines() if " type i" in line]
        name, number = files[-1][1], files[-1][3]
        return int(number), (data / APPEND_ONLY / name).stat().st_size
    except (OSError, ValueError, IndexError):
        return 0, 0


def _size(data: pathlib.Path) -> int:
    total = 0
    for path in (data / SNAPSHOT, *(data / APPEND_ONLY).glob("*")):
        # A file may go while its directory is read.
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def keep(data: pathlib.Path, name: str, append_only: bool, about: str) -> None:
    """Link the files with the data into a directory of its own. Raises OSError where not all of them could be."""
    new, target = data / f"{name}.new", data / name
    # Halves of an agent that was killed hold room that nobody knows of.
    for half in data.glob(f"{KEPT}*.new"):
        shutil.rmtree(half, ignore_errors=True)
    new.mkdir()
    source = data / APPEND_ONLY
    if append_only:
        before = {path.name for path in source.iterdir()}
        (new / APPEND_ONLY).mkdir()
        for file in sorted(before):
            os.link(source / file, new / APPEND_ONLY / file)
        if {path.name for path in source.iterdir()} != before:
            raise OSError("the append only file was rewritten meanwhile")
    elif (data / SNAPSHOT).exists():
        os.link(data / SNAPSHOT, new / SNAPSHOT)
    (new / "about.txt").write_text(f"{about}\n")
    new.rename(target)
