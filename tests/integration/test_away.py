# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some servers of a cluster are away, or answer what no waiting changes: the rest is repaired, and the run says so."""

from __future__ import annotations

import time

import pytest

from ansible_collections.slotwise.redis.tests.integration import run, state
from ansible_collections.slotwise.redis.tests.integration.farm import Farm
from ansible_collections.slotwise.redis.tests.integration.test_repair import (
    DURABLE,
    KEYS,
    assert_healed,
    come_back_empty,
    init,
    is_master,
    master_of,
)


def replicas_of(farm: Farm) -> list[int]:
    return [index for index in range(6) if not is_master(farm, index)]


def test_a_replica_is_away_and_another_came_back_empty(every_flavor):
    with Farm(every_flavor, 6, DURABLE) as farm:
        init(farm).ok()
        keys = state.fill(farm, KEYS)
        away, empty = replicas_of(farm)[:2]
        master = farm.ask(master_of(farm, empty), "CLUSTER", "MYID")
        farm.stop(away)
        farm.wipe(empty)
        come_back_empty(farm, empty)

        shown = init(farm, check=True, timeout=3).failed()
        failed = init(farm, timeout=3).failed()
        assert failed["changed"] is True and shown["plan"] == failed["plan"]
        assert {a["action"] for a in failed["actions"]} == {"meet", "replicate"}
        assert followed_by(farm, empty) == master
        assert failed["found"] == [f"{farm.nodes[away]}: [Errno 111] Connection refused"]
        assert "steps were carried out on the Redis nodes that answer, but 1 do not" in failed["msg"]
        again = init(farm, timeout=3).failed()
        assert (again["changed"], again["plan"]) == (False, [])

        farm.start(away)
        farm.wait_answers(away)
        init(farm).ok()
        assert_healed(farm, keys)


def followed_by(farm: Farm, index: int) -> str:
    """Its master's id, also while other servers are away."""
    return next(words[3] for words in state.view(farm, index).values() if "myself" in words[2])


def test_a_master_is_away_and_its_replica_took_over(every_flavor):
    with Farm(every_flavor, 6, DURABLE) as farm:
        init(farm).ok()
        keys = state.fill(farm, KEYS)
        other, heir = replicas_of(farm)[:2]
        away = master_of(farm, heir)
        farm.stop(away)
        # while the failover is under way, which is waited for
        farm.ask(other, "CONFIG", "SET", "repl-diskless-sync-delay", "7")
        failed = init(farm, timeout=4).failed()
        assert [(a["action"], a["node"]) for a in failed["actions"]] == [("configure", farm.nodes[other])]
        assert is_master(farm, heir)
        farm.start(away)
        farm.wait_answers(away)
        init(farm).ok()
        assert_healed(farm, keys)


def test_a_master_without_a_replica_is_away(newest_redis):
    """Its slots stay its own."""
    with Farm(newest_redis, 4, {**DURABLE, "cluster-require-full-coverage": "no"}) as farm:
        init(farm, shards=4, replicas=0).ok()
        keys = state.fill(farm, 300)
        farm.stop(2)
        farm.ask(1, "CONFIG", "SET", "repl-diskless-sync-delay", "7")
        failed = init(farm, shards=4, replicas=0, timeout=3).failed()
        assert [(a["action"], a["node"]) for a in failed["actions"]] == [("configure", farm.nodes[1])]
        farm.start(2)
        farm.wait_answers(2)
        assert init(farm, shards=4, replicas=0).ok()["plan"] == []
        assert not state.missing(farm, keys)


# Answers that no waiting changes


def refused(farm: Farm, message: str, **options: object) -> dict:
    begin = time.monotonic()
    failed = run.init(farm.nodes, **{"timeout": 60, **options}).failed()
    assert time.monotonic() - begin < 20, "it was waited for"
    assert message in failed["msg"].splitlines()[0]
    assert failed["advice"]
    assert failed["changed"] is False
    return failed


def test_a_server_without_cluster_mode(every_flavor):
    with Farm(every_flavor, 3, {"cluster-enabled": "no"}) as farm:
        failed = refused(farm, "is not in cluster mode", replicas=0)
        assert len(failed["found"]) == 3


@pytest.mark.parametrize("denied", ["-cluster|myid", "-config|get", "-info"])
def test_a_user_who_may_not_ask(every_flavor, denied):
    with Farm(every_flavor, 3, password="geheim") as farm:
        farm.ask(1, "ACL", "SETUSER", "default", denied)
        failed = refused(farm, "does not allow its user", replicas=0, login_password="geheim")
        assert failed["found"][0].startswith(f"{farm.nodes[1]}: NOPERM ")


@pytest.mark.parametrize("denied", ["-cluster|replicate", "-cluster|meet", "-config|set"])
def test_a_user_who_may_not_change(every_flavor, denied):
    with Farm(every_flavor, 6, password="geheim") as farm:
        for index in range(6):
            farm.ask(index, "ACL", "SETUSER", "default", denied)
        begin = time.monotonic()
        failed = run.init(farm.nodes, timeout=60, login_password="geheim").failed()
        assert time.monotonic() - begin < 20, "it was waited for"
        assert any("NOPERM" in line or "no permissions" in line for line in failed["found"]), failed


def test_a_server_that_loads_its_data_is_waited_for(every_flavor):
    with Farm(every_flavor, 3, {"appendonly": "yes", "key-load-delay": "300"}) as farm:
        run.init(farm.nodes, replicas=0).ok()
        state.fill(farm, 6000)
        farm.stop(1)
        farm.start(1)
        assert run.init(farm.nodes, replicas=0).ok()["plan"] == []
