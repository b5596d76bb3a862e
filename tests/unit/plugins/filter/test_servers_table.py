# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.slotwise.redis.plugins.filter.servers_table import FilterModule, servers_table


def test_columns_line_up():
    rows = [
        {"pod": "sessions-0", "machine": "node1", "keys": 7, "memory": 1572864, "version": "8.0.2"},
        {"pod": "sessions-10", "machine": "", "keys": 123456, "memory": 0, "version": "9.1.2"},
    ]
    assert servers_table(rows).splitlines() == [
        "pod          machine  keys    memory   version",
        "sessions-0   node1    7       1.5 MiB  8.0.2",
        "sessions-10  -        123456  0.0 MiB  9.1.2",
    ]


def test_name_of_the_filter():
    assert list(FilterModule().filters()) == ["servers_table"]
