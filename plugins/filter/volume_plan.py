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
  - Nothing is read and nothing is changed.
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
  description: One row per pod, in the order of the ordinals.
  type: list
  elements: dict
  sample:
    - deployment: orders
      namespace: shop
      ordinal: 0
      pod: orders-0
      claim: data-orders-0
      volume: shop.orders-0
      machine: worker1
      node: worker1
      zone: a
      path: /srv/redis/shop.orders-0
      size: 8Gi
      exists: false
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.slotwise.redis.plugins.module_utils._volume_plan import VolumePlanError, plan_volumes


def volume_plan(
    storage: Mapping[str, Any],
    *,
    name: str,
    namespace: str,
    pods: int | str,
    machines: Sequence[Mapping[str, Any]],
    existing: Sequence[Mapping[str, Any]] = (),
    spread: int | str = 2,
    variable: str = "storage",
) -> list[dict[str, Any]]:
    """Place the volumes; see C(_volume_plan.plan_volumes)."""
    try:
        plan = plan_volumes(
            storage,
            name=name,
            namespace=namespace,
            pods=int(pods),
            machines=machines,
            existing=existing,
            spread=int(spread),
            variable=variable,
        )
    except VolumePlanError as error:
        raise AnsibleFilterError(str(error)) from error
    return [asdict(volume) for volume in plan]


class FilterModule:
    """Volume plan filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"volume_plan": volume_plan}
