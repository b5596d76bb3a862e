# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resolver against a real DNS server on loopback, with the answers that clusters really give."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError
from ansible_collections.slotwise.redis.plugins.module_utils.io import resolver as _resolver
from ansible_collections.slotwise.redis.plugins.module_utils.io.resolver import Resolver, disagreements

ZONE = "demo-headless.demo.svc.cluster.local"
POD = f"demo-0.{ZONE}"


class Server(threading.Thread):
    """Answers A and AAAA questions from ``records``: no entry, no such name; None, no answer at all."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.records: dict[str, list[str] | None] = {}
        self.rcode = dns.rcode.NXDOMAIN
        self.asked: list[str] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"

    def run(self) -> None:
        while True:
            wire, sender = self.socket.recvfrom(4096)
            if not wire:
                return
            query = dns.message.from_wire(wire)
            answer = self.answer(query)
            if answer is not None:
                self.socket.sendto(answer.to_wire(), sender)

    def answer(self, query: dns.message.Message) -> dns.message.Message | None:
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        addresses = self.records.get(name, [])
        if addresses is None:
            return None
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        if not addresses:
            reply.set_rcode(self.rcode)
        fitting = [a for a in addresses if (":" in a) == (question.rdtype == dns.rdatatype.AAAA)]
        if fitting:
            kind = dns.rdatatype.to_text(question.rdtype)
            reply.answer.append(dns.rrset.from_text(question.name, 5, "IN", kind, *fitting))
        return reply


@contextmanager
def serving():
    server = Server()
    server.start()
    try:
        yield server
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"", server.socket.getsockname())
        server.join()
        server.socket.close()


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def one_second(monkeypatch):
    monkeypatch.setattr(_resolver, "QUERY_SECONDS", 1.0)


def test_a_pod_resolves(server):
    server.records = {POD: ["10.42.0.7"]}
    assert Resolver(server.address).addresses([POD]) == {POD: ["10.42.0.7"]}
    assert set(server.asked) == {POD}, "a search domain was tried"


def test_both_families(server):
    server.records = {POD: ["10.42.0.7", "fd00::7"]}
    assert Resolver(server.address).addresses([POD]) == {POD: ["10.42.0.7", "fd00::7"]}


def test_many_names_at_once(server):
    names = [f"demo-{i}.{ZONE}" for i in range(108)]
    server.records = {name: [f"10.42.{i // 100}.{i % 100}"] for i, name in enumerate(names)}
    answers = Resolver(server.address).addresses(names)
    assert answers == {name: server.records[name] for name in names}
    assert Resolver(server.address).addresses([]) == {}


def test_a_name_that_does_not_exist(server):
    answers = Resolver(server.address).addresses([POD])
    assert "does not exist" in answers[POD]
    assert disagreements(answers, {POD: "10.42.0.7"}) == [f"{POD} does not resolve: {answers[POD]}"]


def test_a_server_that_fails(server, one_second):
    server.rcode = dns.rcode.SERVFAIL
    answers = Resolver(server.address).addresses([POD])
    assert "SERVFAIL" in answers[POD]


def test_no_answer_at_all(server, one_second):
    """One silent name keeps nobody else waiting."""
    other = f"demo-1.{ZONE}"
    server.records = {POD: None, other: ["10.42.0.8"]}
    begin = time.monotonic()
    answers = Resolver(server.address).addresses([POD, other])
    assert time.monotonic() - begin < 2.5
    assert answers[other] == ["10.42.0.8"]
    assert "timed out" in answers[POD] or "expired" in answers[POD], answers[POD]
    assert server.address.rpartition(":")[0] in answers[POD]


def test_nobody_listens(one_second):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    begin = time.monotonic()
    assert isinstance(Resolver(address).addresses([POD])[POD], str)
    assert time.monotonic() - begin < 2.5


def test_a_stale_record(server):
    """The pod was made again and has another address; the record still lives."""
    server.records = {POD: ["10.42.0.6", "10.42.0.5"]}
    answers = Resolver(server.address).addresses([POD])
    assert disagreements(answers, {POD: "10.42.0.7"}) == [
        f"{POD} resolves to 10.42.0.5, 10.42.0.6, the pod has 10.42.0.7: a stale record"
    ]
    server.records = {POD: ["10.42.0.7"]}
    assert disagreements(Resolver(server.address).addresses([POD]), {POD: "10.42.0.7"}) == []


def test_a_resolver_asks_again(server):
    """Negative answers are not kept: the next round sees the pod that has come."""
    resolver = Resolver(server.address)
    assert isinstance(resolver.addresses([POD])[POD], str)
    server.records = {POD: ["10.42.0.7"]}
    assert resolver.addresses([POD]) == {POD: ["10.42.0.7"]}


@pytest.mark.parametrize(
    ("given", "address", "port"),
    [
        ("10.96.0.10", "10.96.0.10", 53),
        ("10.96.0.10:5353", "10.96.0.10", 5353),
        ("fd00::10", "fd00::10", 53),
        ("[fd00::10]:5353", "fd00::10", 5353),
    ],
)
def test_spellings_of_a_server(given, address, port):
    resolver = Resolver(given)
    assert [str(n) for n in resolver._resolver.nameservers] == [address]
    assert resolver._resolver.port == port
    assert resolver.server == given


@pytest.mark.parametrize("given", ["kube-dns.kube-system", "10.96.0.10:dns", "10.96.0", ":53"])
def test_what_is_no_server_is_named(given):
    with pytest.raises(EngineError) as caught:
        Resolver(given)
    assert given in str(caught.value)
