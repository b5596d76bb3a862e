# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows what a module is doing while it runs: pods may take minutes to start."""

from __future__ import annotations

import os
import tempfile
import threading

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

POLL_SECONDS = 0.5
display = Display()


class ActionModule(ActionBase):
    """Runs the module; on this machine also passes on the lines that it writes to its progress file."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if self._connection.transport != "local" or self._task.async_val:
            return {**result, **self._execute_module(module_args=arguments, task_vars=task_vars)}
        handle, path = tempfile.mkstemp(prefix="slotwise-redis-")
        os.close(handle)
        done = threading.Event()
        host = task_vars.get("inventory_hostname", "")
        follower = threading.Thread(target=_follow, args=(path, host, done), daemon=True)
        follower.start()
        try:
            arguments["progress_file"] = path
            return {**result, **self._execute_module(module_args=arguments, task_vars=task_vars)}
        finally:
            done.set()
            follower.join()
            os.unlink(path)


def _follow(path, host, done):
    with open(path, encoding="utf-8") as lines:
        last = False
        while not last:
            last = done.wait(POLL_SECONDS)
            for line in lines:
                display.display(f"  [{host}] {line.rstrip()}")
