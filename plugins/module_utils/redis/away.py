# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that do not answer, as far as the others know them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import (
    Endpoint,
    Node,
    Peer,
    missing_ranges,
)


def is_formed(nodes: Sequence[Node]) -> bool:
    """Whether the nodes know an owner of every slot. Before that no node can be done without."""
    return not missing_ranges(r for n in nodes for p in n.peers.values() for r in p.slots)


def stand_ins(away: Sequence[Endpoint], reasons: Mapping[str, str], nodes: Sequence[Node]) -> list[Node]:
    """What the nodes that answer say of those that do not: their roles, so that nobody else is given them.

    Which member is which of them is only known where the address is; it decides nothing but names in messages.
    """
    members = _missing_members(nodes)
    found = []
    for endpoint in sorted(away, key=lambda e: not any(e.address and p.address == e.address for p in members.values())):
        best = max(members, key=lambda i: _likely(members[i], endpoint), default="")
        found.append(_stand_in(endpoint, reasons[endpoint.name], best, members, nodes))
        members.pop(best, None)
    return found


def _missing_members(nodes: Sequence[Node]) -> dict[str, Peer]:
    ours = {n.node_id for n in nodes}
    views: dict[str, list[Peer]] = {}
    for node in nodes:
        for peer in node.others:
            if peer.node_id not in ours:
                views.setdefault(peer.node_id, []).append(peer)
    return {node_id: max(peers, key=lambda p: (p.epoch, p.connected)) for node_id, peers in views.items()}


def _likely(peer: Peer, endpoint: Endpoint) -> tuple[bool, ...]:
    """Another node answers at the address of a member without one, so that one is none of those that are away."""
    same = bool(endpoint.address) and peer.address == endpoint.address and peer.port == endpoint.port
    return same, "noaddr" not in peer.flags, peer.connected, bool(peer.slots)


def _stand_in(
    endpoint: Endpoint, reason: str, node_id: str, members: Mapping[str, Peer], nodes: Sequence[Node]
) -> Node:
    if not node_id:
        return Node(endpoint, link_up=False, away=reason)
    seen = members[node_id]
    # slots that another master serves itself by now are no longer its own, whatever some still believe
    taken = [r for n in nodes for r in n.slots]
    slots = tuple(r for r in seen.slots if not any(a <= r[1] and r[0] <= b for a, b in taken))
    viewer = next(n for n in nodes if node_id in n.peers)
    itself = replace(seen, slots=slots)
    return Node(endpoint, node_id, {**viewer.peers, node_id: itself}, epoch=seen.epoch, link_up=False, away=reason)
