# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which answers are waited out, and what is said of the others."""

from __future__ import annotations

import errno
import os

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError, TimeoutError

from ansible_collections.slotwise.redis.plugins.module_utils._deps import error_reply
from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.redis.answers import (
    answer_of,
    hopeless,
    refuse_hopeless,
    refuse_known,
)

HOPELESS = {
    "WRONGPASS invalid username-password pair or user is disabled.": "does not accept the password",
    "NOAUTH Authentication required.": "does not accept the password",
    "ERR invalid password": "does not accept the password",
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration "
    "is correct?": "has no password",
    "ERR Client sent AUTH, but no password is set": "has no password",
    "ERR This instance has cluster support disabled": "is not in cluster mode",
    "NOPERM User default has no permissions to run the 'cluster|myid' command": "does not allow its user",
    "NOPERM this user has no permissions to access one of the keys used as arguments": "does not allow its user",
    "DENIED Redis is running in protected mode because protected mode is enabled": "is in protected mode",
    "-DENIED Running in protected mode": "is in protected mode",
    "ERR unknown command 'CLUSTER', with args beginning with: 'MYID'": "does not know a command",
    "ERR unknown command `CONFIG`, with args beginning with: ": "does not know a command",
    "ERR unknown subcommand 'MYSHARDID'. Try CLUSTER HELP.": "does not know a command",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.": "to its disk",
    "MISCONF Errors writing to the AOF file: No space left on device": "to its disk",
    "Protocol Error: b'HTTP/1.1 400 Bad Request'": "does not speak the protocol",
    "ERR a new error of a new version": "waiting does not change",
    "NOPROTO unsupported protocol version": "waiting does not change",
}
PASSING = [
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "CLUSTERDOWN The cluster is down",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "NOREPLICAS Not enough good replicas to write.",
    "READONLY You can't write against a read only replica.",
    "ERR max number of clients reached",
    "ERR Connection refused",
    "ERR Connection timed out",
    "ERR No route to host",
]


@pytest.mark.parametrize(("answer", "said"), HOPELESS.items())
def test_what_waiting_does_not_change_ends_the_run_with_what_to_do(answer, said):
    with pytest.raises(EngineError) as caught:
        refuse_hopeless({"a-0": OSError("refused"), "a-1": error_reply(answer), "a-2": error_reply(answer)})
    assert not isinstance(caught.value, Unreachable), "it would be waited for"
    assert caught.value.message.startswith("a-1 ")
    assert said in caught.value.message
    assert caught.value.found == (f"a-1: {answer}", f"a-2: {answer}")
    assert caught.value.advice


@pytest.mark.parametrize("answer", PASSING)
def test_what_passes_is_waited_for(answer):
    refuse_hopeless({"a-0": error_reply(answer)})
    refuse_known({"a-0": error_reply(answer), "a-1": b"OK"})


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)),
        TimeoutError("Timeout reading from socket"),
        RedisConnectionError("Connection closed by server."),
    ],
)
def test_nobody_there_passes(error):
    assert hopeless(error) is None


@pytest.mark.parametrize("answer", ["ERR Unknown node 123", "ERR I can only replicate a master, not a replica."])
def test_a_command_that_is_refused_for_its_own_reason_is_the_caller_s_business(answer):
    refuse_known({"a-0": error_reply(answer), "a-1": b"OK"})
    with pytest.raises(EngineError, match="does not allow its user"):
        refuse_known({"a-0": error_reply("NOPERM User x has no permissions to run the 'cluster|replicate' command")})


def test_an_answer_is_shown_as_it_was_sent():
    assert answer_of(error_reply("NOPERM User x has no permissions")) == "NOPERM User x has no permissions"
    assert answer_of(ResponseError("something")) == "something"
