# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What redis_standalone_verify makes of answers; real servers are in tests/integration."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._deps import error_reply
from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils.run.verify_standalone import check_servers, look

INFO = (
    b"# Server\r\nredis_version:8.0.2\r\nused_memory:1048576\r\nrole:master\r\ncluster_enabled:0\r\n"
    b"# Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0\r\ndb12:keys=4,expires=1,avg_ttl=0\r\n"
)


class FakeFleet:
    """Servers a and b with these answers; remembers what was sent."""

    def __init__(self, *answers):
        self.endpoints = [Endpoint(name, f"10.0.0.{i}", 6379, "node1") for i, name in enumerate("ab")]
        self.answers, self.sent = list(answers), []

    def ask_all(self, *commands):
        self.sent.append(commands)
        answer = self.answers[len(self.sent) - 1] if len(self.sent) <= len(self.answers) else {}
        return answer(commands) if callable(answer) else answer


def test_rows():
    first, second = look(FakeFleet({"a": [INFO], "b": [INFO.replace(b"redis_version", b"valkey_version")]}))
    assert first == {
        "pod": "a",
        "machine": "node1",
        "address": "10.0.0.0",
        "version": "8.0.2",
        "keys": 7,
        "memory": 1048576,
    }
    assert (second["pod"], second["version"]) == ("b", "8.0.2")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (INFO.replace(b"cluster_enabled:0", b"cluster_enabled:1"), "b is a node of a Redis Cluster"),
        (
            INFO.replace(b"role:master", b"role:slave\r\nmaster_host:10.0.0.9\r\nmaster_port:6379"),
            "b is a replica of 10.0.0.9:6379",
        ),
        (OSError("gone"), "b does not answer: gone"),
    ],
)
def test_servers_that_are_not_standalone(answer, words):
    with pytest.raises(EngineError) as caught:
        look(FakeFleet({"a": [INFO], "b": [answer]}))
    assert caught.value.found == (words,)


def test_a_key_is_written_read_and_deleted_everywhere():
    fleet = FakeFleet(lambda commands: {name: [b"OK", commands[0][2].encode()] for name in "ab"})
    check_servers(fleet)
    (written, read), (deleted,) = fleet.sent
    assert written[0] == "SET"
    assert written[3:] == ("NX", "EX", 60)
    assert read == ("GET", written[1])
    assert deleted == ("DEL", written[1])


def test_what_fails_is_named_and_the_key_deleted_all_the_same():
    error = Exception("READONLY")
    fleet = FakeFleet(lambda commands: {"a": [b"OK", b"another"], "b": [error, None]})
    with pytest.raises(EngineError) as caught:
        check_servers(fleet)
    assert caught.value.found == ("a: it returned another value than was written", "b: READONLY")
    assert fleet.sent[-1][0][0] == "DEL"


OOM = error_reply("OOM command not allowed when used memory > 'maxmemory'.")
MEMORY = b"used_memory:2048\r\nmaxmemory:1024\r\nmaxmemory_policy:noeviction\r\n"


def test_a_full_server_is_a_warning_and_no_failure():
    fleet = FakeFleet(lambda commands: {"a": [b"OK", commands[0][2].encode()], "b": [OOM, None]})
    fleet.gather = lambda commands: {name: [MEMORY] for name in commands}
    (warning,) = check_servers(fleet)
    assert warning.startswith("b is full: 2048 bytes are used, maxmemory is 1024, maxmemory-policy is noeviction.")
    assert fleet.sent[-1][0][0] == "DEL"


def test_what_is_known_of_an_answer_is_said():
    error = error_reply("NOPERM User default has no permissions to run the 'set' command")
    fleet = FakeFleet(lambda commands: {"a": [b"OK", commands[0][2].encode()], "b": [error, None]})
    with pytest.raises(EngineError) as caught:
        check_servers(fleet)
    assert caught.value.found[0].startswith(
        "b: NOPERM User default has no permissions to run the 'set' command (Grant it"
    )
