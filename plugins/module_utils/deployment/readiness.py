# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what Kubernetes runs of a deployment is ready, and why it is not. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import annotation

Object = Mapping[str, Any]
WORKLOADS = ("StatefulSet", "Deployment")
CHECKSUM = annotation("config-checksum")
REFUSES = 78
"""A container that cannot start with the settings it has ends with this exit code, see names.sh."""


def is_ready(workload: Object) -> bool:
    """Whether its status is about its latest settings, and all pods are ready; of a Deployment also all new."""
    status, wanted = workload.get("status") or {}, workload["spec"]["replicas"]
    if not is_observed(workload):
        return False
    if workload["kind"] == "StatefulSet":
        return status.get("readyReplicas", 0) == wanted
    return {status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")} == {wanted}


def is_observed(workload: Object) -> bool:
    """Whether its status is about its latest settings."""
    observed = (workload.get("status") or {}).get("observedGeneration", 0)
    return bool(observed >= workload["metadata"]["generation"])


def refusals(pods: Iterable[Object]) -> dict[str, str]:
    """Pods that their settings keep from starting, with what they say."""
    found = {}
    for pod in pods:
        for container in _containers(pod):
            ended = _ended(container)
            if "running" not in container["state"] and ended.get("exitCode") == REFUSES:
                found[pod["metadata"]["name"]] = (ended.get("message") or "see its log").strip()
    return found


def replaceable(pods: Iterable[Object], workloads: Iterable[Object]) -> list[str]:
    """Names of pods that Kubernetes goes on starting with settings that will not do.

    They refused these, or have earlier ones than C(workloads) and no server of theirs ever began.
    """
    revisions = {(workload.get("status") or {}).get("updateRevision", "") for workload in workloads}
    return [
        pod["metadata"]["name"]
        for pod in pods
        if "leaving" not in pod and (_refused(pod) or (not _began(pod) and _revision(pod) not in revisions))
    ]


def summary(found: Mapping[str, Sequence[Object]], name: str) -> dict[str, Any]:
    """What of C(found), by the id of its query, others want to know: C(stands), C(replicas) and C(outdated)."""
    workloads = [*found.get("statefulset", ()), *found.get("deployment", ())]
    going = [item for query, items in found.items() if query != "pods" for item in items if "leaving" in item]
    latest = (workloads[0].get("status") or {}).get("updateRevision", "") if workloads else ""
    ours = re.compile(f"{re.escape(name)}-[0-9]+")
    return {
        "stands": bool(workloads) and not going,
        "replicas": workloads[0]["spec"]["replicas"] if workloads else 0,
        "outdated": sorted(
            pod["metadata"]["name"]
            for pod in found.get("pods", ())
            if ours.fullmatch(pod["metadata"]["name"]) and _revision(pod) not in ("", latest)
        ),
    }


def restarting(workload: Object, checksum: str) -> bool:
    """Whether servers run that will restart with another configuration, now or at some time."""
    if not workload:
        return False
    template = (workload["spec"]["template"].get("metadata") or {}).get("annotations") or {}
    updated = (workload.get("status") or {}).get("updatedReplicas", 0)
    return template.get(CHECKSUM, "") != checksum or updated != workload["spec"]["replicas"]


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


def _refused(pod: Object) -> bool:
    """A container ended so, and none of its name serves."""
    return any(
        _ended(container).get("exitCode") == REFUSES and not container.get("ready") for container in _containers(pod)
    )


def _began(pod: Object) -> bool:
    return any(_ended(container) or "running" in container["state"] for container in _containers(pod))


def _revision(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get("controller-revision-hash", ""))


def _containers(pod: Object) -> list[Object]:
    return (pod.get("status") or {}).get("containerStatuses") or []


def _ended(container: Object) -> Object:
    """How it ended, now or the last time."""
    return container["state"].get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
