# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(volume_plan)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: volume_plan
short_description: Decide which volume of a deployment lies on which machine
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - One plan for the directories on the machines, the persistent volumes and the placement of pods.
  - The same input always gives the same plan. Volumes that exist already never move, so adding pods or machines moves
    nothing; new ordinals go where the fewest volumes lie.
  - With V(emptydir) and V(storageclass) there is nothing to plan, and the plan is empty.
  - Nothing is read and nothing is changed. M(slotwise.redis.deployment_info) makes the same plan for a deployment; this
    is for who uses the role P(slotwise.redis.k8s_storage#role) alone.
positional: _input
extends_documentation_fragment:
  - slotwise.redis.storage
  - slotwise.redis.storage.plan
"""

EXAMPLES = r"""
- name: Place six volumes on three machines
  ansible.builtin.debug:
    msg: "{{ storage | slotwise.redis.volume_plan(name='orders', namespace='shop', pods=6, machines=machines) }}"
  vars:
    storage:
      type: local
      size: 8Gi
      path: /srv/redis
    machines:
      - name: worker1
        zone: a
      - name: worker2
        zone: b
      - name: worker3
        zone: c
"""

RETURN = r"""
_value:
  description:
    - One row per pod, in the order of the ordinals. C(machine) is the inventory name of the machine that has the
      directory C(path), empty where the inventory does not have it; C(export) is what an NFS server exports.
  type: list
  elements: dict
  sample:
    - deployment: orders
      namespace: shop
      ordinal: 0
      pod: orders-0
      claim: data-orders-0
      volume: shop.orders-0
      type: local
      machine: worker1
      node: worker1
      zone: a
      server: ""
      path: /srv/redis/shop.orders-0
      export: ""
      size: 8Gi
      exists: false
      incarnation: ""
      kubernetes: 5f0a5ad2-2f5c-4c0e-9a0e-0c8a1f6f6f0a
      adopt: false
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.volume_plan import VolumePlanError, plan_volumes


def volume_plan(
    storage: Mapping[str, Any], *, pods: int | str, spread: int | str = 2, **known: Any
) -> list[dict[str, Any]]:
    """The rows; see C(volume_plan.plan_volumes)."""
    try:
        plan = plan_volumes(storage, pods=int(pods), spread=int(spread), **known)
    except VolumePlanError as error:
        raise AnsibleFilterError(str(error)) from error
    return [asdict(volume) for volume in plan]


class FilterModule:
    """Volume plan filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"volume_plan": volume_plan}
