# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that people read."""

from __future__ import annotations

from ansible_collections.slotwise.redis.plugins.filter.topology_table import FilterModule, topology_table


def row(**changes: object) -> dict:
    return {
        "shard": 0,
        "role": "master",
        "pod": "demo-0",
        "machine": "lab-worker1",
        "slots": "0-5460",
        "keys": 12,
        "lag": 0,
        "link_up": True,
        **changes,
    }


def test_columns_line_up():
    replica = {"role": "replica", "slots": "", "pod": "demo-10"}
    table = topology_table(
        [row(), row(**replica, lag=14), row(**replica, shard=1, link_up=False, machine=""), row(shard=1, keys=123456)]
    )
    assert table.splitlines() == [
        "shard  role     pod      machine      slots   keys    replica lag",
        "0      master   demo-0   lab-worker1  0-5460  12",
        "0      replica  demo-10  lab-worker1          12      14 B",
        "1      replica  demo-10  -                    12      link down",
        "1      master   demo-0   lab-worker1  0-5460  123456",
    ]


def test_no_rows():
    assert topology_table([]) == "shard  role  pod  machine  slots  keys  replica lag"


def test_name_of_the_filter():
    assert list(FilterModule().filters()) == ["topology_table"]
