# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: servers_table
short_description: Rows of standalone servers as a text table
version_added: 0.1.0
description:
  - Turns the rows that M(slotwise.redis.redis_standalone_verify) returns into a table for people, one line a server.
author:
  - slotwise.redis contributors (@slotwise)
options:
  _input:
    description: Rows with C(pod), C(machine), C(keys), C(memory), C(version).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- ansible.builtin.debug:
    msg: "{{ verified.servers | slotwise.redis.servers_table }}"
"""

RETURN = r"""
_value:
  description: The table. It ends without a line break.
  type: str
"""

from ansible_collections.slotwise.redis.plugins.module_utils._table import table

COLUMNS = ("pod", "machine", "keys", "memory", "version")


def _cells(row):
    return [row["pod"], row["machine"] or "-", str(row["keys"]), f"{row['memory'] / 2**20:.1f} MiB", row["version"]]


def servers_table(rows):
    return table(COLUMNS, [_cells(row) for row in rows])


class FilterModule:
    def filters(self):
        return {"servers_table": servers_table}
