# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module that works for minutes says while it does, and how it ends when it is asked to."""

from __future__ import annotations

import time
from collections.abc import Callable

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError

SAY_SECONDS = 5.0


def progress(path: str | None) -> Callable[[str], None]:
    """Writes lines to the file that the action plugin of the module follows."""

    def report(text: str) -> None:
        if path:
            with open(path, "a", encoding="utf-8") as lines:
                lines.write(f"{text}\n")

    return report


class Sayer:
    """Passes on each new line, and the same one again every few seconds, so that a long wait is seen to go on."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report, self._text, self._at = report, "", float("-inf")

    def say(self, text: str) -> None:
        now = time.monotonic()
        if text != self._text or now - self._at > SAY_SECONDS:
            self._text, self._at = text, now
            self._report(text)


def terminated(*_unused: object) -> None:
    """For SIGTERM, by which AWX cancels a job: the way back, which undoes temporary settings, is taken then too."""
    raise EngineError("The run was asked to end (SIGTERM).", (), "Run again: it goes on from here.")
