# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(volume_plan_problems)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: volume_plan_problems
short_description: Say why the volumes of a deployment cannot be planned
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Takes what P(slotwise.redis.volume_plan#filter) takes, and returns what speaks against the plan instead of failing.
positional: _input
extends_documentation_fragment:
  - slotwise.redis.storage
  - slotwise.redis.storage.plan
"""

EXAMPLES = r"""
- name: Refuse storage that makes no plan
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\n') }}"
  vars:
    problems: "{{ storage | slotwise.redis.volume_plan_problems(name='o', namespace='shop', pods=6, machines=[]) }}"
    storage:
      type: local
      size: 8Gi
      path: /srv/redis
"""

RETURN = r"""
_value:
  description: One message for each problem, empty when there is a plan.
  type: list
  elements: str
  sample:
    - "storage.hosts is empty: type local needs the inventory names of the machines that hold the volumes."
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils._volume_plan import VolumePlanError, plan_volumes


def volume_plan_problems(
    storage: Mapping[str, Any], *, pods: int | str, spread: int | str = 2, **known: Any
) -> list[str]:
    """What the plan would fail with."""
    try:
        plan_volumes(storage, pods=int(pods), spread=int(spread), **known)
    except VolumePlanError as error:
        return error.problems
    return []


class FilterModule:
    """Volume plan problems filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"volume_plan_problems": volume_plan_problems}
