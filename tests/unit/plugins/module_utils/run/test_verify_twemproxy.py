# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What twemproxy_verify makes of answers and pods; running proxies are in tests/integration."""

from __future__ import annotations

from types import SimpleNamespace as Made

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._deps import error_reply
from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.redis.ketama import Pool, Router, Server
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils.run.verify_twemproxy import Proxies, check_proxies

POOL = Pool(tuple(Server(f"pool-{i}") for i in range(3)), hash_tag="{}")


class FakeFleet:
    """Proxies x and y in front of the same servers, with what ``instead`` answers where it does."""

    def __init__(self, instead=lambda proxy, command: None):
        self.endpoints = [Endpoint(name, f"10.0.0.{i}", 22121, "node1") for i, name in enumerate("xy")]
        self.instead, self.sent, self.stored = instead, [], {}

    def gather(self, commands):
        return {proxy: [self._answer(proxy, command) for command in batch] for proxy, batch in commands.items()}

    def _answer(self, proxy, command):
        self.sent.append((proxy, *command[:2]))
        verb, key, *rest = command
        given = self.instead(proxy, command)
        if given is not None:
            return given
        if verb == "SET":
            self.stored[key] = rest[0].encode()
            return b"OK"
        return self.stored.pop(key, None) if verb == "DEL" else self.stored.get(key)


def test_every_server_is_reached_and_keys_go_from_proxy_to_proxy():
    fleet = FakeFleet()
    rows = check_proxies(fleet, POOL, write=True)
    assert [(row["pod"], row["machine"], row["backends"]) for row in rows] == [("x", "node1", 3), ("y", "node1", 3)]
    written, read = ({(p, key) for p, verb, key in fleet.sent if verb == wanted} for wanted in ("SET", "GET"))
    assert len(written) == 6
    assert {key for proxy, key in read if proxy == "x"} == {key for proxy, key in written if proxy == "y"}
    assert fleet.stored == {}


def test_in_check_mode_keys_are_only_read():
    fleet = FakeFleet()
    check_proxies(fleet, POOL, write=False)
    assert {verb for _proxy, verb, _key in fleet.sent} == {"GET"}


def test_what_fails_is_named_and_keys_are_deleted_all_the_same():
    router = Router(POOL)
    fleet = FakeFleet(
        lambda proxy, command: (
            OSError("Host is down")
            if (proxy, command[0], router.server(command[1].encode())) == ("y", "SET", "pool-1")
            else None
        )
    )
    with pytest.raises(Unreachable) as caught:
        check_proxies(fleet, POOL, write=True)
    assert caught.value.found == ("y to pool-1: Host is down",)
    assert fleet.stored == {}


def test_a_key_that_another_proxy_does_not_find():
    fleet = FakeFleet(lambda proxy, command: b"" if command[0] == "GET" and proxy == "x" else None)
    with pytest.raises(EngineError) as caught:
        check_proxies(fleet, POOL, write=True)
    assert not isinstance(caught.value, Unreachable), "it would be waited for"
    assert caught.value.found == tuple(f"x to pool-{i}: answered b''" for i in range(3))


def pod(name, address="10.0.0.1", going=None):
    metadata = Made(name=name, deletion_timestamp=going)
    return Made(metadata=metadata, status=Made(pod_ip=address), spec=Made(node_name="node1"))


@pytest.mark.parametrize(
    ("pods", "names", "reasons"),
    [
        ([pod("b"), pod("a")], ["a", "b"], []),
        ([pod("a"), pod("b"), pod("old", going="now")], ["a", "b"], []),
        ([pod("a"), pod("b", address=None)], ["a"], ["b: has no address yet"]),
        ([pod("a")], ["a"], ["1 of 2 pods exist"]),
    ],
)
def test_the_pods_of_a_deployment(monkeypatch, pods, names, reasons):
    proxies = Proxies.__new__(Proxies)
    proxies._kubernetes, proxies._count, proxies._predicting = object(), 2, False
    proxies._params = {"port": 22121}
    monkeypatch.setattr(Proxies, "_of_deployment", lambda self: pods)
    endpoints, said = proxies._endpoints()
    assert ([endpoint.name for endpoint in endpoints], said) == (names, reasons)
    assert all(endpoint.port == 22121 for endpoint in endpoints)


OOM = error_reply("OOM command not allowed when used memory > 'maxmemory'.")


def refusing(backend, error):
    router = Router(POOL)

    def instead(proxy, command):
        return error if command[0] == "SET" and router.server(command[1].encode()) == backend else None

    return instead


@pytest.mark.parametrize(
    "error", [OOM, error_reply("ERR Invalid argument")], ids=["as sent", "as Twemproxy 0.5 has it"]
)
def test_a_full_backend_is_no_broken_one(error):
    fleet = FakeFleet(refusing("pool-1", error))
    rows = check_proxies(fleet, POOL, write=True)
    assert [(row["backends"], row["full"]) for row in rows] == [(3, ["pool-1"])] * 2
    assert fleet.stored == {}


def test_a_backend_that_does_not_serve_reads_either_is_not_full():
    """A node of a Redis Cluster, for one: Twemproxy does not know MOVED."""
    router, error = Router(POOL), error_reply("ERR Invalid argument")
    fleet = FakeFleet(lambda proxy, command: error if router.server(command[1].encode()) == "pool-1" else None)
    with pytest.raises(Unreachable) as caught:
        check_proxies(fleet, POOL, write=True)
    assert caught.value.found == ("x to pool-1: Invalid argument", "y to pool-1: Invalid argument")


@pytest.mark.parametrize(
    ("answer", "waited_for"),
    [
        ("ERR Connection refused", True),
        ("LOADING Redis is loading the dataset in memory", True),
        ("NOPERM User default has no permissions to run the 'set' command", False),
        ("MISCONF Errors writing to the AOF file: No space left on device", False),
        ("NOAUTH Authentication required.", False),
    ],
)
def test_only_what_passes_is_waited_for(answer, waited_for):
    fleet = FakeFleet(refusing("pool-1", error_reply(answer)))
    with pytest.raises(EngineError) as caught:
        check_proxies(fleet, POOL, write=True)
    assert isinstance(caught.value, Unreachable) is waited_for
    assert all(" to pool-1: " in line for line in caught.value.found)
