# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory on the volume survives what can happen while it is written; kept files are those of before."""

from __future__ import annotations

import errno
import os
import pathlib

import pytest
from agent import disk
from agent.evidence import Data, Memory
from agent.model import Disk

OLD, NEW = Memory(5, "s-0", Data("a", 100)), Memory(6, "s-1", Data("b", 200))


def test_it_is_read_as_it_was_written(tmp_path):
    assert disk.recall(tmp_path) == (Memory(), "")
    disk.remember(tmp_path, OLD)
    disk.remember(tmp_path, NEW)
    assert disk.recall(tmp_path) == (NEW, "")
    assert [path.name for path in tmp_path.iterdir()] == [disk.MEMORY]


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_a_full_disk_leaves_the_old_memory(tmp_path, monkeypatch, call):
    """S3"""
    disk.remember(tmp_path, OLD)

    def refuse(*unused, **more):
        raise OSError(28, "No space left on device")

    # What is written reaches the file with fsync at the latest.
    monkeypatch.setattr(disk.os, call, refuse)
    with pytest.raises(OSError, match="No space"):
        disk.remember(tmp_path, NEW)
    monkeypatch.undo()
    assert disk.recall(tmp_path) == (OLD, "")
    assert [path.name for path in tmp_path.iterdir()] == [disk.MEMORY]


@pytest.mark.parametrize("content", ["", "{", '{"term": 1}', "[]", '{"term": "x", "master": "m"}', "\x00" * 9])
def test_a_torn_memory_is_said(tmp_path, content):
    (tmp_path / disk.MEMORY).write_text(content)
    memory, wrong = disk.recall(tmp_path)
    assert memory == Memory()
    assert disk.MEMORY in wrong


def test_the_memory_of_an_earlier_release_is_taken_over(tmp_path):
    (tmp_path / disk.EARLIER).write_text("7 orders-1.orders-headless\n")
    assert disk.recall(tmp_path) == (Memory(7, "orders-1.orders-headless"), "")


def test_links_keep_what_is_replaced(tmp_path):
    folder = tmp_path / disk.APPEND_ONLY
    folder.mkdir()
    manifest = "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.3.incr.aof seq 3 type i\n"
    (folder / "appendonly.aof.manifest").write_text(manifest)
    (folder / "appendonly.aof.3.incr.aof").write_text("old")
    assert disk.look(tmp_path).tail == (3, 3)
    disk.keep(tmp_path, "kept-of-term-5-a-100", True, "why")
    for path in folder.iterdir():
        path.unlink()
    assert disk.look(tmp_path).tail == (0, 0)
    assert disk.look(tmp_path).kept == ("kept-of-term-5-a-100",)
    kept = tmp_path / "kept-of-term-5-a-100"
    assert (kept / disk.APPEND_ONLY / "appendonly.aof.3.incr.aof").read_text() == "old"
    assert (kept / "about.txt").read_text() == "why\n"


def test_what_cannot_be_linked_is_not_kept_by_half(tmp_path):
    with pytest.raises(FileNotFoundError):
        disk.keep(tmp_path, "kept-of-term-5-a-100", True, "why")
    assert disk.look(tmp_path).kept == ()


def test_a_manifest_that_is_being_written_hides_nothing(tmp_path):
    """A server that ends while it writes one leaves it there, and what was noted would count as lost."""
    folder = tmp_path / disk.APPEND_ONLY
    folder.mkdir()
    manifest = "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.3.incr.aof seq 3 type i\n"
    (folder / "appendonly.aof.manifest").write_text(manifest)
    (folder / "appendonly.aof.3.incr.aof").write_text("old")
    (folder / "temp-appendonly.aof.manifest").write_text("")
    assert disk.look(tmp_path).tail == (3, 3)


def test_halves_of_earlier_copies_go(tmp_path):
    """Links keep the files of a rewritten append only file on the disk, under a name that never comes again."""
    (tmp_path / "kept-of-term-4-a-50.new" / disk.APPEND_ONLY).mkdir(parents=True)
    (tmp_path / "kept-of-term-4-a-40").mkdir()
    (tmp_path / disk.SNAPSHOT).write_text("data")
    disk.keep(tmp_path, "kept-of-term-5-a-100", False, "why")
    assert sorted(path.name for path in tmp_path.glob("kept*")) == ["kept-of-term-4-a-40", "kept-of-term-5-a-100"]


def refusing_links(monkeypatch, number):
    def refuse(*unused, **more):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(disk.os, "link", refuse)


@pytest.mark.parametrize("name", ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EXDEV", "EMLINK"])
@pytest.mark.parametrize("append_only", [True, False])
def test_where_there_are_no_links_it_is_copied(tmp_path, monkeypatch, name, append_only):
    """CIFS, and volumes of some drivers."""
    refusing_links(monkeypatch, getattr(errno, name))
    monkeypatch.setattr(disk, "CHUNK_BYTES", 2)
    (tmp_path / disk.APPEND_ONLY).mkdir()
    data = "appendonlydir/appendonly.aof.3.incr.aof" if append_only else disk.SNAPSHOT
    (tmp_path / data).write_text("12345")
    steps = []
    disk.keep(tmp_path, "kept-of-term-5-a-100", append_only, "why", lambda: steps.append(1))
    # As what follows does to it.
    (tmp_path / data).write_text("")
    assert (tmp_path / "kept-of-term-5-a-100" / data).read_text() == "12345"
    assert len(steps) == 3


@pytest.mark.parametrize("name", ["EIO", "EACCES", "ENOSPC"])
def test_what_could_not_be_kept_leaves_nothing_behind(tmp_path, monkeypatch, name):
    """What it holds would count as room that is missing for the next try."""
    refusing_links(monkeypatch, getattr(errno, name))
    (tmp_path / disk.SNAPSHOT).write_text("data")
    with pytest.raises(OSError, match=os.strerror(getattr(errno, name))):
        disk.keep(tmp_path, "kept-of-term-5-a-100", False, "why")
    assert [path.name for path in tmp_path.iterdir()] == [disk.SNAPSHOT]


def test_a_copy_that_finds_no_room_leaves_nothing_behind(tmp_path, monkeypatch):
    refusing_links(monkeypatch, errno.EPERM)
    (tmp_path / disk.SNAPSHOT).write_text("data")

    def refuse(*unused):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk.os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        disk.keep(tmp_path, "kept-of-term-5-a-100", False, "why")
    assert [path.name for path in tmp_path.iterdir()] == [disk.SNAPSHOT]


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
@pytest.mark.parametrize("call", ["statvfs", "iterdir", "read_text", "stat"])
def test_a_volume_that_cannot_be_read_is_told_from_an_empty_one(tmp_path, monkeypatch, number, call):
    (tmp_path / disk.APPEND_ONLY).mkdir()
    (tmp_path / disk.APPEND_ONLY / disk.MANIFEST).write_text("file appendonly.aof.3.incr.aof seq 3 type i\n")

    def refuse(*unused, **more):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(disk.os if call == "statvfs" else pathlib.Path, call, refuse)
        seen = disk.look(tmp_path)
    assert seen == Disk(problem=str(OSError(number, os.strerror(number))))
    assert disk.look(tmp_path).problem == ""
