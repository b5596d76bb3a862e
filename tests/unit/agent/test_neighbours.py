# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who answers at an address is not always who is meant: names lead to where a pod was, and others are there now."""

from __future__ import annotations

import hashlib
import socketserver
import threading
import time

import pytest
from agent.evidence import Data, State
from agent.neighbours import Group, Neighbour, Sentinel
from agent.redis_io import SERVER_QUESTIONS, Client
from agent.status import Status

HOST, OTHER = "127.0.0.1", "127.0.0.2"
PASSWORD = b"secret"
MASTER = [b"ip", b"s-0", b"config-epoch", b"7", b"flags", b"master"]
INFO = b"""run_id:r\r\nrole:master
master_replid:a\r\nmaster_replid2:0\r\nmaster_repl_offset:5\r\nsecond_repl_offset:-1
loading:0\r\nrdb_changes_since_last_save:0\r\nrepl_backlog_first_byte_offset:0\r\nrdb_bgsave_in_progress:0
rdb_last_save_time:0\r\nrdb_last_bgsave_status:ok\r\naof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0
aof_last_bgrewrite_status:ok\r\naof_enabled:1\r\n"""


def encoded(value) -> bytes:
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(map(encoded, value))
    return b"$%d\r\n%s\r\n" % (len(value), value) if isinstance(value, bytes) else f"{value}\r\n".encode()


class Redis:
    """Answers by the first two words of a command. A context manager."""

    def __init__(self, answers: dict[str, object], password: bytes = PASSWORD) -> None:
        self.commands: list[list[bytes]] = []
        redis = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                known = not password
                while line := self.rfile.readline():
                    words = []
                    for _word in range(int(line[1:])):
                        words.append(self.rfile.read(int(self.rfile.readline()[1:]) + 2)[:-2])
                    redis.commands.append(words)
                    if words[0] == b"AUTH":
                        known = words[1] == password
                        answer: object = "+OK" if known else "-WRONGPASS invalid"
                    elif not known:
                        answer = "-NOAUTH Authentication required."
                    elif words == [b"PING"]:
                        answer = "+PONG"
                    else:
                        answer = answers.get(b" ".join(words[:2]).decode(), "-ERR unknown command")
                    self.wfile.write(answer if isinstance(answer, bytearray) else encoded(answer))
                    if isinstance(answer, bytearray):
                        return

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server((HOST, 0), Handler)
        self.port = self._server.server_address[1]

    def __enter__(self) -> Redis:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def sentinel(host: str, master: bytes = b"s-0") -> dict[str, object]:
    identity = hashlib.sha1(f"{host} orders\n".encode()).hexdigest().encode()
    return {
        "SENTINEL MYID": identity,
        "SENTINEL GET-MASTER-ADDR-BY-NAME": [master, b"6379"],
        "SENTINEL MASTER": MASTER,
        "SENTINEL REPLICAS": [],
        "SENTINEL FAILOVER": "+OK",
    }


@pytest.fixture
def agent():
    """An agent that says that it is the one of this host."""
    statuses = []

    def start(host: str) -> int:
        told = State(host, 5, host, Data("a", 100)).to_json()
        status = Status((HOST, 0), lambda: True, lambda: True, lambda: told)
        statuses.append(status)
        return status._server.server_address[1]

    yield start
    for status in statuses:
        status.close()


def neighbour(host: str, agent_port: int, port: int = 1) -> Neighbour:
    return Neighbour(host, port, agent_port, lambda: PASSWORD, 2)


def test_a_server_is_known_by_its_agent(agent):
    assert neighbour(HOST, agent(HOST)).state().host == HOST


@pytest.mark.parametrize("other", [OTHER, "orders-1.orders-headless.shop.svc.cluster.local", ""])
def test_the_agent_of_another_server_is_not_taken_for_it(agent, other):
    """After all pods were gone they may have each other's addresses, and another deployment may have them."""
    with pytest.raises(ValueError, match="another"):
        neighbour(HOST, agent(other)).state()


def test_a_sentinel_is_known_by_its_identity():
    with Redis(sentinel(HOST)) as server:
        one = Sentinel(HOST, server.port, lambda: PASSWORD, "orders", 2)
        assert one.view().master == "s-0"
        assert one.fail_over()


@pytest.mark.parametrize("answers", [sentinel(OTHER), {**sentinel(HOST), "SENTINEL MYID": b"0" * 40}, {}])
def test_another_sentinel_has_no_second_vote_and_gets_no_order(answers):
    with Redis(answers) as server:
        one = Sentinel(HOST, server.port, lambda: PASSWORD, "orders", 2)
        with pytest.raises(OSError, match="another"):
            one.view()
        with pytest.raises(OSError, match="another"):
            one.fail_over()
        assert not any(b"FAILOVER" in command for command in server.commands)


def test_who_does_not_ask_for_the_password_is_not_told_it():
    with Redis(sentinel(HOST), password=b"") as server:
        with pytest.raises(OSError, match="without being asked"):
            Sentinel(HOST, server.port, lambda: PASSWORD, "orders", 2).view()
        assert not any(PASSWORD in command for command in server.commands)


@pytest.mark.parametrize(("announced", "known"), [(HOST, True), (OTHER, False)])
def test_a_server_of_before_agents_is_known_by_the_name_that_it_announces(announced, known):
    config = ["replica-priority", "0", "min-replicas-to-write", "0", "masteruser", "", "appendonly", "yes",
              "cluster-announce-hostname", "term-5.s-0", "replica-announce-ip", announced]  # fmt: skip
    answers = {f"INFO {SERVER_QUESTIONS[0][1]}": INFO, "CONFIG GET": [word.encode() for word in config]}
    with Redis(answers) as server:
        one = neighbour(HOST, 1, server.port)
        if known:
            assert one.state().term == 5
        else:
            with pytest.raises(ValueError, match="another"):
                one.state()


@pytest.mark.parametrize(
    "torn", ["$20\r\nrole:mas", "$20\r\n", "$4\r\nrole", "*2\r\n$2\r\nok\r\n$9\r\nab", "$3\r\nroles\r\n"]
)
def test_half_a_reply_is_none(torn):
    with Redis({"INFO": bytearray(torn.encode())}, password=b"") as server:
        client = Client(HOST, server.port, lambda: b"", 2)
        with pytest.raises((OSError, ValueError)):
            client.ask(("INFO",))


def test_who_did_not_answer_is_not_waited_for_again_and_is_back_with_its_first_answer():
    back = threading.Event()

    def dead() -> str:
        back.wait(20)
        return "back"

    group: Group[str] = Group({"dead": dead, "alive": lambda: "here"}, 0.5)
    group.ask()
    assert group.answers() == {"dead": None, "alive": "here"}
    began = time.monotonic()
    for _round in range(5):
        group.ask()
        time.sleep(0.01)
        assert group.answers() == {"dead": None, "alive": "here"}
    assert time.monotonic() - began < 0.4
    back.set()
    deadline = time.monotonic() + 10
    group.ask()
    while group.answers() != {"dead": "back", "alive": "here"}:
        assert time.monotonic() < deadline
        time.sleep(0.01)
        group.ask()
