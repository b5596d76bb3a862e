# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: killed_run.py COUNT < options.  redis_cluster_init that is killed when COUNT changing commands are sent.

Every command goes out alone and in order, so that a kill falls between any two of them. CLUSTER REPLICATE
is repeated until the replica knows its master; it counts when Redis has accepted it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque

from redis.exceptions import RedisError

from ansible_collections.slotwise.redis.plugins.module_utils import _transport
from ansible_collections.slotwise.redis.plugins.modules import redis_cluster_init

CHANGING = {("CONFIG", "SET")} | {
    ("CLUSTER", word) for word in ("SET-CONFIG-EPOCH", "ADDSLOTSRANGE", "MEET", "REPLICATE", "FORGET")
}
left = int(sys.argv[1])


def count_down() -> None:
    global left  # noqa: PLW0603
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def watched(connection):
    """The connection, sending one command at a time."""
    send, read = connection.send_packed_command, connection.read_response
    answers: deque = deque()

    def receive(**options):
        try:
            return read(**options)
        except (OSError, RedisError) as error:
            return error

    def send_each(commands, **options):
        for command in commands:
            send(connection.pack_command(*command), **options)
            if command[:2] in CHANGING and command[1] != "REPLICATE":
                count_down()
            answers.append(receive(disable_decoding=True))
            if command[:2] == ("CLUSTER", "REPLICATE") and answers[-1] == b"OK":
                count_down()

    def next_answer(**_unused):
        answer = answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    connection.pack_commands = list
    connection.send_packed_command = send_each
    connection.read_response = next_answer
    return connection


connect = _transport.redis_connection
_transport.redis_connection = lambda *arguments: watched(connect(*arguments))
sys.argv = sys.argv[:1]
redis_cluster_init.main()
