# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: twemproxy_keys
short_description: Find a key for each server of a Twemproxy pool
version_added: 0.1.0
description:
  - Computes keys that map to each of the servers, so that requests for all of them touch every server.
positional: _input, suffix
author:
  - slotwise.redis contributors (@slotwise)
options:
  _input:
    description:
      - Options of the pool, as in nutcracker.yml. Those that count are C(servers), with lines C(host:port:weight name),
        C(distribution), C(hash) and C(hash_tag).
    type: dict
    required: true
  suffix:
    description: What all keys end with.
    type: str
    required: true
"""

EXAMPLES = r"""
- ansible.builtin.debug:
    msg: "{{ {'servers': ['a:6379:1 a', 'b:6379:1 b']} | slotwise.redis.twemproxy_keys('probe') }}"
"""

RETURN = r"""
_value:
  description: Name of the server to a key that it has. A server that hardly has keys may be missing.
  type: dict
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.slotwise.redis.plugins.module_utils._ketama import Pool, keys


def twemproxy_keys(pool, suffix):
    try:
        return keys(Pool.of(pool), suffix)
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"twemproxy_keys: {error}") from error


class FilterModule:
    def filters(self):
        return {"twemproxy_keys": twemproxy_keys}
