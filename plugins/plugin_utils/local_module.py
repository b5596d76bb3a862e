# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules of this collection run on the machine of Ansible itself: in the worker that has the task.

Another Python for each task, with everything imported again, is most of the price of a run. On other machines, with
become, async or an environment, and where a library is missing here, Ansible runs them as it runs all modules.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

from ansible.module_utils import basic
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.slotwise.redis.plugins.plugin_utils.variables import plain

COLLECTION = "ansible_collections.slotwise.redis.plugins"
ACTIONS, MODULES = f"{COLLECTION}.action", f"{COLLECTION}.modules"
PROFILE = "legacy"
POLL_SECONDS = 0.5
display = Display()
# Ansible loads an action plugin before it forks workers for the task: what is imported here none of them has to import,
# as the parts of the client of Kubernetes, which comes without them, and what the filters of the roles need.
LIBRARIES = (
    "dns.resolver",
    "kubernetes.client.api.apps_v1_api",
    "kubernetes.client.api.coordination_v1_api",
    "kubernetes.client.api.core_v1_api",
    "kubernetes.dynamic",
    "redis",
)
importlib.import_module(f"{COLLECTION}.module_utils.deployment.problems")
try:
    for _library in LIBRARIES:
        importlib.import_module(_library)
    COMPLETE = True
except ImportError:
    COMPLETE = False


class LocalModule(ActionBase):
    """Runs the module of the same name."""

    _supports_check_mode = True
    _supports_async = True
    talks = False
    modules: tuple[str, ...] = ()
    """What it asks, where that is not the module of its name."""

    def __init_subclass__(cls) -> None:
        folder, _dot, name = cls.__module__.rpartition(".")
        if folder == ACTIONS:
            for module in cls.modules or (name,):
                importlib.import_module(f"{MODULES}.{module}")

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        return {**result, **self.outcome(dict(self._task.args), task_vars)}

    def outcome(self, arguments: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """What the module returns."""
        return self.ask(self._task.resolved_action or self._task.action, arguments, task_vars, self.talks)

    def ask(
        self, name: str, arguments: dict[str, Any], task_vars: Mapping[str, Any], talks: bool = False
    ) -> dict[str, Any]:
        """What a module of this collection returns; one that C(talks) has lines to show while it runs."""
        if not talks or self._connection.transport != "local" or self._task.async_val:
            return self._ask(name, arguments, task_vars)
        with _followed(task_vars.get("inventory_hostname", "")) as path:
            return self._ask(name, {**arguments, "progress_file": path}, task_vars)

    def _ask(self, name: str, arguments: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        if boolean(arguments.get("keep_lease", False)):
            # This is a worker for one task.
            arguments["keep_lease_for"] = os.getppid()
        if not self._runs_here():
            return self._execute_module(module_name=name, module_args=arguments, task_vars=task_vars)
        self._update_module_args(name, arguments, task_vars)
        text = run_module(name.rpartition(".")[2], arguments)
        return self._parse_returned_data({"stdout": text}, PROFILE)

    def _runs_here(self) -> bool:
        elsewhere = self._connection.transport != "local" or self._connection.become is not None
        return COMPLETE and not (elsewhere or self._task.async_val or any(self._task.environment or ()))


class TalkingModule(LocalModule):
    """Also passes on the lines that the module writes to its progress file while it runs."""

    talks = True


def run_module(name: str, arguments: Mapping[str, Any]) -> str:
    """What the module prints. It may change how signals are handled, as it has a process of its own elsewhere."""
    module = importlib.import_module(f"{MODULES}.{name}")
    given = json.dumps({"ANSIBLE_MODULE_ARGS": plain(arguments)}).encode()
    before = signal.getsignal(signal.SIGTERM)
    printed = io.StringIO()
    try:
        with (
            mock.patch.object(basic, "_ANSIBLE_ARGS", given),
            mock.patch.object(basic, "_ANSIBLE_PROFILE", PROFILE, create=True),
            contextlib.redirect_stdout(printed),
            contextlib.suppress(SystemExit),
        ):
            module.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    return printed.getvalue()


@contextlib.contextmanager
def _followed(host: str) -> Iterator[str]:
    """A file whose lines are shown as they come."""
    handle, path = tempfile.mkstemp(prefix="slotwise-redis-")
    os.close(handle)
    done = threading.Event()
    follower = threading.Thread(target=_follow, args=(path, host, done), daemon=True)
    follower.start()
    try:
        yield path
    finally:
        done.set()
        follower.join()
        os.unlink(path)


def _follow(path: str, host: str, done: threading.Event) -> None:
    with open(path, encoding="utf-8") as lines:
        last = False
        while not last:
            last = done.wait(POLL_SECONDS)
            for line in lines:
                display.display(f"  [{host}] {line.rstrip()}")
