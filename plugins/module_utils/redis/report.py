# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observed nodes -> rows and text that people and playbooks read. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import (
    SLOTS,
    Endpoint,
    Node,
    count_slots,
    slot_text,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.placement import placement_warnings
from ansible_collections.slotwise.redis.plugins.module_utils.redis.steps import Plan


def shards_of(nodes: Sequence[Node]) -> list[list[Node]]:
    """Shards in the order of their slots, each as master, then its replicas.

    Masters without slots come after them, and replicas of a master that is not among the nodes last.
    """
    ids = {n.node_id for n in nodes}
    heads = [n for n in nodes if n.master_id not in ids]
    heads.sort(key=lambda n: (bool(n.master_id), n.slots or ((SLOTS, SLOTS),), n.name))
    return [[m, *(n for n in nodes if n.master_id and n.master_id == m.node_id)] for m in heads]


def topology(nodes: Sequence[Node]) -> list[dict[str, object]]:
    """One row a node: shard, role, pod, machine, zone, address, node_id, slots, slot_count, keys, lag (bytes)."""
    rows: list[dict[str, object]] = []
    for number, (master, *replicas) in enumerate(shards_of(nodes)):
        for node in (master, *replicas):
            rows.append(
                {
                    "shard": number,
                    "role": "replica" if node.master_id else "master",
                    "pod": node.name,
                    "machine": node.endpoint.machine,
                    "zone": node.endpoint.zone,
                    "address": f"{node.endpoint.address}:{node.endpoint.port}",
                    "node_id": node.node_id,
                    "slots": slot_text(node.slots) if not node.master_id else "",
                    "slot_count": count_slots(node.slots),
                    "keys": node.keys,
                    "lag": max(0, master.offset - node.offset) if node.master_id else 0,
                    "link_up": node.link_up,
                    "version": node.version,
                }
            )
    return rows


def placement_problems(nodes: Sequence[Node], zones: int = 0) -> list[str]:
    """Shards or majorities that the failure of one machine, or of one of so many zones, would stop."""
    shards: list[list[Endpoint]] = [[n.endpoint for n in shard] for shard in shards_of(nodes)]
    return placement_warnings(shards, zones)


def plan_text(plan: Plan) -> str:
    """The plan as ``--diff`` shows it."""
    return "".join(f"{step.text()}\n" for step in plan.steps)
