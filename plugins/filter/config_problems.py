# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(config_problems)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: config_problems
short_description: Find redis.conf directives that must not or cannot be set
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Checks directives before they reach a server. Refused are unknown ones, those that the roles set themselves, those
    that would open the server to its clients, and values that would smuggle in other directives.
positional: _input
options:
  _input:
    description: Directives and their values. A list as value gives one line for each of its items.
    type: dict
    required: true
  variable:
    description: What messages call the input.
    type: str
    default: config
  known:
    description: Names to accept besides those that the collection knows, for servers newer than it.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Refuse bad directives
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\n') }}"
  vars:
    problems: "{{ {'maxmemory': '512mb', 'appendfsync': 'everysec'} | slotwise.redis.config_problems }}"
"""

RETURN = r"""
_value:
  description: One message for each problem, empty when there is none.
  type: list
  elements: str
  sample:
    - "config: dir cannot be set here: the roles keep all data on the volume, at fixed names."
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils import _directives


def config_problems(config: Mapping[str, Any], variable: str = "config", known: Sequence[str] = ()) -> list[str]:
    """Messages about directives; see C(_directives.config_problems)."""
    return _directives.config_problems(config, variable, known)


class FilterModule:
    """Directive check filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"config_problems": config_problems}
