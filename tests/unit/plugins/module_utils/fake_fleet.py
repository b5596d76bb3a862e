# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections of an executor, with a simulated cluster at the other end. Faults are injected by number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Node, Peer
from ansible_collections.slotwise.redis.plugins.module_utils.redis.steps import (
    AddSlots,
    Configure,
    Meet,
    Replicate,
    SetEpoch,
    Step,
)
from ansible_collections.slotwise.redis.tests.unit.plugins.module_utils.simulate import Cluster, RefusedByRedis, Server

CHANGING = ("SET-CONFIG-EPOCH", "ADDSLOTSRANGE", "MEET", "REPLICATE", "FORGET", "FAILOVER")
Fault = Callable[[int, str, tuple], object]
"""(number of the changing command, node, command) -> what to answer instead, or None; may raise, as a kill does."""


def slot_words(peer: Peer) -> str:
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in peer.slots)


class FakeFleet:
    """What ``Executor`` uses of a ``Fleet``."""

    by_address = True

    def __init__(self, cluster: Cluster, fault: Fault = lambda number, node, command: None) -> None:
        self.cluster, self.fault = cluster, fault
        self.sent: list[tuple[str, tuple]] = []
        self.reconnected: set[str] = set()

    @property
    def endpoints(self):
        return tuple(s.endpoint for s in self.cluster.servers)

    def pin(self, ids: Mapping[str, str]) -> None:
        self.reconnected = set()

    def ask_all(self, *commands: tuple) -> dict[str, list[object]]:
        return self.gather({e.name: commands for e in self.endpoints})

    def gather(self, commands: Mapping[str, Sequence[tuple]]) -> dict[str, list[object]]:
        replies = {name: [self._answer(name, c) for c in batch] for name, batch in commands.items()}
        self.cluster.gossip()
        return replies

    def _answer(self, name: str, command: tuple) -> object:
        words = tuple(map(str, command))
        if words[:2] == ("CONFIG", "SET") or set(words[1:2]) & set(CHANGING):
            self.sent.append((name, words))
            instead = self.fault(len(self.sent), name, words)
            if instead is not None:
                return instead
        node = next(n for n in self.cluster.nodes() if n.name == name)
        try:
            return self._reply(self.cluster.of(name), node, words)
        except RefusedByRedis as refusal:
            return refusal

    def _reply(self, server: Server, node: Node, words: tuple) -> object:
        if words == ("ROLE",):
            return [b"slave" if server.master_id else b"master"]
        if words[0] == "INFO":
            lines = ["role:slave", "master_link_status:up"] if server.master_id else ["role:master"]
            return "\r\n".join([*lines, f"db0:keys={server.keys}"]).encode()
        if words[:2] == ("CONFIG", "GET"):
            return [text.encode() for setting in server.settings.items() for text in setting]
        if words[:2] == ("CONFIG", "SET"):
            settings = dict(zip(words[2::2], words[3::2]))
            self.cluster.take(Configure(server.endpoint.name, "", settings))
            return b"OK"
        return getattr(self, f"_{words[1].lower().replace('-', '_')}")(server, node, words[2:])

    def _myid(self, _server: Server, node: Node, _words: tuple) -> bytes:
        return node.node_id.encode()

    def _info(self, _server: Server, node: Node, _words: tuple) -> bytes:
        return (
            f"cluster_state:{node.cluster_state}\r\ncluster_slots_ok:{node.slots_ok}\r\n"
            f"cluster_known_nodes:{node.known_nodes}\r\ncluster_my_epoch:{node.epoch}\r\n"
        ).encode()

    def _nodes(self, _server: Server, node: Node, _words: tuple) -> bytes:
        lines = []
        for peer in node.peers.values():
            flags = ",".join((["myself"] if peer.node_id == node.node_id else []) + sorted(peer.flags))
            link = "connected" if peer.connected else "disconnected"
            head = f"{peer.node_id} {peer.address}:{peer.port}@16379 {flags} {peer.master_id or '-'} 0 0 {peer.epoch}"
            lines.append(f"{head} {link} {slot_words(peer)}".rstrip())
        return "\n".join(lines).encode()

    def _take(self, kind: type[Step], server: Server, part: object) -> bytes:
        self.cluster.take(kind(server.endpoint.name, "", part))
        return b"OK"

    def _set_config_epoch(self, server: Server, _node: Node, words: tuple) -> bytes:
        return self._take(SetEpoch, server, int(words[0]))

    def _addslotsrange(self, server: Server, _node: Node, words: tuple) -> bytes:
        return self._take(AddSlots, server, [f"{a}-{b}" for a, b in zip(words[::2], words[1::2])])

    def _meet(self, server: Server, _node: Node, words: tuple) -> bytes:
        address = (words[0], int(words[1]))
        peer = next(s for s in self.cluster.servers if (s.endpoint.address, s.endpoint.port) == address)
        return self._take(Meet, server, [peer.endpoint.name])

    def _replicate(self, server: Server, _node: Node, words: tuple) -> bytes:
        master = next((s for s in self.cluster.servers if s.node_id == words[0]), None)
        if master is None:
            raise RefusedByRedis("Unknown node")
        return self._take(Replicate, server, master.endpoint.name)

    def _failover(self, server: Server, _node: Node, _words: tuple) -> bytes:
        return self._take("fail_over", server)

    def _forget(self, server: Server, _node: Node, words: tuple) -> bytes:
        if server.master_id == words[0]:
            raise RefusedByRedis("Can't forget my master!")
        if words[0] not in server.known:
            raise RefusedByRedis(f"Unknown node {words[0]}")
        server.known.discard(words[0])
        return b"OK"
