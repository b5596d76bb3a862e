# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules run in the worker that has the task where that is the machine they are for."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace as Some

import pytest
import yaml

from ansible_collections.slotwise.redis.plugins.plugin_utils import local_module
from ansible_collections.slotwise.redis.plugins.plugin_utils.local_module import LocalModule, TalkingModule, run_module

ROOT = Path(__file__).resolve().parents[4]
# Nobody listens there: the module fails, and says so in its own words.
NOWHERE = {"nodes": ["127.0.0.1:1"], "instances": 1, "timeout": 1, "transport": "direct", "login_password": "hunter2"}
CHECKS = {"_ansible_check_mode": False, "_ansible_diff": False, "_ansible_module_name": "redis_standalone_verify"}


def test_it_returns_what_the_module_returns_in_a_process_of_its_own():
    here = json.loads(run_module("redis_standalone_verify", {**NOWHERE, **CHECKS}))
    command = [sys.executable, "-m", f"{local_module.MODULES}.redis_standalone_verify"]
    given = json.dumps({"ANSIBLE_MODULE_ARGS": {**NOWHERE, **CHECKS}})
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, cwd=ROOT / "collections", check=False, timeout=60
    )
    there = json.loads(done.stdout)
    assert here == there
    assert here["failed"]
    assert "hunter2" not in str(here)


def test_the_worker_is_as_it_was_afterwards():
    before = signal.getsignal(signal.SIGTERM), sys.stdout
    run_module("redis_standalone_verify", {**NOWHERE, **CHECKS})
    assert (signal.getsignal(signal.SIGTERM), sys.stdout) == before


def task(kind=LocalModule, **changes):
    """An action that tells how the module would have been run."""
    given = {"transport": "local", "become": None, "async_val": 0, "environment": [], "complete": True, **changes}
    action = kind.__new__(kind)
    action._connection = Some(transport=given["transport"], become=given["become"])
    action._task = Some(async_val=given["async_val"], environment=given["environment"])
    return action, given["complete"]


@pytest.mark.parametrize(
    ("changes", "here"),
    [
        ({}, True),
        ({"environment": [{}]}, True),
        ({"transport": "ssh"}, False),
        ({"become": object()}, False),
        ({"async_val": 60}, False),
        ({"environment": [{"KUBECONFIG": "/x"}]}, False),
        ({"complete": False}, False),
    ],
)
def test_where_it_runs(monkeypatch, changes, here):
    action, complete = task(**changes)
    monkeypatch.setattr(local_module, "COMPLETE", complete)
    assert action._runs_here() is here


def test_every_module_that_talks_to_kubernetes_runs_so():
    group = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]["redis"]
    for name in group:
        text = (ROOT / "plugins/action" / f"{name}.py").read_text()
        talks = "PROGRESS" in (ROOT / "plugins/modules" / f"{name}.py").read_text()
        assert ("TalkingModule" if talks else "LocalModule") in text, name


def test_lines_of_progress_are_shown(monkeypatch):
    shown = []
    monkeypatch.setattr(local_module.display, "display", shown.append)
    action, _complete = task(TalkingModule)
    monkeypatch.setattr(
        LocalModule,
        "_ask",
        lambda _self, _name, arguments, _variables: Path(arguments["progress_file"]).write_text("one\ntwo\n") and {},
    )
    action.ask("kubernetes_wait", {}, {"inventory_hostname": "orders"}, action.talks)
    assert shown == ["  [orders] one", "  [orders] two"]


@pytest.mark.parametrize("given", [True, "yes", "true"])
def test_the_lease_is_kept_for_the_run_and_not_for_its_worker(monkeypatch, given):
    """However the module is run."""
    action, _complete = task(transport="ssh")
    monkeypatch.setattr(local_module.os, "getppid", lambda: 4711)
    action._execute_module = lambda module_name, module_args, task_vars: module_args
    assert action.ask("kubernetes_apply", {"keep_lease": given}, {})["keep_lease_for"] == 4711
    for other in ({}, {"keep_lease": False}):
        assert "keep_lease_for" not in action.ask("kubernetes_apply", dict(other), {})
