# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Redis nodes form a shard, and which of them is its master. Pure and deterministic."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence

from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import SLOTS, Endpoint

SHOWN = 9
"""So many names are told of pods that are in one place."""


def machine_of(endpoint: Endpoint) -> str:
    """The machine; an endpoint whose machine is unknown counts as a machine of its own."""
    return endpoint.machine or f"?{endpoint.name}"


def deal(endpoints: Sequence[Endpoint], shards: int) -> list[list[Endpoint]]:
    """Split the endpoints into shards so that no shard has two of them on one machine when avoidable.

    Sorted by zone and machine, the endpoints of one machine are a run; dealt like cards, a run no longer
    than the number of shards never puts two of its endpoints into one shard. The same holds for zones.
    """
    ordinal = {e.name: i for i, e in enumerate(endpoints)}
    cards = sorted(endpoints, key=lambda e: (e.zone, machine_of(e), ordinal[e.name]))
    hands: list[list[Endpoint]] = [[] for _unused in range(shards)]
    for i, card in enumerate(cards):
        hands[i % shards].append(card)
    for hand in hands:
        hand.sort(key=lambda e: ordinal[e.name])
    return sorted(hands, key=lambda hand: ordinal[hand[0].name] if hand else len(ordinal))


def pick_masters(groups: Sequence[Sequence[Endpoint]], fixed: Mapping[int, Endpoint]) -> list[Endpoint]:
    """One master of each group, spread evenly over machines, then zones; ``fixed`` groups keep theirs."""
    masters = dict(fixed)
    load, zones = Counter(machine_of(e) for e in fixed.values()), Counter(e.zone for e in fixed.values())
    for i, group in enumerate(groups):
        if i not in masters:
            best = min(group, key=lambda e: (load[machine_of(e)], zones[e.zone], group.index(e)))
            masters[i] = best
            load[machine_of(best)] += 1
            zones[best.zone] += 1
    free = [i for i in range(len(groups)) if i not in fixed]
    while _shift_one(groups, free, masters, load):
        pass
    return [masters[i] for i in range(len(groups))]


def _shift_one(
    groups: Sequence[Sequence[Endpoint]], free: Sequence[int], masters: dict[int, Endpoint], load: Counter
) -> bool:
    """Move one mastership from a machine to one that has at least two fewer, through others if need be.

    Each shift lowers the sum of squared loads, so repeated shifts end, at an even spread.
    """
    for start in sorted(load, key=lambda m: (-load[m], m)):
        came: dict[str, tuple[str, int, Endpoint] | None] = {start: None}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            if load[here] <= load[start] - 2:
                load[here] += 1
                load[start] -= 1
                while (step := came[here]) is not None:
                    here, group, endpoint = step
                    masters[group] = endpoint
                return True
            for i in free:
                if machine_of(masters[i]) == here:
                    for candidate in groups[i]:
                        if machine_of(candidate) not in came:
                            came[machine_of(candidate)] = (here, i, candidate)
                            queue.append(machine_of(candidate))
    return False


def attach(free: Sequence[Endpoint], shards: Mapping[str, Sequence[Endpoint]], replicas: int) -> dict[str, str]:
    """Give each free endpoint a shard: {endpoint name: shard key}.

    ``shards`` maps a key to the endpoints that a shard already has (its master counts). Of all ways to fill the
    shards up, one with the fewest endpoints beside another of their shard on a machine is taken, and of those one
    with the fewest in the same zone. Endpoints of one machine are interchangeable, so this is a minimum cost flow:
    machine -> shard by zone -> shard.
    """
    by_machine: dict[str, deque[Endpoint]] = {}
    for endpoint in free:
        by_machine.setdefault(machine_of(endpoint), deque()).append(endpoint)
    flow = _Flow()
    for machine, endpoints in by_machine.items():
        zone = endpoints[0].zone
        flow.add("free", ("machine", machine), len(endpoints), 0)
        for key, members in shards.items():
            alone = all(machine_of(m) != machine for m in members)
            flow.add_first(("machine", machine), ("zone", zone, key), 0 if alone else SAME_MACHINE, SAME_MACHINE)
    for key, members in shards.items():
        for zone in {endpoints[0].zone for endpoints in by_machine.values()}:
            alone = not zone or all(m.zone != zone for m in members)
            flow.add_first(("zone", zone, key), ("shard", key), 0 if alone else SAME_ZONE, SAME_ZONE if zone else 0)
        flow.add(("shard", key), "full", max(0, replicas + 1 - len(members)), 0)
    flow.run("free", "full")
    chosen = {}
    for machine, endpoints in by_machine.items():
        zone = endpoints[0].zone
        for key in shards:
            for _unused in range(flow.between(("machine", machine), ("zone", zone, key))):
                chosen[endpoints.popleft().name] = key
    sizes = {key: len(members) + sum(k == key for k in chosen.values()) for key, members in shards.items()}
    for endpoint in (e for e in free if e.name not in chosen):
        chosen[endpoint.name] = min(sizes, key=lambda key: sizes[key])
        sizes[chosen[endpoint.name]] += 1
    return chosen


SAME_ZONE, SAME_MACHINE = 1, 1000
"""Costs: one endpoint beside another of its shard on a machine weighs more than any number of them in a zone."""


class _Flow:
    """Minimum cost flow by successive shortest paths (Bellman-Ford in a queue)."""

    def __init__(self) -> None:
        self._edges: list[list] = []
        """[from, to, capacity left, cost]; the edge with the next index is its way back."""
        self._out: dict[object, list[int]] = {}

    def add(self, tail: object, head: object, capacity: int, cost: int) -> None:
        for edge in ([tail, head, capacity, cost], [head, tail, 0, -cost]):
            self._out.setdefault(edge[0], []).append(len(self._edges))
            self._edges.append(edge)

    def add_first(self, tail: object, head: object, first: int, further: int) -> None:
        """The first unit and every further one have costs of their own."""
        self.add(tail, head, 1, first)
        self.add(tail, head, SLOTS, further)

    def between(self, tail: object, head: object) -> int:
        """Units that flow, read from the ways back."""
        backs = (self._edges[i + 1] for i in self._out.get(tail, ()) if i % 2 == 0)
        return sum(edge[2] for edge in backs if edge[0] == head)

    def run(self, source: object, sink: object) -> None:
        while path := self._cheapest(source, sink):
            for i in path:
                self._edges[i][2] -= 1
                self._edges[i ^ 1][2] += 1

    def _cheapest(self, source: object, sink: object) -> list[int]:
        cost, came, queue, queued = {source: 0}, {}, deque([source]), {source}
        while queue:
            here = queue.popleft()
            queued.discard(here)
            for i in self._out.get(here, ()):
                _tail, head, capacity, price = self._edges[i]
                if capacity and cost[here] + price < cost.get(head, cost[here] + price + 1):
                    cost[head], came[head] = cost[here] + price, i
                    if head not in queued:
                        queue.append(head)
                        queued.add(head)
        path, here = [], sink
        while here != source and here in came:
            path.append(came[here])
            here = self._edges[came[here]][0]
        return path


# What one failure would take. Each of these looks at machines, and at zones where nodes have labels of two or more.


def placement_warnings(shards: Sequence[Sequence[Endpoint]], zones: int = 0) -> list[str]:
    """For a cluster: the first endpoint of each shard is its master. ``zones`` is how many zones there are."""
    warnings = []
    for number, shard in enumerate(shards):
        warnings += all_in_one(shard, "stops the shard", zones, f"shard {number}: ")
    masters = [shard[0] for shard in shards if shard]
    if len(shards) > 2:
        rest = "the rest is no majority and cannot promote replicas"
        warnings += too_many_in_one(masters, "masters", len(shards) // 2 + 1, rest, zones)
    return warnings


def watched_warnings(
    servers: Sequence[Endpoint], sentinels: Sequence[Endpoint], quorum: int, zones: int = 0
) -> list[str]:
    """For a master with its replicas, and the Sentinels that watch it."""
    needed = max(len(sentinels) // 2 + 1, quorum)
    return [
        *all_in_one(servers, "stops master and replicas together", zones),
        *too_many_in_one(sentinels, "Sentinels", needed, "the rest cannot promote a replica", zones),
    ]


def all_in_one(endpoints: Sequence[Endpoint], effect: str, zones: int = 0, head: str = "") -> list[str]:
    """Whether there are several and one failure takes all of them."""
    for word, preposition, place_of in _kinds_of_places(zones):
        places = {place_of(endpoint) for endpoint in endpoints}
        if len(endpoints) > 1 and len(places) == 1 and all(places):
            where = f"are all {preposition} {word} {places.pop()}; its failure {effect}"
            return [f"{head}{_named(endpoints)} {where}"]
    return []


def too_many_in_one(endpoints: Sequence[Endpoint], what: str, needed: int, effect: str, zones: int = 0) -> list[str]:
    """Machines, else zones, without which fewer than ``needed`` are left."""
    for word, _preposition, place_of in _kinds_of_places(zones):
        warnings = []
        for place in sorted({place_of(endpoint) for endpoint in endpoints} - {""}):
            there = [endpoint for endpoint in endpoints if place_of(endpoint) == place]
            if len(endpoints) - len(there) < needed <= len(endpoints):
                share = f"{word} {place} has {len(there)} of {len(endpoints)} {what} ({_named(there)})"
                warnings.append(f"{share}; if it fails, {effect}")
        if warnings:
            return warnings
    return []


def _kinds_of_places(zones: int) -> list[tuple[str, str, Callable[[Endpoint], str]]]:
    kinds: list[tuple[str, str, Callable[[Endpoint], str]]] = [("machine", "on", machine_of)]
    return kinds if zones < 2 else [*kinds, ("zone", "in", lambda endpoint: endpoint.zone)]


def _named(endpoints: Sequence[Endpoint]) -> str:
    shown = ", ".join(endpoint.name for endpoint in endpoints[:SHOWN])
    return shown if len(endpoints) <= SHOWN else f"{shown} and {len(endpoints) - SHOWN} more"
