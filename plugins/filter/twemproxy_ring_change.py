# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: twemproxy_ring_change
short_description: Tell which share of keys another Twemproxy pool looks for on other servers
version_added: 0.1.0
description:
  - Compares two pools by the lengths of the arcs of their rings. Nothing is sampled.
  - A key that maps to another server is not found any more, unless it is copied there.
positional: _input, after
author:
  - slotwise.redis contributors (@slotwise)
options:
  _input:
    description:
      - Options of the pool that runs, as in nutcracker.yml. Those that count are C(servers), with lines
        C(host:port:weight name), C(distribution), C(hash) and C(hash_tag).
    type: dict
    required: true
  after:
    description: Options of the pool that shall replace it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Keys that move when a third server of the same weight comes
  ansible.builtin.debug:
    msg: "{{ {'servers': servers[:2]} | slotwise.redis.twemproxy_ring_change({'servers': servers}) }}"
  vars:
    servers: ["cache-0:6379:1 cache-0", "cache-1:6379:1 cache-1", "cache-2:6379:1 cache-2"]
"""

RETURN = r"""
_value:
  description: The change.
  type: dict
  contains:
    share:
      description: Share of all keys that map to another server, from 0 to 1.
      type: float
    exact:
      description:
        - Whether the share follows from the rings alone. It does not where hash, hash tag or distribution differ; the
          share is then what to expect when that concerns all keys.
      type: bool
    text:
      description: The share in words.
      type: str
    table:
      description: The servers of both pools with their shares of the keys, as text.
      type: str
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.slotwise.redis.plugins.module_utils._ketama import Pool, ring_change
from ansible_collections.slotwise.redis.plugins.module_utils._table import table

COLUMNS = ("server", "keys now", "keys then")
INEXACT = ", as far as that can be told: hash, hash tag or distribution is another one."


def _percent(share):
    return "-" if share is None else f"{share:.1%}"


def twemproxy_ring_change(before, after):
    try:
        change = ring_change(Pool.of(before), Pool.of(after))
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"twemproxy_ring_change: {error}") from error
    names = [*change.after, *(name for name in change.before if name not in change.after)]
    rows = [[name, _percent(change.before.get(name)), _percent(change.after.get(name))] for name in names]
    text = f"{change.share * 100:.1f} % of the keys would be looked for on another server and not found any more"
    text += "." if change.exact else INEXACT
    return {"share": change.share, "exact": change.exact, "text": text, "table": table(COLUMNS, rows)}


class FilterModule:
    def filters(self):
        return {"twemproxy_ring_change": twemproxy_ring_change}
