# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Persistent volumes in all shapes that people and controllers leave them in."""

from __future__ import annotations

import copy

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live_volumes import (
    existing_volumes,
    released_volumes,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.volume_plan import VolumePlanError, plan_volumes

NODES = [{"metadata": {"name": "n1", "labels": {"kubernetes.io/hostname": "h1"}}}, {"metadata": {"name": "bare"}}]


def pinned(*hosts, key="kubernetes.io/hostname"):
    return {"matchExpressions": [{"key": key, "operator": "In", "values": list(hosts)}]}


ZONE = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}
VOLUME = {
    "metadata": {"name": "shop.orders-0", "annotations": {"slotwise.redis/incarnation": "one"}},
    "spec": {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "claimRef": {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": "data-orders-0", "uid": "u"},
        "local": {"path": "/srv/redis/shop.orders-0"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [pinned("h1")]}},
    },
    "status": {"phase": "Bound"},
}
ROW = {
    "pod": "orders-0",
    "type": "local",
    "node": "n1",
    "server": "",
    "path": "/srv/redis/shop.orders-0",
    "incarnation": "one",
    "fault": "",
}


def volume(drop=(), metadata=None, **spec):
    made = copy.deepcopy(VOLUME)
    made["metadata"].update(metadata or {})
    made["spec"].update(spec)
    for key in drop:
        del made["spec"][key]
    return made


def terms(*them):
    return {"nodeAffinity": {"required": {"nodeSelectorTerms": list(them)}}}


NFS = {"server": "192.0.2.9", "path": "/srv/nfs/shop.orders-0"}
UNDERSTOOD = {
    "as we make it": (volume(), {}),
    "claimRef null": (volume(claimRef=None), {}),
    "claimRef missing": (volume(drop=["claimRef"]), {}),
    "claimRef empty": (volume(claimRef={}), {}),
    "claimRef with a uid only": (volume(claimRef={"uid": "u"}), {}),
    "no capacity": (volume(drop=["capacity"]), {}),
    "no status": ({key: VOLUME[key] for key in ("metadata", "spec")}, {}),
    "no annotations": (volume(metadata={"annotations": None}), {"incarnation": ""}),
    "another name": (volume(metadata={"name": "by-hand"}), {}),
    "a zone before the machine": (
        volume(**terms({"matchExpressions": [ZONE, *pinned("h1")["matchExpressions"]]})),
        {},
    ),
    "one machine twice": (volume(**terms(pinned("h1"), pinned("h1"))), {}),
    "a node that is gone": (volume(**terms(pinned("h9"))), {"node": "h9"}),
    "hostpath": (volume(drop=["local"], hostPath={"path": "/p", "type": ""}), {"type": "hostpath", "path": "/p"}),
    "nfs": (
        volume(drop=["local", "nodeAffinity"], nfs=NFS),
        {"type": "nfs", "node": "", "server": "192.0.2.9", "path": NFS["path"]},
    ),
    "nfs_shared without a claim": (
        volume(drop=["local", "nodeAffinity", "claimRef"], nfs=NFS, metadata={"name": "shop.orders"}),
        {"pod": "orders", "type": "nfs_shared", "node": "", "server": "192.0.2.9", "path": NFS["path"]},
    ),
}


@pytest.mark.parametrize("case", UNDERSTOOD)
def test_understood(case):
    found, different = UNDERSTOOD[case]
    assert existing_volumes([found], NODES, "orders", "shop") == [{**ROW, **different}]


REFUSED = {
    "another shape": (volume(drop=["local"], csi={"driver": "d", "volumeHandle": "h"}), "is of type csi"),
    "no shape": (volume(drop=["local"]), "is of type unknown"),
    "nothing at all": ({"metadata": {"name": "shop.orders-0"}}, "is of type unknown"),
    "nobody's": (volume(drop=["claimRef"], metadata={"name": "by-hand"}), "neither its name nor its claim says"),
    "bound by the claim of another pod": (
        volume(claimRef={"namespace": "shop", "name": "data-orders-1"}),
        "is for claim shop/data-orders-0 and is bound to shop/data-orders-1",
    ),
    "bound by the claim of others": (
        volume(claimRef={"namespace": "blog", "name": "data-orders-0"}),
        "is bound to blog/data-orders-0",
    ),
    "no machine": (volume(drop=["nodeAffinity"]), "does not say on which machine it lies"),
    "affinity null": (volume(nodeAffinity=None), "does not say on which machine it lies"),
    "no term": (volume(**terms()), "does not say on which machine it lies"),
    "another key": (volume(**terms({"matchExpressions": [ZONE]})), "does not say on which machine it lies"),
    "fields": (volume(**terms({"matchFields": [ZONE]})), "does not say on which machine it lies"),
    "several machines": (volume(**terms(pinned("h1"), pinned("h2"))), "does not say on which machine it lies"),
    "one of several": (volume(**terms(pinned("h1", "h2"))), "does not say on which machine it lies"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_words(case):
    found, words = REFUSED[case]
    rows = existing_volumes([found], NODES, "orders", "shop")
    with pytest.raises(VolumePlanError, match=f"PersistentVolume {found['metadata']['name']} .*{words}"):
        plan_volumes(
            {"type": "local"}, name="orders", namespace="shop", pods=1, machines=[{"name": "n1"}], existing=rows
        )


def test_a_volume_without_its_claim_keeps_its_place():
    rows = existing_volumes([volume(claimRef=None)], NODES, "orders", "shop")
    machines = [{"name": "a"}, {"name": "n1"}]
    (row,) = plan_volumes({"type": "local"}, name="orders", namespace="shop", pods=1, machines=machines, existing=rows)
    assert (row.machine, row.path, row.exists, row.incarnation) == ("n1", ROW["path"], True, "one")


@pytest.mark.parametrize(
    ("found", "place"),
    [
        (volume(), "/srv/redis/shop.orders-0 on h1"),
        (volume(drop=["local", "nodeAffinity"], nfs=NFS), "/srv/nfs/shop.orders-0 on 192.0.2.9"),
        (volume(drop=["local"], csi={"driver": "d"}), "unknown place on h1"),
        (volume(drop=["nodeAffinity"]), "/srv/redis/shop.orders-0 on unknown machine"),
    ],
)
@pytest.mark.parametrize("phase", ["Released", "Failed"])
def test_released(found, place, phase):
    assert released_volumes([{**found, "status": {"phase": phase}}]) == [{"volume": "shop.orders-0", "place": place}]


@pytest.mark.parametrize(
    "found",
    [
        {**volume(), "status": {}},
        {key: VOLUME[key] for key in ("metadata", "spec")},
        {**volume(claimRef=None), "status": {"phase": "Released"}},
    ],
)
def test_not_released(found):
    assert released_volumes([found]) == []
