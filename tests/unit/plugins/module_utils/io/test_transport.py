# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounds over real sockets to servers that answer, refuse, hang up, fall silent, or are somebody else."""

from __future__ import annotations

import errno
import socket
import threading
import time
from contextlib import ExitStack

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._deps import AuthenticationError
from ansible_collections.slotwise.redis.plugins.module_utils.io import transport
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import (
    DirectDialer,
    Fleet,
    PortForwardDialer,
    first_error,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint


class Server:
    """Speaks enough RESP: ECHO, AUTH, CLUSTER MYID; HANGUP closes the connection, SILENCE answers nothing more."""

    def __init__(self, password: str = "", node_id: str = "a" * 40) -> None:
        self.password, self.node_id = password, node_id
        self.connections = 0
        self.commands: list[list[str]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        allowed = not self.password
        with connection, connection.makefile("rb") as stream:
            while header := stream.readline():
                words = []
                for _unused in range(int(header[1:])):
                    size = int(stream.readline()[1:])
                    words.append(stream.read(size + 2)[:-2].decode())
                self.commands.append(words)
                if words[0] == "HANGUP":
                    return
                if words[0] == "SILENCE":
                    stream.readline()
                    return
                if words[0] == "AUTH":
                    allowed = words[1] == self.password
                    answer = "+OK" if allowed else "-WRONGPASS invalid username-password pair or user is disabled."
                elif not allowed:
                    answer = "-NOAUTH Authentication required."
                elif words[0] == "ECHO":
                    answer = f"+{words[1]}"
                elif words[0] == "CLUSTER":
                    answer = f"+{self.node_id}"
                else:
                    answer = f"-ERR unknown command '{words[0]}'"
                connection.sendall(answer.encode() + b"\r\n")


@pytest.fixture
def make():
    """make(count) -> servers and a fleet over them, all closed in the end."""
    with ExitStack() as stack:

        def build(count: int, server: dict | None = None, **fleet: object) -> tuple[list[Server], Fleet]:
            servers = [Server(**(server or {})) for _unused in range(count)]
            endpoints = [Endpoint(f"n{i}", "127.0.0.1", s.port) for i, s in enumerate(servers)]
            made = Fleet(DirectDialer(), endpoints, **fleet)
            for one in (*servers, made):
                stack.callback(one.close)
            return servers, made

        yield build


def test_replies_come_in_the_order_of_the_commands(make):
    _servers, fleet = make(3)
    replies = fleet.gather({f"n{i}": [("ECHO", f"{i}.{j}") for j in range(50)] for i in (2, 0, 1)})
    assert replies == {f"n{i}": [f"{i}.{j}".encode() for j in range(50)] for i in (2, 0, 1)}


def test_one_connection_a_node(make):
    servers, fleet = make(3)
    for _unused in range(3):
        fleet.ask_all(("ECHO", "x"))
    assert [s.connections for s in servers] == [1, 1, 1]


def test_nothing_is_sent_before_the_first_command(make):
    """Opening a connection costs no greeting: no HELLO, no CLIENT SETINFO."""
    servers, fleet = make(1)
    fleet.ask_all(("ECHO", "x"))
    assert servers[0].commands == [["ECHO", "x"]]


def test_an_error_stands_in_the_place_of_its_reply(make):
    _servers, fleet = make(2)
    replies = fleet.ask_all(("ECHO", "a"), ("NONSENSE",), ("ECHO", "b"))
    for name in ("n0", "n1"):
        first, error, last = replies[name]
        assert (first, last) == (b"a", b"b")
        assert "unknown command 'NONSENSE'" in str(error)


def test_the_first_error_among_replies():
    refused, lost = OSError("refused"), OSError("lost")
    assert first_error([b"OK", refused, 7, lost]) is refused
    assert first_error([b"OK", 7]) is None
    assert first_error([]) is None


def test_a_connection_that_breaks_is_opened_again(make):
    servers, fleet = make(2)
    replies = fleet.gather({"n0": [("ECHO", "a"), ("HANGUP",), ("ECHO", "b")], "n1": [("ECHO", "c")]})
    assert replies["n0"][0] == b"a"
    assert all(isinstance(r, Exception) for r in replies["n0"][1:])
    assert len(replies["n0"]) == 3
    assert replies["n1"] == [b"c"]
    assert fleet.ask_all(("ECHO", "d")) == {"n0": [b"d"], "n1": [b"d"]}
    assert [s.connections for s in servers] == [2, 1]


def test_silent_nodes_cost_one_wait_together(make):
    _servers, fleet = make(5, reply_seconds=0.5)
    begin = time.monotonic()
    silent = [f"n{i}" for i in range(4)]
    replies = fleet.gather({**{name: [("SILENCE",)] for name in silent}, "n4": [("ECHO", "x")]})
    assert time.monotonic() - begin < 1.5
    assert replies["n4"] == [b"x"]
    assert all(isinstance(replies[name][0], Exception) for name in silent)


def test_a_late_reply_is_not_taken_for_the_next_one(make):
    _servers, fleet = make(1, reply_seconds=0.2)
    fleet.ask_all(("SILENCE",))
    assert fleet.ask_all(("ECHO", "next")) == {"n0": [b"next"]}


def test_a_closed_port_is_an_error_and_no_exception(make):
    servers, fleet = make(1)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # nobody listens, and nobody else gets the port
        closed = Endpoint("n1", "127.0.0.1", bound.getsockname()[1])
        fleet.follow([Endpoint("n0", "127.0.0.1", servers[0].port), closed])
        replies = fleet.ask_all(("ECHO", "x"), ("ECHO", "y"))
    assert replies["n0"] == [b"x", b"y"]
    assert [r.errno for r in replies["n1"]] == [errno.ECONNREFUSED] * 2
    assert "refused" in str(replies["n1"][0])


def test_the_password_goes_first(make):
    servers, fleet = make(2, server={"password": "geheim é"}, password="geheim é")
    assert fleet.ask_all(("ECHO", "x")) == {"n0": [b"x"], "n1": [b"x"]}
    assert servers[0].commands == [["PING"], ["AUTH", "geheim é"], ["ECHO", "x"]]


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_password_that_does_not_fit_is_told_apart(make, password):
    _servers, fleet = make(1, server={"password": "right"}, password=password)
    (reply,) = fleet.ask_all(("ECHO", "x"))["n0"]
    assert isinstance(reply, AuthenticationError)


def test_another_node_at_the_address_is_never_given_a_command(make):
    servers, fleet = make(2)
    fleet.ask_all(("ECHO", "x"))
    fleet.pin({"n0": "a" * 40, "n1": "a" * 40})
    servers[1].node_id = "b" * 40
    fleet.gather({"n0": [("HANGUP",)], "n1": [("HANGUP",)]})
    replies = fleet.ask_all(("ECHO", "again"))
    assert replies["n0"] == [b"again"]
    assert "b" * 40 in str(replies["n1"][0])
    assert ["ECHO", "again"] not in servers[1].commands
    assert fleet.reconnected == {"n0", "n1"}


def test_following_another_address(make):
    servers, fleet = make(2)
    fleet.ask_all(("ECHO", "x"))
    moved = Endpoint("n0", "127.0.0.1", servers[1].port)
    fleet.follow([moved])
    assert fleet.endpoints == (moved,)
    assert fleet.ask_all(("ECHO", "y")) == {"n0": [b"y"]}
    assert ["ECHO", "y"] in servers[1].commands and ["ECHO", "y"] not in servers[0].commands


def full_listener() -> tuple[socket.socket, list[socket.socket], int]:
    """A listener that takes no more connections: the kernel drops the next SYN, as a firewall does."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    port = listener.getsockname()[1]
    waiting = []
    for _unused in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", port))
        waiting.append(client)
    return listener, waiting, port


def test_addresses_that_swallow_packets_cost_one_wait_together(monkeypatch):
    monkeypatch.setattr(transport, "DIAL_SECONDS", 0.4)
    listener, waiting, port = full_listener()
    server = Server()
    begin = time.monotonic()
    endpoints = [Endpoint(f"n{i}", "127.0.0.1", port) for i in range(3)] + [Endpoint("ok", "127.0.0.1", server.port)]
    opened = DirectDialer().dial(endpoints)
    assert time.monotonic() - begin < 1.2
    assert [opened[f"n{i}"].errno for i in range(3)] == [errno.ETIMEDOUT] * 3
    assert isinstance(opened["ok"], socket.socket)
    for one in (listener, server, opened["ok"], *waiting):
        one.close()


def test_no_endpoints():
    assert DirectDialer().dial([]) == {}


class Forwards:
    """The part of the Kubernetes client that opens port-forwards."""

    def __init__(self, behaviour: dict[str, object]) -> None:
        self.behaviour, self.asked = behaviour, []

    def port_forward(self, namespace: str, pod: str, port: int, timeout: float):
        self.asked.append((namespace, pod, port))
        answer = self.behaviour[pod]
        if isinstance(answer, Exception):
            raise answer
        if answer == "hangs":
            threading.Event().wait(3)
        return answer


def test_port_forwards_are_opened_together_and_fail_alone(monkeypatch):
    monkeypatch.setattr(transport, "DIAL_SECONDS", 0.4)
    one, other = socket.socketpair()
    forwards = Forwards(
        {"p0": one, "p1": OSError(errno.ENOENT, "no such pod"), "p2": RuntimeError("upgrade"), "p3": "hangs"}
    )
    begin = time.monotonic()
    opened = PortForwardDialer(forwards, "demo").dial([Endpoint(f"p{i}", "10.0.0.1") for i in range(4)])
    assert time.monotonic() - begin < 2
    assert opened["p0"] is one
    assert all(isinstance(opened[f"p{i}"], OSError) for i in (1, 2, 3))
    assert "no such pod" in str(opened["p1"]) and "upgrade" in str(opened["p2"])
    assert opened["p3"].errno == errno.ETIMEDOUT
    assert ("demo", "p0", 6379) in forwards.asked
    one.close()
    other.close()


class Other:
    """Whoever has the address now: says this to each connection, and keeps what it is told."""

    def __init__(self, greeting: bytes = b"", answer: bytes = b"") -> None:
        self.told = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._greeting, self._answer = greeting, answer
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(0.5)
                connection.sendall(self._greeting)
                try:
                    while read := connection.recv(1000):
                        self.told += read
                        connection.sendall(self._answer)
                except OSError:
                    continue

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"answer": b"+PONG\r\n"}, "without being asked for a password"),
        ({"answer": b"-ERR unknown command\r\n"}, "unknown command"),
        ({"answer": b"-LOADING Redis is loading the dataset in memory\r\n"}, "loading"),
        ({"greeting": b"-DENIED Redis is running in protected mode\r\n"}, "protected mode"),
        ({"answer": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, "Protocol Error"),
        ({"greeting": b"220 mail.example ESMTP\r\n"}, "Protocol Error"),
        ({"greeting": b"\x15\x03\x03" + b"x" * 2000}, "Protocol Error"),
        ({}, "timed out"),
    ],
    ids=["no password", "another program", "no password, loading", "protected", "http", "mail", "binary", "silent"],
)
def test_who_does_not_ask_for_the_password_is_not_told_it(other, said):
    there = Other(**other)
    fleet = Fleet(DirectDialer(), [Endpoint("n0", "127.0.0.1", there.port)], "geheim", 0.3)
    try:
        (reply,) = fleet.ask_all(("ECHO", "x"))["n0"]
        assert said in str(reply)
        assert set(there.told.splitlines()) <= {b"*1", b"$4", b"PING"}
    finally:
        fleet.close()
        there.close()


def test_without_a_password_nobody_is_asked_whether_he_wants_one(make):
    servers, fleet = make(1)
    assert fleet.ask_all(("ECHO", "x")) == {"n0": [b"x"]}
    assert servers[0].commands == [["ECHO", "x"]]
