# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Sentinels and servers say, and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.redis.sentinels import (
    Server,
    View,
    agreed,
    no_view,
    parse_server,
    parse_view,
    pod_of,
    questions,
    server_problems,
    view_problems,
)

HOST = "orders-{}.orders-headless.shop.svc.cluster.local"
# As Redis 8.0 answers, without the fields that nobody reads.
MASTER = [
    b"name", b"orders", b"ip", HOST.format(0).encode(), b"port", b"6379", b"flags", b"master", b"config-epoch", b"7",
    b"num-slaves", b"2", b"num-other-sentinels", b"2", b"quorum", b"2",
]  # fmt: skip


def replica(number: int, flags: bytes = b"slave"):
    return [b"ip", HOST.format(number).encode(), b"port", b"6379", b"flags", flags]


REPLIES = [[HOST.format(0).encode(), b"6379"], MASTER, [replica(1), replica(2, b"s_down,slave,disconnected")]]


def test_a_view_is_what_the_three_questions_answer():
    assert [question[1] for question in questions("orders")] == ["GET-MASTER-ADDR-BY-NAME", "MASTER", "REPLICAS"]
    assert parse_view("orders-sentinel-0", REPLIES) == View(
        "orders-sentinel-0",
        7,
        HOST.format(0),
        (),
        2,
        2,
        {HOST.format(1): (), HOST.format(2): ("s_down", "disconnected")},
    )


def test_a_sentinel_that_watches_nothing_has_no_view():
    assert parse_view("orders-sentinel-0", [None, Exception("no such master"), Exception("no such master")]) is None


LOST = ConnectionResetError("closed the connection")


@pytest.mark.parametrize(
    ("replies", "why"),
    [
        (REPLIES, None),
        ([None, Exception("no such master"), Exception("no such master")], None),
        ([LOST, LOST, LOST], LOST),
        ([REPLIES[0], LOST, LOST], LOST),
        ([*REPLIES[:2], LOST], LOST),
    ],
    ids=["all", "another master", "at once", "after the address", "after the master"],
)
def test_a_sentinel_whose_connection_breaks_shows_no_view(replies, why):
    assert no_view(replies) is why


def view(number: int, **changes: object) -> View:
    good = View(f"orders-sentinel-{number}", 7, HOST.format(0), (), 2, 2, {HOST.format(1): (), HOST.format(2): ()})
    return replace(good, **changes)


GOOD = {f"orders-sentinel-{number}": view(number) for number in range(3)}
MOVED = {"epoch": 8, "master": HOST.format(1)}


def test_nothing_is_wrong_with_three_that_agree():
    assert view_problems(GOOD, 3, 3, "orders") == []


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({0: None}, ["orders-sentinel-0 watches no master orders"]),
        ({0: {"flags": ("o_down",)}}, ["orders-sentinel-0 sees the master orders-0 as o_down"]),
        ({0: {"others": 3}}, ["orders-sentinel-0 knows 3 other Sentinels instead of 2"]),
        ({0: {"replicas": {HOST.format(1): ()}}}, ["orders-sentinel-0 knows 1 replicas instead of 2"]),
        (
            {0: {"replicas": {HOST.format(1): ("s_down",), HOST.format(2): ()}}},
            ["orders-sentinel-0 sees the replica orders-1 as s_down"],
        ),
        ({0: MOVED}, [f"orders-sentinel-0 still says {HOST.format(1)} in epoch 8"]),
    ],
)
def test_what_is_wrong_with_one(changed, found):
    views = {
        name: (replace(seen, **changed[n]) if changed[n] else None) if n in changed else seen
        for n, (name, seen) in enumerate(GOOD.items())
    }
    assert view_problems(views, 3, 3, "orders") == found


def test_without_a_majority_all_views_are_told():
    views = {"orders-sentinel-0": view(0), "orders-sentinel-1": view(1, **MOVED)}
    (found,) = view_problems(views, 3, 3, "orders")
    assert found.startswith("fewer than 2 of 3 Sentinels agree on the master: orders-sentinel-0 says orders-0.")
    assert agreed(views.values(), 3) is None


def server(number: int, **changes: object) -> Server:
    master = number == 0
    good = Server(
        f"orders-{number}",
        "master" if master else "slave",
        "" if master else HOST.format(0),
        True,
        100,
        "master" if master else "slave",
    )
    return replace(good, **changes)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({1: {"link_up": False}}, ["orders-1 has no link to its master orders-0"]),
        ({1: {"follows": HOST.format(2)}}, ["orders-1 follows orders-2 and not orders-0"]),
        ({1: {"label": ""}}, ["orders-1 is slave and has the label redis-role=(none)"]),
        (
            {1: {"role": "master", "follows": "", "label": "slave"}},
            [
                "2 servers are masters: orders-0, orders-1",
                "orders-1 is master and has the label redis-role=slave",
                "Sentinels say that orders-0 is the master",
            ],
        ),
        (
            {0: {"role": "slave", "follows": HOST.format(0), "label": "slave", "link_up": False}},
            ["0 servers are masters: none", "orders-0 has no link to its master orders-0"],
        ),
    ],
)
def test_what_is_wrong_with_servers(changed, found):
    rows = [server(number, **changed.get(number, {})) for number in range(3)]
    assert server_problems(rows, view(0)) == found


def test_a_server_is_described_by_its_info():
    info = {"role": "slave", "master_host": HOST.format(0), "master_link_status": "down", "slave_repl_offset": "90"}
    assert parse_server("orders-1", info, "slave") == Server("orders-1", "slave", HOST.format(0), False, 90, "slave")
    assert parse_server("orders-0", {"role": "master", "master_repl_offset": "99"}).offset == 99


@pytest.mark.parametrize(
    ("host", "pod"), [(HOST.format(3), "orders-3"), ("192.0.2.7", "192.0.2.7"), ("redis", "redis")]
)
def test_a_pod_is_the_first_part_of_its_name(host, pod):
    assert pod_of(host) == pod
