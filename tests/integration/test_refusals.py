# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_cluster_init names what is wrong, and changes nothing then."""

from __future__ import annotations

import socket
import time

import pytest

from ansible_collections.slotwise.redis.tests.integration import run, state
from ansible_collections.slotwise.redis.tests.integration.farm import HOST, Farm, free_ports, newest

QUICK = {"cluster-node-timeout": "300"}
"""Refusals that may pass by themselves are waited for a multiple of this."""


def refused(farm: Farm, nodes: list[str] | None = None, **options: object) -> dict:
    """The result of a run that failed and sent no command that changes something."""
    before = state.writes(farm)
    result = run.init(nodes or farm.nodes, **options).failed()
    assert (result["changed"], result["actions"]) == (False, [])
    assert state.writes(farm) == before
    return result


@pytest.fixture(scope="module")
def shared():
    with Farm(newest("redis"), 6) as farm:
        yield farm


@pytest.fixture
def six(shared):
    """Six servers that are strangers to each other, and are left so."""
    yield shared
    state.empty_again(shared)


def test_a_node_with_keys_in_no_cluster(six):
    six.ask(4, "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    state.eventually(lambda: six.ask(4, "SET", "precious", "1"), 10, "the server takes a key")
    six.ask(4, "CLUSTER", "DELSLOTSRANGE", 0, 16383)
    failed = refused(six)
    assert failed["msg"].startswith("A Redis node holds keys but serves no slots.")
    assert failed["found"] == [f"{six.nodes[4]} ({six.nodes[4]}) holds 1 keys, is in no cluster"]
    assert "never flushes" in failed["advice"]
    assert six.ask(4, "DBSIZE") == 1


def test_a_node_with_keys_that_serves_all_slots_alone(six):
    six.ask(4, "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    state.eventually(lambda: six.ask(4, "SET", "precious", "1"), 10, "the server takes a key")
    failed = refused(six)
    assert "1 masters" in failed["msg"] or "holds keys" in failed["msg"], failed["msg"]
    assert any(six.nodes[4] in line and "1 keys" in line for line in failed["found"])
    assert six.ask(4, "DBSIZE") == 1


def test_a_member_of_another_cluster(newest_redis):
    with Farm(newest_redis, 12, QUICK) as farm:
        other = farm.nodes[6:]
        run.init(other, cluster_node_timeout=300).ok()
        failed = refused(farm, [*farm.nodes[:5], other[0]], cluster_node_timeout=300)
        assert failed["msg"].startswith("A Redis node that does not belong to this deployment is a member")
        assert other[0] in failed["found"][0]


def test_two_clusters_with_keys(newest_redis):
    with Farm(newest_redis, 6, QUICK) as farm:
        for first in (0, 3):
            farm.ask(first, "CLUSTER", "ADDSLOTSRANGE", 0 if first else 8000, 7999 if first else 16383)
            farm.ask(first, "CONFIG", "SET", "cluster-require-full-coverage", "no")
            farm.ask(first, "CLUSTER", "MEET", HOST, farm.ports[first + 1])
        state.eventually(lambda: all(len(state.view(farm, i)) == 2 for i in (0, 1, 3, 4)), 30, "two and two are met")
        # "foo" is in slot 12182, "hello" in slot 866
        state.eventually(lambda: farm.ask(0, "SET", "foo", "1"), 10, "the first takes a key")
        state.eventually(lambda: farm.ask(3, "SET", "hello", "1"), 10, "the second takes a key")
        failed = refused(farm, cluster_node_timeout=300)
        assert failed["msg"].startswith("The pods belong to different Redis clusters that hold keys.")
        assert [line.split(": ")[2] for line in failed["found"]] == ["1 keys, slots 8000-16383", "1 keys, slots 0-7999"]


PASSWORDS = [
    "simple",
    "with space",
    '"double" \\back\\slash',
    "$HOME `id` %s %(x)s {{ x }}",
    "'#!§ é ž 日本 🔑",
    "-flag",
    "x" * 500,
]


@pytest.mark.parametrize("password", PASSWORDS)
def test_passwords_with_special_characters_work(newest_redis, password):
    with Farm(newest_redis, 3, password=password) as farm:
        assert len(run.init(farm.nodes, replicas=0, login_password=password).ok()["after"]) == 3
        assert not state.unserving(farm, 0)


@pytest.mark.parametrize(
    ("servers", "given", "message"),
    [
        ("right", "wrong", "does not accept the password"),
        ("right", None, "does not accept the password"),
        ("right", "", "does not accept the password"),
        ("", "surplus-word", "has no password, but one was given"),
    ],
    ids=["wrong", "missing", "empty", "not configured"],
)
def test_password_that_does_not_fit(newest_flavor, servers, given, message):
    with Farm(newest_flavor, 6, password=servers) as farm:
        begin = time.monotonic()
        failed = refused(farm, login_password=given)
        assert message in failed["msg"].splitlines()[0]
        assert failed["msg"].split()[0] in farm.nodes
        assert failed["advice"]
        assert time.monotonic() - begin < 20, "a wrong password does not become right by waiting"


def test_one_node_with_another_password(newest_redis):
    with Farm(newest_redis, 6, password="right") as farm:
        farm.ask(3, "CONFIG", "SET", "requirepass", "other")
        failed = run.init(farm.nodes, login_password="right").failed()
        assert failed["msg"].startswith(f"{farm.nodes[3]} does not accept the password.")
        farm.password = "other"
        farm.ask(3, "CONFIG", "SET", "requirepass", "right")
        farm.password = "right"
        assert state.writes(farm).keys() <= {"config|set"}


def test_a_closed_port_is_named_within_the_timeout(six):
    (closed,) = free_ports(1, avoid=six.ports)
    begin = time.monotonic()
    failed = refused(six, [*six.nodes[:5], f"{HOST}:{closed}"], timeout=2)
    assert time.monotonic() - begin < 2 + 8
    assert failed["msg"].startswith("Not every Redis node answered within 2 s.")
    assert failed["found"] == [f"{HOST}:{closed}: [Errno 111] Connection refused"]


def test_a_node_that_does_not_answer_is_named_within_the_timeout(six):
    """Its kernel accepts connections, the process is stopped; two of them take no longer than one."""
    six.pause(2)
    six.pause(5)
    begin = time.monotonic()
    failed = run.init(six.nodes, timeout=3).failed()
    seconds = time.monotonic() - begin
    six.resume(2)
    six.resume(5)
    assert {line.split(": ")[0] for line in failed["found"]} == {six.nodes[2], six.nodes[5]}
    assert seconds < 3 + 15 + 3, f"took {seconds:.0f} s"


def test_a_port_that_is_not_redis(six):
    with socket.create_server((HOST, 0)) as listener:
        begin = time.monotonic()
        nodes = [*six.nodes[:5], f"{HOST}:{listener.getsockname()[1]}"]
        failed = run.init(nodes, timeout=2).failed()
        assert time.monotonic() - begin < 2 + 15 + 3
        assert nodes[5] in failed["found"][0]


def test_a_server_without_cluster_mode(newest_redis):
    with Farm(newest_redis, 6) as farm:
        farm.restart(1, **{"cluster-enabled": "no"})
        failed = refused(farm, timeout=2)
        assert any(farm.nodes[1] in line and "cluster support disabled" in line for line in failed["found"])


def test_blocked_bus_port_is_named_and_the_next_run_completes(newest_redis):
    """No server reaches the bus of one: it is neither where MEET looks nor where the server says that it is."""
    with Farm(newest_redis, 6) as farm:
        elsewhere, closed = free_ports(2, avoid=farm.ports)
        farm.restart(3, **{"cluster-port": str(elsewhere), "cluster-announce-bus-port": str(closed)})
        begin = time.monotonic()
        failed = run.init(farm.nodes).failed()
        seconds = time.monotonic() - begin
        assert "the cluster bus does not get through" in failed["msg"]
        assert any(farm.nodes[3] in line for line in failed["found"])
        assert "port + 10000" in failed["advice"]
        assert 20 <= seconds < 40, f"took {seconds:.0f} s"
        assert state.settings(farm) == [state.SETTINGS] * 6, "temporary settings stay after a failure"

        farm.restart(3)
        run.init(farm.nodes).ok()
        assert not state.unserving(farm)
        assert run.init(farm.nodes).ok()["changed"] is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shards": 2, "replicas": 2}, "shards is 2: a Redis Cluster needs 3 or more"),
        ({"shards": 0}, "shards is 0: a Redis Cluster needs 3 or more"),
        ({"shards": -3}, "shards is -3: a Redis Cluster needs 3 or more"),
        ({"replicas": -1}, "replicas is -1: give 0 or more"),
        ({"shards": 4}, "nodes has 6 entries, 4 shards with 1 replicas each need 8"),
        ({"replicas": 2}, "nodes has 6 entries, 3 shards with 2 replicas each need 9"),
    ],
)
def test_sizes_that_cannot_be(six, options, message):
    assert message in refused(six, **options)["msg"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("127.0.0.1", ["'127.0.0.1'", "host:port"]),
        ("127.0.0.1:", ["'127.0.0.1:'", "host:port"]),
        ("127.0.0.1:redis", ["127.0.0.1:redis", "host:port"]),
        ("127.0.0.1:99999", ["127.0.0.1:99999", "port"]),
        (":7000", ["':7000'", "host:port"]),
        ("no-such-host.invalid:7000", ["no-such-host.invalid"]),
    ],
)
def test_entries_that_are_no_address(six, entry, words):
    failed = refused(six, [*six.nodes[:5], entry], timeout=2)
    assert all(word in failed["msg"] for word in words), failed["msg"]


@pytest.mark.parametrize("host", [HOST, "localhost"])
def test_the_same_node_twice(six, host):
    failed = refused(six, [*six.nodes[:5], f"{host}:{six.ports[0]}"], timeout=10)
    assert f"{host}:{six.ports[0]}" in failed["msg"]
    assert any(word in failed["msg"] for word in ("twice", "same")), failed["msg"]


def test_two_nodes_with_one_identity(newest_redis):
    """A volume that was copied brings a second node with the same id."""
    with Farm(newest_redis, 6) as farm:
        farm.stop(1)
        content = (farm.directory(0) / "nodes.conf").read_text()
        (farm.directory(1) / "nodes.conf").write_text(content)
        farm.start(1)
        farm.wait_answers(1)
        failed = refused(farm, timeout=10)
        assert farm.nodes[0] in failed["msg"] and farm.nodes[1] in failed["msg"]
        assert state.ids(farm)[0] in failed["msg"]


def test_hostnames_are_resolved_before_redis_is_told_them(six):
    """CLUSTER MEET takes addresses only."""
    run.init([f"localhost:{port}" for port in six.ports]).ok()
    assert not state.unserving(six)


def test_another_number_of_shards_than_runs(newest_redis):
    with Farm(newest_redis, 8) as farm:
        run.init(farm.nodes, shards=4).ok()
        failed = refused(farm, shards=8, replicas=0)
        assert failed["msg"].startswith("The cluster has 4 masters with slots, 8 shards are asked for.")
        assert len(failed["found"]) == 4
        assert "moves slots" in failed["advice"]


def test_slots_of_a_master_that_is_gone(newest_redis):
    """Its volume was lost and it had no replica: the keys are gone, and no empty node may hide that."""
    with Farm(newest_redis, 3, QUICK) as farm:
        run.init(farm.nodes, replicas=0, cluster_node_timeout=300).ok()
        keys = state.fill(farm, 100)
        lost = state.ids(farm)[1]
        farm.wipe(1)
        farm.start(1)
        farm.wait_answers(1)
        failed = refused(farm, replicas=0, cluster_node_timeout=300)
        assert failed["msg"].startswith("Slots 5461-10922 belong to a Redis node that is gone.")
        assert any(lost in line for line in failed["found"])
        assert "No node of this deployment is its replica" in failed["advice"]
        assert 0 < sum(state.counts(farm)) < len(keys)
