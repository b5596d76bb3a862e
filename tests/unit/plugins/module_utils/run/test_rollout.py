# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubernetes_wait waits for, what it does not wait for, and what it says."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Stalled, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.run import progress, rollout
from ansible_collections.slotwise.redis.plugins.module_utils.run.rollout import Rollout

SILENT = Unreachable("The Kubernetes API at x does not answer.")


def stateful_set(ready, name="orders", **more):
    status = {"readyReplicas": ready, "observedGeneration": 1}
    return {
        "kind": "StatefulSet",
        "metadata": {"name": name, "generation": 1},
        "spec": {"replicas": 2},
        "status": status,
        **more,
    }


def pod(name, ready=False):
    conditions = [{"type": "Ready", "status": str(ready), "message": "0/4 nodes are available"}]
    return {"metadata": {"name": name}, "status": {"phase": "Pending", "conditions": conditions}}


def state(ready, **more):
    pods = [pod("orders-0", ready > 0), pod("orders-1", ready > 1)]
    return {"statefulset": [stateful_set(ready)], "pods": pods, "service": [], **more}


REFUSED = {
    "metadata": {"name": "orders-1"},
    "status": {"containerStatuses": [{"state": {"terminated": {"exitCode": 78}}}]},
}


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


QUERIES = [
    {"id": "statefulset", "kind": "StatefulSet", "name": "orders"},
    {"id": "pods", "kind": "Pod", "name": None},
    {"id": "service", "kind": "Service", "name": "orders"},
]


@pytest.fixture
def wait(monkeypatch):
    """``wait(states...)`` gives the result, or the error, with the time it took and the lines that were said."""
    clock = Clock()
    for module in (rollout, progress):
        monkeypatch.setattr(module, "time", clock)

    def run(*states, warnings=(), what="pod", timeout=10, queries=QUERIES):
        left, said = list(states), []

        def look():
            found = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(found, Exception):
                raise found
            return found

        params = {"what": what, "namespace": "shop", "name": "orders", "timeout": timeout, "queries": queries}
        try:
            result = Rollout(params, look, lambda: warnings, said.append).wait()
        except EngineError as error:
            result = error
        return result, clock.now, said

    return run


def test_what_is_ready_is_not_waited_for(wait):
    assert wait(state(2)) == (state(2), 0.0, [])


def test_it_says_what_it_waits_for_once_and_every_few_seconds(wait):
    result, seconds, said = wait(state(0), *[state(1)] * 7, state(2))
    assert result == state(2)
    assert seconds == 8
    first = "waiting: orders-0: Pending; 0/4 nodes are available"
    second = "waiting: orders-1: Pending; 0/4 nodes are available"
    assert said == [first, second, second]


def test_the_timeout_is_in_seconds(wait):
    error, seconds, _said = wait(state(1), timeout=5)
    assert isinstance(error, Stalled)
    assert seconds == 6
    assert error.message == "Not every pod of shop/orders was ready within 5 seconds."
    assert error.found == ("orders-1: Pending; 0/4 nodes are available",)
    assert error.advice == "Look at `kubectl -n shop describe pod` and `logs` of these pods."


def test_proxies_are_called_so(wait):
    error, _seconds, _said = wait(state(1), timeout=0, what="proxy")
    assert str(error).startswith("Not every proxy of shop/orders was ready within 0 seconds.")
    assert "at least one backend answers" in error.advice
    assert "of these proxies" in error.advice


def test_pods_that_nobody_makes_are_explained_by_events(wait):
    """Such as a quota, a priority class that does not exist, or a policy of the cluster."""
    quota = "FailedCreate: create Pod orders-0 in StatefulSet orders failed: exceeded quota: two"
    warnings = [
        ("Pod", "orders-10", "BackOff: of another"),
        ("StatefulSet", "orders", quota),
        ("StatefulSet", "orders", "FailedCreate: an earlier one"),
        ("StatefulSet", "others", "FailedCreate: of others"),
    ]
    error, _seconds, said = wait({**state(0), "pods": []}, warnings=warnings, timeout=1)
    assert error.found == ("StatefulSet orders: 0 of 2 are ready", f"StatefulSet orders: {quota}")
    assert said == ["waiting: StatefulSet orders: 0 of 2 are ready"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Pod", "orders-1"),
        ("PersistentVolumeClaim", "data-orders-1"),
        ("ReplicaSet", "orders-7d4b9"),
        ("StatefulSet", "orders"),
    ],
)
def test_events_of_what_belongs_to_it(wait, kind, name):
    error, _seconds, _said = wait(state(1), warnings=[(kind, name, "FailedMount: no such volume")], timeout=0)
    assert error.found[-1] == f"{kind} {name}: FailedMount: no such volume"


def test_events_that_cannot_be_read_do_not_hide_the_message(wait):
    def refuse():
        raise SILENT
        yield

    error, _seconds, _said = wait(state(1), warnings=refuse(), timeout=0)
    assert error.message.startswith("Not every pod of shop/orders was ready")
    assert SILENT.message in error.found[-1]


def test_an_api_that_is_away_for_a_while_is_waited_for(wait):
    result, seconds, said = wait(state(1), SILENT, SILENT, state(2))
    assert (result, seconds) == (state(2), 3.0)
    assert f"waiting: {SILENT.message}" in said


def test_an_api_that_stays_away_is_what_is_told(wait):
    error, seconds, _said = wait(SILENT)
    assert error.message == SILENT.message
    assert seconds == 11


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"statefulset": []}, "There is no StatefulSet shop/orders. Run playbooks/site.yml first."),
        (
            {"statefulset": [stateful_set(2, leaving={"text": "StatefulSet shop/orders goes."})]},
            "StatefulSet shop/orders goes. There is nothing to wait for.",
        ),
        (
            {"service": [{"leaving": {"text": "Service shop/orders goes."}}]},
            "Service shop/orders goes. There is nothing",
        ),
        (
            {"pods": [REFUSED]},
            "Pods of shop/orders do not start with the settings that they have:\n- orders-1: see its log\nChange",
        ),
    ],
)
def test_nothing_is_waited_for_in_vain(wait, found, told):
    error, seconds, _said = wait(state(1, **found))
    assert str(error).startswith(told)
    assert seconds == 0


def test_pods_come_and_go(wait):
    going = {**pod("orders-1"), "leaving": {"text": "Pod shop/orders-1 goes."}}
    assert wait(state(1, pods=[going]), state(2))[:2] == (state(2), 1.0)


def test_all_workloads_are_waited_for(wait):
    queries = [*QUERIES, {"id": "beside", "kind": "StatefulSet", "name": "orders-sentinel"}]
    late, well = (state(2, beside=[stateful_set(count, "orders-sentinel")]) for count in (1, 2))
    result, seconds, said = wait(late, well, queries=queries)
    assert (result, seconds) == (well, 1.0)
    assert said == ["waiting: StatefulSet orders-sentinel: 1 of 2 are ready"]
    error, _seconds, _said = wait(state(2, beside=[]), queries=queries)
    assert error.message == "There is no StatefulSet shop/orders-sentinel. Run playbooks/site.yml first."
