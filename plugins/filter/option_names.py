# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(option_names)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: option_names
short_description: List the variables of a kind of deployment
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Made for the roles of this collection, which look at no other variable. Former names, which are refused, come last.
positional: _input
options:
  _input:
    description: Name of the role, such as V(redis_cluster).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the variables of role redis_cluster
  ansible.builtin.debug:
    msg: "{{ 'redis_cluster' | slotwise.redis.option_names }}"
"""

RETURN = r"""
_value:
  description: Names of the variables, prefix included.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.options import FORMER, OPTIONS


def option_names(kind: str) -> list[str]:
    """See C(module_utils/deployment/options.py)."""
    return [f"{kind}_{name}" for name in (*OPTIONS[kind], *FORMER.get(kind, ()))]


class FilterModule:
    """Names of options."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"option_names": option_names}
