# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(existing_volumes)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: existing_volumes
short_description: Say what the persistent volumes of a deployment are
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Makes rows for O(slotwise.redis.volume_plan#filter:existing) of what Kubernetes has. A volume that somebody patched,
    so that its claim or its machine is missing, is found by its name; what makes one unusable is said in C(fault).
positional: _input
options:
  _input:
    description: Persistent volumes, as M(slotwise.redis.kubernetes_objects_info) returns them.
    type: list
    elements: dict
    required: true
  nodes:
    description: Nodes, to find the one that a volume is pinned to.
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
"""

EXAMPLES = r"""
- name: Show what exists
  ansible.builtin.debug:
    msg: "{{ found.volumes | slotwise.redis.existing_volumes(found.nodes, name='orders', namespace='shop') }}"
"""

RETURN = r"""
_value:
  description: One row for each volume.
  type: list
  elements: dict
  sample:
    - pod: orders-0
      type: local
      node: worker1
      server: ""
      path: /srv/redis/shop.orders-0
      incarnation: 20261127t170000z-ab12cd
      fault: ""
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils._live_volumes import existing_volumes


class FilterModule:
    """Existing volumes filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"existing_volumes": existing_volumes}
