# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels by several agents at the same time, of which each may be late: never two masters."""

from __future__ import annotations

import pytest
from agent.evidence import State
from agent.model import View
from agent.sentinel import Label, Pod, Record, SentinelAgent, SentinelSeen, doubts, labels
from hypothesis import given, settings
from hypothesis import strategies as st

SENTINELS = ("t-0", "t-1", "t-2")


def pod(number, role="", epoch=""):
    return Pod(f"s-{number}", "1", role, epoch)


@pytest.mark.parametrize(
    ("pods", "wanted"),
    [
        ([pod(0), pod(1)], [Label("s-1", "1", "slave", "4")]),
        ([pod(0), pod(1, "slave", "3")], [Label("s-1", "1", "slave", "4")]),
        ([pod(0), pod(1, "master", "3")], [Label("s-1", "1", "slave", "4")]),
        ([pod(0), pod(1, "slave", "4")], [Label("s-0", "1", "master", "4")]),
        ([pod(0, "master", "3"), pod(1, "slave", "4")], [Label("s-0", "1", "master", "4")]),
        ([pod(0, "master", "4"), pod(1, "slave", "4")], []),
        ([pod(1, "slave", "4"), pod(2, "slave", "4")], []),
        ([], []),
    ],
)
def test_the_master_comes_last(pods, wanted):
    assert labels(pods, View(4, "s-0.x")) == wanted


@pytest.mark.parametrize(
    ("pods", "record"),
    [
        ([pod(0), pod(1, "slave", "5")], None),
        ([pod(0, "slave", "5"), pod(1, "slave", "4")], None),
        ([pod(0), pod(1, "slave", "4")], Record("1", 5, "s-1.x")),
    ],
)
def test_who_believes_in_an_earlier_epoch_labels_nobody(pods, record):
    assert not any(isinstance(action, Label) for action in labels(pods, View(4, "s-0.x"), record))


def test_a_label_goes_when_its_server_says_that_it_is_none():
    pods = [pod(0, "master", "4"), pod(1, "slave", "4")]
    assert doubts(pods, {"s-0.x": State("s-0.x", leads=False), "s-1.x": None}) == [Label("s-0", "1", "slave", "4")]
    assert doubts(pods, {"s-0.x": State("s-0.x", leads=True), "s-1.x": None}) == []
    assert doubts(pods, {"s-0.x": None, "s-1.x": State("s-1.x")}) == []


class Kubernetes:
    """Pods with versions, as the API server keeps them: a change of another version than the present one is refused."""

    def __init__(self, count: int) -> None:
        self.version = 0
        self.pods = {}
        for number in range(count):
            self.recreate(f"s-{number}")

    def recreate(self, name: str) -> None:
        self.version += 1
        self.pods[name] = Pod(name, str(self.version), "", "")

    def delete(self, name: str) -> None:
        self.pods.pop(name, None)

    def write(self, label: Label) -> bool:
        if label.pod not in self.pods or self.pods[label.pod].version != label.version:
            return False
        self.version += 1
        self.pods[label.pod] = Pod(label.pod, str(self.version), label.role, label.epoch)
        return True

    def masters(self):
        return [one.name for one in self.pods.values() if one.role == "master"]


def rounds(kubernetes, sentinels):
    """An agent, one step at a time: another may act between any two."""
    agent = SentinelAgent("t-0", len(SENTINELS), 60, False)
    while True:
        pods = list(kubernetes.pods.values())
        yield
        view = View(*sentinels["agreed"])
        yield
        seen = SentinelSeen(None, pods, dict.fromkeys(SENTINELS, view), {}, configured=True)
        for action in agent.round(seen, 0):
            if isinstance(action, Label):
                yield
                if not kubernetes.write(action):
                    break


def act(action, number, kubernetes, sentinels, workers):
    if action == "step":
        next(workers[number])
    elif action == "failover":
        sentinels["agreed"] = (sentinels["agreed"][0] + 1, f"s-{number}.x")
    else:
        getattr(kubernetes, action)(f"s-{number}")


ACTIONS = st.tuples(
    st.sampled_from(["step", "step", "step", "step", "failover", "recreate", "delete"]), st.integers(0, 2)
)


def lab():
    kubernetes, sentinels = Kubernetes(3), {"agreed": (0, "s-0.x")}
    return kubernetes, sentinels, [rounds(kubernetes, sentinels) for _number in range(3)]


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
        if f"s-{number}" not in kubernetes.pods:
            kubernetes.recreate(f"s-{number}")
    for _step in range(60):
        for worker in workers:
            next(worker)
    assert kubernetes.masters() == [sentinels["agreed"][1].partition(".")[0]]
