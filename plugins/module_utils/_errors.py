# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that say what was found, where, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


class EngineError(Exception):
    """Something stopped the engine. ``found`` is the evidence, ``advice`` the next safe thing to do."""

    def __init__(self, message: str, found: Sequence[str] = (), advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.found = tuple(found)
        self.advice = advice

    def __str__(self) -> str:
        lines = [self.message, *(f"- {line}" for line in self.found)]
        if self.advice:
            lines.append(self.advice)
        return "\n".join(lines)


class Refusal(EngineError):
    """The planner does not act, because a step could lose data or the state is not understood.

    ``transient`` is set where Redis may settle it alone (a failover under way, gossip not yet arrived):
    the caller looks again for a while before it reports.
    """

    def __init__(self, message: str, found: Sequence[str] = (), advice: str = "", transient: bool = False) -> None:
        super().__init__(message, found, advice)
        self.transient = transient


class Unreachable(EngineError):
    """A Redis node, the Kubernetes API or a DNS name did not answer usefully in time. It may later."""

    transient = True


class Stalled(EngineError):
    """A step was sent, but the state that it must lead to did not come within its deadline."""


def end(module: AnsibleModule, work: Callable[[], dict], so_far: Callable[[], dict] = dict) -> None:
    """The way every module ends: with what ``work`` returns, or with its error.

    Its C(warnings) are those of the module, which Ansible shows.

    ``so_far`` is what a failed module returns besides the error, asked when it has failed.
    """
    try:
        result = work()
    except EngineError as error:
        module.fail_json(msg=str(error), found=list(error.found), advice=error.advice, **so_far())
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    module.exit_json(**result)
