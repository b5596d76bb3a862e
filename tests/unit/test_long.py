# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that are left out are counted in the output, on one processor and on several."""

import pathlib
import shutil
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
FILE = """
import pytest

@pytest.mark.parametrize("version", ["a", *(pytest.param(v, marks=pytest.mark.long) for v in "bc")])
def test_versions(version):
    pass

def test_short():
    pass
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    long: takes long\naddopts = --strict-markers\n")
    (tmp_path / "test_it.py").write_text(FILE)
    shutil.copy(TESTS / "conftest.py", tmp_path)

    def run(*arguments):
        words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False).stdout

    return run


@pytest.mark.parametrize("processes", [(), ("-n", "2")])
def test_what_is_left_out_is_counted_with_the_reason(run, processes):
    shown = run("--without-long", *processes)
    assert "long tests: 2 left out (more repetitions or server versions of what others prove; `make test-all`" in shown
    assert "2 passed" in shown


@pytest.mark.parametrize("processes", [(), ("-n", "2")])
def test_without_the_option_all_are_run(run, processes):
    shown = run(*processes)
    assert "long tests: 2, none left out" in shown
    assert "4 passed" in shown


def test_what_was_not_asked_for_is_not_called_left_out(run):
    shown = run("--without-long", "-k", "short")
    assert "long tests" not in shown
    assert "1 passed" in shown
