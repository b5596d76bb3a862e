# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(storage_settings)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: storage_settings
short_description: Complete the description of a deployment's storage
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Fills in what was left out. Values are not checked; P(slotwise.redis.deployment#filter) does that.
positional: _input
options:
  name:
    description: Name of the deployment.
    type: str
    required: true
  namespace:
    description: Namespace of the deployment.
    type: str
    required: true
extends_documentation_fragment:
  - slotwise.redis.storage
"""

EXAMPLES = r"""
- name: Show the storage class of a deployment
  ansible.builtin.debug:
    msg: "{{ (storage | slotwise.redis.storage_settings(name='orders', namespace='shop')).storage_class }}"
  vars:
    storage:
      type: nfs
      server: nfs1
"""

RETURN = r"""
_value:
  description: The same with every key; C(mount_options) with the version of NFS.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils._storage import storage_settings


class FilterModule:
    """Storage settings filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"storage_settings": storage_settings}
