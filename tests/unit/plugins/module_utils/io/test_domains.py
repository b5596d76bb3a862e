# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The domain that pods have proved, against the one that is given."""

from __future__ import annotations

import time
from types import SimpleNamespace as Made

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.io import domains
from ansible_collections.slotwise.redis.plugins.module_utils.io.domains import check_domain, told


def title(domain, head="{title} {listen-addr} {server-mode}"):
    return [b"proc-title-template", f"{head} cluster-domain={domain}".encode()]


OLD = [b"proc-title-template", b"{title} {listen-addr} {server-mode}"]
NOT_ASKED = [None, OSError("gone"), b"", []]


class FakeFleet:
    """Pods whose titles change from one question to the next; the last stays."""

    def __init__(self, *rounds):
        self.rounds, self.asked = list(rounds), 0

    def ask_all(self, question):
        assert question == ("CONFIG", "GET", "proc-title-template")
        self.asked += 1
        answers = self.rounds.pop(0) if len(self.rounds) > 1 else self.rounds[0]
        return {f"orders-{i}": [answer] for i, answer in enumerate(answers)}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(domains, "POLL_SECONDS", 0)


def servers(domain="cluster.local", seconds=5.0):
    return Made(cluster_domain=domain, deadline=time.monotonic() + seconds)


def test_what_pods_tell():
    answers = [title("cluster.local"), title("none"), title("k8s.example", "mine x=y"), OLD, *NOT_ASKED]
    assert told({f"p{i}": [answer] for i, answer in enumerate(answers)}) == {
        "p0": "cluster.local",
        "p1": "none",
        "p2": "k8s.example",
    }


@pytest.mark.parametrize(
    "answers",
    [
        [title("cluster.local")] * 3,
        [title("cluster.local"), OLD],
        [OLD, OLD],
        [title("cluster.local"), *NOT_ASKED],
    ],
)
def test_a_domain_that_is_proved_or_that_nobody_can_tell_of_is_fine(answers):
    fleet = FakeFleet(answers)
    check_domain(fleet, servers())
    assert fleet.asked == 1


def test_servers_given_as_host_and_port_have_no_domain():
    check_domain(FakeFleet([title("other")]), servers(domain=""))


@pytest.mark.parametrize(
    "answers",
    [
        # Set wrong from the start, changed to a wrong one while the pods run on, changed while some have restarted.
        [title("cluster.local")] * 2,
        [title("cluster.local"), OLD],
        [title("none"), title("cluster.local")],
        [title("wrong.domain"), title("cluster.local")],
    ],
)
def test_another_domain_is_an_error_at_once(answers):
    fleet = FakeFleet(answers)
    with pytest.raises(EngineError) as caught:
        check_domain(fleet, servers("wrong.domain"))
    text = str(caught.value)
    assert text.startswith(
        "cluster_domain is wrong.domain, and names of this Kubernetes cluster end with cluster.local."
    )
    assert "knows names of cluster.local" in text
    assert "<role>_cluster_domain, such as redis_cluster_cluster_domain) to cluster.local" in text
    assert not isinstance(caught.value, Unreachable)
    assert fleet.asked == 1


def test_a_proof_is_waited_for():
    fleet = FakeFleet([title("none")] * 2, [title("cluster.local"), title("none")], [title("cluster.local")] * 2)
    check_domain(fleet, servers())
    assert fleet.asked == 3


def test_without_a_proof_it_is_an_error_at_the_deadline():
    with pytest.raises(Unreachable, match=r"cluster_domain is cluster\.local, and pods find no name of it") as caught:
        check_domain(FakeFleet([title("none"), title("cluster.local")]), servers(seconds=-1))
    assert caught.value.found == ("orders-0 does not resolve kubernetes.default.svc.cluster.local",)
