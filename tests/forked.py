# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules as Ansible runs them, each in a process that is forked when everything is imported: tests ask often.

Usage: python -m ansible_collections.slotwise.redis.tests.forked < lines.  A line is a JSON object with module, options
(the text for its stdin) and output (a file for its stdout); the answer to each is a line with the exit code, or the
negative number of the signal that ended it.
"""

from __future__ import annotations

import atexit
import importlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping

MODULES = "ansible_collections.slotwise.redis.plugins.modules"
COLLECTIONS = pathlib.Path(__file__).resolve().parents[1] / "collections"
SECONDS = 240


def serve(prepare: Callable[[Mapping[str, object]], None]) -> None:
    """Answer the lines of stdin. ``prepare`` is called with the request in the process of the module."""
    for line in sys.stdin:
        request = json.loads(line)
        module = importlib.import_module(f"{MODULES}.{request['module']}")
        child = os.fork()
        if not child:
            atexit._clear()
            os._exit(_run(module.main, request, prepare))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(main: Callable[[], None], request: Mapping[str, str], prepare: Callable) -> int:
    code = 70
    try:
        with open(request["output"], "w", encoding="utf-8") as output:
            os.dup2(output.fileno(), 1)
        sys.stdin = io.TextIOWrapper(io.BytesIO(request["options"].encode()))
        prepare(request)
        main()
    except SystemExit as end:
        sys.stdout.flush()
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    # os._exit does not, and the client of Kubernetes writes the keys of a kubeconfig to files.
    atexit._run_exitfuncs()
    return code


class ForkedModules:
    """The process that forks, to the end of the test run or of the context."""

    def __init__(self, command: list[str]) -> None:
        self._output = tempfile.NamedTemporaryFile()  # noqa: SIM115 - closed with this object
        self._process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
        )

    def __enter__(self) -> ForkedModules:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=SECONDS)
        self._output.close()

    def run(self, module: str, options: str, **more: object) -> tuple[int, str]:
        """Exit code and output of a module with the given text on its stdin."""
        request = {"module": module, "options": options, "output": self._output.name, **more}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline()), pathlib.Path(self._output.name).read_text()


if __name__ == "__main__":
    serve(lambda request: None)
