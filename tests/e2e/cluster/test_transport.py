# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to the pods, and names that do not lead there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rrset
from deployment import ROOT, Deployment, handle, run_module


@contextmanager
def wrong_dns(address: str) -> Iterator[str]:
    """A DNS server that gives this address for every name; yields where it listens."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                data, client = server.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            query = dns.message.from_wire(data)
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.RA
            question = query.question[0]
            if question.rdtype == dns.rdatatype.A:
                reply.answer.append(dns.rrset.from_text(question.name, 5, "IN", "A", address))
            server.sendto(reply.to_wire(), client)

    thread = threading.Thread(target=answer)
    thread.start()
    host, port = server.getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"", (host, port))
        thread.join()
        server.close()


def verify(deployment: Deployment, **options: object) -> dict[str, object]:
    return run_module(
        "redis_cluster_verify",
        {
            "kubeconfig": str(ROOT / ".lab" / "kubeconfig"),
            "namespace": deployment.namespace,
            "name": deployment.name,
            "login_secret": f"{deployment.name}-auth",
            **options,
        },
    )


def test_through_the_kubernetes_api(e2e: Deployment) -> None:
    result = verify(e2e, transport="port_forward")
    assert len(result["checks"]) == 3, result


def test_direct_with_the_cluster_dns(e2e: Deployment) -> None:
    result = verify(e2e, transport="direct", dns_server=str(handle.lab().dns_address))
    assert len(result["checks"]) == 3, result


def test_a_stale_name_is_named(e2e: Deployment) -> None:
    with wrong_dns("127.0.0.9") as server:
        result = verify(e2e, transport="direct", dns_server=server, timeout=3)
    assert result["failed"], result
    name = f"{e2e.pods[0]}.{e2e.name}-headless.{e2e.namespace}.svc.cluster.local"
    assert f"{name} resolves to 127.0.0.9, the pod has {e2e.addresses()[e2e.pods[0]]}: a stale record" in result["msg"]


def test_a_name_that_does_not_resolve_is_named(e2e: Deployment) -> None:
    result = verify(e2e, transport="direct", dns_server=str(handle.lab().dns_address), service="other", timeout=3)
    assert result["failed"], result
    assert f"{e2e.pods[0]}.other.{e2e.namespace}.svc.cluster.local" in result["msg"]
    assert "does not resolve" in result["msg"]
