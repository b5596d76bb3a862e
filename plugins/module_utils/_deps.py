# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Libraries that may be missing on the machine where a module runs, and how they are used."""

from __future__ import annotations

import inspect
import socket
import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

__all__ = [
    "AuthenticationError",
    "OnSocket",
    "RedisConnectionError",
    "RedisError",
    "RedisTimeoutError",
    "error_reply",
    "redis_connection",
    "require_redis",
]

try:
    from redis.backoff import NoBackoff
    from redis.connection import Connection, DefaultParser
    from redis.exceptions import AuthenticationError, RedisError
    from redis.exceptions import ConnectionError as RedisConnectionError
    from redis.exceptions import TimeoutError as RedisTimeoutError
    from redis.retry import Retry

    REDIS_TRACEBACK = None
except ImportError:
    Connection = DefaultParser = object  # type: ignore[misc, assignment]
    AuthenticationError = RedisError = RedisConnectionError = RedisTimeoutError = OSError  # type: ignore[misc, assignment]
    REDIS_TRACEBACK = traceback.format_exc()


def require_redis(module: AnsibleModule) -> None:
    """Fail with Ansible's usual text where redis-py is missing."""
    if REDIS_TRACEBACK:
        module.fail_json(msg=missing_required_lib("redis"), exception=REDIS_TRACEBACK)


class _Parser(DefaultParser):  # type: ignore[valid-type, misc]
    """Errors keep what the server sent as C(answer): redis-py takes the first word out of most."""

    def parse_error(self, response: str) -> Exception:
        error = super().parse_error(response)
        error.answer = response
        return error


def error_reply(answer: str) -> Exception:
    """The exception for an error that a server sent."""
    return _Parser.parse_error(_Parser(socket_read_size=0), answer)


class OnSocket(Connection):
    """A redis-py connection over a socket that is open already."""

    def __init__(self, opened: socket.socket, **options: Any) -> None:
        super().__init__(**options)
        self._opened = opened
        self.lost = False

    def disconnect(self, *arguments: Any, **options: Any) -> None:
        # only redis-py 8 says it of a connection
        self.lost = True
        super().disconnect(*arguments, **options)

    def _connect(self) -> socket.socket:
        return self._opened


def redis_connection(host: str, port: int, opened: socket.socket, timeout: float) -> OnSocket:
    """Connection with RESP2 and no greeting, so that opening it costs no round trip."""
    silent = (
        {"driver_info": None}
        if any("driver_info" in inspect.signature(made).parameters for made in Connection.__mro__[:2])
        else {"lib_name": None, "lib_version": None}
    )
    connection = OnSocket(
        opened,
        host=host,
        port=port,
        protocol=2,
        socket_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        parser_class=_Parser,
        **silent,
    )
    connection.connect()
    return connection
