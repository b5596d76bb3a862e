# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose data is in a directory: by the volume, the marker, and what Kubernetes has of the deployment."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.incarnation import decide

HERE, BEFORE = "k-here", "k-before"


def row(number=0, exists=False, incarnation="", machine="w1"):
    pod = f"orders-{number}"
    return {
        "deployment": "orders",
        "namespace": "shop",
        "pod": pod,
        "volume": f"shop.{pod}",
        "machine": machine,
        "path": f"/srv/{pod}",
        "exists": exists,
        "incarnation": incarnation,
        "kubernetes": HERE,
        "adopt": False,
    }


def see(number=0, incarnation="", kubernetes="", *, empty=False, deployment="orders", machine="w1"):
    pod = f"orders-{number}"
    owner = {
        "deployment": deployment,
        "namespace": "shop",
        "pod": pod,
        "incarnation": incarnation,
        "kubernetes": kubernetes,
    }
    path = f"/srv/{pod}"
    return {"machine": machine, "path": path, "owner": owner, "empty": empty, "summary": f"{path}: 5 files"}


NOTHING = {"machine": "w1", "path": "/srv/orders-1", "owner": {}, "empty": True, "summary": "does not exist"}


def choose(rows, seen, deployed=False, adopt=False):
    return decide(rows, seen, deployed=deployed, fresh="fresh", adopt=adopt)


def ids(decision):
    return [item["incarnation"] for item in decision.volumes]


# rows, directories, whether Kubernetes has more of the deployment, incarnations of the volumes
TAKEN = {
    "first deployment": ([row(0), row(1)], [see(0, empty=True), NOTHING], False, ["fresh", "fresh"]),
    "first deployment, killed before its volumes": (
        [row(0), row(1)],
        [see(0, "old", HERE, empty=True), NOTHING],
        True,
        ["fresh", "fresh"],
    ),
    "more pods": ([row(0, True, "one"), row(1)], [NOTHING], True, ["one", "one"]),
    "made by 078c11e": ([row(0, True), row(1, True)], [see(0), see(1)], True, ["fresh", "fresh"]),
    "made by 078c11e, marked before the run was killed": (
        [row(0, True), row(1, True)],
        [see(0), see(1, "one", HERE)],
        True,
        ["one", "one"],
    ),
    "made by 078c11e, one volume annotated": (
        [row(0, True), row(1, True, "one")],
        [see(0)],
        True,
        ["one", "one"],
    ),
    "Kubernetes made anew": (
        [row(0), row(1)],
        [see(0, "one", BEFORE), see(1, "one", BEFORE)],
        False,
        ["one", "one"],
    ),
    "Kubernetes made anew, made by 078c11e": ([row(0), row(1)], [see(0), see(1)], False, ["fresh", "fresh"]),
    "made anew, killed before some volumes": (
        [row(0, True, "one"), row(1, True, "one")],
        [],
        True,
        ["one", "one"],
    ),
    "nobody looked": ([row(0), row(1, True)], [], True, ["", ""]),
    "of others, which is refused elsewhere": ([row(0)], [see(0, "x", HERE, deployment="carts")], False, ["fresh"]),
}


@pytest.mark.parametrize("case", TAKEN)
def test_taken(case):
    rows, seen, deployed, incarnations = TAKEN[case]
    decision = choose(rows, seen, deployed)
    assert decision.problems == []
    assert ids(decision) == incarnations


REFUSED = {
    "volume and claim deleted by hand": (
        [row(0), row(1)],
        [see(0, "one", HERE), see(1, "one", HERE)],
        False,
        "this Kubernetes cluster had volumes for them, which are gone",
    ),
    "one volume deleted by hand": ([row(0, True, "one"), row(1)], [see(1, "one", HERE)], True, "this Kubernetes"),
    "left by an uninstall that did not reach the machine": (
        [row(0), row(1, machine="w2")],
        [see(0, "one", HERE), {**NOTHING, "machine": "w2"}],
        False,
        "did not reach the machine",
    ),
    "marked by 078c11e, one volume deleted": ([row(0, True, "one"), row(1)], [see(1)], True, "other parts"),
    "marked by 078c11e, claims left": ([row(0)], [see(0)], True, "other parts"),
    "another Kubernetes, and volumes here": (
        [row(0, True, "one"), row(1)],
        [see(1, "one", BEFORE)],
        True,
        "other parts",
    ),
    "made anew, of two incarnations": (
        [row(0), row(1)],
        [see(0, "one", BEFORE), see(1, "two", BEFORE)],
        False,
        "different incarnations",
    ),
    "made anew, marked and not": ([row(0), row(1)], [see(0, "one", BEFORE), see(1)], False, "different incarnations"),
    "made anew, a disk is missing": (
        [row(0), row(1)],
        [see(0, "one", BEFORE), NOTHING],
        False,
        "1 of its 2 directories are empty",
    ),
    "made anew, a machine was left out": ([row(0), row(1)], [see(0, "one", BEFORE)], False, "not looked into"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_unless_asked_for(case):
    rows, seen, deployed, words = REFUSED[case]
    (problem,) = choose(rows, seen, deployed).problems
    assert words in problem
    left = [item for item in seen if not item["empty"]]
    assert all(f"- {item['machine']}: {item['summary']}" in problem for item in left)
    assert "-e k8s_storage_adopt_directories=true" in problem

    decision = choose(rows, seen, deployed, adopt=True)
    assert decision.problems == []
    assert words in " ".join(decision.notes)
    for item in decision.volumes:
        if any(item["path"] == found["path"] for found in left):
            assert item["adopt"]
        assert item["incarnation"] or not any(item["path"] == found["path"] for found in seen)


def test_a_deployment_that_takes_data_takes_its_incarnation():
    rows = [row(0), row(1)]
    seen = [see(0, "one", HERE), see(1, "one", HERE)]
    assert ids(choose(rows, seen, adopt=True)) == ["one", "one"]
    rows[1] = row(1, True, "two")
    assert ids(choose(rows, seen[:1], adopt=True)) == ["two", "two"]


def test_what_nobody_can_know_is_not_taken():
    """Who may not read the Kubernetes cluster's uid cannot tell it from another one."""
    blind = [{**row(0), "kubernetes": ""}]
    assert choose(blind, [see(0, "one", BEFORE)]).problems
    assert choose(blind, [see(0, empty=True)]).problems == []


def test_what_is_done_is_said():
    (note,) = choose([row(0, True)], [see(0)]).notes
    assert note == "Volumes and directories of before incarnations get one, fresh: shop.orders-0."
    (note,) = choose([row(0)], [see(0, "one", BEFORE)]).notes
    assert note.startswith("The data in these directories is used, as Kubernetes has nothing of the deployment")
    assert note.endswith("- w1: /srv/orders-0: 5 files")
    assert choose([row(0, True, "one"), row(1)], [NOTHING], True).notes == []


def test_pods_that_share_a_volume():
    """The volume says one incarnation; each pod has a directory with a marker of its own."""
    shared = [{**row(number, machine="nfs1"), "volume": "shop.orders"} for number in range(2)]
    seen = [see(number, "one", HERE, machine="nfs1") for number in range(2)]
    assert "this Kubernetes cluster had volumes" in choose(shared, seen).problems[0]
    taken = choose(shared, [see(number, "one", BEFORE, machine="nfs1") for number in range(2)])
    assert (ids(taken), [item["adopt"] for item in taken.volumes]) == (["one", "one"], [True, True])
    silent = [{**item, "exists": True} for item in shared]
    assert choose(silent, [see(0, machine="nfs1"), see(1, machine="nfs1")], True).notes == [
        "Volumes and directories of before incarnations get one, fresh: shop.orders."
    ]
