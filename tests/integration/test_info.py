# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_cluster_info reads everything and changes nothing, whatever state it finds."""

from __future__ import annotations

import time

import pytest

from ansible_collections.slotwise.redis.tests.integration import run, state
from ansible_collections.slotwise.redis.tests.integration.farm import Farm, newest

COLUMNS = {
    "shard",
    "role",
    "pod",
    "machine",
    "zone",
    "address",
    "node_id",
    "slots",
    "slot_count",
    "keys",
    "lag",
    "link_up",
    "version",
}


@pytest.fixture(scope="module")
def healthy():
    """A cluster of six that tests leave as they found it."""
    with Farm(newest("redis"), 6, state.QUICK) as farm:
        run.init(farm.nodes, **state.QUICK_RUN).ok()
        yield farm


@pytest.fixture
def formed(newest_redis):
    """A cluster of six for a test that breaks it."""
    with Farm(newest_redis, 6, state.QUICK) as farm:
        run.init(farm.nodes, **state.QUICK_RUN).ok()
        yield farm


def test_a_healthy_cluster(flavor):
    with Farm(flavor, 6) as farm:
        run.init(farm.nodes).ok()
        state.fill(farm, 100)
        before = state.writes(farm)
        result = run.info(farm.nodes).ok()
        assert state.writes(farm) == before
        assert (result["changed"], result["healthy"], result["problems"], result["placement"]) == (False, True, [], [])
        rows = result["topology"]
        assert all(set(row) == COLUMNS for row in rows)
        assert [row["node_id"] for row in rows] == [state.ids(farm)[farm.nodes.index(row["pod"])] for row in rows]
        assert sum(row["slot_count"] for row in rows) == 16384
        assert sum(row["keys"] for row in rows if row["role"] == "master") == 100
        assert {row["version"] for row in rows} == {f"{flavor.flavor} {flavor.version}"}
        assert all(row["link_up"] and row["lag"] == 0 for row in rows)


def test_servers_that_are_no_cluster_yet(newest_redis):
    with Farm(newest_redis, 6) as farm:
        result = run.info(farm.nodes).ok()
        assert result["healthy"] is False
        assert "0 masters serve slots, 3 shards are wanted" in result["problems"]
        assert len(result["topology"]) == 6


def test_a_stopped_node_is_named_within_the_timeout(formed):
    formed.stop(4)
    begin = time.monotonic()
    result = run.info(formed.nodes, timeout=1).ok()
    assert time.monotonic() - begin < 5
    assert result["healthy"] is False
    assert any(p.startswith(f"does not answer: {formed.nodes[4]}: ") for p in result["problems"])
    assert len(result["topology"]) == 5
    master = next(row for row in result["topology"] if row["role"] == "master" and row["shard"] == 1)
    assert f"{master['pod']} has 0 replicas, 1 are wanted" in result["problems"]


def test_no_node_answers(formed):
    for index in range(6):
        formed.stop(index)
    result = run.info(formed.nodes, timeout=1).ok()
    assert result["healthy"] is False
    assert result["topology"] == []
    assert sum(p.startswith("does not answer") for p in result["problems"]) == 6


def test_a_frozen_node_is_named_within_the_timeout(formed):
    formed.pause(4)
    formed.pause(5)
    begin = time.monotonic()
    result = run.info(formed.nodes, timeout=2).ok()
    seconds = time.monotonic() - begin
    assert {formed.nodes[i] for i in (4, 5)} <= {p.split(": ")[1] for p in result["problems"] if "does not answer" in p}
    assert seconds < 2 + 15 + 3, f"took {seconds:.0f} s"


def test_another_size_than_asked_for(formed):
    result = run.info(formed.nodes, shards=6, replicas=0).ok()
    assert result["problems"] == ["3 masters serve slots, 6 shards are wanted"]
    formed.grow(3)
    result = run.info(formed.nodes, replicas=2).ok()
    assert sum("has 1 replicas, 2 are wanted" in p for p in result["problems"]) == 3
    assert sum("does not know" in p for p in result["problems"]) == 9


def test_a_node_outside_of_the_list(healthy):
    result = run.info(healthy.nodes[:3], replicas=0).ok()
    assert result["healthy"] is False
    assert sum("not of this deployment" in p for p in result["problems"]) == 3


def test_a_broken_replica_link(formed):
    formed.ask(4, "CONFIG", "SET", "masterauth", "wrong")
    formed.ask(4, "CONFIG", "SET", "masteruser", "nobody")
    master = run.info(formed.nodes).ok()["topology"][2]["pod"]
    formed.ask(formed.nodes.index(master), "CLIENT", "KILL", "TYPE", "replica")
    state.eventually(
        lambda: state.section(formed, 4, "INFO", "replication")["master_link_status"] == "down", 10, "the link is down"
    )
    result = run.info(formed.nodes).ok()
    assert result["problems"] == [f"{formed.nodes[4]}: its link to its master is down"]
    assert next(row for row in result["topology"] if row["pod"] == formed.nodes[4])["link_up"] is False


def test_an_open_slot(healthy):
    """A slot move that was left half done."""
    target = state.ids(healthy)[1]
    healthy.ask(0, "CLUSTER", "SETSLOT", 5, "MIGRATING", target)
    result = run.info(healthy.nodes).ok()
    healthy.ask(0, "CLUSTER", "SETSLOT", 5, "STABLE")
    assert result["problems"] == [
        f"{healthy.nodes[0]}: slot [5->-{target}] is being moved, or its move was interrupted"
    ]


def test_a_wrong_password_is_an_error(newest_redis):
    with Farm(newest_redis, 3, password="right") as farm:
        failed = run.info(farm.nodes, replicas=0, login_password="other").failed()
        assert "does not accept the password" in failed["msg"]
