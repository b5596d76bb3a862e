# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(storage_place_problems)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: storage_place_problems
short_description: Find directories of deployments that lie in those of others
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Compares the directories of all deployments, of any kind of storage, on machines and on NFS servers.
positional: _input
options:
  _input:
    description: The plan of each deployment, as P(slotwise.redis.storage_plans#filter) has it.
    type: list
    elements: dict
    required: true
  addresses:
    description: Addresses of each machine of the inventory, as a list under its name.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show directories in each other
  ansible.builtin.debug:
    msg: "{{ plans | slotwise.redis.storage_place_problems(addresses={'worker1': ['192.0.2.11']}) }}"
"""

RETURN = r"""
_value:
  description: The problems, each with the deployments that it is about.
  type: list
  elements: dict
  sample:
    - deployments: [shop/carts, shop/orders]
      problem: >-
        On worker1, /srv/x/shop.orders-0/shop.carts-0 of pod carts-0 of deployment carts in namespace shop lies in
        /srv/x/shop.orders-0 of pod orders-0 of deployment orders in namespace shop ...
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.places import place_problems


class FilterModule:
    """Place problems filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"storage_place_problems": place_problems}
