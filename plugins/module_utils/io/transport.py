# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open connections to many Redis nodes, and rounds over them: send to all, then read from all."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from ansible_collections.slotwise.redis.plugins.module_utils._deps import (
    AuthenticationError,
    OnSocket,
    RedisConnectionError,
    RedisError,
    RedisTimeoutError,
    error_reply,
    redis_connection,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint

if TYPE_CHECKING:
    from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import Kubernetes

Command = tuple[object, ...]
Replies = list[Any]
"""What servers answer: bytes, numbers, None and lists of these, and an exception for an error."""

DIAL_SECONDS = 5.0
"""Longest wait for a TCP connection or a port-forward to open."""
REPLY_SECONDS = 30.0
"""Longest wait for the replies of one round, however many nodes are silent."""

REDIAL_SECONDS = 0.5
"""A node that refused a connection is left alone for so long."""
LAST_LOOK_SECONDS = 0.01
"""What a node still gets when others have used the round up: its reply may have been there for long."""


UNASKED = "answers without being asked for a password"


class OtherNode(OSError):
    """At the address of a node another one answers."""


PING = b"*1\r\n$4\r\nPING\r\n"
LONGEST_LINE = 1000


def _line(sock: socket.socket) -> str:
    """The first line that comes. Nothing of what follows is taken: a server answers once."""
    read = b""
    while not read.endswith(b"\r\n") and len(read) < LONGEST_LINE:
        byte = sock.recv(1)
        if not byte:
            raise ConnectionResetError(errno.ECONNRESET, "closed the connection")
        read += byte
    return read.decode("utf-8", "replace").strip()


def _unasked(line: str) -> Exception | None:
    """What a server that does not ask for a password has answered to PING."""
    if line.startswith("-NOAUTH"):
        return None
    if line.startswith("-"):
        return error_reply(line[1:])
    return error_reply(f"ERR {UNASKED}" if line == "+PONG" else f"Protocol Error: {line[:40]!r}")


def first_error(replies: Sequence[Any]) -> Exception | None:
    """The first reply of a node that is none."""
    return next((r for r in replies if isinstance(r, Exception)), None)


def is_lost(error: Exception) -> bool:
    """Whether nobody answered; other errors are answers. redis-py counts a wrong password among lost connections."""
    lost = isinstance(error, (OSError, RedisConnectionError, RedisTimeoutError))
    return lost and not isinstance(error, AuthenticationError)


class Dialer(Protocol):
    """Opens sockets; an endpoint that cannot be reached gets its error instead."""

    by_address: bool
    """Whether a connection is to whoever is at the address; one by the name of a pod is to that pod."""

    def dial(self, endpoints: Sequence[Endpoint]) -> dict[str, socket.socket | OSError]: ...


class DirectDialer:
    """TCP to every endpoint at once, in one thread."""

    by_address = True

    def dial(self, endpoints: Sequence[Endpoint]) -> dict[str, socket.socket | OSError]:
        results: dict[str, socket.socket | OSError] = {}
        with selectors.DefaultSelector() as selector:
            for endpoint in endpoints:
                self._start(endpoint, selector, results)
            deadline = time.monotonic() + DIAL_SECONDS
            while selector.get_map():
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                for key, _unused in ready:
                    selector.unregister(key.fileobj)
                    endpoint, sock = key.data
                    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    results[endpoint.name] = self._opened(sock, code)
                if not ready:
                    for key in list(selector.get_map().values()):
                        selector.unregister(key.fileobj)
                        endpoint, sock = key.data
                        results[endpoint.name] = self._opened(sock, errno.ETIMEDOUT)
        return results

    @staticmethod
    def _start(endpoint: Endpoint, selector: selectors.BaseSelector, results: dict) -> None:
        family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex((endpoint.address, endpoint.port))
        if code in (0, errno.EINPROGRESS):
            selector.register(sock, selectors.EVENT_WRITE, (endpoint, sock))
        else:
            results[endpoint.name] = DirectDialer._opened(sock, code)

    @staticmethod
    def _opened(sock: socket.socket, code: int) -> socket.socket | OSError:
        if code:
            sock.close()
            return OSError(code, os.strerror(code))
        sock.settimeout(REPLY_SECONDS)
        return sock


class PortForwardDialer:
    """Through the Kubernetes API: one port-forward a pod, several opened at a time."""

    by_address = False

    def __init__(self, kubernetes: Kubernetes, namespace: str, workers: int = 12) -> None:
        self._kubernetes, self._namespace, self._workers = kubernetes, namespace, workers

    def dial(self, endpoints: Sequence[Endpoint]) -> dict[str, socket.socket | OSError]:
        pool = ThreadPoolExecutor(min(self._workers, max(1, len(endpoints))))
        opening = {
            e.name: pool.submit(self._kubernetes.port_forward, self._namespace, e.name, e.port, REPLY_SECONDS)
            for e in endpoints
        }
        rounds = -(-len(endpoints) // self._workers)
        done, _late = wait(opening.values(), timeout=DIAL_SECONDS * max(1, rounds))
        pool.shutdown(wait=False, cancel_futures=True)
        return {name: self._opened(future, future in done) for name, future in opening.items()}

    @staticmethod
    def _opened(future: Future, done: bool) -> socket.socket | OSError:
        if not done:
            return OSError(errno.ETIMEDOUT, "the port-forward did not open in time")
        error = future.exception()
        if error is None:
            return future.result()
        return error if isinstance(error, OSError) else OSError(str(error))


class Fleet:
    """Connections to the nodes of one deployment, opened when first used and again after a loss."""

    def __init__(
        self,
        dialer: Dialer,
        endpoints: Iterable[Endpoint],
        password: str | None = None,
        reply_seconds: float = REPLY_SECONDS,
    ) -> None:
        self._dialer = dialer
        self._endpoints = {e.name: e for e in endpoints}
        self._password, self._reply_seconds = password, reply_seconds
        self._open: dict[str, OnSocket] = {}
        self._sockets: dict[str, socket.socket] = {}
        self._ids: dict[str, bytes] = {}
        self._refused: dict[str, tuple[float, Exception]] = {}
        self.reconnected: set[str] = set()
        self.by_address = dialer.by_address

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(self._endpoints.values())

    def follow(self, endpoints: Iterable[Endpoint]) -> None:
        """Take these endpoints from now on; a connection to an address that a node has left is closed."""
        before, self._endpoints = self._endpoints, {e.name: e for e in endpoints}
        for name, endpoint in before.items():
            if self._endpoints.get(name) != endpoint:
                self._drop(name)
                self._refused.pop(name, None)

    def pin(self, ids: Mapping[str, str]) -> None:
        """From now on a node counts as lost when another node id answers at its address.

        ``reconnected`` names the nodes whose connection broke since: their addresses may be outdated.
        """
        self._ids = {name: node_id.encode() for name, node_id in ids.items()}
        self.reconnected = set()

    def gather(self, commands: Mapping[str, Sequence[Command]]) -> dict[str, Replies]:
        """One round: {node: commands} -> {node: replies}. An error stands in the place of its reply."""
        failed = self._connect([n for n in commands if n not in self._open])
        results: dict[str, Replies] = {n: [e] * len(commands[n]) for n, e in failed.items()}
        sent = []
        for name, batch in commands.items():
            if name not in failed:
                try:
                    connection = self._open[name]
                    self._sockets[name].settimeout(self._reply_seconds)
                    connection.send_packed_command(connection.pack_commands(batch), check_health=False)
                    sent.append(name)
                except (OSError, RedisError) as error:
                    results[name] = self._lost(name, error, len(batch))
        deadline = time.monotonic() + self._reply_seconds
        for name in sent:
            self._sockets[name].settimeout(max(LAST_LOOK_SECONDS, deadline - time.monotonic()))
            results[name] = self._read(name, len(commands[name]))
        return results

    def ask_all(self, *commands: Command) -> dict[str, Replies]:
        return self.gather(dict.fromkeys(self._endpoints, commands))

    def close(self) -> None:
        for name in list(self._open):
            self._drop(name)

    def _connect(self, names: Sequence[str]) -> dict[str, Exception]:
        if not names:
            return {}
        now = time.monotonic()
        failed = {n: self._refused[n][1] for n in names if n in self._refused and now < self._refused[n][0]}
        names = [n for n in names if n not in failed]
        self.reconnected.update(n for n in names if n in self._ids)
        opened: dict[str, socket.socket] = {}
        for name, sock in self._dialer.dial([self._endpoints[n] for n in names]).items():
            if isinstance(sock, OSError):
                failed[name] = sock
                self._refused[name] = (time.monotonic() + REDIAL_SECONDS, sock)
                continue
            opened[name] = sock
        failed.update(self._strangers(opened))
        for name in opened.keys() - failed.keys():
            endpoint, sock = self._endpoints[name], opened[name]
            self._open[name] = redis_connection(endpoint.address, endpoint.port, sock, self._reply_seconds)
            self._sockets[name] = sock
        failed.update(self._greet([n for n in names if n in self._open]))
        return failed

    def _strangers(self, sockets: Mapping[str, socket.socket]) -> dict[str, Exception]:
        """Those that shall not be told the password: whoever is at an address shows first that he asks for one.

        That is no proof of who it is, which takes TLS. Their sockets are closed.
        """
        failed: dict[str, Exception] = {}
        if not (self._password and self.by_address):
            return failed
        deadline = time.monotonic() + self._reply_seconds
        for sock in sockets.values():
            with suppress(OSError):  # what became of it is read below
                sock.settimeout(self._reply_seconds)
                sock.sendall(PING)
        for name, sock in sockets.items():
            try:
                sock.settimeout(max(LAST_LOOK_SECONDS, deadline - time.monotonic()))
                error = _unasked(_line(sock))
            except OSError as lost:
                error = lost
            if error:
                failed[name] = error
                sock.close()
        return failed

    def _greet(self, names: Sequence[str]) -> dict[str, Exception]:
        """Authenticate, and make sure that the node at the other end is the one that is expected there."""
        auth: list[Command] = [("AUTH", self._password)] if self._password else []
        greetings = {n: auth + ([("CLUSTER", "MYID")] if n in self._ids else []) for n in names}
        failed: dict[str, Exception] = {}
        for name, replies in self.gather({n: g for n, g in greetings.items() if g}).items():
            error = first_error(replies)
            if error is None and name in self._ids and replies[-1] != self._ids[name]:
                error = OtherNode(f"another Redis node, {replies[-1].decode()}, answers there now")
            if error is not None:
                self._drop(name)
                failed[name] = error
        return failed

    def _read(self, name: str, count: int) -> Replies:
        replies: Replies = []
        for _unused in range(count):
            try:
                replies.append(self._open[name].read_response(disable_decoding=True))
            except (OSError, RedisError) as error:
                # redis-py raises error replies and lost connections alike; only the latter close it
                if self._open[name].lost:
                    return replies + self._lost(name, error, count - len(replies))
                replies.append(error)
        return replies

    def _lost(self, name: str, error: Exception, count: int) -> Replies:
        self._drop(name)
        return [error] * count

    def _drop(self, name: str) -> None:
        self._sockets.pop(name, None)
        connection = self._open.pop(name, None)
        if connection is not None:
            connection.disconnect()
