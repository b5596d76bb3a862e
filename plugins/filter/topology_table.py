# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: topology_table
short_description: Topology rows as a text table
version_added: 0.1.0
description:
  - Turns the rows that M(slotwise.redis.redis_cluster_info) returns into a table for people, one line a Redis node.
author:
  - slotwise.redis contributors (@slotwise)
options:
  _input:
    description: Rows with C(shard), C(role), C(pod), C(machine), C(slots), C(keys), C(lag), C(link_up).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- ansible.builtin.debug:
    msg: "{{ cluster.topology | slotwise.redis.topology_table }}"
"""

RETURN = r"""
_value:
  description: The table. It ends without a line break.
  type: str
"""

from ansible_collections.slotwise.redis.plugins.module_utils._table import table

COLUMNS = ("shard", "role", "pod", "machine", "slots", "keys", "replica lag")


def _cells(row):
    lag = "" if row["role"] == "master" else f"{row['lag']} B" if row["link_up"] else "link down"
    return [str(row["shard"]), row["role"], row["pod"], row["machine"] or "-", row["slots"], str(row["keys"]), lag]


def topology_table(rows):
    return table(COLUMNS, [_cells(row) for row in rows])


class FilterModule:
    def filters(self):
        return {"topology_table": topology_table}
