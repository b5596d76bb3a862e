# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of formation keeps what it has measured when something fails. No servers."""

from __future__ import annotations

import json
import sys
import time
from types import SimpleNamespace

import pytest

from ansible_collections.slotwise.redis.tests.bench import formation

NODES = [f"127.0.0.1:{11000 + i}" for i in range(108)]
LONG = f"{NODES[0]} does not know {', '.join(NODES * 10)}"


class Farm:
    nodes = NODES
    flavor = "redis-7.0"

    def __init__(self, *_unused):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_unused):
        pass


@pytest.fixture
def bench(monkeypatch, tmp_path, capsys):
    """Runs the benchmark with fakes for what it measures; returns its exit code, its output, and the raw seconds."""

    def run(form, check=lambda flavor, count, repetitions: [str(count), "9.9"], repetitions=2):
        monkeypatch.setattr(formation, "Farm", Farm)
        monkeypatch.setattr(formation, "Monitor", lambda farm: SimpleNamespace(fleet=SimpleNamespace(close=list)))
        monkeypatch.setattr(formation, "flavors", lambda: ["redis-7.0.15"])
        monkeypatch.setattr(formation, "form", form)
        monkeypatch.setattr(formation, "checks", check)
        raw = tmp_path / "raw.json"
        arguments = ["--nodes", "6", "30", "--repetitions", str(repetitions), "--raw", str(raw)]
        monkeypatch.setattr(sys, "argv", ["formation.py", *arguments])
        code = formation.main()
        return code, capsys.readouterr().out, json.loads(raw.read_text())

    return run


def test_all_is_measured(bench):
    code, text, raw = bench(lambda farm, monitor, variant: {"a": 8.0, "b": 4.0, "c": 2.0, "d": 1.0}[variant])
    assert code == 0
    assert "| 6 | 8.00 | 4.00 | 2.00 | 1.00 | 2.0 | 2.0 | 4.0 | 8.0 |" in text
    assert "Failed" not in text
    assert raw["30"] == {"a": [8.0] * 2, "b": [4.0] * 2, "c": [2.0] * 2, "d": [1.0] * 2}


@pytest.mark.parametrize(
    "error",
    [TimeoutError(LONG), RuntimeError(f"exit code 1\n{LONG}"), AssertionError(LONG)],
    ids=["late", "ended", "bug"],
)
@pytest.mark.parametrize("first", [1, 2], ids=["never measured", "measured once"])
def test_a_variant_that_fails(bench, error, first):
    tries = []

    def form(farm, monitor, variant):
        tries.append(variant)
        if variant == "c" and tries.count("c") >= first:
            raise error
        return 4.0

    code, text, raw = bench(form, repetitions=3)
    assert code == 1
    assert raw["6"] == {"a": [4.0] * 3, "b": [4.0] * 3, "c": [4.0] * (first - 1), "d": [4.0] * 3}
    told = [line for line in text.splitlines() if line.startswith("- 6 nodes, repetition ")]
    assert len(told) == 1
    assert f"repetition {first}, c: {type(error).__name__}: " in told[0]
    assert len(text) < 2500
    c = "4.00" if first == 2 else "-"
    assert f"| 6 | 4.00 | 4.00 | {c} | 4.00 | 1.0 | {'1.0' if first == 2 else '-'} | 1.0 | 1.0 |" in text


def test_a_check_that_fails(bench):
    def check(flavor, count, repetitions):
        if count == 6:
            raise AssertionError(LONG)
        return [str(count), "9.9"]

    code, text, raw = bench(lambda farm, monitor, variant: 4.0, check)
    assert code == 1
    assert raw["6"]["a"] == [4.0, 4.0]
    assert "| 30 | 9.9 |" in text
    assert "- check of 6 nodes: AssertionError: 127.0.0.1:11000 does not know" in text


HANGS = """
import pathlib, sys, time
print(sys.argv[1], flush=True)
pathlib.Path(sys.argv[2]).touch()
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (f">>> Sending CLUSTER MEET\nWaiting for the cluster to join\n{'.' * 9000}", "Waiting for the cluster to join"),
        (
            json.dumps({"failed": True, "msg": f"Nodes do not answer.\n- {LONG}"}),
            "Nodes do not answer. - 127.0.0.1:11000",
        ),
        ("\x1b[32;1m[OK] All 16384 slots covered.\n\x1b[0m\n", "[OK] All 16384 slots covered."),
        ("", "wrote nothing"),
    ],
    ids=["redis-cli", "module", "colours", "silent"],
)
def test_a_command_that_hangs_is_ended_and_says_where(monkeypatch, tmp_path, output, words):
    written = tmp_path / "written"

    def never(begin):
        while not written.exists():
            time.sleep(0.01)
        raise TimeoutError(f"no agreement after 300 s, 108 problems: {LONG}")

    monkeypatch.setattr(formation, "prepare", lambda farm, variant: None)
    argv = [sys.executable, "-c", HANGS, output, str(written)]
    monkeypatch.setattr(formation, "command", lambda variant, farm: (argv, ""))
    with pytest.raises(RuntimeError, match="no agreement after 300 s, 108 problems: ") as caught:
        formation.form(Farm(), SimpleNamespace(seconds_until_agreed=never), "a")
    assert f"the command: {words}" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_command_that_fails(monkeypatch):
    monkeypatch.setattr(formation, "prepare", lambda farm, variant: None)
    argv = [sys.executable, "-c", "import sys; print('.' * 9000); sys.exit('[ERR] Not all 16384 slots are covered')"]
    monkeypatch.setattr(formation, "command", lambda variant, farm: (argv, ""))
    with pytest.raises(RuntimeError) as caught:
        formation.form(Farm(), SimpleNamespace(seconds_until_agreed=lambda begin: 1.0), "a")
    assert str(caught.value) == "exit code 1: [ERR] Not all 16384 slots are covered"


def test_what_is_said_of_nodes_that_do_not_agree(monkeypatch):
    monkeypatch.setattr(formation, "LIMIT_SECONDS", 0)
    monkeypatch.setattr(formation, "observe", lambda fleet: [])
    monkeypatch.setattr(formation, "problems", lambda nodes: [LONG] * 108)
    monkeypatch.setattr(formation.Monitor, "agreed", lambda self: False)
    monitor = formation.Monitor.__new__(formation.Monitor)
    monitor.fleet = None
    with pytest.raises(TimeoutError) as caught:
        monitor.seconds_until_agreed(time.monotonic() - 1)
    assert str(caught.value).startswith("no agreement after 0 s, 108 problems: 127.0.0.1:11000 does not know 127.0.0.1")
    assert len(str(caught.value)) < 250
