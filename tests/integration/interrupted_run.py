# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: interrupted_run.py COUNT SIGNAL < options.  redis_cluster_init that sends itself a signal.

It does so when COUNT commands that change something are sent. Every command goes out alone and in order, so that
the signal falls between any two of them. CLUSTER REPLICATE is repeated until the replica knows its master; it
counts when Redis has accepted it.

Usage: interrupted_run.py < lines.  Many runs, as tests/forked.py does them; a line has also count (0: not interrupted)
and signal.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Mapping

from redis.exceptions import RedisError

from ansible_collections.slotwise.redis.plugins.module_utils.io import transport
from ansible_collections.slotwise.redis.plugins.modules import redis_cluster_init
from ansible_collections.slotwise.redis.tests import forked

CHANGING = {("CONFIG", "SET")} | {
    ("CLUSTER", word) for word in ("SET-CONFIG-EPOCH", "ADDSLOTSRANGE", "MEET", "REPLICATE", "FORGET")
}


class Countdown:
    def __init__(self, count: int, by: signal.Signals) -> None:
        self._left, self._by = count, by

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._by)

    def watch(self, connection):
        """The connection, sending one command at a time."""
        send, read = connection.send_packed_command, connection.read_response
        answers: deque = deque()

        def send_each(commands, **options):
            for command in commands:
                send(connection.pack_command(*command), **options)
                if command[:2] == ("CLUSTER", "REPLICATE"):
                    try:
                        answers.append(read(disable_decoding=True))
                        self()
                    except RedisError as refusal:
                        answers.append(refusal)
                elif command[:2] in CHANGING:
                    self()

        def next_answer(**options):
            answer = answers.popleft() if answers else read(**options)
            if isinstance(answer, Exception):
                raise answer
            return answer

        connection.pack_commands = list
        connection.send_packed_command = send_each
        connection.read_response = next_answer
        return connection


def interrupt(count: int, by: signal.Signals) -> None:
    connect, countdown = transport.redis_connection, Countdown(count, by)
    transport.redis_connection = lambda *arguments: countdown.watch(connect(*arguments))


def prepare(request: Mapping[str, object]) -> None:
    if request["count"]:
        interrupt(request["count"], signal.Signals[request["signal"]])


if len(sys.argv) > 1:
    interrupt(int(sys.argv[1]), signal.Signals[sys.argv[2]])
    sys.argv = sys.argv[:1]
    redis_cluster_init.main()
else:
    forked.serve(prepare)
