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
options:
  _input:
    description: How the deployment stores its data.
    type: dict
    required: true
    suboptions:
      type:
        description: Kind of storage.
        type: str
        required: true
        choices:
          - local
      size:
        description: Size of each volume, as a Kubernetes quantity with a unit.
        type: str
        required: true
      path:
        description: Directory on the machines below which each volume gets its own.
        type: str
        required: true
      volumes_per_host:
        description: How many volumes of this deployment one machine may hold. Unlimited when left out.
        type: int
  name:
    description: Name of the deployment.
    type: str
    required: true
  namespace:
    description: Namespace of the deployment.
    type: str
    required: true
  pods:
    description: Number of pods, one volume each.
    type: int
    required: true
  machines:
    description: Machines that may hold volumes.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name in the inventory.
        type: str
        required: true
      node:
        description: Name of the Kubernetes node on this machine. The same as O(machines[].name) when left out.
        type: str
      zone:
        description: Zone of the machine, empty when not known.
        type: str
  existing:
    description: Volumes that exist already.
    type: list
    elements: dict
    default: []
    suboptions:
      pod:
        description: Pod that the volume belongs to.
        type: str
        required: true
      node:
        description: Kubernetes node that it lies on.
        type: str
        required: true
      path:
        description: Its directory.
        type: str
        required: true
  spread:
    description:
      - How many consecutive ordinals are kept on different machines and in different zones, as far as there are enough.
    type: int
    default: 2
  variable:
    description: What messages call the input.
    type: str
    default: storage
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

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.slotwise.redis.plugins.filter.volume_plan import volume_plan


def volume_plan_problems(*args: Any, **options: Any) -> list[str]:
    """The message that the plan would fail with, as a list."""
    try:
        volume_plan(*args, **options)
    except AnsibleFilterError as error:
        return [str(error)]
    return []


class FilterModule:
    """Volume plan problems filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"volume_plan_problems": volume_plan_problems}
