# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports that are refused, and what the refusal says."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.machines.nfs_exports import export_problems

OPTIONS = ["rw", "sync", "no_subtree_check", "root_squash"]
ROW = {"pod": "orders-0", "path": "/srv/nfs/shop.orders-0", "export": "/srv/nfs/shop.orders-0"}
GOOD = {"name": "orders", "namespace": "shop", "clients": ["192.0.2.10"], "volumes": [ROW]}


@pytest.mark.parametrize(
    "client",
    ["192.0.2.10", "192.0.2.0/24", "192.0.2.0/255.255.255.0", "2001:db8::7", "2001:db8::/64", "node1.lab", "n"],
)
def test_clients(client):
    assert export_problems([{**GOOD, "clients": [client]}], OPTIONS) == []


BAD_CLIENTS = {
    "*": "holds '*', which is everybody. Allowed: IP addresses, networks",
    "0.0.0.0/0": "which is everybody",
    "::/0": "which is everybody",
    "0.0.0.0/0.0.0.0": "which is everybody",
    "10.0.0.0/00": "which is everybody",
    "*.lab": "wildcards and netgroups",
    "node?": "wildcards and netgroups",
    "@nodes": "wildcards and netgroups",
    "192.0.2.999": "'192.0.2.999' does not appear to be an IPv4 or IPv6 network",
    "192.0.2.7/24": "has host bits set. Did you mean 192.0.2.0/24?",
    "2001:db8::zz": "does not appear to be",
    "node1(rw)": "wildcards and netgroups",
    "a b": "wildcards and netgroups",
    "": "wildcards and netgroups",
}


@pytest.mark.parametrize("client", BAD_CLIENTS)
def test_bad_clients(client):
    (problem,) = export_problems([{**GOOD, "clients": ["192.0.2.10", client]}], OPTIONS)
    assert problem.startswith("node_nfs_server_deployments[0].clients holds ")
    assert BAD_CLIENTS[client] in problem
    assert "Allowed: " in problem


def test_no_clients_is_everybody():
    (problem,) = export_problems([{**GOOD, "clients": []}], OPTIONS)
    assert "clients is empty, and exports(5) takes that for everybody" in problem
    assert export_problems([{**GOOD, "clients": []}], OPTIONS, exporting=False) == []


@pytest.mark.parametrize("option", ["insecure", "sec=krb5p:sys", "mp=/srv/nfs", "crossmnt", "no_wdelay"])
def test_options(option):
    assert export_problems([GOOD], [*OPTIONS, option]) == []


BAD_OPTIONS = {
    "no_root_squash": "which is refused: root of every client would own the data",
    "async": "which is refused: writes that Redis acknowledged would be lost when the server stops",
    "ro": "which is refused: Redis must write",
    "all_squash": "which is refused: Redis would write as nobody",
    "fsid=0": "which is refused: one number for all exports is none for each",
    "rw,async": "holds 'rw,async'. Allowed: rw, sync",
    "sync=1": "holds 'sync=1'. Allowed: rw, sync",
    "sec=none)": "holds 'sec=none)'. Allowed: sec= with a value",
    "nonsense": "holds 'nonsense'. Allowed: rw, sync",
}


@pytest.mark.parametrize("option", BAD_OPTIONS)
def test_bad_options(option):
    (problem,) = export_problems([GOOD], [*OPTIONS, option])
    assert problem.startswith("node_nfs_server_export_options holds ")
    assert BAD_OPTIONS[option] in problem


def test_exports_are_read_only_without_rw():
    (problem,) = export_problems([GOOD], ["sync"])
    assert problem == "node_nfs_server_export_options is sync and lacks rw: Redis must write."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"path": "srv/x"}, "path of pod orders-0 is 'srv/x'. Allowed: the absolute path"),
        ({"export": "/srv/../etc"}, "export of pod orders-0 is '/srv/../etc'"),
        ({"export": '/srv/a" *(rw)'}, "export of pod orders-0 is"),
        ({"export": "/"}, "export of pod orders-0 is '/'"),
        ({"path": "/srv/nfs/shop.orders-01"}, "outside of its export /srv/nfs/shop.orders-0"),
    ],
)
def test_bad_paths(change, words):
    problems = export_problems([{**GOOD, "volumes": [{**ROW, **change}]}], OPTIONS)
    assert any(words in problem for problem in problems), problems


def test_names_become_names_of_files():
    problems = export_problems([{**GOOD, "name": "../x", "namespace": "Shop"}], OPTIONS)
    assert ["name is '../x'" in problems[0], "namespace is 'Shop'" in problems[1]] == [True, True]


def test_missing_keys_are_named():
    problems = export_problems([{"clients": ["n"], "volumes": [{}]}], OPTIONS)
    assert [problem.partition(". ")[0] for problem in problems] == [
        "node_nfs_server_deployments[0].name is None",
        "node_nfs_server_deployments[0].namespace is None",
        "node_nfs_server_deployments[0].volumes: path of pod None is ''",
        "node_nfs_server_deployments[0].volumes: export of pod None is ''",
    ]


def test_one_export_belongs_to_one_deployment():
    problems = export_problems([GOOD, {**GOOD, "name": "carts"}, GOOD], OPTIONS)
    assert [problem.split(":")[0] for problem in problems] == [
        "node_nfs_server_deployments[1].volumes",
        "node_nfs_server_deployments[2] names shop/orders a second time. Put all of its volumes into one item.",
    ]
