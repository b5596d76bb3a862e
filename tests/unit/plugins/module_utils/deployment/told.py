# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a deployment by the functions that say it, one by one."""

from __future__ import annotations

from ansible_collections.slotwise.redis.plugins.module_utils.deployment import problems
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import nodes
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import sentinel
from ansible_collections.slotwise.redis.plugins.plugin_utils.deployment_action import known_of
from ansible_collections.slotwise.redis.tests.unit.deployments import action

PARTS = {
    "live_problems": problems.live_problems,
    "rights_problems": lambda deployment, live: list(sentinel.rights_problems(deployment, live)),
    "spread_warnings": problems.spread_warnings,
    "server_nodes": nodes.of_servers,
}


def told(part: str, kind: str, given: dict, found: dict | None = None) -> list:
    """Its role, variables, and what Kubernetes has. C(differs) among the variables is about the password."""
    looked = action(kind, given, found)
    deployment, password = looked.described(), known_of(looked.password(), given.get("differs", False))
    if part == "input_problems":
        return problems.input_problems(deployment, password)
    if part == "warnings":
        return problems.warnings(deployment)
    return PARTS[part](deployment, looked.live(deployment, found or {}, password))
