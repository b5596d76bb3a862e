# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of objects that are being deleted."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.leaving import leaving

SINCE = "2026-11-27T10:00:00Z"


def going(kind, *finalizers, namespace="shop", grace=0, **more):
    metadata = {"name": "x", "deletionTimestamp": SINCE, "deletionGracePeriodSeconds": grace}
    if namespace:
        metadata["namespace"] = namespace
    if finalizers:
        metadata["finalizers"] = list(finalizers)
    return {"kind": kind, "metadata": metadata, **more}


@pytest.mark.parametrize("kind", ["StatefulSet", "PersistentVolumeClaim", "Service", "Pod", "Namespace"])
def test_what_stays_is_not_talked_of(kind):
    # A finalizer alone deletes nothing: every claim has one.
    metadata = {"name": "x", "namespace": "shop", "finalizers": ["kubernetes.io/pvc-protection"]}
    assert leaving({"kind": kind, "metadata": metadata}) is None


@pytest.mark.parametrize(
    ("live", "text", "loses"),
    [
        (
            going("StatefulSet", "foregroundDeletion"),
            "StatefulSet shop/x is being deleted since 2026-11-27T10:00:00Z, "
            "held by finalizer foregroundDeletion (what it owns, such as its pods, is not gone yet).",
            False,
        ),
        (
            going("PersistentVolumeClaim", "kubernetes.io/pvc-protection", "example.org/backup"),
            "PersistentVolumeClaim shop/x is being deleted since 2026-11-27T10:00:00Z, "
            "held by finalizers kubernetes.io/pvc-protection (a pod uses it), example.org/backup.",
            True,
        ),
        (
            going("PersistentVolume", "kubernetes.io/pv-protection", namespace=""),
            "PersistentVolume x is being deleted since 2026-11-27T10:00:00Z, "
            "held by finalizer kubernetes.io/pv-protection (a claim is bound to it).",
            True,
        ),
        (
            going("Secret", "example.org/never"),
            "Secret shop/x is being deleted since 2026-11-27T10:00:00Z, held by finalizer example.org/never.",
            True,
        ),
        (
            going("Service"),
            "Service shop/x is being deleted since 2026-11-27T10:00:00Z, held by no finalizer.",
            False,
        ),
        (
            going(
                "Namespace",
                namespace="",
                spec={"finalizers": ["kubernetes"]},
                status={
                    "phase": "Terminating",
                    "conditions": [
                        {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "fine"},
                        {"type": "NamespaceContentRemaining", "status": "True", "message": "Some: pods. has 1"},
                    ],
                },
            ),
            "Namespace x is being deleted since 2026-11-27T10:00:00Z, "
            "held by finalizer kubernetes (what is in it is not gone yet) Some: pods. has 1.",
            True,
        ),
        # The time of a pod is the end of its grace period.
        (
            going("Pod", grace=60, spec={"nodeName": "worker1"}),
            "Pod shop/x is being deleted since 2026-11-27T09:59:00Z, until the kubelet of worker1 has stopped it.",
            False,
        ),
        (
            going("Pod", "example.org/never", grace=30),
            "Pod shop/x is being deleted since 2026-11-27T09:59:30Z, held by finalizer example.org/never.",
            False,
        ),
    ],
)
def test_what_goes_is_said_with_its_holders(live, text, loses):
    assert leaving(live) == {"text": text, "loses": loses}
