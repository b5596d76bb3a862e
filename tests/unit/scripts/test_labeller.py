# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The labeller's decisions, and that several at work never label two masters, in whatever order their steps come."""

from __future__ import annotations

import importlib.util
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

FILE = Path(__file__).resolve().parents[3] / "roles/redis_sentinel/files/labeller.py"
SPEC = importlib.util.spec_from_file_location("labeller", FILE)
labeller = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(labeller)
View, Pod, Change = labeller.View, labeller.Pod, labeller.Change

A, B = View(4, "orders-0.orders-headless.shop.svc"), View(5, "orders-1.orders-headless.shop.svc")


@pytest.mark.parametrize(
    ("views", "wanted"),
    [
        ([A, A, A], A),
        ([A, A, None], A),
        ([A, None, None], None),
        ([B, A, A], A),
        ([B, A, None], None),
        ([None, None, None], None),
        # The same server in another epoch is another decision.
        ([A, View(5, A.master), None], None),
    ],
)
def test_a_view_needs_more_than_half_of_all_sentinels(views, wanted):
    assert labeller.agreed(views, 3) == wanted


def test_a_majority_does_not_wait_for_the_silent():
    silent = threading.Event()

    def ask(host):
        if host == "dead":
            silent.wait(10)
            return None
        return A

    began = time.monotonic()
    assert labeller.ask_all(ask, ["dead", "one", "two"]) == A
    assert time.monotonic() - began < labeller.REPLY_SECONDS
    assert labeller.ask_all(ask, ["dead", "one", "dead"]) is None
    silent.set()


def pod(number: int, role: str = "", epoch: str = "", version: str = "1"):
    return Pod(f"orders-{number}", version, role, epoch)


@pytest.mark.parametrize(
    ("pods", "wanted"),
    [
        ([pod(0), pod(1)], [Change("orders-1", "1", "slave", "4")]),
        ([pod(0), pod(1, "slave", "3")], [Change("orders-1", "1", "slave", "4")]),
        ([pod(0), pod(1, "master", "3")], [Change("orders-1", "1", "slave", "4")]),
        ([pod(0), pod(1, "slave", "4")], [Change("orders-0", "1", "master", "4")]),
        ([pod(0, "master", "3"), pod(1, "slave", "4")], [Change("orders-0", "1", "master", "4")]),
        ([pod(0, "master", "4"), pod(1, "slave", "4")], []),
        ([pod(1, "slave", "4"), pod(2, "slave", "4")], []),
        ([], []),
    ],
)
def test_the_master_comes_last(pods, wanted):
    assert labeller.changes(pods, A) == wanted


class Kubernetes:
    """Pods with versions, as the API server keeps them: a change of another version than the present one is refused."""

    def __init__(self, count: int) -> None:
        self.version = 0
        self.pods = {}
        for number in range(count):
            self.recreate(f"orders-{number}")

    def recreate(self, name: str) -> None:
        self.version += 1
        self.pods[name] = Pod(name, str(self.version), "", "")

    def delete(self, name: str) -> None:
        self.pods.pop(name, None)

    def listed(self):
        return list(self.pods.values())

    def write(self, change) -> None:
        if change.pod not in self.pods or self.pods[change.pod].version != change.version:
            return
        self.version += 1
        self.pods[change.pod] = Pod(change.pod, str(self.version), change.role, change.epoch)

    def masters(self):
        return [p.name for p in self.pods.values() if p.role == "master"]


def looks(kubernetes, sentinels):
    """A labeller, one step at a time: another may act between any two, and lists may be older than the views."""
    listed = kubernetes.listed()
    while True:
        yield
        view = View(*sentinels["agreed"])
        yield
        for change in labeller.changes(listed, view):
            if change.role == "slave":
                kubernetes.write(change)
                yield
        listed = kubernetes.listed()
        yield
        for change in labeller.changes(listed, view):
            kubernetes.write(change)
            yield


def act(action, number, kubernetes, sentinels, workers):
    if action == "step":
        next(workers[number])
    elif action == "failover":
        sentinels["agreed"] = (sentinels["agreed"][0] + 1, f"orders-{number}.x")
    else:
        getattr(kubernetes, action)(f"orders-{number}")


ACTIONS = st.tuples(
    st.sampled_from(["step", "step", "step", "step", "failover", "recreate", "delete"]), st.integers(0, 2)
)


def lab():
    kubernetes, sentinels = Kubernetes(3), {"agreed": (0, "orders-0.x")}
    return kubernetes, sentinels, [looks(kubernetes, sentinels) for _number in range(3)]


@settings(max_examples=1500)
@given(st.lists(ACTIONS, max_size=60))
def test_there_are_never_two_masters(actions):
    kubernetes, sentinels, workers = lab()
    for action, number in actions:
        act(action, number, kubernetes, sentinels, workers)
        assert len(kubernetes.masters()) < 2


@given(st.lists(ACTIONS, max_size=40))
def test_labels_become_true_when_nothing_happens_any_more(actions):
    kubernetes, sentinels, workers = lab()
    for action, number in actions:
        act(action, number, kubernetes, sentinels, workers)
    for number in range(3):
        if f"orders-{number}" not in kubernetes.pods:
            kubernetes.recreate(f"orders-{number}")
    for _step in range(40):
        for worker in workers:
            next(worker)
    assert kubernetes.masters() == [sentinels["agreed"][1].partition(".")[0]]
