# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of the engine: what is wanted, what is observed, what is planned. No I/O.

Private to the collection: this file may change in any release.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

SLOTS = 16384
"""Hash slots of a Redis Cluster (Redis Cluster specification, "Key distribution model")."""

MIN_SHARDS = 3
"""A smaller cluster has no majority when one master fails (same specification, "Availability")."""

BUS_PORT_OFFSET = 10000
"""The cluster bus listens at the client port plus this, unless C(cluster-port) is set (same specification)."""

SlotRanges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Endpoint:
    """Where one Redis node is reached: a pod, or a server given as host and port."""

    name: str
    address: str
    port: int = 6379
    machine: str = ""
    zone: str = ""


@dataclass(frozen=True)
class Peer:
    """One line of CLUSTER NODES: a node as another node (or itself) sees it."""

    node_id: str
    address: str
    port: int
    flags: frozenset[str]
    master_id: str
    epoch: int
    connected: bool
    slots: SlotRanges
    open_slots: tuple[str, ...] = ()

    # Peers are shared by the views of all nodes and asked often: with 108 nodes, some 11,000 times a check.

    @cached_property
    def is_replica(self) -> bool:
        return "slave" in self.flags

    @cached_property
    def in_handshake(self) -> bool:
        return "handshake" in self.flags

    @cached_property
    def failing(self) -> bool:
        return bool(self.flags & {"fail", "fail?", "noaddr"})


@dataclass(frozen=True)
class Node:
    """One redis-server process as it answered in one round of observation.

    A node that does not exist yet (check mode before the pods run) has an empty ``node_id``. One that does not answer
    is what the others say of it, and ``away`` is why.
    """

    endpoint: Endpoint
    node_id: str = ""
    peers: Mapping[str, Peer] = field(default_factory=dict)
    cluster_state: str = "fail"
    slots_ok: int = 0
    known_nodes: int = 1
    epoch: int = 0
    keys: int = 0
    link_up: bool = True
    follows: str = ""
    offset: int = 0
    version: str = ""
    away: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.endpoint.name

    @property
    def myself(self) -> Peer | None:
        return self.peers.get(self.node_id)

    @property
    def slots(self) -> SlotRanges:
        """Slots that the node itself says it serves as a master."""
        me = self.myself
        return me.slots if me and not me.is_replica else ()

    @property
    def master_id(self) -> str:
        """Node id of its master, empty for a master."""
        me = self.myself
        return me.master_id if me and me.is_replica else ""

    @property
    def follows_old_address(self) -> bool:
        """A replica that connects to where its master was, though its own table knows better (redis#14633)."""
        master = self.peers.get(self.master_id)
        return bool(master and master.address and not self.link_up and self.follows != master.address)

    @cached_property
    def others(self) -> tuple[Peer, ...]:
        """Peers it knows, without itself and without handshakes that may still come to nothing."""
        return tuple(p for i, p in self.peers.items() if i != self.node_id and not p.in_handshake)


def present(nodes: Iterable[Node]) -> list[Node]:
    """Without those that are away."""
    return [n for n in nodes if not n.away]


@dataclass(frozen=True)
class Desired:
    """What the user asks for."""

    shards: int
    replicas: int
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def nodes(self) -> int:
        return self.shards * (self.replicas + 1)


def count_slots(ranges: SlotRanges) -> int:
    return sum(b - a + 1 for a, b in ranges)


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> SlotRanges:
    """Sort ranges and join those that touch: ((0, 5), (6, 9)) -> ((0, 9),)."""
    merged: list[tuple[int, int]] = []
    for a, b in sorted(ranges):
        if merged and a <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
        else:
            merged.append((a, b))
    return tuple(merged)


def missing_ranges(ranges: Iterable[tuple[int, int]]) -> SlotRanges:
    """The slots of 0-16383 that are in none of the ranges."""
    gaps, first = [], 0
    for a, b in merge_ranges(ranges):
        if a > first:
            gaps.append((first, a - 1))
        first = b + 1
    if first < SLOTS:
        gaps.append((first, SLOTS - 1))
    return tuple(gaps)


def slot_text(ranges: SlotRanges) -> str:
    """Ranges as Redis writes them: ``0-5460 7000``; ``none`` when empty."""
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges) or "none"
