# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(persistence)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: persistence
short_description: Tell what a server with these directives keeps of its data
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Reads C(appendonly) and C(save) as a server reads them from the redis.conf that the roles write. Quotes, case, empty
    values and repeated lines mean what they mean to the server.
positional: _input
options:
  _input:
    description: Directives and their values. A list as value gives one line for each of its items.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse a volume that nothing is ever written to
  ansible.builtin.assert:
    that: (config | slotwise.redis.persistence).lasts
  vars:
    config: {appendonly: false, save: "900 1"}
"""

RETURN = r"""
_value:
  description: >-
    C(appendonly), C(save) (seconds and changes of all points, as CONFIG GET shows it; empty without points) and
    C(lasts), whether a server that starts again finds its keys.
  type: dict
  sample: {"appendonly": false, "lasts": true, "save": "900 1"}
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils import _directives


def persistence(config: Mapping[str, Any]) -> dict[str, Any]:
    """See C(_directives.persistence)."""
    found = _directives.persistence(config)
    return {"appendonly": found.appendonly, "save": found.save_text, "lasts": found.lasts}


class FilterModule:
    """Persistence filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"persistence": persistence}
