# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The redis.conf of servers, but for what a pod adds when it starts: the password and its addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.checks import directives
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import REDIS_PORT
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

HEAD = "# Managed by slotwise.redis. Password and addresses of the pod are added when it starts."
FIXED = f"""
# Fixed, so that pods, volumes and the topology fit together.
port {REDIS_PORT}
protected-mode no
daemonize no
logfile ""
dir /data
dbfilename dump.rdb
appendfilename appendonly.aof
appenddirname appendonlydir"""


def redis_conf(deployment: Deployment, standard: Mapping[str, Any], fixed: Mapping[str, str]) -> str:
    """C(standard) are the directives of the kind of deployment, which those of the user replace."""
    wanted = {"appendonly": True, **standard, **directives(deployment)}
    lines = [line for name in sorted(wanted) for line in _lines(name, wanted[name])]
    return "\n".join([HEAD, *lines, FIXED, *(f"{name} {value}" for name, value in fixed.items()), ""])


def _lines(name: str, value: Any) -> Iterator[str]:
    """A line for each item of a list."""
    for item in value if isinstance(value, (list, tuple)) else [value]:
        yield f"{name} {_word(item)}"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return '""' if value == "" else str(value)
