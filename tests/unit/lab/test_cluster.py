# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a node that is Ready."""

from slotwise_lab import cluster

NOW = 1_800_000_000
LATER, EARLIER = "2027-01-15T08:00:10.000000Z", "2027-01-15T07:59:00.000000Z"


def node(name, status="True", message=""):
    condition = {"type": "Ready", "status": status, "message": message}
    return {"kind": "Node", "metadata": {"name": name}, "status": {"conditions": [condition]}}


def lease(name, time=LATER):
    return {"kind": "Lease", "metadata": {"name": name}, "spec": {"renewTime": time}}


def test_a_node_that_reports_ready_is_fine():
    assert cluster.find_node_problem([node("a"), lease("a")], {"a": NOW}) == ""


def test_every_problem_is_named():
    items = [node("b", "False", "no network"), lease("b"), node("c"), lease("c", EARLIER), node("d")]
    assert cluster.find_node_problem(items, dict.fromkeys("abcd", NOW)).split("; ") == [
        "a has not joined",
        "b is not Ready: no network",
        "c has not reported since its start",
        "d has not reported since its start",
    ]


def test_a_question_is_written_as_rfc_1035_says():
    query = cluster.dns_query("a.example")
    assert query[2:] == b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07example\x00\x00\x01\x00\x01"
