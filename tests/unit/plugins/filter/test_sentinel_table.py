# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a deployment with Sentinels."""

from __future__ import annotations

from ansible_collections.slotwise.redis.plugins.filter.sentinel_table import sentinel_table


def row(pod: str, role: str, **more: object) -> dict[str, object]:
    return {
        "pod": pod,
        "role": role,
        "machine": "node1",
        "keys": 3,
        "lag": 0,
        "link_up": True,
        "version": "8.0.2",
        **more,
    }


def test_servers_then_sentinels():
    seen = {
        "servers": [
            row("orders-0", "master"),
            row("orders-1", "slave", lag=14),
            row("orders-2", "slave", link_up=False),
        ],
        "sentinels": [{"pod": "orders-sentinel-0", "machine": "", "address": "192.0.2.1", "master": "orders-0"}],
    }
    assert sentinel_table(seen).splitlines() == [
        "role      pod                machine  keys  replica lag  version",
        "master    orders-0           node1    3                  8.0.2",
        "replica   orders-1           node1    3     14 B         8.0.2",
        "replica   orders-2           node1    3     link down    8.0.2",
        "sentinel  orders-sentinel-0  -",
    ]
