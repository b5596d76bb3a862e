# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The volume plan: tables for what it says, properties for what it promises."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.volume_plan import VolumePlanError, plan_volumes

STORAGE = {"type": "local", "size": "1Gi", "path": "/srv/redis"}


def machines(count: int, zones: int = 0) -> list[dict[str, str]]:
    return [
        {"name": f"worker{i + 1}", "node": f"node-{i + 1}", "zone": f"zone-{i % zones}" if zones else ""}
        for i in range(count)
    ]


def plan(pods: int, hosts: list[dict[str, str]], existing=(), **options):
    storage = options.pop("storage", STORAGE)
    return plan_volumes(
        storage, name="orders", namespace="shop", pods=pods, machines=hosts, existing=existing, **options
    )


def as_existing(volumes):
    return [{"pod": v.pod, "type": v.type, "node": v.node, "server": v.server, "path": v.path} for v in volumes]


def old(pod, node="n", path="/p", kind="local", server=""):
    return {"pod": pod, "type": kind, "node": node, "server": server, "path": path}


def test_names_and_round_robin():
    volumes = plan(4, machines(3))
    assert [v.machine for v in volumes] == ["worker1", "worker2", "worker3", "worker1"]
    first = volumes[0]
    assert (first.ordinal, first.pod, first.claim, first.volume) == (0, "orders-0", "data-orders-0", "shop.orders-0")
    assert (first.node, first.path, first.size) == ("node-1", "/srv/redis/shop.orders-0", "1Gi")


def test_worker_10_comes_after_worker_2():
    hosts = [{"name": f"worker{i}"} for i in (10, 2, 1)]
    assert [v.machine for v in plan(3, hosts)] == ["worker1", "worker2", "worker10"]


def test_node_defaults_to_the_machine_name():
    assert plan(1, [{"name": "worker1"}])[0].node == "worker1"


def test_zones_before_machines():
    hosts = [
        {"name": "a1", "zone": "a"},
        {"name": "a2", "zone": "a"},
        {"name": "a3", "zone": "a"},
        {"name": "b1", "zone": "b"},
    ]
    assert Counter(v.zone for v in plan(6, hosts)) == {"a": 3, "b": 3}


def test_a_volume_on_a_machine_that_left_the_inventory_stays():
    existing = [old("orders-1", "gone", "/old/place")]
    volumes = plan(3, machines(2), existing)
    assert (volumes[1].machine, volumes[1].node, volumes[1].path) == ("", "gone", "/old/place")
    assert {volumes[0].machine, volumes[2].machine} == {"worker1", "worker2"}


def test_volumes_beyond_the_asked_pods_count_as_load():
    before = as_existing(plan(6, machines(3)))
    after = plan(2, machines(3), before)
    assert as_existing(after) == before[:2]


def test_new_machine_takes_the_new_volumes_but_not_both_of_one_shard():
    before = as_existing(plan(6, machines(3)))
    added = plan(8, machines(4), before)[6:]
    assert added[0].machine == "worker4"
    assert added[1].machine != "worker4"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "nfs4"}, ["storage.type", "'nfs4'", "local"]),
        ({"type": None}, ["storage.type", "None", "local"]),
        ({"size": "10"}, ["storage.size", "'10'", "Gi", "8Gi"]),
        ({"size": 10}, ["storage.size", "10", "unit"]),
        ({"size": "0Gi"}, ["storage.size", "'0Gi'"]),
        ({"size": "1 Gi"}, ["storage.size"]),
        ({"size": "1GB"}, ["storage.size"]),
        ({"path": "srv/redis"}, ["storage.path", "absolute"]),
        ({"path": "/"}, ["storage.path"]),
        ({"path": "/srv/../etc"}, ["storage.path"]),
        ({"path": None}, ["storage.path"]),
        ({"path": "/srv/with space"}, ["storage.path"]),
        ({"volumes_per_host": 0}, ["storage.volumes_per_host", "0", "from 1"]),
        ({"volumes_per_host": True}, ["storage.volumes_per_host"]),
        ({"volumes_per_host": 1}, ["storage.volumes_per_host is 1", "3 machines", "6 more are needed", "6 pods"]),
    ],
)
def test_bad_storage_names_variable_value_and_allowed(change, words):
    with pytest.raises(VolumePlanError) as error:
        plan(6, machines(3), storage={**STORAGE, **change})
    for word in words:
        assert word in str(error.value)


def test_messages_use_the_given_variable_name():
    with pytest.raises(VolumePlanError, match=r"redis_cluster_storage\.size"):
        plan(1, machines(1), storage={**STORAGE, "size": "1"}, variable="redis_cluster_storage")


@pytest.mark.parametrize(
    ("hosts", "match"),
    [
        ([], "storage.hosts is empty"),
        ([{"name": "a"}, {"name": "a", "node": "b"}], "same machine more than once: a"),
        ([{"name": "a", "node": "n"}, {"name": "b", "node": "n"}], "same Kubernetes node more than once: n"),
    ],
)
def test_bad_machines(hosts, match):
    with pytest.raises(VolumePlanError, match=match):
        plan(1, hosts)


def test_no_pods():
    with pytest.raises(VolumePlanError, match="0 pods"):
        plan(0, machines(1))


@pytest.mark.parametrize(
    ("existing", "match"),
    [
        ([old("other-0")], "other-0"),
        ([old("orders-01")], "orders-01"),
        ([old("orders-0", n) for n in "ab"], "two volumes, on a and b"),
        ([old("orders-0", kind="hostpath")], "type is local, and volumes of type hostpath exist: orders-0"),
    ],
)
def test_bad_existing(existing, match):
    with pytest.raises(VolumePlanError, match=match):
        plan(1, machines(1), existing)


def test_room_counts_existing_volumes():
    before = as_existing(plan(3, machines(3)))
    full = {**STORAGE, "volumes_per_host": 1}
    assert as_existing(plan(3, machines(3), before, storage=full)) == before
    assert plan(4, machines(4), before, storage=full)[3].machine == "worker4"
    with pytest.raises(VolumePlanError, match="room for 0 more volumes, but 1 more"):
        plan(4, machines(3), before, storage=full)


counts = st.integers(1, 40)
fleets = st.builds(machines, st.integers(1, 12), st.integers(0, 4))
spreads = st.integers(1, 4)


@given(pods=counts, hosts=fleets, spread=spreads, data=st.data())
def test_deterministic_in_any_order_of_machines(pods, hosts, spread, data):
    shuffled = data.draw(st.permutations(hosts))
    assert plan(pods, hosts, spread=spread) == plan(pods, shuffled, spread=spread)


@given(pods=counts, hosts=fleets, spread=spreads)
def test_own_output_is_a_fixed_point(pods, hosts, spread):
    volumes = plan(pods, hosts, spread=spread)
    again = plan(pods, hosts, as_existing(volumes), spread=spread)
    assert [replace(v, exists=True) for v in volumes] == again
    assert not any(v.exists for v in volumes)


@given(
    pods=counts,
    more_pods=st.integers(0, 10),
    hosts=st.integers(1, 8),
    more_hosts=st.integers(0, 4),
    zones=st.integers(0, 3),
)
def test_growth_moves_nothing(pods, more_pods, hosts, more_hosts, zones):
    before = as_existing(plan(pods, machines(hosts, zones)))
    after = plan(pods + more_pods, machines(hosts + more_hosts, zones), before)
    assert as_existing(after)[:pods] == before


@given(pods=counts, per_zone=st.integers(1, 4), zones=st.integers(1, 4), spread=spreads)
def test_even_zones_give_even_machines(pods, per_zone, zones, spread):
    hosts = machines(per_zone * zones, zones)
    volumes = plan(pods, hosts, spread=spread)
    load = Counter({m["name"]: 0 for m in hosts})
    load.update(v.machine for v in volumes)
    assert max(load.values()) - min(load.values()) <= 1
    in_zone = Counter(v.zone for v in volumes)
    if pods >= zones:
        assert max(in_zone.values()) - min(in_zone[m["zone"]] for m in hosts) <= 1


@given(pods=counts, hosts=st.lists(st.sampled_from("abc"), min_size=2, max_size=9))
def test_uneven_zones_are_filled_evenly(pods, hosts):
    fleet = [{"name": f"m{i}", "zone": zone} for i, zone in enumerate(hosts)]
    in_zone = Counter(dict.fromkeys(hosts, 0))
    in_zone.update(v.zone for v in plan(pods, fleet))
    assert max(in_zone.values()) - min(in_zone.values()) <= 1


@given(pods=counts, more=st.integers(1, 10), hosts=fleets, added=st.integers(0, 3), spread=st.integers(2, 4))
def test_neighbours_lie_on_different_machines(pods, more, hosts, added, spread):
    before = as_existing(plan(pods, hosts, spread=spread))
    fleet = hosts + [{"name": f"new{i}", "zone": ""} for i in range(added)]
    after = plan(pods + more, fleet, before, spread=spread)
    width = min(spread, len(hosts))
    for start in range(len(after) - width + 1):
        nodes = [v.node for v in after[start : start + width]]
        assert len(set(nodes)) == width


@given(pods=counts, hosts=fleets)
def test_names_and_paths_are_unique(pods, hosts):
    volumes = plan(pods, hosts)
    assert len({v.volume for v in volumes}) == pods
    assert len({v.claim for v in volumes}) == pods
    assert len({(v.node, v.path) for v in volumes}) == pods


@given(limit=st.integers(1, 5), hosts=st.integers(1, 8), zones=st.integers(0, 3), data=st.data())
def test_the_limit_holds_and_the_fleet_can_be_filled(limit, hosts, zones, data):
    pods = data.draw(st.integers(1, limit * hosts))
    volumes = plan(pods, machines(hosts, zones), storage={**STORAGE, "volumes_per_host": limit})
    assert max(Counter(v.machine for v in volumes).values()) <= limit


NFS = {"type": "nfs", "size": "1Gi", "path": "/exports/", "server": "nfs1"}
SERVER = {"name": "nfs1", "address": "192.0.2.9"}


def test_one_export_for_each_pod():
    first, second = plan(2, [], storage=NFS, server=SERVER)
    assert (first.machine, first.server, first.node) == ("nfs1", "192.0.2.9", "")
    assert (first.path, first.export) == ("/exports/shop.orders-0", "/exports/shop.orders-0")
    assert (second.volume, second.claim) == ("shop.orders-1", "data-orders-1")


def test_one_export_for_all_pods():
    rows = plan(2, [], storage={**NFS, "type": "nfs_shared"}, server=SERVER)
    assert {(v.volume, v.claim, v.export) for v in rows} == {("shop.orders", "data-orders", "/exports/shop.orders")}
    assert [v.path for v in rows] == ["/exports/shop.orders/orders-0", "/exports/shop.orders/orders-1"]


def test_a_server_that_is_no_machine():
    (row,) = plan(1, [], storage={**NFS, "server": "files.example.org"})
    assert (row.machine, row.server) == ("", "files.example.org")


@pytest.mark.parametrize("kind", ["emptydir", "storageclass"])
def test_nothing_to_plan(kind):
    assert plan(3, [], storage={"type": kind}) == []


def test_exports_that_exist_stay_where_they_are():
    existing = [old("orders-0", "", "/old/place", "nfs", "192.0.2.9")]
    first, second = plan(2, [], existing, storage=NFS, server=SERVER)
    assert (first.path, first.export, first.exists) == ("/old/place", "/old/place", True)
    assert (second.path, second.exists) == ("/exports/shop.orders-1", False)
    shared = [old("orders", "", "/old/place", "nfs_shared", "192.0.2.9")]
    (row,) = plan(1, [], shared, storage={**NFS, "type": "nfs_shared"}, server=SERVER)
    assert (row.export, row.path, row.exists) == ("/old/place", "/old/place/orders-0", True)


def test_volumes_do_not_change_their_server():
    existing = [old("orders-0", "", "/old/place", "nfs", "192.0.2.7")]
    with pytest.raises(VolumePlanError, match=r"server is nfs1 \(address 192.0.2.9\), and .* exist on 192.0.2.7"):
        plan(1, [], existing, storage=NFS, server=SERVER)


@pytest.mark.parametrize(
    ("kind", "size", "claimed", "match"),
    [
        ("local", "1Gi", "2Gi", "cannot become smaller"),
        ("local", "1Gi", "1024Mi", None),
        ("local", "2Gi", "1Gi", None),
        ("storageclass", "2Gi", "1Gi", "a StatefulSet cannot change"),
        ("storageclass", "1Gi", "1Gi", None),
        ("emptydir", "1Gi", "2Gi", None),
    ],
)
def test_size_of_a_running_deployment(kind, size, claimed, match):
    storage = {**STORAGE, "type": kind, "size": size}
    if match is None:
        plan(1, machines(1), storage=storage, claimed=claimed)
        return
    with pytest.raises(VolumePlanError, match=match):
        plan(1, machines(1), storage=storage, claimed=claimed)


def test_all_problems_of_the_storage_at_once():
    with pytest.raises(VolumePlanError) as error:
        plan(1, machines(1), storage={**STORAGE, "size": "1", "path": "x", "reclaim_policy": "Recycle"})
    assert len(error.value.problems) == 3
