# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies of Redis and Valkey -> values of ``model.py``. No sockets.

Formats: CLUSTER NODES (https://redis.io/docs/latest/commands/cluster-nodes/), CLUSTER INFO, INFO.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import (
    Endpoint,
    Node,
    Peer,
    merge_ranges,
)

OBSERVE = (
    ("CLUSTER", "MYID"),
    ("CLUSTER", "INFO"),
    ("CLUSTER", "NODES"),
    ("INFO", "server", "replication", "keyspace"),
    ("CONFIG", "GET", "cluster-node-timeout", "repl-diskless-sync-delay"),
)
"""Commands of one observation, in the order that ``parse_node`` takes the replies."""


def text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply


def parse_info(reply: bytes | str) -> dict[str, str]:
    """INFO and CLUSTER INFO: ``name:value`` lines; section titles and blank lines are passed over."""
    return dict(line.split(":", 1) for line in text(reply).splitlines() if ":" in line and line[0] != "#")


def parse_address(field: str) -> tuple[str, int]:
    """``10.0.0.1:6379@16379,host,extra=..`` -> (10.0.0.1, 6379). The address is empty while it is unknown."""
    host, port = field.split(",", 1)[0].split("@", 1)[0].rsplit(":", 1)
    return host.strip("[]"), int(port)


def parse_nodes(reply: bytes | str, seen: dict[tuple, Peer] | None = None) -> dict[str, Peer]:
    """CLUSTER NODES -> node id: Peer.

    ``seen`` lets the views of many nodes share their equal lines: with 108 nodes there are 11,664 lines
    and some hundred different ones.
    """
    seen = {} if seen is None else seen
    peers: dict[str, Peer] = {}
    for line in text(reply).splitlines():
        words = line.split(" ", 6)
        if len(words) < 7:
            continue
        # Times of pings differ in every line.
        node_id, address, flags, master, _ping, _pong, rest = words
        if flags.startswith("myself,"):
            flags = flags[7:]
        key = (node_id, address, flags, master, rest)
        peer = seen.get(key)
        if peer is None:
            peer = seen[key] = _peer(*key)
        peers[node_id] = peer
    return peers


def _peer(node_id: str, address: str, flags: str, master: str, rest: str) -> Peer:
    epoch, link, *slots = rest.split(" ")
    host, port = parse_address(address)
    return Peer(
        node_id=node_id,
        address=host,
        port=port,
        flags=frozenset(flags.split(",")),
        master_id="" if master == "-" else master,
        epoch=int(epoch),
        connected=link == "connected",
        slots=merge_ranges(_slot_range(w) for w in slots if w and not w.startswith("[")),
        open_slots=tuple(w for w in slots if w.startswith("[")),
    )


def _slot_range(word: str) -> tuple[int, int]:
    first, *last = word.split("-")
    return int(first), int(last[0] if last else first)


def parse_settings(reply: Sequence | Mapping) -> dict[str, str]:
    """CONFIG GET: a flat list in RESP2, a map in RESP3."""
    pairs = reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2])
    return {text(k): text(v) for k, v in pairs}


def parse_node(endpoint: Endpoint, replies: Sequence, seen: dict[tuple, Peer] | None = None) -> Node:
    """Replies to ``OBSERVE`` -> Node."""
    my_id, cluster, nodes, info, settings = replies
    cluster, info = parse_info(cluster), parse_info(info)
    is_master = info.get("role") == "master"
    return Node(
        endpoint=endpoint,
        node_id=text(my_id),
        peers=parse_nodes(nodes, seen),
        cluster_state=cluster.get("cluster_state", "fail"),
        slots_ok=int(cluster.get("cluster_slots_ok", 0)),
        known_nodes=int(cluster.get("cluster_known_nodes", 0)),
        epoch=int(cluster.get("cluster_my_epoch", 0)),
        keys=sum(int(v.split(",")[0].split("=")[1]) for k, v in info.items() if k.startswith("db") and k[2:].isdigit()),
        link_up=is_master or info.get("master_link_status") == "up",
        follows="" if is_master else info.get("master_host", ""),
        offset=int(info.get("master_repl_offset" if is_master else "slave_repl_offset", 0)),
        version=_version(info),
        settings=parse_settings(settings),
    )


def _version(info: Mapping[str, str]) -> str:
    """``redis 8.0.2`` or ``valkey 8.1.1``: Valkey reports a Redis version of its own beside its real one."""
    if "valkey_version" in info:
        return f"valkey {info['valkey_version']}"
    return f"redis {info.get('redis_version', '')}".strip()
