# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(released_volumes)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: released_volumes
short_description: Find the volumes whose claim is gone
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Such volumes keep their data and bind to no new claim.
positional: _input
options:
  _input:
    description: Persistent volumes, as M(slotwise.redis.kubernetes_objects_info) returns them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show where the data of lost claims is
  ansible.builtin.debug:
    msg: "{{ found.volumes | slotwise.redis.released_volumes | map(attribute='place') }}"
"""

RETURN = r"""
_value:
  description: Name and place of each.
  type: list
  elements: dict
  sample:
    - volume: shop.orders-0
      place: /srv/redis/shop.orders-0 on worker1
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live_volumes import released_volumes


class FilterModule:
    """Released volumes filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"released_volumes": released_volumes}
