# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Redis nodes form a shard, and which of them is its master. Pure and deterministic."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence

from ansible_collections.slotwise.redis.plugins.module_utils._topology import Endpoint


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
                while came[here] is not None:
                    here, group, endpoint = came[here]
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

    ``shards`` maps a key to the endpoints that a shard already has (its master counts). Shards that lack
    replicas come first; among them a maximum matching prefers other zones, then other machines.
    """
    members = {key: list(endpoints) for key, endpoints in shards.items()}
    todo, chosen = list(free), {}
    while todo:
        fewest = min(len(m) for m in members.values())
        short = [k for k, m in members.items() if len(m) <= replicas] or [
            k for k, m in members.items() if len(m) == fewest
        ]
        for name, key in _match(todo, {k: members[k] for k in short}).items():
            endpoint = next(e for e in todo if e.name == name)
            todo.remove(endpoint)
            members[key].append(endpoint)
            chosen[name] = key
    return chosen


def _match(free: Sequence[Endpoint], shards: Mapping[str, Sequence[Endpoint]]) -> dict[str, str]:
    """At most one endpoint a shard (Kuhn's algorithm), best places first."""
    taken: dict[str, Endpoint] = {}

    def place(endpoint: Endpoint, worst: int, tried: set[str]) -> bool:
        for key, members in shards.items():
            if key in tried or _closeness(endpoint, members) > worst:
                continue
            tried.add(key)
            if key not in taken or place(taken[key], worst, tried):
                taken[key] = endpoint
                return True
        return False

    for worst in range(3):
        for endpoint in free:
            if endpoint not in taken.values():
                place(endpoint, worst, set())
    return {endpoint.name: key for key, endpoint in taken.items()}


def _closeness(endpoint: Endpoint, members: Sequence[Endpoint]) -> int:
    """0: no member in its zone (or zones unknown) nor on its machine; 1: same zone; 2: same machine."""
    if any(machine_of(m) == machine_of(endpoint) for m in members):
        return 2
    return 1 if endpoint.zone and any(m.zone == endpoint.zone for m in members) else 0


def placement_warnings(shards: Sequence[Sequence[Endpoint]]) -> list[str]:
    """What one machine's failure would take: the first endpoint of each shard is its master."""
    warnings = []
    for number, shard in enumerate(shards):
        for machine, count in sorted(Counter(machine_of(e) for e in shard).items()):
            if count > 1:
                names = ", ".join(e.name for e in shard if machine_of(e) == machine)
                warnings.append(f"shard {number}: {names} are all on machine {machine}; its failure stops the shard")
    masters = Counter(machine_of(shard[0]) for shard in shards if shard)
    for machine, count in sorted(masters.items()):
        if len(shards) > 2 and count * 2 >= len(shards):
            warnings.append(
                f"machine {machine} has {count} of {len(shards)} masters; if it fails, the rest is no majority "
                "and cannot promote replicas"
            )
    return warnings
