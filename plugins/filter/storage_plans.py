# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(storage_plans)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: storage_plans
short_description: Tell what deployments want of machines
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Made for the playbooks of this collection. A plan is what M(slotwise.redis.deployment_info) returned as C(storage),
    with what was decided about it since. A decision about an earlier plan does not count.
positional: _input
options:
  _input:
    description:
      - Variables of hosts. Those that count are C(slotwise_deployment), which M(slotwise.redis.deployment_info)
        returned, and C(slotwise_storage_decision), with C(look), C(on_machines) and, where these were decided,
        C(volumes).
    type: list
    elements: dict
    required: true
  on_machines:
    description: Only plans that machines act by in this way, such as V(present) or V(removed). Otherwise all.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show what all deployments want
  ansible.builtin.debug:
    msg: "{{ groups['all'] | map('extract', hostvars) | slotwise.redis.storage_plans }}"
"""

RETURN = r"""
_value:
  description: The plans.
  type: list
  elements: dict
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def storage_plans(hosts: Iterable[Mapping[str, Any]], on_machines: str = "") -> list[dict[str, Any]]:
    """A plan for each host that has one."""
    plans = []
    for host in hosts:
        deployment = host.get("slotwise_deployment") or {}
        decision = host.get("slotwise_storage_decision") or {}
        if not isinstance(deployment, Mapping) or "storage" not in deployment:
            continue
        if decision.get("look") != deployment.get("look"):
            decision = {}
        if not on_machines or decision.get("on_machines") == on_machines:
            plans.append({**deployment["storage"], **decision})
    return plans


class FilterModule:
    """Storage plans filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"storage_plans": storage_plans}
