# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rings and what changes between them. A running Twemproxy is compared in tests/integration/test_twemproxy.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.slotwise.redis.plugins.module_utils.redis.ketama import (
    HASHES,
    Change,
    Pool,
    Router,
    Server,
    keys,
    ring_change,
    shares,
    tagged,
)


def pool(count: int, **options) -> Pool:
    return Pool(tuple(Server(f"pool-{i}") for i in range(count)), **options)


weighted = st.lists(st.integers(1, 9), min_size=1, max_size=12).map(
    lambda weights: tuple(Server(f"pool-{i}", weight) for i, weight in enumerate(weights))
)
distributions = st.sampled_from(["ketama", "modula"])


def test_a_line_of_servers():
    assert Server.of("pool-0.pool-headless.pool.svc.cluster.local.:6379:3 pool-0") == Server("pool-0", 3)


@pytest.mark.parametrize("line", ["pool-0:6379:1", "pool-0:6379:x pool-0", ""])
def test_lines_that_are_not_ours(line):
    with pytest.raises(ValueError, match="is not host:port:weight name"):
        Server.of(line)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"servers": []}, "a pool needs servers"),
        ({"servers": ["a:1:1 a"], "distribution": "random"}, "distribution is 'random'. Known: ketama, modula"),
        ({"servers": ["a:1:1 a"], "hash": "murmur"}, "hash is 'murmur'. Known: fnv1a_64,"),
        ({"servers": [7]}, "'7' is not host:port:weight name"),
        ({"servers": [None]}, "'None' is not host:port:weight name"),
        ({"servers": None}, "servers is None. Allowed: a list of host:port:weight name"),
        ({"servers": 3}, "servers is 3. Allowed: a list of host:port:weight name"),
    ],
)
def test_pools_that_are_not_known(options, words):
    with pytest.raises(ValueError, match=words):
        Pool.of(options)


def test_yaml_makes_a_number_of_a_hash_tag():
    pool = Pool.of({"servers": ["a:1:1 a", "b:1:1 b"], "hash_tag": 12})
    assert pool.hash_tag == "12"
    assert Router(pool).server(b"x1user2y") == Router(pool).server(b"1user2")


def test_a_pool_of_options():
    assert Pool.of({"servers": ["a:1:2 a"], "hash_tag": "{}", "timeout": 400}) == Pool(
        (Server("a", 2),), "ketama", "fnv1a_64", "{}"
    )


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"user:{7}:name", b"7"),
        (b"{7}", b"7"),
        (b"{}7", b"{}7"),
        (b"a}b{c", b"a}b{c"),
        (b"{{7}}", b"{7"),
        (b"{}{7}", b"{}{7}"),
        (b"plain", b"plain"),
    ],
)
def test_hash_tags(key, hashed):
    assert tagged(key, "{}") == hashed
    assert tagged(key, "") == key


def test_bytes_above_127_are_negative():
    """What a key with such a byte would hash to if they were not."""
    assert HASHES["fnv1a_64"](b"\xc3") != (0x84222325 ^ 0xC3) * 0x1B3 % 2**32


@given(st.sampled_from(sorted(HASHES)), st.binary(max_size=64))
def test_hashes_fill_32_bits(name, key):
    assert 0 <= HASHES[name](key) < 2**32


@given(weighted, distributions)
def test_shares_are_all_there_is(servers, distribution):
    found = shares(Pool(servers, distribution))
    assert list(found) == [server.name for server in servers]
    assert sum(found.values()) == pytest.approx(1)


@given(weighted, distributions)
def test_the_same_pool_moves_nothing(servers, distribution):
    one = Pool(servers, distribution)
    assert ring_change(one, one) == Change(0.0, True, shares(one), shares(one))


@given(weighted, weighted, distributions)
def test_a_share_is_one_and_has_no_direction(before, after, distribution):
    there = ring_change(Pool(before, distribution), Pool(after, distribution)).share
    back = ring_change(Pool(after, distribution), Pool(before, distribution)).share
    assert 0 <= there <= 1
    assert there == pytest.approx(back)


@pytest.mark.parametrize("count", [1, 2, 4, 12, 108])
def test_one_server_more_takes_its_share(count):
    change = ring_change(pool(count), pool(count + 1))
    assert change.share == pytest.approx(1 / (count + 1), abs=0.1)
    assert change.share >= change.after[f"pool-{count}"] - 1e-9
    assert change.exact


def test_rounding_can_cost_every_server_four_points():
    """Then a new server moves more keys than it gets."""
    change = ring_change(pool(108), pool(109))
    assert change.share == pytest.approx(0.0321, abs=0.0001)
    assert change.after["pool-108"] == pytest.approx(0.0092, abs=0.001)


def test_with_modula_one_server_more_moves_nearly_everything():
    assert ring_change(pool(4, distribution="modula"), pool(5, distribution="modula")).share == pytest.approx(4 / 5)


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from(["ketama", "modula"]))
def test_shares_hold_for_keys(old, new, distribution):
    before, after = pool(old, distribution=distribution, hash="md5"), pool(new, distribution=distribution, hash="md5")
    routes = Router(before), Router(after)
    names = [f"key:{i}".encode() for i in range(3000)]
    moved = sum(routes[0].server(name) != routes[1].server(name) for name in names) / len(names)
    assert moved == pytest.approx(ring_change(before, after).share, abs=0.05)


def test_order_and_address_move_nothing_on_a_ring():
    names = [f"10.0.0.{i}:6379:1 pool-{i}" for i in range(4)]
    moved = [line.replace("10.0.0.", "10.9.9.") for line in reversed(names)]
    assert ring_change(Pool.of({"servers": names}), Pool.of({"servers": moved})).share == 0


@pytest.mark.parametrize("other", [{"hash": "md5"}, {"distribution": "modula"}, {"hash_tag": "{}"}])
def test_another_place_for_keys_is_estimated(other):
    change = ring_change(pool(4), pool(4, **other))
    assert not change.exact
    assert change.share == pytest.approx(0.75, abs=0.05)


def test_with_one_server_nothing_can_move():
    assert ring_change(pool(1), pool(1, hash="md5")).share == 0


@given(weighted, distributions, st.sampled_from(["", "{}", "::", "$$"]))
def test_a_key_for_each_server(servers, distribution, hash_tag):
    one = Pool(servers, distribution, hash_tag=hash_tag)
    found = keys(one, "slotwise.redis:canary")
    assert list(found) == [server.name for server in servers if shares(one)[server.name] > 0]
    router = Router(one)
    assert all(router.server(key.encode()) == name for name, key in found.items())
