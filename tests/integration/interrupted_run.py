# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: interrupted_run.py COUNT SIGNAL < options.  redis_cluster_init that sends itself a signal.

It does so when COUNT commands that change something are sent. Every command goes out alone and in order, so that
the signal falls between any two of them. CLUSTER REPLICATE is repeated until the replica knows its master; it
counts when Redis has accepted it.

Usage: interrupted_run.py < lines.  Many runs, each in a process that is forked when everything is imported. A line
is a JSON object with count (0: not interrupted), signal, options and output (a file); the answer to each is a line
with the exit code, or the negative number of the signal.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import traceback
from collections import deque

from redis.exceptions import RedisError

from ansible_collections.slotwise.redis.plugins.module_utils import _transport
from ansible_collections.slotwise.redis.plugins.modules import redis_cluster_init

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
    connect, countdown = _transport.redis_connection, Countdown(count, by)
    _transport.redis_connection = lambda *arguments: countdown.watch(connect(*arguments))


def forked(line: str) -> int:
    request = json.loads(line)
    child = os.fork()
    if not child:
        code = 70
        try:
            with open(request["output"], "w", encoding="utf-8") as output:
                os.dup2(output.fileno(), 1)
            sys.stdin = io.TextIOWrapper(io.BytesIO(request["options"].encode()))
            if request["count"]:
                interrupt(request["count"], signal.Signals[request["signal"]])
            redis_cluster_init.main()
        except SystemExit as end:
            sys.stdout.flush()
            code = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if len(sys.argv) > 1:
    interrupt(int(sys.argv[1]), signal.Signals[sys.argv[2]])
    sys.argv = sys.argv[:1]
    redis_cluster_init.main()
else:
    for request_line in sys.stdin:
        print(forked(request_line), flush=True)
