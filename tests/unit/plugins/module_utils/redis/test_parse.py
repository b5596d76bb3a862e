# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real answers of every server version (fixtures/, made by tests/tools/capture_fixtures.py), and the odd ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.redis import parse
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import (
    SLOTS,
    Endpoint,
    count_slots,
    merge_ranges,
)

VERSIONS = sorted((Path(__file__).parent / "fixtures").iterdir())
HERE = Endpoint("pod-0", "127.0.0.1", 11000)
SETTINGS = [b"cluster-node-timeout", b"15000", b"repl-diskless-sync-delay", b"5"]

assert len(VERSIONS) >= 4, "run tests/tools/capture_fixtures.py"


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def version(request) -> Path:
    return request.param


def node(version: Path, role: str):
    names = ("myid", "cluster_info", "nodes", "info")
    return parse.parse_node(HERE, [*((version / f"{role}_{n}.txt").read_bytes() for n in names), SETTINGS])


def test_a_master(version):
    master = node(version, "master")
    assert master.name == "pod-0"
    assert len(master.node_id) == 40
    assert (master.cluster_state, master.slots_ok, master.known_nodes) == ("ok", SLOTS, 6)
    assert master.slots == ((0, 5460),)
    assert (master.master_id, master.link_up, master.epoch) == ("", True, 1)
    assert 0 < master.keys < 60
    assert master.offset > 0
    assert master.version == version.name.replace("-", " ")
    assert master.settings == {"cluster-node-timeout": "15000", "repl-diskless-sync-delay": "5"}


def test_a_replica(version):
    master, replica = node(version, "master"), node(version, "replica")
    assert replica.master_id in replica.peers
    assert replica.slots == ()
    assert replica.link_up
    assert replica.offset > 0
    assert replica.peers.keys() == master.peers.keys()
    assert replica.myself.is_replica


def test_both_have_the_same_view(version):
    rows = [
        {(p.node_id, p.flags, p.master_id, p.slots, p.address, p.port) for p in node(version, role).peers.values()}
        for role in ("master", "replica")
    ]
    assert rows[0] == rows[1]


def test_the_slots_of_all_masters(version):
    peers = node(version, "master").peers.values()
    assert merge_ranges(r for p in peers for r in p.slots) == ((0, SLOTS - 1),)
    assert sum(count_slots(p.slots) for p in peers) == SLOTS


def test_a_troubled_cluster(version):
    peers = parse.parse_nodes((version / "troubled_nodes.txt").read_bytes())
    by_flags = {",".join(sorted(p.flags)): p for p in peers.values()}
    failed = by_flags["fail,slave"]
    assert failed.failing and not failed.connected and failed.address == "127.0.0.1"
    wiped = next(p for p in peers.values() if "noaddr" in p.flags)
    assert wiped.failing and (wiped.address, wiped.port) == ("", 0)
    handshake = by_flags["handshake"]
    assert handshake.in_handshake and not handshake.failing and not handshake.slots
    (moving,) = [p for p in peers.values() if p.open_slots]
    assert moving.open_slots[0].startswith("[5->-")
    assert moving.slots == ((0, 5460),)


def test_views_share_their_equal_lines(version):
    seen: dict = {}
    first = parse.parse_nodes((version / "master_nodes.txt").read_bytes(), seen)
    second = parse.parse_nodes((version / "replica_nodes.txt").read_bytes(), seen)
    assert all(first[i] is second[i] for i in first)


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("10.0.0.1:6379@16379", ("10.0.0.1", 6379)),
        ("10.0.0.1:6379@16379,pod-0.demo.svc", ("10.0.0.1", 6379)),
        ("10.0.0.1:6379@16379,,tls-port=0,shard-id=abc", ("10.0.0.1", 6379)),
        ("10.0.0.1:6379", ("10.0.0.1", 6379)),
        ("fd00::7:6379@16379", ("fd00::7", 6379)),
        ("[fd00::7]:6379@16379", ("fd00::7", 6379)),
        (":0@0", ("", 0)),
        (":6379@16379", ("", 6379)),
    ],
)
def test_addresses(field, address):
    assert parse.parse_address(field) == address


@pytest.mark.parametrize(
    ("words", "slots", "moving"),
    [
        ("", (), ()),
        ("0-5460", ((0, 5460),), ()),
        ("7", ((7, 7),), ()),
        ("9 0-3 4-8 16383", ((0, 9), (16383, 16383)), ()),
        ("0-9 [5->-abc] [77-<-def]", ((0, 9),), ("[5->-abc]", "[77-<-def]")),
    ],
)
def test_slot_words(words, slots, moving):
    line = f"{'a' * 40} 10.0.0.1:6379@16379 myself,master - 0 0 1 connected {words}".rstrip()
    (peer,) = parse.parse_nodes(line + "\n").values()
    assert (peer.slots, peer.open_slots) == (slots, moving)


@pytest.mark.parametrize("text", ["", "\n", "vars currentEpoch 6 lastVoteEpoch 0\n"])
def test_lines_that_are_no_nodes(text):
    assert parse.parse_nodes(text) == {}


def test_info_keeps_colons_in_values():
    assert parse.parse_info(b"# Server\r\nos:Linux a:b\r\n\r\nrole:master\r\n") == {
        "os": "Linux a:b",
        "role": "master",
    }


@pytest.mark.parametrize("reply", [SETTINGS, {"cluster-node-timeout": "15000", "repl-diskless-sync-delay": "5"}])
def test_settings_of_both_protocols(reply):
    assert parse.parse_settings(reply) == {"cluster-node-timeout": "15000", "repl-diskless-sync-delay": "5"}


def parsed(info: str):
    return parse.parse_node(HERE, [b"a" * 40, b"cluster_state:fail\r\n", b"", info.encode(), []])


def test_keys_of_all_databases_are_counted():
    assert parsed("role:master\r\ndb0:keys=3,expires=0\r\ndb12:keys=4,expires=1,avg_ttl=9\r\n").keys == 7


@pytest.mark.parametrize(
    ("info", "link_up"),
    [
        ("role:master", True),
        ("role:slave\r\nmaster_link_status:up", True),
        ("role:slave\r\nmaster_link_status:down", False),
    ],
)
def test_the_link_to_the_master(info, link_up):
    assert parsed(info).link_up is link_up


def test_a_valkey_reports_its_own_version():
    assert parsed("redis_version:7.2.4\r\nvalkey_version:9.1.2\r\nrole:master").version == "valkey 9.1.2"
