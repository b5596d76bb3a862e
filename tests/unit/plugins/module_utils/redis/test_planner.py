# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner's promises, for any number of shards, machines and zones, from any state a killed run leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.slotwise.redis.plugins.module_utils._errors import Refusal
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import (
    SLOTS,
    Desired,
    Endpoint,
    Node,
    Peer,
    count_slots,
    merge_ranges,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.planner import make_plan, mesh, slot_chunks
from ansible_collections.slotwise.redis.plugins.module_utils.redis.steps import (
    AddSlots,
    Configure,
    FailOver,
    Forget,
    Meet,
    Plan,
    Replicate,
    SetEpoch,
    Tune,
)
from ansible_collections.slotwise.redis.tests.unit.plugins.module_utils.simulate import DEFAULTS, Cluster


def endpoint(ordinal: int, machine: str = "", zone: str = "") -> Endpoint:
    return Endpoint(f"pod-{ordinal}", f"10.0.0.{ordinal + 1}", 6379, machine, zone)


def in_turn(count: int, machines: int, zones: int = 0) -> list[Endpoint]:
    """Pods on machines in turn, as the volume plan puts them; machines in zones in turn."""
    return [
        endpoint(i, f"m{i % machines}" if machines else "", f"z{i % machines % zones}" if zones else "")
        for i in range(count)
    ]


def wanted(shards: int, replicas: int) -> Desired:
    return Desired(shards, replicas, DEFAULTS)


def formed(shards: int, replicas: int, endpoints: Sequence[Endpoint] | None = None, keys: int = 0) -> Cluster:
    """A cluster as the planner makes it, then filled."""
    count = shards * (replicas + 1)
    cluster = Cluster(endpoints or in_turn(count, count))
    cluster.apply(make_plan(wanted(shards, replicas), cluster.nodes()))
    for server in cluster.servers:
        server.keys = keys
    return cluster


def plan_of(cluster: Cluster, shards: int = 3, replicas: int = 1) -> Plan:
    return make_plan(wanted(shards, replicas), cluster.nodes())


# Strategies

SIZES = st.tuples(st.integers(3, 6), st.integers(0, 3))


@st.composite
def layouts(draw, sizes=SIZES):
    """(shards, replicas, endpoints): any pod on any machine, any machine in any zone."""
    shards, replicas = draw(sizes)
    count = shards * (replicas + 1)
    machines = draw(st.integers(1, 8))
    zones = draw(st.integers(0, 3))
    zone_of = [f"z{draw(st.integers(0, zones - 1))}" if zones else "" for _unused in range(machines)]
    on = draw(st.lists(st.integers(0, machines - 1), min_size=count, max_size=count))
    return shards, replicas, [endpoint(i, f"m{m}", zone_of[m]) for i, m in enumerate(on)]


@st.composite
def regular_layouts(draw):
    """(shards, replicas, machines, endpoints) with the pods on the machines in turn."""
    shards, replicas = draw(SIZES)
    machines = draw(st.integers(1, 9))
    return shards, replicas, machines, in_turn(shards * (replicas + 1), machines, draw(st.integers(0, 3)))


def most_together(cluster: Cluster, key: str, value: str) -> int:
    """Most nodes that any shard has on one machine, or in one zone."""
    return max(
        sum(getattr(s.endpoint, key) == value for s in (master, *replicas)) for master, replicas in cluster.shards()
    )


# Creation


@given(layouts())
def test_a_creation_is_complete_and_nothing_is_left_to_do(layout):
    shards, replicas, endpoints = layout
    cluster = Cluster(endpoints)
    plan = plan_of(cluster, shards, replicas)
    assert plan
    cluster.apply(plan)
    assert not cluster.complete(shards, replicas)
    assert all(s.settings == DEFAULTS for s in cluster.servers)
    assert plan_of(cluster, shards, replicas).steps == ()


@given(layouts())
def test_shards_are_spread_over_machines_and_zones_as_far_as_possible(layout):
    """A machine with at most as many pods as there are shards need not have two of one shard; same for zones."""
    shards, replicas, endpoints = layout
    cluster = formed(shards, replicas, endpoints)
    for key in ("machine", "zone"):
        for value, pods in Counter(getattr(e, key) for e in endpoints).items():
            if value:
                assert most_together(cluster, key, value) <= -(-pods // shards)


@given(regular_layouts())
def test_masters_are_spread_evenly(layout):
    shards, replicas, machines, endpoints = layout
    assume(replicas)
    cluster = formed(shards, replicas, endpoints)
    masters = Counter(master.endpoint.machine for master, _replicas in cluster.shards())
    used = min(machines, len(endpoints))
    assert max(masters.values()) <= -(-shards // used), masters


@given(layouts())
def test_check_mode_before_the_pods_exist_predicts_the_plan(layout):
    shards, replicas, endpoints = layout
    predicted = make_plan(wanted(shards, replicas), [Node(replace(e, address="")) for e in endpoints])
    assert predicted == plan_of(Cluster(endpoints), shards, replicas)


@given(layouts(), st.data())
def test_check_mode_with_some_pods_missing_predicts_what_completes(layout, data):
    """Pods that do not exist yet stand in the plan by name; the real ones, once there, can follow it."""
    shards, replicas, endpoints = layout
    cluster = Cluster(endpoints)
    plan = plan_of(cluster, shards, replicas)
    cluster.apply(plan, data.draw(st.integers(0, len(plan.steps))))
    fresh = [s.endpoint.name for s in cluster.servers if not (s.slots or s.master_id or s.known or s.epoch)]
    absent = data.draw(st.sets(st.sampled_from(fresh))) if fresh else set()
    nodes = [Node(replace(n.endpoint, address="")) if n.name in absent else n for n in cluster.nodes()]
    for name in absent:
        cluster.of(name).settings = dict(DEFAULTS)
    cluster.apply(make_plan(wanted(shards, replicas), nodes))
    assert not cluster.complete(shards, replicas)
    assert all(s.settings == DEFAULTS for s in cluster.servers)


@given(st.integers(3, 5), st.integers(1, 2), st.data())
def test_check_mode_before_more_replicas_exist_predicts_the_plan(shards, replicas, data):
    cluster = formed(shards, replicas)
    count = shards * (replicas + 2)
    cluster.grow(in_turn(count, count)[len(cluster.servers) :])
    absent = data.draw(st.sets(st.integers(shards * (replicas + 1), count - 1), min_size=1))
    nodes = [Node(replace(n.endpoint, address="")) if i in absent else n for i, n in enumerate(cluster.nodes())]
    assert make_plan(wanted(shards, replicas + 1), nodes) == plan_of(cluster, shards, replicas + 1)


@given(layouts())
def test_the_same_state_gives_the_same_plan(layout):
    shards, replicas, endpoints = layout
    assert plan_of(Cluster(endpoints), shards, replicas) == plan_of(Cluster(endpoints), shards, replicas)


@given(regular_layouts(), st.randoms(use_true_random=False))
def test_other_names_of_machines_keep_the_balance(layout, random):
    shards, replicas, machines, endpoints = layout
    names = [f"m{i}" for i in range(machines)]
    random.shuffle(names)
    renamed = [replace(e, machine=names[int(e.machine[1:])], zone="") for e in endpoints]
    spread = [
        sorted(Counter(m.endpoint.machine for m, _replicas in formed(shards, replicas, es).shards()).values())
        for es in ([replace(e, zone="") for e in endpoints], renamed)
    ]
    assert spread[0] == spread[1]


@pytest.mark.parametrize("shards", [3, 4, 7, 54, 1000])
def test_slot_chunks_cover_all_slots_in_equal_parts(shards):
    chunks = slot_chunks(shards)
    assert merge_ranges(chunks) == ((0, SLOTS - 1),)
    sizes = [count_slots([c]) for c in chunks]
    assert sum(sizes) == SLOTS
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("count", [3, 6, 30, 31, 108, 200, 1000])
def test_introductions_connect_all_nodes(count):
    pairs = list(mesh(count))
    assert all(a != b for a, b in pairs)
    assert len(pairs) <= (435 if count <= 30 else 5 * count)
    reached, neighbours = {0}, {i: set() for i in range(count)}
    for a, b in pairs:
        neighbours[a].add(b)
        neighbours[b].add(a)
    rounds, edge = 0, {0}
    while edge:
        edge = set().union(*(neighbours[i] for i in edge)) - reached
        reached |= edge
        rounds += 1
    assert len(reached) == count
    assert rounds <= 12, "gossip needs too many hops"


# Interrupted runs


@given(layouts(), st.data())
def test_every_prefix_of_a_creation_is_completed(layout, data):
    """Killed after any step, before or after the news have spread; then killed once more; then run to its end."""
    shards, replicas, endpoints = layout
    cluster = Cluster(endpoints)
    given_away: dict[str, tuple] = {}
    for _unused in range(2):
        plan = plan_of(cluster, shards, replicas)
        cluster.apply(plan, data.draw(st.integers(0, len(plan.steps))), gossip=data.draw(st.booleans()))
        kept = {s.endpoint.name: s.slots for s in cluster.servers if s.slots}
        assert given_away.items() <= kept.items(), "slots were moved"
        given_away = kept
    attached = {s.endpoint.name: s.master_id for s in cluster.servers if s.master_id}
    cluster.apply(plan_of(cluster, shards, replicas))
    assert not cluster.complete(shards, replicas)
    assert given_away.items() <= {s.endpoint.name: s.slots for s in cluster.servers}.items()
    assert attached.items() <= {s.endpoint.name: s.master_id for s in cluster.servers}.items(), "a replica was moved"
    assert all(s.settings == DEFAULTS for s in cluster.servers)
    assert not plan_of(cluster, shards, replicas)


@given(layouts(), st.data())
def test_any_partial_state_without_keys_is_completed_or_refused(layout, data):
    """Also states that no run of ours leaves: slots on any nodes, any replicas of theirs, any acquaintances."""
    shards, replicas, endpoints = layout
    cluster = Cluster(endpoints)
    chunks = slot_chunks(shards)
    owners = data.draw(st.permutations(cluster.servers))[: data.draw(st.integers(0, shards))]
    for server, chunk in zip(owners, data.draw(st.permutations(chunks))):
        server.slots, server.epoch = (chunk,), data.draw(st.integers(0, 9))
    for server in cluster.servers:
        if data.draw(st.booleans()):
            friend = data.draw(st.sampled_from(cluster.servers))
            if friend is not server:
                server.known.add(friend.node_id)
                friend.known.add(server.node_id)
    cluster.gossip()
    for server in cluster.servers:
        masters = [m for m in owners if m.node_id in server.known]
        if server not in owners and masters and data.draw(st.booleans()):
            master = data.draw(st.sampled_from(masters))
            server.master_id, server.epoch = master.node_id, master.epoch
    before = {s.endpoint.name: s.slots for s in owners}
    attached = Counter(s.master_id for s in cluster.servers if s.master_id)
    try:
        plan = plan_of(cluster, shards, replicas)
    except Refusal:
        return
    cluster.apply(plan)
    assert before.items() <= {s.endpoint.name: s.slots for s in cluster.servers}.items()
    found = cluster.complete(shards, replicas)
    if max(attached.values(), default=0) > replicas:
        found = [f for f in found if "replicas" not in f and "shards of" not in f]
    assert not found


# Repair


@given(layouts(st.tuples(st.integers(3, 6), st.integers(1, 3))), st.data())
def test_nodes_that_came_back_empty_join_and_nothing_else_moves(layout, data):
    shards, replicas, endpoints = layout
    cluster = formed(shards, replicas, endpoints, keys=100)
    lost = []
    for master, followers in cluster.shards():
        shard = [s.endpoint.name for s in (master, *followers)]
        lost += data.draw(st.lists(st.sampled_from(shard), unique=True, max_size=len(shard) - 1))
    cluster.wipe(lost)
    slots = {s.endpoint.name: s.slots for s in cluster.servers}
    attached = {s.endpoint.name: s.master_id for s in cluster.servers if s.master_id}
    plan = plan_of(cluster, shards, replicas)
    assert {s.node for s in plan.of(Replicate)} == set(lost)
    assert not plan.of(Tune, SetEpoch, AddSlots, Configure)
    assert len(plan.of(Forget)) == len(cluster.gone)
    cluster.apply(plan)
    assert not cluster.complete(shards, replicas)
    assert {s.endpoint.name: s.slots for s in cluster.servers} == slots
    assert attached.items() <= {s.endpoint.name: s.master_id for s in cluster.servers}.items()
    assert not plan_of(cluster, shards, replicas)


@given(regular_layouts(), st.data())
def test_a_lost_node_returns_to_a_shard_that_is_not_on_its_machine(layout, data):
    """One node of a well spread cluster is lost: only its own shard has room, and that is never on its machine."""
    shards, replicas, machines, endpoints = layout
    assume(replicas and -(-len(endpoints) // machines) <= shards)
    cluster = formed(shards, replicas, endpoints)
    cluster.wipe([data.draw(st.sampled_from(endpoints)).name])
    cluster.apply(plan_of(cluster, shards, replicas))
    assert all(most_together(cluster, "machine", e.machine) == 1 for e in endpoints)


@given(st.integers(3, 6), st.integers(0, 2), st.integers(1, 2), st.integers(2, 8))
def test_more_replicas_are_added_where_they_protect(shards, replicas, more, machines):
    cluster = formed(shards, replicas, in_turn(shards * (replicas + 1), machines))
    slots = {s.endpoint.name: s.slots for s in cluster.servers}
    attached = {s.endpoint.name: s.master_id for s in cluster.servers if s.master_id}
    count = shards * (replicas + 1 + more)
    cluster.grow(in_turn(count, machines)[len(cluster.servers) :])
    cluster.apply(plan_of(cluster, shards, replicas + more))
    assert not cluster.complete(shards, replicas + more)
    assert slots.items() <= {s.endpoint.name: s.slots for s in cluster.servers}.items()
    assert attached.items() <= {s.endpoint.name: s.master_id for s in cluster.servers}.items()


@given(layouts())
def test_moved_servers_are_only_introduced(layout):
    shards, replicas, endpoints = layout
    cluster = formed(shards, replicas, endpoints, keys=10)
    cluster.move()
    plan = plan_of(cluster, shards, replicas)
    assert {s.action for s in plan.steps} == {"meet"}
    met = {frozenset((s.node, peer)) for s in plan.steps for peer in s.peers}
    if len(endpoints) <= 30:
        assert len(met) == len(endpoints) * (len(endpoints) - 1) // 2


def test_a_moved_server_says_its_old_address_itself():
    """After a restart a server finds its former address in nodes.conf; the one it is reached at counts."""
    cluster = formed(3, 1)
    cluster.move()
    nodes = []
    for node in cluster.nodes():
        me = replace(node.peers[node.node_id], address="10.9.9.9")
        nodes.append(replace(node, peers={**node.peers, node.node_id: me}))
    assert sum(len(s.peers) for s in make_plan(wanted(3, 1), nodes).of(Meet)) == 15


def test_another_port_is_another_address():
    cluster = formed(3, 1)
    nodes = [
        replace(
            node,
            peers={
                i: p if i == node.node_id else replace(p, port=7000, connected=False) for i, p in node.peers.items()
            },
        )
        for node in cluster.nodes()
    ]
    assert sum(len(s.peers) for s in make_plan(wanted(3, 1), nodes).of(Meet)) == 15


def test_after_a_failover_nothing_is_done():
    cluster = formed(3, 1, keys=5)
    assert cluster.fail_over(cluster.servers[0])
    assert not plan_of(cluster)


def test_a_lost_connection_to_the_right_address_is_left_to_redis():
    cluster = formed(3, 1)
    nodes = cluster.nodes()
    peers = dict(nodes[0].peers)
    other = nodes[4].node_id
    peers[other] = replace(peers[other], connected=False, flags=peers[other].flags | {"fail?"})
    nodes[0] = replace(nodes[0], peers=peers)
    assert not make_plan(wanted(3, 1), nodes)


def with_replication(cluster: Cluster, name: str, link_up: bool, follows: str) -> list[Node]:
    """What the replication of one node says, beside its table."""
    return [replace(n, link_up=link_up, follows=follows) if n.name == name else n for n in cluster.nodes()]


def test_a_replica_that_connects_to_where_its_master_was_is_told_again():
    """Its table knows better, its replication was never told (redis#14633)."""
    cluster = formed(3, 1, keys=5)
    replica = next(s for s in cluster.servers if s.master_id)
    master = next(s for s in cluster.servers if s.node_id == replica.master_id)
    plan = make_plan(wanted(3, 1), with_replication(cluster, replica.endpoint.name, False, "10.9.9.9"))
    assert [s.as_dict() for s in plan.steps] == [
        {
            "action": "replicate",
            "node": replica.endpoint.name,
            "master": master.endpoint.name,
            "reason": "connects to 10.9.9.9, where its master is no longer",
        }
    ]
    cluster.apply(plan)
    assert not cluster.complete(3, 1)


@pytest.mark.parametrize(
    ("link_up", "follows"),
    [(True, "10.9.9.9"), (True, None), (False, None)],
    ids=["its link is up, so the address is right", "all is well", "its link is down, at the right address"],
)
def test_a_replica_that_needs_nothing_is_not_told_again(link_up, follows):
    cluster = formed(3, 1, keys=5)
    replica = next(s for s in cluster.servers if s.master_id)
    master = next(s for s in cluster.servers if s.node_id == replica.master_id)
    nodes = with_replication(cluster, replica.endpoint.name, link_up, follows or master.endpoint.address)
    assert not make_plan(wanted(3, 1), nodes)


def test_a_replica_is_not_told_again_before_its_table_has_an_address():
    """The introduction brings it, and Redis then tells the replication."""
    cluster = formed(3, 1, keys=5)
    replica = next(s for s in cluster.servers if s.master_id)
    nodes = []
    for node in with_replication(cluster, replica.endpoint.name, False, "10.9.9.9"):
        if node.name == replica.endpoint.name:
            unknown = replace(node.peers[replica.master_id], address="", port=0, connected=False)
            node = replace(node, peers={**node.peers, replica.master_id: unknown})  # noqa: PLW2901
        nodes.append(node)
    assert {s.action for s in make_plan(wanted(3, 1), nodes).steps} == {"meet"}


def test_replicas_at_old_addresses_are_introduced_and_told_in_one_plan():
    """All pods came back at new addresses; gossip has reached one replica, and its replication not."""
    cluster = formed(3, 1, keys=5)
    replica = next(s for s in cluster.servers if s.master_id)
    cluster.move()
    cluster.of(replica.endpoint.name).stale.clear()
    plan = make_plan(wanted(3, 1), with_replication(cluster, replica.endpoint.name, False, "10.9.9.9"))
    assert {s.action for s in plan.steps} == {"meet", "replicate"}
    assert [s.node for s in plan.of(Replicate)] == [replica.endpoint.name]
    cluster.apply(plan)
    assert not cluster.complete(3, 1)


def test_settings_that_a_killed_run_left_are_set_back():
    cluster = formed(3, 1)
    cluster.servers[2].settings["cluster-node-timeout"] = "500"
    plan = plan_of(cluster)
    assert [s.as_dict() for s in plan.steps] == [
        {
            "action": "configure",
            "node": "pod-2",
            "settings": {"cluster-node-timeout": "15000"},
            "reason": "as configured for running",
        }
    ]


@pytest.mark.parametrize(
    ("count", "tuned"), [(6, "500"), (30, "500"), (32, "2000"), (128, "2000"), (130, None)], ids=str
)
def test_temporary_timeout_by_size(count, tuned):
    plan = plan_of(Cluster(in_turn(count, 9)), count // 2, 1)
    assert {s.settings["cluster-node-timeout"] for s in plan.of(Tune)} == ({tuned} if tuned else set())


# Refusals


def without_roles() -> Cluster:
    return Cluster(in_turn(6, 3))


def keys_in_no_cluster() -> Cluster:
    cluster = without_roles()
    cluster.servers[2].keys = 7
    return cluster


def keys_in_a_member() -> Cluster:
    cluster = without_roles()
    for server in cluster.servers[2:4]:
        server.known = {s.node_id for s in cluster.servers[2:4]} - {server.node_id}
    cluster.servers[2].keys = 7
    return cluster


def two_clusters() -> Cluster:
    cluster = without_roles()
    for first, slots in ((0, (0, 99)), (3, (100, SLOTS - 1))):
        a, b = cluster.servers[first : first + 2]
        a.slots, a.keys, a.known, b.known = (slots,), 7, {b.node_id}, {a.node_id}
    return cluster


def shared_slots() -> Cluster:
    cluster = formed(3, 1)
    cluster.servers[1].slots = ((5000, 10922),)
    return cluster


def foreign_member() -> Cluster:
    cluster = formed(3, 1)
    stranger = Cluster(in_turn(7, 7)).servers[6]
    cluster.gone[stranger.node_id] = stranger
    for server in cluster.servers:
        server.known.add(stranger.node_id)
    return cluster


def lost_owner() -> Cluster:
    cluster = formed(3, 0, keys=5)
    cluster.wipe(["pod-1"])
    return cluster


def lost_owner_with_replica() -> Cluster:
    """Right after the loss: nobody has taken over yet."""
    cluster = formed(3, 1, keys=5)
    lose(cluster, "pod-1")
    return cluster


def lose(cluster: Cluster, name: str) -> None:
    """An empty server comes back in its place."""
    lost = cluster.of(name)
    cluster.servers.remove(lost)
    cluster.gone[lost.node_id] = lost
    cluster.grow([lost.endpoint])
    cluster.servers.sort(key=lambda s: s.endpoint.name)


def gap_with_keys() -> Cluster:
    cluster = formed(3, 1, keys=5)
    cluster.servers[1].slots = ()
    cluster.servers[1].keys = 0
    return cluster


def other_ranges_without_keys() -> Cluster:
    cluster = without_roles()
    cluster.servers[0].slots = ((0, 99),)
    return cluster


def stray_replica_with_keys() -> Cluster:
    """Its master serves nothing any more, another one serves those slots."""
    cluster = formed(3, 1, keys=5)
    old = cluster.of("pod-0")
    heir = next(s for s in cluster.servers if s.master_id == old.node_id)
    stray = next(s for s in cluster.servers if s.master_id and s is not heir)
    cluster.fail_over(old)
    old.master_id, old.keys = "", 0
    stray.master_id = old.node_id
    return cluster


def one_id_twice() -> Cluster:
    """A copied volume."""
    cluster = without_roles()
    cluster.servers[4].node_id = cluster.servers[1].node_id
    return cluster


REFUSALS = [
    (
        keys_in_no_cluster,
        "holds keys but serves no slots",
        ["pod-2 (10.0.0.3:6379) holds 7 keys, is in no cluster"],
        False,
    ),
    (keys_in_a_member, "holds keys but serves no slots", ["pod-2 (10.0.0.3:6379) holds 7 keys, is a member"], True),
    (
        two_clusters,
        "different Redis clusters that hold keys",
        ["cluster 0: pod-0, pod-1: 7 keys, slots 0-99", "cluster 1: pod-3, pod-4: 7 keys, slots 100-16383"],
        False,
    ),
    (
        shared_slots,
        "Slots 5000-5460 are served by two masters",
        ["pod-0 serves 0-5460", "pod-1 serves 5000-10922"],
        True,
    ),
    (
        lost_owner,
        "Slots 5461-10922 belong to a Redis node that is gone",
        ["pod-0 knows 0000"],
        True,
    ),
    (lost_owner_with_replica, "belong to a Redis node that is gone", ["with 5 keys and has not taken over"], True),
    (gap_with_keys, "Slots 5461-10922 have no master", ["pod-0 holds 5 keys, serves 0-5460"], True),
    (other_ranges_without_keys, "this is not a cluster that was being created", ["pod-0 serves 0-99"], False),
    (stray_replica_with_keys, "is a replica of a node that serves no slots, and holds keys", ["holds 5 keys"], True),
    (one_id_twice, "same", ["pod-1", "pod-4"], False),
]


@pytest.mark.parametrize(("state", "message", "evidence", "transient"), REFUSALS, ids=[r[0].__name__ for r in REFUSALS])
def test_refusals_show_their_evidence(state, message, evidence, transient):
    cluster = state()
    shards = 3
    with pytest.raises(Refusal) as caught:
        plan_of(cluster, shards, len(cluster.servers) // shards - 1)
    assert message in caught.value.message
    found = "\n".join(caught.value.found)
    assert all(text in found for text in evidence), found
    assert caught.value.transient is transient
    assert caught.value.advice


def one_master_with_everything() -> Cluster:
    cluster = without_roles()
    cluster.servers[0].slots, cluster.servers[0].keys = ((0, SLOTS - 1),), 7
    return cluster


def four_shards() -> Cluster:
    return formed(4, 2, keys=5)


NEXT_STEPS = [
    (one_id_twice, "an empty one and run again: it then joins as a new node"),
    (
        lost_owner,
        "bring its volume back, the one whose nodes.conf calls 0000000000000000000000000000000000000002 myself, ",
    ),
    (lost_owner, "to its node (one of those without a role: pod-1), and run again"),
    (lost_owner_with_replica, "volume of the lost node is gone for good, send CLUSTER FAILOVER TAKEOVER to pod-"),
    (keys_in_no_cluster, "Save its keys (redis-cli --rdb FILE)"),
    (two_clusters, "Give these pods the right ones and run again"),
    (shared_slots, "give the one that is wrong here its own or an empty volume, and run again"),
    (four_shards, "Set shards (redis_cluster_shards) to 4, which is what runs, and run again"),
    (one_master_with_everything, "Save the keys (redis-cli --rdb FILE), give these nodes empty volumes, and run again"),
    (gap_with_keys, "back to its node (one of those without a role: pod-1), and run again"),
    (
        other_ranges_without_keys,
        "Set shards (redis_cluster_shards) to what the interrupted run was given, and run again",
    ),
    (stray_replica_with_keys, "save its keys (redis-cli --rdb FILE), give it an empty volume, and run again"),
]


@pytest.mark.parametrize(("state", "step"), NEXT_STEPS, ids=[r[0].__name__ for r in NEXT_STEPS])
def test_refusals_say_the_next_step(state, step):
    cluster = state()
    with pytest.raises(Refusal) as caught:
        plan_of(cluster, 3, len(cluster.servers) // 3 - 1)
    assert step in caught.value.advice


def test_the_replica_that_has_most_takes_over():
    cluster = lost_owner_with_replica()
    (node_id,) = cluster.gone
    heir = next(s for s in cluster.servers if s.master_id == node_id)
    other = next(s for s in cluster.servers if s.master_id and s is not heir)
    other.master_id = node_id
    ahead = {heir.endpoint.name: 1000, other.endpoint.name: 2000}
    nodes = [replace(n, offset=ahead.get(n.name, 0)) for n in as_noaddr(cluster, node_id)]
    assert [s.node for s in make_plan(wanted(3, 1), nodes).of(FailOver)] == [other.endpoint.name]


def as_noaddr(cluster: Cluster, node_id: str) -> list[Node]:
    """An empty server answers at the address of the lost one, which Redis then knows no address for."""
    return without_address(cluster.nodes(), node_id)


def without_address(nodes: list[Node], node_id: str) -> list[Node]:
    lost = {"address": "", "port": 0, "connected": False, "flags": frozenset({"master", "noaddr"})}
    return [replace(n, peers={i: replace(p, **lost) if i == node_id else p for i, p in n.peers.items()}) for n in nodes]


def test_a_replica_of_a_lost_master_without_address_takes_over():
    """Redis does not mark it as failing, so no replica stands for election by itself."""
    cluster = lost_owner_with_replica()
    (node_id,) = cluster.gone
    heir = next(s for s in cluster.servers if s.master_id == node_id)
    plan = make_plan(wanted(3, 1), as_noaddr(cluster, node_id))
    reason = f"has the keys of {node_id}, which is gone with slots 5461-10922"
    assert plan.steps[0].text() == f"{heir.endpoint.name}: CLUSTER FAILOVER FORCE  # {reason}"
    assert {s.action for s in plan.steps} == {"fail_over", "meet", "replicate", "forget"}
    cluster.apply(plan)
    assert not cluster.complete(3, 1)
    assert not plan_of(cluster, 3, 1)


def test_two_lost_masters_of_three_have_nobody_to_elect_their_replicas():
    cluster = formed(3, 1, keys=5)
    for server in [s for s in cluster.servers if s.slots][:2]:
        lose(cluster, server.endpoint.name)
    nodes = cluster.nodes()
    for node_id in cluster.gone:
        nodes = without_address(nodes, node_id)
    with pytest.raises(Refusal) as caught:
        make_plan(wanted(3, 1), nodes)
    assert not caught.value.transient
    assert "Too few masters are left" in caught.value.advice
    assert "CLUSTER FAILOVER TAKEOVER to pod-" in caught.value.advice


def test_a_lost_master_without_address_whose_replica_is_empty_is_waited_for():
    cluster = lost_owner_with_replica()
    (node_id,) = cluster.gone
    next(s for s in cluster.servers if s.master_id == node_id).keys = 0
    with pytest.raises(Refusal) as caught:
        make_plan(wanted(3, 1), as_noaddr(cluster, node_id))
    assert caught.value.transient
    assert "TAKEOVER" not in caught.value.advice


def test_a_live_member_of_another_deployment_is_refused():
    nodes = formed(3, 1).nodes()
    stranger = Peer("f" * 40, "10.7.7.7", 6379, frozenset({"master"}), "", 9, True, ())
    nodes[5] = replace(nodes[5], peers={**nodes[5].peers, stranger.node_id: stranger})
    with pytest.raises(Refusal) as caught:
        make_plan(wanted(3, 1), nodes)
    assert "does not belong to this deployment" in caught.value.message
    assert "find out whose node is at 10.7.7.7:6379, stop it, and run again" in caught.value.advice
    assert caught.value.found == (f"pod-5 knows {'f' * 40} at 10.7.7.7:6379, connected, a master, slots none",)
    assert caught.value.transient


def test_a_dead_member_without_slots_is_forgotten():
    plan = plan_of(foreign_member())
    assert [s.action for s in plan.steps] == ["forget"]


def test_a_stranger_that_one_node_still_sees_alive_is_not_forgotten():
    nodes = foreign_member().nodes()
    stranger = next(i for i in nodes[0].peers if i not in {n.node_id for n in nodes})
    alive = replace(nodes[3].peers[stranger], connected=True, flags=frozenset({"slave"}))
    nodes[3] = replace(nodes[3], peers={**nodes[3].peers, stranger: alive})
    with pytest.raises(Refusal):
        make_plan(wanted(3, 1), nodes)


@pytest.mark.parametrize("shards", [4, 6])
def test_another_number_of_masters_is_refused(shards):
    count = shards * (12 // shards)
    cluster = formed(3, 3)
    assert count == len(cluster.servers)
    with pytest.raises(Refusal) as caught:
        plan_of(cluster, shards, 12 // shards - 1)
    assert caught.value.message == f"The cluster has 3 masters with slots, {shards} shards are asked for."
    assert len(caught.value.found) == 3
    assert not caught.value.transient


def test_handshakes_count_as_nobody():
    """A MEET that came to nothing leaves a nameless node behind for a while."""
    cluster = without_roles()
    nodes = cluster.nodes()
    ghost = Peer("a" * 40, "10.3.3.3", 6379, frozenset({"handshake"}), "", 0, False, ())
    nodes[0] = replace(nodes[0], peers={**nodes[0].peers, ghost.node_id: ghost})
    assert len(make_plan(wanted(3, 1), nodes).of(AddSlots)) == 3


# A shard that has more replicas than it needs, as after Redis has moved one (cluster-migration-barrier)


def crowded(links: dict[str, bool]) -> tuple[Cluster, list[Node]]:
    """Three shards of one replica each, but that of the second has moved to the first. ``links``: are they up?"""
    cluster = formed(3, 1, keys=5)
    (first, (own,)), (_second, (moved,)), _third = cluster.shards()
    moved.master_id = first.node_id
    by_role = {"own": own.endpoint.name, "moved": moved.endpoint.name}
    up = {by_role[role]: link for role, link in links.items()}
    there = {"follows": first.endpoint.address}
    nodes = [replace(n, link_up=up[n.name], **there) if n.name in up else n for n in cluster.nodes()]
    return cluster, nodes


def test_a_surplus_replica_goes_where_one_is_missing():
    cluster, nodes = crowded({"own": True, "moved": True})
    _first, (second, _none), _third = cluster.shards()
    plan = make_plan(wanted(3, 1), nodes)
    (step,) = plan.of(Replicate)
    assert step.master == second.endpoint.name
    cluster.apply(plan)
    assert not cluster.complete(3, 1)


def test_a_surplus_replica_whose_link_is_down_is_not_moved():
    """It is copying, or cannot: to send it elsewhere is to begin anew."""
    _cluster, nodes = crowded({"own": False, "moved": False})
    assert not make_plan(wanted(3, 1), nodes).of(Replicate, Meet)


def test_of_a_surplus_the_one_in_sync_is_moved_only():
    """Never the one that is still copying, whatever is missing elsewhere."""
    for links in ({"own": False, "moved": True}, {"own": True, "moved": False}):
        _cluster, nodes = crowded(links)
        moved = [step.node for step in make_plan(wanted(3, 1), nodes).of(Replicate)]
        down = [n.name for n in nodes if not n.link_up]
        assert not set(moved) & set(down)


def test_a_surplus_replica_that_is_away_is_not_moved():
    _cluster, nodes = crowded({"own": False, "moved": False})
    nodes = [replace(n, away="away") if not n.link_up else n for n in nodes]
    assert not make_plan(wanted(3, 1), nodes).steps
