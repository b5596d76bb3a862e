# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_cluster_verify proves that every shard works, and leaves nothing behind."""

from __future__ import annotations

import threading
import time

import pytest

from ansible_collections.slotwise.redis.tests.integration import run, state
from ansible_collections.slotwise.redis.tests.integration.farm import Farm, newest


@pytest.fixture(scope="module")
def healthy():
    """A cluster of six that tests leave as they found it."""
    with Farm(newest("redis"), 6, state.QUICK) as farm:
        run.init(farm.nodes, **state.QUICK_RUN).ok()
        yield farm


@pytest.fixture
def formed(newest_redis):
    """A cluster of six for a test that breaks it."""
    with Farm(newest_redis, 6, {**state.QUICK, "cluster-node-timeout": "15000"}) as farm:
        run.init(farm.nodes, repl_diskless_sync_delay=0).ok()
        yield farm


def test_every_shard_and_every_replica(flavor):
    with Farm(flavor, 9) as farm:
        run.init(farm.nodes, replicas=2).ok()
        state.fill(farm, 50)
        before = state.counts(farm)
        result = run.verify(farm.nodes, replicas=2).ok()
        assert result["changed"] is False
        assert [check["shard"] for check in result["checks"]] == [0, 1, 2]
        nodes = [node for check in result["checks"] for node in (check["master"], *check["replicas"])]
        assert sorted(nodes) == sorted(farm.nodes)
        state.settled(farm)
        assert state.counts(farm) == before


def test_shards_that_serve_few_slots(newest_redis):
    """A master with a single slot gets its own key, too."""
    with Farm(newest_redis, 3) as farm:
        for index, slots in enumerate([(0, 0), (1, 16382), (16383, 16383)]):
            farm.ask(index, "CLUSTER", "SET-CONFIG-EPOCH", index + 1)
            farm.ask(index, "CLUSTER", "ADDSLOTSRANGE", *slots)
        run.init(farm.nodes, replicas=0, check=True).ok()
        for port in farm.ports[1:]:
            farm.ask(0, "CLUSTER", "MEET", "127.0.0.1", port)
        state.eventually(lambda: not state.unserving(farm, 0), 30, "the cluster is complete")
        assert len(run.verify(farm.nodes, replicas=0).ok()["checks"]) == 3
        assert state.counts(farm) == [0, 0, 0]


def test_check_mode_writes_nothing(healthy):
    before = state.writes(healthy)
    result = run.verify(healthy.nodes, check=True).ok()
    assert result["checks"] == []
    assert len(result["topology"]) == 6
    assert state.writes(healthy) == before


def test_a_broken_replica_link_is_named(formed):
    formed.ask(4, "CONFIG", "SET", "masterauth", "wrong")
    formed.ask(4, "CONFIG", "SET", "masteruser", "nobody")
    for index in range(3):
        formed.ask(index, "CLIENT", "KILL", "TYPE", "replica")
    state.eventually(
        lambda: state.section(formed, 4, "INFO", "replication")["master_link_status"] == "down", 10, "the link is down"
    )
    begin = time.monotonic()
    failed = run.verify(formed.nodes, timeout=3).failed()
    assert time.monotonic() - begin < 8
    assert failed["found"] == [f"{formed.nodes[4]}: its link to its master is down"]
    assert state.counts(formed) == [0] * 6


def test_a_replica_that_falls_behind_is_named(formed):
    """Its link is up, but it does not take writes in time."""
    formed.pause(4)
    failed = run.verify(formed.nodes, timeout=5).failed()
    assert any(formed.nodes[4] in line for line in failed["found"])


def test_a_shard_that_refuses_writes_is_named(healthy):
    healthy.ask(1, "CONFIG", "SET", "min-replicas-to-write", 2)
    failed = run.verify(healthy.nodes, timeout=5).failed()
    healthy.ask(1, "CONFIG", "SET", "min-replicas-to-write", 0)
    assert failed["msg"].startswith("Reading and writing through the cluster failed.")
    assert len(failed["found"]) == 1
    assert failed["found"][0].startswith(f"{healthy.nodes[1]} did not store a key: ")
    state.settled(healthy)
    assert state.counts(healthy) == [0] * 6


def standalone_verify(farm: Farm, **options: object) -> run.Run:
    given = {"nodes": farm.nodes, "timeout": 30, **options}
    return run.finish(run.start(["-m", f"{run.MODULES}.redis_standalone_verify"], given))


def test_replicas_that_catch_up_are_waited_for(healthy):
    """A failover leaves a master without good replicas for a moment."""
    healthy.ask(1, "CONFIG", "SET", "min-replicas-to-write", 2)
    late = threading.Timer(1.5, healthy.ask, (1, "CONFIG", "SET", "min-replicas-to-write", 0))
    late.start()
    assert len(run.verify(healthy.nodes).ok()["checks"]) == 3
    late.join()


def test_a_full_shard_is_a_warning(flavor):
    """It serves reads, and nothing is wrong with it."""
    with Farm(flavor, 6, state.QUICK) as farm:
        run.init(farm.nodes, **state.QUICK_RUN).ok()
        farm.ask(1, "CONFIG", "SET", "maxmemory", 1000)
        done = run.verify(farm.nodes).ok()
        assert [bool(check["full"]) for check in done["checks"]] == [False, True, False]
        said = done["checks"][1]["full"]
        assert said.startswith(f"{farm.nodes[1]} is full: ")
        assert "maxmemory is 1000, maxmemory-policy is noeviction" in said
        assert int(said.split(": ")[1].split()[0]) > 1000
        (warning,) = done["warnings"]
        assert said in str(warning)
        state.settled(farm)
        assert state.counts(farm) == [0] * 6
        # no other policy makes room where there is nothing to evict
        farm.ask(1, "CONFIG", "SET", "maxmemory-policy", "volatile-lru")
        assert "maxmemory-policy is volatile-lru" in str(run.verify(farm.nodes).ok()["warnings"])


def test_a_full_standalone_server_is_a_warning(newest_flavor):
    with Farm(newest_flavor, 2, {"cluster-enabled": "no"}) as farm:
        farm.ask(1, "CONFIG", "SET", "maxmemory", 1000)
        done = standalone_verify(farm).ok()
        (warning,) = done["warnings"]
        assert f"{farm.nodes[1]} is full: " in str(warning)
        assert [farm.ask(index, "DBSIZE") for index in range(2)] == [0, 0]


def test_a_server_that_cannot_save_is_broken(newest_flavor):
    """MISCONF: nothing that it would take is kept."""
    with Farm(newest_flavor, 2, {"cluster-enabled": "no", "save": "3600 1"}) as farm:
        # as where the disk is full, and root too
        (farm.directory(1) / "dump.rdb").mkdir()
        farm.ask(1, "BGSAVE")
        state.eventually(
            lambda: state.section(farm, 1, "INFO", "persistence")["rdb_last_bgsave_status"] == "err", 20, "it fails"
        )
        begin = time.monotonic()
        failed = standalone_verify(farm).failed()
        assert time.monotonic() - begin < 15
        assert "cannot save them to its disk" in failed["msg"]
        assert failed["found"][0].startswith(f"{farm.nodes[1]}: MISCONF ")


def test_a_user_who_may_not_write(newest_flavor):
    with Farm(newest_flavor, 2, {"cluster-enabled": "no"}, password="geheim") as farm:
        farm.ask(1, "ACL", "SETUSER", "default", "-set")
        failed = standalone_verify(farm, login_password="geheim").failed()
        assert len(failed["found"]) == 1
        assert "NOPERM" in failed["found"][0]
        assert "Grant it" in failed["found"][0]


def test_a_wrong_size_is_named(healthy):
    failed = run.verify(healthy.nodes, shards=6, replicas=0, timeout=5).failed()
    assert failed["msg"].startswith("The cluster is not of the wanted size.")
    assert state.counts(healthy) == [0] * 6


def test_a_stopped_node_is_named(formed):
    formed.stop(3)
    failed = run.verify(formed.nodes, timeout=2).failed()
    assert failed["msg"].startswith("Not every Redis node answers.")
    assert failed["found"][0].startswith(formed.nodes[3])
