# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Storage of one deployment in that of another, by their plans."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.places import place_problems
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.volume_plan import plan_volumes

ADDRESSES = {"w1": ["w1", "192.0.2.11"], "w2": ["w2", "192.0.2.12"], "alias": ["alias", "192.0.2.11"]}


def plan(name, path, *, state="present", delete_data=False, namespace="x", machines=("w1",), **storage):
    settings = {"type": "local", "path": path, **storage}
    server = {"name": storage.get("server", "") if storage.get("server") in ADDRESSES else ""}
    server["address"] = ADDRESSES.get(server["name"], ["", storage.get("server", "")])[1]
    rows = plan_volumes(
        settings,
        name=name,
        namespace=namespace,
        pods=2,
        machines=[{"name": machine} for machine in machines],
        server=server,
        kubernetes="k",
    )
    return {
        "name": name,
        "namespace": namespace,
        "state": state,
        "delete_data": delete_data,
        "volumes": [{**asdict(row), "exists": state == "absent"} for row in rows],
    }


def on_nfs(name, path, kind="nfs", server="w1", **more):
    return plan(name, path, type=kind, server=server, **more)


C1 = plan("c1", "/srv/x")
INSIDE = {
    "in a volume of another deployment": plan("c2", "/srv/x/x.c1-0"),
    "with other slashes": plan("c2", "/srv/x/x.c1-0/"),
    "deeper": plan("c2", "/srv/x/x.c1-1/a/b"),
    "hostpath": plan("c2", "/srv/x/x.c1-0", type="hostpath"),
    "an export of the same machine": on_nfs("c2", "/srv/x/x.c1-0"),
    "a shared export of the same machine": on_nfs("c2", "/srv/x/x.c1-0", "nfs_shared"),
    "an export by its address": on_nfs("c2", "/srv/x/x.c1-0", server="192.0.2.11"),
    "another name of the same machine": plan("c2", "/srv/x/x.c1-0", machines=["alias"]),
}


@pytest.mark.parametrize("case", INSIDE)
@pytest.mark.parametrize("turned", [False, True])
def test_inside(case, turned):
    plans = [C1, INSIDE[case]]
    found = place_problems(reversed(plans) if turned else plans, ADDRESSES)
    assert found
    for item in found:
        assert item["deployments"] == ["x/c1", "x/c2"]
        assert "lies in /srv/x/x.c1-" in item["problem"]
        assert "of deployment c1 in namespace x: what removes one" in item["problem"]
        assert "of deployment c2 in namespace x lies in" in item["problem"]


BESIDE = {
    "the same path": plan("c2", "/srv/x"),
    "below the same path": plan("c2", "/srv/x/c2"),
    "a name that begins alike": plan("c2", "/srv/x/x.c1-00"),
    "another machine": plan("c2", "/srv/x/x.c1-0", machines=["w2"]),
    "another server": on_nfs("c2", "/srv/x/x.c1-0", server="192.0.2.99"),
    "one that never was, and goes": {
        **(gone := plan("c2", "/srv/x/x.c1-0", state="absent")),
        "volumes": [{**row, "exists": False} for row in gone["volumes"]],
    },
    "one that goes with its data": plan("c2", "/srv/x/x.c1-0", state="absent", delete_data=True),
    "itself": C1,
}


@pytest.mark.parametrize("case", BESIDE)
def test_beside(case):
    assert place_problems([C1, BESIDE[case]], ADDRESSES) == []


def test_what_goes_with_the_data_of_another_one_in_it_is_refused():
    goes = plan("c1", "/srv/x", state="absent", delete_data=True)
    assert place_problems([goes, plan("c2", "/srv/x/x.c1-0")], ADDRESSES)
    stays = plan("c2", "/srv/x/x.c1-0", state="absent")
    assert place_problems([C1, stays], ADDRESSES)


def test_a_shared_export_holds_its_own_pods():
    shared = on_nfs("c1", "/srv/x", "nfs_shared")
    assert place_problems([shared], ADDRESSES) == []
    assert place_problems([shared, plan("c2", "/srv/x/x.c1")], ADDRESSES)
    assert place_problems([shared, plan("c2", "/srv/x/x.c1/c1-0")], ADDRESSES)


def test_volumes_of_one_deployment_in_each_other():
    """The path was changed after the first volume was made."""
    grown = {**C1, "volumes": [C1["volumes"][0], {**C1["volumes"][1], "path": "/srv/x/x.c1-0/x.c1-1"}]}
    (found,) = place_problems([grown], ADDRESSES)
    assert found["deployments"] == ["x/c1"]


def test_the_same_place_twice():
    other = {**plan("c2", "/srv/x"), "volumes": [{**C1["volumes"][0], "deployment": "c2", "pod": "c2-0"}]}
    (found,) = place_problems([C1, other], ADDRESSES)
    assert "/srv/x/x.c1-0 of pod c2-0 of deployment c2 in namespace x is the same as /srv/x/x.c1-0" in found["problem"]
