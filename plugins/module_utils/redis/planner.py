# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""(desired, observed) -> Plan, or a Refusal with its evidence. Pure: no I/O, no clock, no randomness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ansible_collections.slotwise.redis.plugins.module_utils._errors import Refusal
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import (
    MIN_SHARDS,
    SLOTS,
    Desired,
    Endpoint,
    Node,
    Peer,
    SlotRanges,
    merge_ranges,
    missing_ranges,
    present,
    slot_text,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.placement import (
    attach,
    deal,
    pick_masters,
    placement_warnings,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.steps import (
    EVERYWHERE,
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

FULL_MESH = 30
"""Up to this many nodes every pair is introduced; above, gossip spreads what five introductions a node start."""

TUNED_TIMEOUT = ((30, 500), (128, 2000))
"""(nodes, ms): cluster-node-timeout while a cluster without keys is formed. It paces handshakes and the
rejoin delay. Larger clusters keep theirs: there a short timeout makes nodes suspect each other."""


def make_plan(desired: Desired, nodes: Sequence[Node]) -> Plan:
    """Plan the way from the observed nodes to the desired cluster.

    ``nodes`` are all nodes of the deployment in order of their ordinal; each answered, or does not exist
    yet (empty node id), or is away. Raises Refusal where a step could lose data or the state has no safe reading.
    Nodes that are away keep their part, and nothing is planned that needs them.
    """
    if len(nodes) != desired.nodes:
        raise ValueError(f"{desired.nodes} nodes are wanted, {len(nodes)} were given")
    _refuse_equal_ids(nodes)
    successions = _successions(nodes)
    for succession in successions:
        nodes = _after(succession, nodes)
    _refuse_before_failover(nodes)
    dead = _dead_strangers(nodes)
    _refuse_keys_without_slots(nodes)
    _refuse_two_clusters(nodes)
    _refuse_shared_slots(nodes)
    shards, forming = _assign(desired, nodes)
    warnings = placement_warnings([[m.endpoint, *(r.endpoint for r in rs)] for m, rs, _slots in shards])
    tuned = tuple(_tune(desired, nodes)) if forming else ()
    # what is not known may be a node that is away
    gone = {} if len(present(nodes)) < len(nodes) else dead
    steps = (
        *tuned,
        *_fail_over(successions),
        *_masters(shards),
        *_meet(shards, nodes),
        *_replicate(shards),
        *_forget(gone),
        *_configure(desired, present(nodes), tuned),
    )
    return Plan(steps, tuple(warnings))


Shard = tuple[Node, list[Node], SlotRanges]
"""Master, replicas, and the slots that the master serves in the end."""


def slot_chunks(shards: int) -> list[tuple[int, int]]:
    """0-16383 in equal parts, the odd slots spread: 3 -> (0, 5460), (5461, 10922), (10923, 16383)."""
    edges = [round(i * SLOTS / shards) for i in range(shards + 1)]
    return [(a, b - 1) for a, b in zip(edges, edges[1:])]


# Lost masters that Redis leaves without a successor


Succession = tuple[Peer, Node]
"""A master that is gone, and the replica that takes its slots."""


def _successions(nodes: Sequence[Node]) -> list[Succession]:
    """Lost masters without an address, whose replicas never stand for election by themselves.

    Where another node answers at the address of a master, as a server does whose volume was emptied, Redis forgets the
    address, asks the master no more, and so never marks it as failing. A replica that has its keys is made to ask the
    other masters for their votes, as it would where the master fails; without more than half of them it gets none.
    """
    ours = {n.node_id for n in nodes}
    lost = {p.node_id: p for n in nodes for p in n.others if p.node_id not in ours and p.slots}
    voters = [n for n in nodes if n.slots]
    if not lost or len(voters) <= len(lost):
        return []
    found = []
    for node_id, peer in sorted(lost.items()):
        heir = _heir(node_id, nodes)
        views = [n.peers[node_id] for n in nodes if node_id in n.peers]
        # more than half of all masters must miss it (Redis Cluster specification, "Failure detection")
        missing = sum(not _without_address(n.peers[node_id]) for n in voters if node_id in n.peers)
        stuck = 2 * missing <= len(voters) + len(lost) and not any("fail" in view.flags for view in views)
        if heir and stuck:
            found.append((peer, heir))
    return found


def _heir(node_id: str, nodes: Sequence[Node]) -> Node | None:
    """The replica of a lost master that has most of it, if any has keys."""
    return max((n for n in nodes if n.master_id == node_id and n.keys), key=lambda n: n.offset, default=None)


def _without_address(peer: Peer) -> bool:
    return "noaddr" in peer.flags and "fail" not in peer.flags


def _after(succession: Succession, nodes: Sequence[Node]) -> list[Node]:
    """What the nodes will see when the heir has taken over."""
    lost, heir = succession

    def seen(peer: Peer) -> Peer:
        if peer.node_id == lost.node_id:
            return replace(peer, slots=())
        if peer.node_id == heir.node_id:
            flags = peer.flags - {"slave"} | {"master"}
            return replace(peer, flags=flags, master_id="", slots=lost.slots)
        return replace(peer, master_id=heir.node_id) if peer.master_id == lost.node_id else peer

    return [replace(n, peers={i: seen(p) for i, p in n.peers.items()}) for n in nodes]


# What is refused


def _refuse_before_failover(nodes: Sequence[Node]) -> None:
    """A replica of a master that is away takes over by itself; a plan made before would be outdated at once."""
    for lost in (n for n in nodes if n.away and n.slots and n.myself and (n.myself.failing or not n.myself.connected)):
        heirs = [n for n in present(nodes) if n.master_id == lost.node_id]
        if heirs:
            raise Refusal(
                f"Slots {slot_text(lost.slots)} belong to a Redis node that is away. No replica has taken over yet.",
                [lost.away, *(f"{n.name} is its replica with {n.keys} keys" for n in heirs)],
                "A replica takes over within a few node timeouts where more than half of all masters answer. Bring "
                "back the masters that are away, and run again.",
                transient=True,
            )


def _refuse_equal_ids(nodes: Sequence[Node]) -> None:
    owner: dict[str, str] = {}
    for node in nodes:
        if node.node_id and owner.setdefault(node.node_id, node.name) != node.name:
            raise Refusal(
                "Two Redis nodes have the same node id.",
                [f"{owner[node.node_id]} and {node.name} are both {node.node_id}"],
                "Their volumes are copies, or both have mounted the same one. Give the node whose volume it is not "
                "an empty one and run again: it then joins as a new node.",
            )


def _dead_strangers(nodes: Sequence[Node]) -> dict[str, Peer]:
    """Members that are none of ours: refuse while one lives or has slots; the rest may be forgotten."""
    ours = {n.node_id for n in nodes}
    dead: dict[str, Peer] = {}
    for node in nodes:
        for peer in node.others:
            if peer.node_id in ours:
                continue
            role = "replica" if peer.is_replica else "master"
            where = f"{node.name} knows {peer.node_id} at {peer.address or 'no address'}:{peer.port}"
            if peer.connected and not peer.failing:
                raise Refusal(
                    "A Redis node that does not belong to this deployment is a member of its cluster.",
                    [f"{where}, connected, a {role}, slots {slot_text(peer.slots)}"],
                    "Set shards and replicas (redis_cluster_shards, redis_cluster_replicas) so that they cover every "
                    f"node of this deployment. Where they do, find out whose node is at {peer.address}:{peer.port}, "
                    "stop it, and run again: this collection never removes a node that answers.",
                    transient=True,
                )
            if peer.slots:
                raise _lost_slots(peer, where, nodes)
            dead[peer.node_id] = peer
    return dead


_FOR_GOOD = (
    "Where it is gone for good, save the keys of the other masters (redis-cli --rdb FILE), run uninstall.yml with "
    "redis_cluster_delete_data=true, and deploy again."
)


def _lost_slots(lost: Peer, where: str, nodes: Sequence[Node]) -> Refusal:
    heirs = [n for n in nodes if n.master_id == lost.node_id]
    found = [where, *(f"{n.name} is its replica with {n.keys} keys and has not taken over" for n in heirs)]
    heir = _heir(lost.node_id, nodes)
    # see _successions: here too few masters are left to vote
    stuck = heir is not None and _without_address(lost)
    take_over = f"send CLUSTER FAILOVER TAKEOVER to {heir.name}, which has its keys, and run again." if heir else ""
    if stuck:
        advice = f"Too few masters are left to elect a replica of a master without an address: {take_over}"
    elif heir:
        advice = (
            "A replica takes over by itself within a few node timeouts: run again then. Where none does and the "
            f"volume of the lost node is gone for good, {take_over}"
        )
    else:
        advice = (
            f"{'Its replicas hold no keys' if heirs else 'No node of this deployment is its replica'}: bring its "
            f"volume back, the one whose nodes.conf calls {lost.node_id} myself, {_to_whom(nodes)}, and run again. "
            "Nothing was changed: to serve these slots from an empty node is to lose their keys. "
            f"{_FOR_GOOD}"
        )
    return Refusal(
        f"Slots {slot_text(lost.slots)} belong to a Redis node that is gone.", found, advice, transient=not stuck
    )


def _to_whom(nodes: Sequence[Node]) -> str:
    """Which node the volume of a lost master belongs to, as far as can be told."""
    idle = [n.name for n in nodes if not n.slots and not n.master_id]
    return f"to its node (one of those without a role: {', '.join(idle)})" if idle else "to a node that is missing here"


def _refuse_keys_without_slots(nodes: Sequence[Node]) -> None:
    found = [
        f"{n.name} ({n.endpoint.address}:{n.endpoint.port}) holds {n.keys} keys, "
        + ("is a member" if n.others else "is in no cluster")
        for n in nodes
        if n.keys and not n.slots and not n.master_id
    ]
    if found:
        raise Refusal(
            "A Redis node holds keys but serves no slots.",
            found,
            "Save its keys (redis-cli --rdb FILE). Then empty it yourself, or give it an empty volume, and run again. "
            "This collection never flushes a node.",
            transient=all("is a member" in line for line in found),
        )


def _groups(nodes: Sequence[Node]) -> list[list[Node]]:
    """Nodes that know of each other, directly or through others."""
    groups: list[list[Node]] = []
    for node in nodes:
        mine = [node]
        for group in [g for g in groups if any(_knows(a, node) or _knows(node, a) for a in g)]:
            groups.remove(group)
            mine = group + mine
        groups.append(mine)
    return groups


def _knows(a: Node, b: Node) -> bool:
    return b.node_id in a.peers and not a.peers[b.node_id].in_handshake


def _refuse_two_clusters(nodes: Sequence[Node]) -> None:
    clusters = [g for g in _groups(nodes) if any(n.keys for n in g)]
    if len(clusters) > 1:
        raise Refusal(
            "The pods belong to different Redis clusters that hold keys.",
            [
                f"cluster {i}: {', '.join(n.name for n in group)}: {sum(n.keys for n in group)} keys, "
                f"slots {slot_text(merge_ranges(r for n in group for r in n.slots))}"
                for i, group in enumerate(clusters)
            ],
            "Joining them would drop the keys of one. Check which volumes the pods have mounted; those that do not "
            "belong here have to go back to their own deployment. Give these pods the right ones and run again.",
        )


def _refuse_shared_slots(nodes: Sequence[Node]) -> None:
    holders = sorted((a, b, n.name) for n in nodes for a, b in n.slots)
    for (a1, b1, first), (a2, b2, second) in zip(holders, holders[1:]):
        if a2 <= b1:
            raise Refusal(
                f"Slots {slot_text(((a2, min(b1, b2)),))} are served by two masters.",
                [f"{first} serves {slot_text(((a1, b1),))}", f"{second} serves {slot_text(((a2, b2),))}"],
                "Nothing was changed. Run again: masters that know each other settle it alone. If it stays so, they "
                "have volumes of different clusters: compare their CLUSTER NODES, give the one that is wrong here "
                "its own or an empty volume, and run again.",
                transient=any(_knows(a, b) for a in nodes for b in nodes if {a.name, b.name} == {first, second}),
            )


# Who does what


def _assign(desired: Desired, nodes: Sequence[Node]) -> tuple[list[Shard], bool]:
    """Shards as they are or shall be, and whether the cluster is still being formed."""
    masters = [n for n in nodes if n.slots]
    gaps = missing_ranges(r for n in masters for r in n.slots)
    if not gaps:
        if len(masters) != desired.shards:
            raise Refusal(
                f"The cluster has {len(masters)} masters with slots, {desired.shards} shards are asked for.",
                [f"{n.name} serves {slot_text(n.slots)}, {n.keys} keys" for n in masters],
                _what_runs(masters),
            )
        return _with_replicas(desired, [(n, n.slots) for n in masters], nodes), False
    _refuse_to_form_in_part(nodes, gaps)
    _refuse_gaps(desired, masters, nodes, gaps)
    return _form(desired, masters, nodes), True


def _what_runs(masters: Sequence[Node]) -> str:
    if len(masters) < MIN_SHARDS:
        return (
            f"This module makes clusters of {MIN_SHARDS} or more masters and moves no slots. Save the keys "
            "(redis-cli --rdb FILE), give these nodes empty volumes, and run again."
        )
    return (
        f"Set shards (redis_cluster_shards) to {len(masters)}, which is what runs, and run again. Another number of "
        "shards moves slots, which this module does not do."
    )


def _refuse_to_form_in_part(nodes: Sequence[Node], gaps: SlotRanges) -> None:
    away = [n.away for n in nodes if n.away]
    if away:
        raise Refusal(
            f"Slots {slot_text(gaps)} have no master, and not every Redis node answers.",
            away,
            "Run again when these answer: one of them may have the keys.",
            transient=True,
        )


def _refuse_gaps(desired: Desired, masters: Sequence[Node], nodes: Sequence[Node], gaps: SlotRanges) -> None:
    with_keys = [f"{n.name} holds {n.keys} keys, serves {slot_text(n.slots)}" for n in nodes if n.keys]
    chunks = slot_chunks(desired.shards)
    odd = [
        f"{n.name} serves {slot_text(n.slots)}" for n in masters if not set(n.slots) <= set(chunks) or len(n.slots) > 1
    ]
    if with_keys or odd:
        raise Refusal(
            f"Slots {slot_text(gaps)} have no master, and this is not a cluster that was being created.",
            with_keys or odd,
            f"Bring the volume of the master that served them back {_to_whom(nodes)}, and run again: to assign them "
            f"to an empty node would hide the loss. {_FOR_GOOD}"
            if with_keys
            else f"The slots were not given out for {desired.shards} shards. Set shards (redis_cluster_shards) to what "
            "the interrupted run was given, and run again.",
            transient=bool(with_keys),
        )


def _form(desired: Desired, masters: Sequence[Node], nodes: Sequence[Node]) -> list[Shard]:
    """Complete a creation, keeping what an earlier run has already given away."""
    by_name = {n.name: n for n in nodes}
    by_id = {n.node_id: n for n in nodes if n.node_id}
    hands = deal([n.endpoint for n in nodes], desired.shards)
    hand_of = {e.name: i for i, hand in enumerate(hands) for e in hand}
    fixed = {hand_of[m.name]: m.endpoint for m in masters}
    attached_elsewhere = any(
        n.master_id in by_id and hand_of[by_id[n.master_id].name] != hand_of[n.name] for n in nodes
    )
    chunks = slot_chunks(desired.shards)
    free_chunks = [c for c in chunks if all(c not in m.slots for m in masters)]
    if len(fixed) < len(masters) or attached_elsewhere:
        rest = [n for n in nodes if n not in masters and not n.master_id]
        if len(rest) < len(free_chunks):
            raise Refusal(
                f"{len(free_chunks)} masters are missing, but only {len(rest)} nodes are without a role.",
                [f"{n.name} is a replica of {by_id[n.master_id].name}" for n in nodes if n.master_id in by_id],
                "Set shards and replicas (redis_cluster_shards, redis_cluster_replicas) to what the interrupted run "
                "was given, and run again.",
            )
        rows = [(m, m.slots) for m in masters]
        rows += [(n, (chunk,)) for n, chunk in zip(_spread(masters, rest), free_chunks)]
        return _with_replicas(desired, sorted(rows, key=lambda r: r[1]), nodes)
    chosen = pick_masters(hands, fixed)
    free = iter(free_chunks)
    shards: list[Shard] = []
    for hand, endpoint in zip(hands, chosen):
        master = by_name[endpoint.name]
        replicas = [by_name[e.name] for e in hand if e.name != endpoint.name]
        shards.append((master, replicas, master.slots or (next(free),)))
    return sorted(shards, key=lambda s: s[2])


def _spread(masters: Sequence[Node], rest: Sequence[Node]) -> Iterator[Node]:
    """Further masters, each on the machine with the fewest so far."""
    used = [m.endpoint for m in masters]
    rest = list(rest)
    while rest:
        best = min(rest, key=lambda n: (_same(used, n.endpoint), rest.index(n)))
        rest.remove(best)
        used.append(best.endpoint)
        yield best


def _same(used: Sequence[Endpoint], endpoint: Endpoint) -> tuple[int, int]:
    return (
        sum(bool(e.machine) and e.machine == endpoint.machine for e in used),
        sum(bool(e.zone) and e.zone == endpoint.zone for e in used),
    )


def _with_replicas(desired: Desired, masters: Sequence[tuple[Node, SlotRanges]], nodes: Sequence[Node]) -> list[Shard]:
    """Keep every replica where it is; give the nodes without a role to the shards that lack one."""
    by_name = {n.name: n for n in nodes}
    by_id = {m.node_id: m.name for m, _slots in masters if m.node_id}
    members = {m.name: [m.endpoint] for m, _slots in masters}
    free = []
    for node in nodes:
        if node.name in members:
            continue
        if node.master_id in by_id:
            members[by_id[node.master_id]].append(node.endpoint)
        else:
            _refuse_stray_replica(node)
            free.append(node.endpoint)
    free += _surplus(members, desired.replicas, by_name, len(free))
    for name, key in attach(free, members, desired.replicas).items():
        members[key].append(by_name[name].endpoint)
    return [(m, [by_name[e.name] for e in members[m.name][1:]], slots) for m, slots in masters]


def _surplus(
    members: dict[str, list[Endpoint]], replicas: int, nodes: Mapping[str, Node], free: int
) -> Iterator[Endpoint]:
    """Take replicas out of shards that have too many, as many as other shards lack after the free ones.

    Redis moves a replica to a master that has lost all of its own (cluster-migration-barrier) and never back.
    """
    lacking = sum(max(0, replicas + 1 - len(shard)) for shard in members.values()) - free
    for shard in members.values():
        while lacking > 0 and len(shard) > replicas + 1 and nodes[shard[-1].name].link_up:
            lacking -= 1
            yield shard.pop()


def _refuse_stray_replica(node: Node) -> None:
    if node.master_id and node.keys:
        raise Refusal(
            f"{node.name} is a replica of a node that serves no slots, and holds keys.",
            [f"{node.name} holds {node.keys} keys, its master is {node.master_id}"],
            "Run again when the cluster has settled. If it stays so, save its keys (redis-cli --rdb FILE), give it an "
            "empty volume, and run again: it then joins as a new replica.",
            transient=True,
        )


# Steps


def _tune(desired: Desired, nodes: Sequence[Node]) -> Iterator[Tune]:
    timeout = next((ms for limit, ms in TUNED_TIMEOUT if len(nodes) <= limit), None)
    wanted = int(desired.settings.get("cluster-node-timeout", 0))
    if timeout is None or wanted <= timeout:
        return
    settings = {"cluster-node-timeout": str(timeout), "repl-diskless-sync-delay": "0"}
    for node in nodes:
        if any(node.settings.get(k) != v for k, v in settings.items()):
            yield Tune(node.name, "faster while the cluster is formed, set back after", settings)


def _fail_over(successions: Sequence[Succession]) -> Iterator[Step]:
    for lost, heir in successions:
        reason = f"has the keys of {lost.node_id}, which is gone with slots {slot_text(lost.slots)}"
        yield FailOver(heir.name, reason)


def _masters(shards: Sequence[Shard]) -> Iterator[Step]:
    for number, (master, _replicas, _slots) in enumerate(shards):
        if not master.slots and not master.epoch and len(master.peers) <= 1:
            yield SetEpoch(master.name, "a distinct epoch for each master avoids collisions", number + 1)
    for number, (master, _replicas, slots) in enumerate(shards):
        if not master.slots:
            yield AddSlots(master.name, f"master of shard {number}", [slot_text(slots)])


def _meet(shards: Sequence[Shard], nodes: Sequence[Node]) -> Iterator[Step]:
    """Introductions that are missing, one step for each node that sends them."""
    index = {n.name: i for i, n in enumerate(nodes)}
    peers: dict[str, list[str]] = {n.name: [] for n in nodes}
    done: set[frozenset[str]] = set()

    def introduce(a: Node, b: Node) -> None:
        if a.others and not b.others:
            a, b = b, a
        pair = frozenset((a.name, b.name))
        if pair not in done and not (a.away or b.away or _linked(a, b)):
            peers[a.name].append(b.name)
        done.add(pair)

    for master, replicas, _slots in shards:
        for replica in replicas:
            if replica.master_id != master.node_id or not replica.master_id:
                introduce(replica, master)
    for i, j in mesh(len(nodes)):
        introduce(nodes[i], nodes[j])
    for name, targets in peers.items():
        if targets:
            fresh = not nodes[index[name]].others
            yield Meet(name, "joins the cluster" if fresh else "has no link to them", targets)


def _linked(a: Node, b: Node) -> bool:
    """Both know each other, and neither has an outdated address for the other."""
    return all(_knows(x, y) and not _outdated(x, y) for x, y in ((a, b), (b, a)))


def _outdated(viewer: Node, target: Node) -> bool:
    seen, now = viewer.peers[target.node_id], (target.endpoint.address, target.endpoint.port)
    return not seen.connected and (seen.address, seen.port) != now


def mesh(n: int) -> Iterator[tuple[int, int]]:
    """Pairs to introduce: all of them, or in a larger cluster a ring with chords that shortens all ways."""
    if n <= FULL_MESH:
        yield from ((i, j) for j in range(n) for i in range(j))
        return
    for chord in sorted({max(1, round(n ** (k / 5))) for k in range(5)}):
        yield from ((i, (i + chord) % n) for i in range(n))


def _replicate(shards: Sequence[Shard]) -> Iterator[Step]:
    for number, (master, replicas, _slots) in enumerate(shards):
        for replica in replicas:
            if master.away or replica.away:
                continue
            if not master.node_id or replica.master_id != master.node_id:
                yield Replicate(replica.name, f"replica of shard {number}", master.name)
            elif replica.follows_old_address:
                reason = f"connects to {replica.follows}, where its master is no longer"
                yield Replicate(replica.name, reason, master.name)


def _forget(dead: dict[str, Peer]) -> Iterator[Step]:
    for node_id, peer in sorted(dead.items()):
        was = "replica" if peer.is_replica else "master"
        where = peer.address or "no address"
        reason = f"a {was} without slots at {where}, gone, none of this deployment's nodes"
        yield Forget(EVERYWHERE, reason, node_id)


def _configure(desired: Desired, nodes: Sequence[Node], tuned: Sequence[Tune]) -> Iterator[Configure]:
    """Back to the desired settings: what this plan tunes, and what a killed run left tuned."""
    set_before = {step.node: step.settings for step in tuned}
    for node in nodes:
        now = {**(node.settings or desired.settings), **set_before.get(node.name, {})}
        settings = {k: v for k, v in desired.settings.items() if now.get(k) != v}
        if settings:
            yield Configure(node.name, "as configured for running", settings)
