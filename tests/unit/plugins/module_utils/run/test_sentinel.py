# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key that redis_sentinel_verify writes; Sentinels that run are in tests/e2e."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._deps import error_reply
from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils.run.sentinel import Watch, check

SEEN = {"master": "a", "servers": [{"pod": "a", "role": "master"}, {"pod": "b", "role": "slave"}]}


class Fleet:
    """A master and its replica; ``stored`` is what the master answers to SET."""

    def __init__(self, stored=b"OK"):
        self.stored, self.keys, self.words = stored, {}, []

    def gather(self, commands):
        return {name: [self._answer(*command) for command in batch] for name, batch in commands.items()}

    def ask_all(self, *commands):
        return self.gather(dict.fromkeys("ab", commands))

    def _answer(self, word, *args):
        self.words.append(word)
        if word == "SET":
            if self.stored == b"OK":
                self.keys[args[0]] = args[1].encode()
            return self.stored
        if word == "INFO":
            return b"used_memory:2048\r\nmaxmemory:1024\r\nmaxmemory_policy:noeviction\r\n"
        if word == "DEL":
            return int(self.keys.pop(args[0], None) is not None)
        return {"WAIT": 1, "GET": self.keys.get(args[0])}[word]


def test_a_key_goes_from_the_master_to_its_replica():
    fleet = Fleet()
    assert check(fleet, SEEN) == []
    assert not fleet.keys


def test_a_full_master_is_a_warning():
    fleet = Fleet(error_reply("OOM command not allowed when used memory > 'maxmemory'."))
    (warning,) = check(fleet, SEEN)
    assert warning.startswith("a is full: 2048 bytes are used, maxmemory is 1024, maxmemory-policy is noeviction.")
    assert "DEL" in fleet.words


@pytest.mark.parametrize(
    "answer", ["NOREPLICAS Not enough good replicas to write.", "MISCONF Errors writing to the AOF"]
)
def test_another_refusal_is_a_failure(answer):
    with pytest.raises(EngineError) as caught:
        check(Fleet(error_reply(answer)), SEEN)
    assert caught.value.found[0].startswith(f"a did not store a key: {answer}")


class Sentinels:
    """One Sentinel with these replies."""

    endpoints = (Endpoint("10.0.0.1:26379", "10.0.0.1", 26379),)

    def __init__(self, replies):
        self.replies = replies

    def ask_all(self, *commands):
        assert len(commands) == len(self.replies)
        return {"10.0.0.1:26379": self.replies}


LOST = ConnectionResetError("closed the connection")
ADDRESS = [b"10.0.0.2", b"6379"]
MASTER = [b"flags", b"master", b"config-epoch", b"3", b"quorum", b"1", b"num-other-sentinels", b"0"]


@pytest.mark.parametrize("replies", [[LOST] * 3, [ADDRESS, LOST, LOST], [ADDRESS, MASTER, LOST]])
def test_a_sentinel_that_is_lost_while_it_answers_does_not_answer(replies):
    watch = Watch.__new__(Watch)
    watch._params = {"sentinels": 1, "servers": 1, "name": None}
    watch._master_name, watch._servers, watch.silent = "orders", None, ["nobody is asked where it would be"]
    watch._fleets = [Sentinels(replies)]
    seen = watch.look()
    assert "10.0.0.1:26379 does not answer: closed the connection" in seen["problems"]
    assert (seen["healthy"], seen["master"]) == (False, "")
