# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure predicates: has an observed cluster reached the state that is waited for? Each says what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import SLOTS, Desired, Node, count_slots


def unserved(cluster: Mapping[str, str], replication: Mapping[str, str], away: Sequence[Node] = ()) -> str:
    """What keeps one node from serving, by its CLUSTER INFO and INFO replication; empty when it serves.

    Slots of masters that are ``away`` are not waited for, nor is the state of the cluster then.
    """
    lost = _lost_slots(away)
    if int(cluster.get("cluster_slots_ok", 0)) < SLOTS - lost:
        return f"{cluster.get('cluster_slots_ok')} of {SLOTS} slots have a working master"
    if cluster.get("cluster_state") != "ok" and not lost:
        return f"its cluster state is {cluster.get('cluster_state')}"
    if replication.get("role") == "slave" and replication.get("master_link_status") != "up":
        left = replication.get("master_sync_left_bytes", "-1")
        syncing = replication.get("master_sync_in_progress") == "1" and not left.startswith("-")
        return f"copies from its master, {left} bytes left" if syncing else "its link to its master is down"
    return ""


def strangers(node: Node, expected: Mapping[str, str]) -> list[str]:
    """Expected nodes {id: name} that the node does not know, without those in handshake."""
    return [name for i, name in expected.items() if i not in node.peers or node.peers[i].in_handshake]


def problems(nodes: Sequence[Node], complete: bool = True, away: Sequence[Node] = ()) -> list[str]:
    """Everything that keeps the nodes from being one agreed, serving cluster. Empty: converged.

    With ``complete`` unset, or some ``away``, nodes of the deployment did not answer: an unknown id may be theirs.
    """
    expected = {n.node_id: n.name for n in nodes}
    lost = _lost_slots(away)
    found = []
    for node in nodes:
        unknown = strangers(node, expected)
        foreign = sorted(p.node_id for p in node.others if p.node_id not in expected)
        broken = sorted(expected[p.node_id] for p in node.others if p.node_id in expected and p.failing)
        if unknown:
            found.append(f"{node.name} does not know {', '.join(unknown)}")
        if foreign and complete and not away:
            found.append(f"{node.name} lists nodes that are not of this deployment: {', '.join(foreign)}")
        if broken:
            found.append(f"{node.name} sees {', '.join(broken)} failing")
        if node.slots_ok < SLOTS - lost or (node.cluster_state != "ok" and not lost):
            found.append(f"{node.name}: cluster state {node.cluster_state}, {node.slots_ok} of {SLOTS} slots served")
        if not node.link_up:
            found.append(f"{node.name}: its link to its master is down")
    # a node that is new has not heard of those that are away
    return found or _disagreement(nodes, expected if away else None)


def _lost_slots(away: Sequence[Node]) -> int:
    return sum(count_slots(n.slots) for n in away)


def shape_problems(desired: Desired, nodes: Sequence[Node]) -> list[str]:
    """Where the number of masters, or of replicas of a master, is not the desired one."""
    masters = [n for n in nodes if n.slots]
    found = []
    if len(masters) != desired.shards:
        found.append(f"{len(masters)} masters serve slots, {desired.shards} shards are wanted")
    for master in masters:
        replicas = sum(n.master_id == master.node_id for n in nodes)
        if replicas < desired.replicas:
            found.append(f"{master.name} has {replicas} replicas, {desired.replicas} are wanted")
    return found


def open_slots(nodes: Sequence[Node]) -> list[str]:
    """Slots that are being moved, or were left so by a move that did not end. The cluster serves all the same."""
    return [
        f"{node.name}: slot {slot} is being moved, or its move was interrupted"
        for node in nodes
        for slot in (node.myself.open_slots if node.myself else ())
    ]


def _disagreement(nodes: Sequence[Node], only: Collection[str] | None = None) -> list[str]:
    """Nodes whose view of roles, slots or epochs, of these members or all, differs from what most see."""
    # Views of one observation share what they see alike, so most often this tells without a comparison.
    if len({frozenset(map(id, n.peers.values())) for n in nodes}) <= 1:
        return []
    views = {n.name: _view(n, only) for n in nodes}
    if len(set(views.values())) <= 1:
        return []
    common = Counter(views.values()).most_common(1)[0][0]
    return [
        f"{name} differs from the others in its view of {', '.join(sorted({row[0] for row in view ^ common}))}"
        for name, view in views.items()
        if view != common
    ]


def _view(node: Node, only: Collection[str] | None) -> frozenset[tuple]:
    """What every node must agree on: who is a replica of whom, who serves which slots, at which epoch."""
    members = (
        p for i, p in node.peers.items() if (i == node.node_id or not p.in_handshake) and (only is None or i in only)
    )
    return frozenset((p.node_id, p.is_replica, p.master_id, p.slots, p.is_replica or p.epoch) for p in members)
