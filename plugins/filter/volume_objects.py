# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(volume_objects)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: volume_objects
short_description: Make persistent volumes and their class from a volume plan
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Made for the role P(slotwise.redis.k8s_storage#role). Nothing is asked for and nothing is changed.
positional: _input
options:
  _input:
    description: Rows of the plan, see P(slotwise.redis.volume_plan#filter).
    type: list
    elements: dict
    required: true
  name:
    description: Name of the deployment.
    type: str
    required: true
  namespace:
    description: Namespace of the deployment.
    type: str
    required: true
  storage_class:
    description: Name of the storage class.
    type: str
    required: true
  access_mode:
    description: Access mode of the volumes.
    type: str
    required: true
  reclaim_policy:
    description: Reclaim policy of the volumes.
    type: str
    required: true
  mount_options:
    description: Mount options of volumes on NFS.
    type: list
    elements: str
    required: true
  volumes:
    description: Persistent volumes that exist. They stay bound to the host name that they are bound to.
    type: list
    elements: dict
    required: true
  nodes:
    description: Kubernetes nodes, of which the host name labels are taken.
    type: list
    elements: dict
    required: true
  live_class:
    description: The storage class as it is, empty where there is none yet. None where it belongs to others.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the volumes of a plan
  ansible.builtin.debug:
    msg: "{{ plan | slotwise.redis.volume_objects(name='orders', namespace='shop', storage_class='shop.orders-local',
             access_mode='ReadWriteOnce', reclaim_policy='Retain', mount_options=[], volumes=[], nodes=[],
             live_class={}) }}"
"""

RETURN = r"""
_value:
  description: Objects as Kubernetes takes them, the class first.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.volumes import Volumes
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.volumes import volume_objects as made

Rows = Sequence[Mapping[str, Any]]


def volume_objects(
    rows: Rows, *, volumes: Rows, nodes: Rows, live_class: Mapping[str, Any] | None, **common: Any
) -> list[dict[str, Any]]:
    """See C(module_utils/deployment/volumes.py)."""
    return made(Volumes(**common), rows, volumes, live_class, nodes)


class FilterModule:
    """Volume objects filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"volume_objects": volume_objects}
