# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers that were killed had begun to write goes at the next start, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[3] / "roles" / "common" / "files"
UNFINISHED = ("temp-17.rdb", "temp-1732742813.17.rdb", "temp-rewriteaof-17.aof", "temp-rewriteaof-bg-4711.aof")
OTHERS = (
    "dump.rdb", "appendonly.aof", "temp-mine.rdb", "temp-17.rdb.bak", "my-temp-17.rdb", "temp-17",
    "temp-rewriteaof-x.aof", "temp-17.aof", "appendonlydir/temp-17.rdb", "kept-of-term-4-a-40/temp-17.rdb",
)  # fmt: skip


@pytest.fixture
def remove(tmp_path):
    """What is there after a start with this configuration."""
    data = tmp_path / "data"

    def run(config: str) -> set[str]:
        for name in (*UNFINISHED, *OTHERS):
            (data / name).parent.mkdir(parents=True, exist_ok=True)
            (data / name).write_text("x")
        (tmp_path / "redis.conf").write_text(f"dir {data}\n{config}")
        script = f". {FILES}/common.sh; . {FILES}/persistence.sh; remove_unfinished"
        environment = {"PATH": "/usr/bin:/bin", "REDIS_RUN": str(tmp_path)}
        subprocess.run(["sh", "-euc", script], env=environment, cwd=tmp_path, check=True)
        return {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}

    return run


def test_what_no_server_reads_goes(remove):
    assert remove("") == set(OTHERS)


@pytest.mark.parametrize("directive", ["dbfilename", "appendfilename"])
@pytest.mark.parametrize("name", UNFINISHED)
def test_what_is_called_so_and_is_read_stays(remove, directive, name):
    assert remove(f"{directive} {name}\n") == {*OTHERS, name}


def test_a_directory_without_any_is_left_as_it_is(remove, tmp_path):
    remove("")
    assert remove("dir elsewhere\n") == {*OTHERS, *UNFINISHED}
    assert not (tmp_path / "elsewhere").exists()
