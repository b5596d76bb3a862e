# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When workloads are ready, and what is said of pods that are not."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.readiness import is_ready, obstacles, refusals

SET = {"readyReplicas": 2, "observedGeneration": 3}
ROLLED = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "observedGeneration": 3}
ENDED = {"terminated": {"exitCode": 78, "message": "cluster_domain is x: set it to y\n"}}
GOES = {"leaving": {"text": "Pod shop/orders-0 goes, held by x."}}


@pytest.mark.parametrize(
    ("kind", "status", "ready"),
    [
        ("StatefulSet", SET, True),
        ("StatefulSet", None, False),
        ("StatefulSet", {}, False),
        ("StatefulSet", {**SET, "observedGeneration": 2}, False),
        ("StatefulSet", {**SET, "readyReplicas": 1}, False),
        # Pods with earlier settings are ready too: a run restarts them itself.
        ("StatefulSet", {**SET, "updatedReplicas": 0}, True),
        ("Deployment", ROLLED, True),
        ("Deployment", {}, False),
        ("Deployment", {**ROLLED, "observedGeneration": 2}, False),
        ("Deployment", {**ROLLED, "replicas": 3}, False),
        ("Deployment", {**ROLLED, "availableReplicas": 1}, False),
        ("Deployment", {**ROLLED, "updatedReplicas": 1}, False),
    ],
)
def test_workloads(kind, status, ready):
    assert is_ready({"kind": kind, "metadata": {"generation": 3}, "spec": {"replicas": 2}, "status": status}) is ready


def pod(name="orders-0", ready=True, phase="Running", **status):
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}, *status.pop("conditions", [])]
    return {"metadata": {"name": name}, "status": {"phase": phase, "conditions": conditions, **status}}


@pytest.mark.parametrize(
    ("containers", "said"),
    [
        ([], ""),
        ([{"state": {"running": {}}, "lastState": {}}], ""),
        ([{"state": ENDED, "lastState": {}}], "cluster_domain is x: set it to y"),
        ([{"state": ENDED}], "cluster_domain is x: set it to y"),
        ([{"state": {"waiting": {}}, "lastState": ENDED}], "cluster_domain is x: set it to y"),
        ([{"state": {"running": {}}, "lastState": ENDED}], ""),
        ([{"state": {"waiting": {}}, "lastState": {"terminated": {"exitCode": 1}}}], ""),
        ([{"state": {"terminated": {"exitCode": 78}}}], "see its log"),
        ([{"state": {"running": {}}}, {"state": ENDED}], "cluster_domain is x: set it to y"),
    ],
)
def test_pods_that_refuse_their_settings(containers, said):
    assert refusals([pod(containerStatuses=containers)]) == ({"orders-0": said} if said else {})


def test_pods_that_are_not_ready():
    unbound = {"type": "PodScheduled", "status": "False", "message": "node(s) didn't find volumes to bind"}
    pulls = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    found = [
        pod("orders-2", ready=False, phase="Pending", conditions=[unbound]),
        pod("orders-1", ready=False, phase="Pending", containerStatuses=[pulls]),
        pod(),
    ]
    assert list(obstacles(found).items()) == [
        ("orders-1", "Pending; ImagePullBackOff no such image"),
        ("orders-2", "Pending; node(s) didn't find volumes to bind"),
    ]


def test_a_pod_that_goes_is_in_the_way_though_it_is_ready():
    assert obstacles([{**pod(), **GOES}]) == {"orders-0": "Running; Pod shop/orders-0 goes, held by x"}


def test_what_kubernetes_says_of_two_conditions_is_told_once():
    unready = [
        {"type": kind, "status": "False", "message": "containers with unready status: [redis]"}
        for kind in ("ContainersReady", "PodReady")
    ]
    assert obstacles([pod(ready=False, conditions=unready)]) == {
        "orders-0": "Running; containers with unready status: [redis]"
    }


def test_a_pod_of_which_nothing_is_known_yet():
    assert obstacles([{"metadata": {"name": "orders-0"}}]) == {"orders-0": "Unknown"}
    assert refusals([{"metadata": {"name": "orders-0"}}]) == {}
