# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what Kubernetes runs of a deployment is ready, and why it is not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Object = Mapping[str, Any]
WORKLOADS = ("StatefulSet", "Deployment")
REFUSES = 78
"""A container that cannot start with the settings it has ends with this exit code, see names.sh."""


def is_ready(workload: Object) -> bool:
    """Whether its status is about its latest settings, and all pods are ready; of a Deployment also all new."""
    status, wanted = workload.get("status") or {}, workload["spec"]["replicas"]
    if status.get("observedGeneration", 0) < workload["metadata"]["generation"]:
        return False
    if workload["kind"] == "StatefulSet":
        return status.get("readyReplicas", 0) == wanted
    return {status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")} == {wanted}


def refusals(pods: Iterable[Object]) -> dict[str, str]:
    """Pods that their settings keep from starting, with what they say."""
    found = {}
    for pod in pods:
        for container in _containers(pod):
            ended = _ended(container)
            if "running" not in container["state"] and ended.get("exitCode") == REFUSES:
                found[pod["metadata"]["name"]] = (ended.get("message") or "see its log").strip()
    return found


def obstacles(pods: Iterable[Object]) -> dict[str, str]:
    """Pods that are not ready or are being deleted, and what Kubernetes says about them."""
    ordered = sorted(pods, key=lambda pod: pod["metadata"]["name"])
    return {
        pod["metadata"]["name"]: "; ".join(dict.fromkeys(_reasons(pod)))
        for pod in ordered
        if "leaving" in pod or not _serves(pod)
    }


def _reasons(pod: Object) -> Iterator[str]:
    status = pod.get("status") or {}
    yield status.get("phase", "Unknown")
    if "leaving" in pod:
        yield pod["leaving"]["text"].rstrip(".")
    for condition in status.get("conditions") or []:
        if condition["status"] != "True" and condition.get("message"):
            yield condition["message"]
    for container in _containers(pod):
        if waiting := container["state"].get("waiting"):
            yield " ".join(filter(None, (waiting.get("reason"), waiting.get("message"))))


def _serves(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _containers(pod: Object) -> list[Object]:
    return (pod.get("status") or {}).get("containerStatuses") or []


def _ended(container: Object) -> Object:
    """How it ended, now or the last time."""
    return container["state"].get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
