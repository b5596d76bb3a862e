# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module ends in the same way, and what an error knows reaches the result."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Refusal, end
from ansible_collections.slotwise.redis.plugins.module_utils.run import cluster, init
from ansible_collections.slotwise.redis.plugins.modules import (
    kubernetes_access,
    kubernetes_apply,
    kubernetes_objects_info,
)

ERROR = EngineError("It does not work.", ["here: this"], "Do that.")
FAILED = {"msg": "It does not work.\n- here: this\nDo that.", "found": ["here: this"], "advice": "Do that."}


class Ended(Exception):
    """The module has printed its result."""


class FakeModule:
    check_mode = False

    def __init__(self, **options):
        self.params = options.pop("params", {})
        self.result = None
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)

    def exit_json(self, **result):
        self._end({"failed": False, **result})

    def fail_json(self, **result):
        self._end({"failed": True, **result})

    def _end(self, result):
        assert self.result is None
        self.result = result
        raise Ended

    def debug(self, text):
        pass


def fail(*_unused, **_options):
    raise ERROR


def ended(module, entry, *arguments):
    with pytest.raises(Ended):
        entry(module, *arguments)
    return module.result


def test_what_is_warned_of_is_said_as_ansible_says_warnings():
    module = FakeModule()
    result = ended(module, end, lambda: {"changed": False, "warnings": ["nearly full"]})
    assert (module.warnings, result) == (["nearly full"], {"failed": False, "changed": False})


def test_work_that_succeeds():
    assert ended(FakeModule(), end, lambda: {"changed": True, "n": 1}) == {"failed": False, "changed": True, "n": 1}


@pytest.mark.parametrize("kind", [EngineError, Refusal])
def test_what_an_error_knows_reaches_the_result(kind):
    error = kind("It does not work.", ["here: this"], "Do that.")

    def work():
        raise error

    assert ended(FakeModule(), end, work) == {"failed": True, **FAILED}


def test_what_was_done_before_the_failure_is_returned_with_it():
    done = []

    def work():
        done.append("a step")
        raise ERROR

    assert ended(FakeModule(), end, work, lambda: {"actions": done}) == {
        "failed": True,
        **FAILED,
        "actions": ["a step"],
    }


def test_other_exceptions_are_bugs_and_stay_visible():
    with pytest.raises(ZeroDivisionError):
        end(FakeModule(), lambda: 1 / 0)


@pytest.mark.parametrize("source", [kubernetes_access, kubernetes_apply, kubernetes_objects_info])
def test_modules_of_kubernetes_objects(source, monkeypatch):
    params = {"kubeconfig": None, "context": None, "name": None, "definitions": []}
    module = FakeModule(params=params)
    monkeypatch.setattr(source, "AnsibleModule", lambda **options: module)
    monkeypatch.setattr(source, "run", fail)
    for name in ("Objects", "api_client"):
        if hasattr(source, name):
            monkeypatch.setattr(source, name, lambda *_unused: None)
    with pytest.raises(Ended):
        source.main()
    assert module.result == {"failed": True, **FAILED}


def test_modules_that_read_a_cluster(monkeypatch):
    monkeypatch.setattr(cluster, "Cluster", fail)
    assert ended(FakeModule(), cluster.with_nodes, None) == {"failed": True, **FAILED}


def test_the_module_that_changes_a_cluster(monkeypatch):
    monkeypatch.setattr(init, "Cluster", fail)
    monkeypatch.setattr(init.signal, "signal", lambda *_unused: None)
    assert ended(FakeModule(params={"progress_file": None}), init.run_init) == {
        "failed": True,
        **FAILED,
        "changed": False,
        "plan": [],
        "actions": [],
        "before": [],
        "after": [],
    }
