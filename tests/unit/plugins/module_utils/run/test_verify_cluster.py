# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the right slots, and what is said of a shard that does not work."""

from __future__ import annotations

import time

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._deps import error_reply
from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Desired, Endpoint, Node, Peer
from ansible_collections.slotwise.redis.plugins.module_utils.redis.planner import make_plan
from ansible_collections.slotwise.redis.plugins.module_utils.run import verify_cluster
from ansible_collections.slotwise.redis.plugins.module_utils.run.verify_cluster import (
    canary_key,
    check_shards,
    key_slot,
)
from ansible_collections.slotwise.redis.tests.unit.plugins.module_utils.simulate import DEFAULTS, Cluster


@pytest.mark.parametrize(
    ("tag", "slot"), [("123456789", 0x31C3), ("foo", 12182), ("hello", 866), ("", 0), ("user1000", 3443)]
)
def test_slots_of_the_specification(tag, slot):
    """0x31C3 for 123456789 is the specification's own example; the others are from CLUSTER KEYSLOT."""
    assert key_slot(tag) == slot


@pytest.mark.parametrize("ranges", [((0, 0),), ((16383, 16383),), ((0, 5460),), ((7, 7), (9000, 9001))])
def test_a_key_of_any_range(ranges):
    me = Peer("a" * 40, "10.0.0.1", 6379, frozenset({"master"}), "", 1, True, ranges)
    key = canary_key(Node(Endpoint("pod-0", "10.0.0.1"), me.node_id, {me.node_id: me}), "token")
    assert key.startswith("slotwise.redis:canary:token:{")
    slot = key_slot(key[key.index("{") + 1 : key.index("}")])
    assert any(a <= slot <= b for a, b in ranges)


class Keeper:
    """Stores what is set, for a master and its replicas; ``spoil`` answers in place of a node."""

    def __init__(self, nodes: list[Node], spoil: dict[tuple[str, str], object] | None = None) -> None:
        self.master_of = {n.name: next((m.name for m in nodes if m.node_id == n.master_id), n.name) for n in nodes}
        self.replicas = {m: sum(v == m for v in self.master_of.values()) - 1 for m in self.master_of.values()}
        self.spoil, self.keys, self.sent = spoil or {}, {}, []

    def gather(self, commands):
        return {name: [self._answer(name, *c) for c in batch] for name, batch in commands.items()}

    def _answer(self, name, word, *args):
        self.sent.append((name, word, *args))
        if (name, word) in self.spoil:
            return self.spoil[name, word]
        if word == "SET":
            self.keys[name, args[0]] = str(args[1]).encode()
            return b"OK"
        if word == "WAIT":
            return self.replicas[name]
        if word == "GET":
            return self.keys.get((self.master_of[name], args[0]))
        if word == "DEL":
            return int(self.keys.pop((name, args[0]), None) is not None)
        return b"OK"


@pytest.fixture
def nodes() -> list[Node]:
    cluster = Cluster(Endpoint(f"pod-{i}", f"10.0.0.{i + 1}") for i in range(6))
    cluster.apply(make_plan(Desired(3, 1, DEFAULTS), cluster.nodes()))
    return cluster.nodes()


def test_all_shards(nodes):
    keeper = Keeper(nodes)
    checks = check_shards(keeper, nodes)
    assert [c["shard"] for c in checks] == [0, 1, 2]
    assert [c["master"] for c in checks] == ["pod-0", "pod-1", "pod-2"]
    assert sorted(r for c in checks for r in c["replicas"]) == ["pod-3", "pod-4", "pod-5"]
    assert not keeper.keys
    assert {name for name, word, *_args in keeper.sent if word == "GET"} == {n.name for n in nodes}
    sets = [args for _name, word, *args in keeper.sent if word == "SET"]
    assert all("NX" in args and "EX" in args for args in sets)


def test_two_runs_use_different_keys(nodes):
    first, second = (check_shards(Keeper(nodes), nodes) for _unused in range(2))
    assert not {c["key"] for c in first} & {c["key"] for c in second}


@pytest.mark.parametrize(
    ("node", "word", "answer", "line"),
    [
        ("pod-1", "SET", OSError("NOREPLICAS"), "pod-1 did not store a key: NOREPLICAS"),
        ("pod-1", "SET", None, "pod-1 did not store a key: None"),
        ("pod-2", "WAIT", 0, "pod-2: 0 of 1 replicas acknowledged a write in 5000 ms"),
        ("pod-4", "GET", b"else", "pod-4 does not return the key written to "),
        ("pod-0", "GET", OSError("gone"), "pod-0 does not return the key written to pod-0: gone"),
    ],
)
def test_what_does_not_work_is_named_once(nodes, node, word, answer, line):
    keeper = Keeper(nodes, {(node, word): answer})
    with pytest.raises(EngineError) as caught:
        check_shards(keeper, nodes)
    assert len(caught.value.found) == 1
    assert caught.value.found[0].startswith(line)
    assert not keeper.keys, "keys were left behind"


OOM = error_reply("OOM command not allowed when used memory > 'maxmemory'.")
MEMORY = b"# Memory\r\nused_memory:2048\r\nmaxmemory:1024\r\nmaxmemory_policy:noeviction\r\n"


def test_a_full_shard_is_said_with_its_figures(nodes):
    keeper = Keeper(nodes, {("pod-1", "SET"): OOM, ("pod-1", "INFO"): MEMORY})
    checks = check_shards(keeper, nodes)
    assert [check["full"].partition(":")[0] for check in checks] == ["", "pod-1 is full", ""]
    said = checks[1]["full"]
    assert "2048 bytes are used, maxmemory is 1024, maxmemory-policy is noeviction" in said
    assert not keeper.keys


def test_a_full_shard_hides_no_other_that_is_broken(nodes):
    keeper = Keeper(nodes, {("pod-1", "SET"): OOM, ("pod-2", "SET"): error_reply("MISCONF Errors writing to the AOF")})
    with pytest.raises(EngineError) as caught:
        check_shards(keeper, nodes)
    (line,) = caught.value.found
    assert line.startswith("pod-2 did not store a key: MISCONF Errors writing to the AOF (Look at its log")


@pytest.mark.parametrize("answer", ["NOREPLICAS Not enough good replicas to write.", "READONLY You can't write"])
def test_answers_that_pass_are_asked_for_again(nodes, monkeypatch, answer):
    monkeypatch.setattr(verify_cluster, "POLL_SECONDS", 0.001)
    keeper = Keeper(nodes, {("pod-1", "SET"): error_reply(answer)})
    plain, asked = keeper._answer, iter(range(100))

    def better(name, word, *args):
        if (name, word) == ("pod-1", "SET") and next(asked) == 3:
            keeper.spoil.clear()
        return plain(name, word, *args)

    keeper._answer = better
    assert len(check_shards(keeper, nodes, time.monotonic() + 20)) == 3
    assert [name for name, word, *_args in keeper.sent if word == "SET"].count("pod-0") == 1
    assert not keeper.keys


def test_answers_that_do_not_pass_end_at_the_deadline(nodes, monkeypatch):
    monkeypatch.setattr(verify_cluster, "POLL_SECONDS", 0.001)
    keeper = Keeper(nodes, {("pod-1", "SET"): error_reply("NOREPLICAS Not enough good replicas to write.")})
    with pytest.raises(EngineError) as caught:
        check_shards(keeper, nodes, time.monotonic() + 0.1)
    assert caught.value.found == ("pod-1 did not store a key: NOREPLICAS Not enough good replicas to write.",)


def test_keys_are_deleted_also_when_the_run_ends_early(nodes):
    keeper = Keeper(nodes)
    answer = keeper._answer

    def interrupted(name, word, *args):
        if word == "GET":
            raise KeyboardInterrupt
        return answer(name, word, *args)

    keeper._answer = interrupted
    with pytest.raises(KeyboardInterrupt):
        check_shards(keeper, nodes)
    assert not keeper.keys
