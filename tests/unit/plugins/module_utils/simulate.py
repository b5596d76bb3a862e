# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis Cluster as far as the planner sees one: it takes the steps of a plan and answers like the servers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import (
    SLOTS,
    Endpoint,
    Node,
    Peer,
    SlotRanges,
    count_slots,
    merge_ranges,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.steps import (
    AddSlots,
    Configure,
    FailOver,
    Forget,
    Meet,
    Plan,
    Replicate,
    SetEpoch,
    Step,
    Tune,
)

DEFAULTS = {"cluster-node-timeout": "15000", "repl-diskless-sync-delay": "5"}


@dataclass
class Server:
    """One redis-server. ``known`` are the ids that it has in its table, ``stale`` those at an outdated address."""

    endpoint: Endpoint
    node_id: str
    slots: SlotRanges = ()
    master_id: str = ""
    epoch: int = 0
    keys: int = 0
    known: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=lambda: dict(DEFAULTS))


class RefusedByRedis(Exception):
    """The real server would answer with an error."""


class Cluster:
    """Servers in the order of their ordinals, and the ids of servers that are gone."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self.servers = [Server(e, f"{i:040x}") for i, e in enumerate(endpoints, start=1)]
        self.gone: dict[str, Server] = {}
        self._born = len(self.servers)

    def of(self, name: str) -> Server:
        return next(s for s in self.servers if s.endpoint.name == name)

    def _by_id(self, node_id: str) -> Server | None:
        return next((s for s in self.servers if s.node_id == node_id), None)

    # What the servers answer

    def nodes(self) -> list[Node]:
        return [self._node(s) for s in self.servers]

    def _node(self, server: Server) -> Node:
        peers = {server.node_id: self._peer(server, server)}
        for node_id in sorted(server.known):
            peers[node_id] = self._peer(server, self._by_id(node_id) or self.gone[node_id])
        served = merge_ranges(r for p in peers.values() if not p.failing for r in p.slots)
        return Node(
            endpoint=server.endpoint,
            node_id=server.node_id,
            peers=peers,
            cluster_state="ok" if count_slots(served) == SLOTS else "fail",
            slots_ok=count_slots(served),
            known_nodes=len(peers),
            epoch=server.epoch,
            keys=server.keys,
            settings=dict(server.settings),
        )

    def _peer(self, viewer: Server, seen: Server) -> Peer:
        gone, stale = seen.node_id in self.gone, seen.node_id in viewer.stale
        flags = {"slave" if seen.master_id else "master"} | ({"fail"} if gone or stale else set())
        return Peer(
            node_id=seen.node_id,
            address="10.9.9.9" if stale else seen.endpoint.address,
            port=seen.endpoint.port,
            flags=frozenset(flags),
            master_id=seen.master_id,
            epoch=seen.epoch,
            connected=not gone and not stale,
            slots=seen.slots,
        )

    # What happens to them

    def apply(self, plan: Plan, steps: int | None = None, gossip: bool = True) -> None:
        """Carry out the first ``steps`` steps; without ``gossip`` only the two ends of a MEET know each other.

        A REPLICATE waits until its node knows its master, so the news have spread before it.
        """
        taken = plan.steps[:steps]
        for step, following in zip(taken, [*taken[1:], None]):
            self.take(step)
            if step.action == "meet" and (gossip if following is None else following.action != "meet"):
                self.gossip()

    def take(self, step: Step) -> None:
        getattr(self, f"_{step.action}")(step)

    def _tune(self, step: Tune | Configure) -> None:
        self.of(step.node).settings.update(step.settings)

    _configure = _tune

    def _set_epoch(self, step: SetEpoch) -> None:
        server = self.of(step.node)
        if server.known or server.epoch:
            raise RefusedByRedis("SET-CONFIG-EPOCH is for a node that knows no other and has no epoch")
        server.epoch = step.epoch

    def _add_slots(self, step: AddSlots) -> None:
        server = self.of(step.node)
        if server.master_id:
            raise RefusedByRedis("ADDSLOTSRANGE on a replica")
        words = " ".join(step.ranges).split()
        ranges = [tuple(map(int, word.split("-") * 2))[:2] for word in words]
        taken = [r for s in self._seen_by(server) for r in s.slots]
        if count_slots(merge_ranges([*taken, *ranges])) < sum(map(count_slots, ([r] for r in [*taken, *ranges]))):
            raise RefusedByRedis("slot is already busy")
        server.slots = merge_ranges([*server.slots, *ranges])

    def _seen_by(self, server: Server) -> list[Server]:
        others = [self._by_id(i) or self.gone[i] for i in server.known]
        return [server, *others]

    def _meet(self, step: Meet) -> None:
        server = self.of(step.node)
        for name in step.peers:
            other = self.of(name)
            for a, b in ((server, other), (other, server)):
                a.known.add(b.node_id)
                a.stale.discard(b.node_id)

    def gossip(self) -> None:
        """All that are connected, directly or through others, get to know each other."""
        left = {s.node_id: s for s in self.servers}
        friends: dict[str, set[str]] = {i: {f for f in s.known - s.stale if f in left} for i, s in left.items()}
        for node_id, known in list(friends.items()):
            for friend in known:
                friends[friend].add(node_id)
        while left:
            group, edge = set(), {next(iter(left))}
            while edge:
                group |= edge
                edge = set().union(*(friends[i] for i in edge)) - group
            for node_id in group:
                left.pop(node_id).known |= group - {node_id}

    def _replicate(self, step: Replicate) -> None:
        server, master = self.of(step.node), self.of(step.master)
        if master.node_id not in server.known:
            raise RefusedByRedis("Unknown node")
        if master.master_id:
            raise RefusedByRedis("I can only replicate a master, not a replica")
        if not server.master_id and (server.slots or server.keys):
            raise RefusedByRedis("to set a master the node must be empty and without assigned slots")
        server.master_id, server.epoch = master.node_id, master.epoch

    def _forget(self, step: Forget) -> None:
        for server in self.servers:
            if server.master_id == step.node_id:
                raise RefusedByRedis("Can't forget my master!")
            server.known.discard(step.node_id)

    def _fail_over(self, step: FailOver) -> None:
        heir = self.of(step.node)
        if not heir.master_id:
            raise RefusedByRedis("You should send CLUSTER FAILOVER to a replica")
        lost = self._by_id(heir.master_id) or self.gone[heir.master_id]
        if sum(bool(s.slots) for s in self.servers) > sum(bool(s.slots) for s in self.gone.values()):
            self._succeed(lost, heir)

    def fail_over(self, server: Server) -> bool:
        """A replica of the server, if there is one, takes its slots."""
        heir = next((s for s in self.servers if s.master_id == server.node_id), None)
        if heir is None:
            return False
        self._succeed(server, heir)
        return True

    def _succeed(self, server: Server, heir: Server) -> None:
        heir.slots, server.slots = server.slots, ()
        heir.master_id, heir.epoch = "", max(s.epoch for s in self.servers) + 1
        for sibling in self.servers:
            if sibling.master_id == server.node_id:
                sibling.master_id = heir.node_id
        server.master_id = heir.node_id

    def wipe(self, names: Sequence[str]) -> None:
        """These servers lose their volumes and come back empty; replicas took over where they could."""
        lost = [self.of(name) for name in names]
        self.servers = [s for s in self.servers if s not in lost]
        for server in lost:
            if server.slots:
                self.fail_over(server)
            server.keys = 0
            self.gone[server.node_id] = server
        for server in sorted(lost, key=lambda s: s.node_id):
            self._born += 1
            self.servers.append(Server(server.endpoint, f"{self._born:040x}"))
        self.servers.sort(key=lambda s: int(s.endpoint.name.rpartition("-")[2]))

    def grow(self, endpoints: Iterable[Endpoint]) -> None:
        for endpoint in endpoints:
            self._born += 1
            self.servers.append(Server(endpoint, f"{self._born:040x}"))

    def move(self) -> None:
        """Every server is at another address than the others know."""
        for server in self.servers:
            server.stale = {i for i in server.known if self._by_id(i)}

    # What came of it

    def shards(self) -> list[tuple[Server, list[Server]]]:
        masters = sorted((s for s in self.servers if s.slots), key=lambda s: s.slots)
        return [(m, [s for s in self.servers if s.master_id == m.node_id]) for m in masters]

    def complete(self, shards: int, replicas: int) -> list[str]:
        """Why this is not the wanted cluster; every slot must be served exactly once."""
        found = []
        ranges = [r for s in self.servers for r in s.slots]
        if merge_ranges(ranges) != ((0, SLOTS - 1),) or count_slots(ranges) != SLOTS:
            found.append(f"slots {sorted(ranges)}")
        made = self.shards()
        if len(made) != shards or sum(1 + len(r) for _m, r in made) != len(self.servers):
            found.append(f"{len(made)} shards of {[1 + len(r) for _m, r in made]}")
        found += [f"{m.endpoint.name} has {len(r)} replicas" for m, r in made if len(r) != replicas]
        everyone = {s.node_id for s in self.servers}
        strangers = [s for s in self.servers if s.known | {s.node_id} != everyone or s.stale]
        found += [f"{s.endpoint.name} knows {len(s.known)}, {len(s.stale)} at an old address" for s in strangers]
        return found
