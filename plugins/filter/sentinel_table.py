# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: sentinel_table
short_description: A master, its replicas and Sentinels as a text table
version_added: 0.1.0
description:
  - Turns the result of M(slotwise.redis.redis_sentinel_verify) or M(slotwise.redis.redis_sentinel_info) into a table
    for people, one line a server, then one a Sentinel.
author:
  - slotwise.redis contributors (@slotwise)
options:
  _input:
    description: The result, with C(servers) and C(sentinels).
    type: dict
    required: true
"""

EXAMPLES = r"""
- ansible.builtin.debug:
    msg: "{{ watched | slotwise.redis.sentinel_table }}"
"""

RETURN = r"""
_value:
  description: The table. It ends without a line break.
  type: str
"""

from ansible_collections.slotwise.redis.plugins.module_utils._table import table

COLUMNS = ("role", "pod", "machine", "keys", "replica lag", "version")


def _server(row):
    lag = "" if row["role"] == "master" else f"{row['lag']} B" if row["link_up"] else "link down"
    role = "replica" if row["role"] == "slave" else row["role"]
    return [role, row["pod"], row["machine"] or "-", str(row["keys"]), lag, row["version"]]


def sentinel_table(seen):
    sentinels = [["sentinel", row["pod"], row["machine"] or "-", "", "", ""] for row in seen["sentinels"]]
    return table(COLUMNS, [_server(row) for row in seen["servers"]] + sentinels)


class FilterModule:
    def filters(self):
        return {"sentinel_table": sentinel_table}
