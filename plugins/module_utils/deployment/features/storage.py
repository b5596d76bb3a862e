# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where servers store their data, as far as their pods know of it."""

from __future__ import annotations

from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import HOSTNAME, annotation
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

FOLDER = "/data"


def mounts(deployment: Deployment) -> list[dict[str, Any]]:
    shared = deployment.stored["type"] == "nfs_shared"
    return [{"name": "data", "mountPath": FOLDER, **({"subPathExpr": "$(POD_NAME)"} if shared else {})}]


def volumes(deployment: Deployment) -> list[dict[str, Any]]:
    """Those that are in no claim of a single pod."""
    stored = deployment.stored
    if stored["type"] == "emptydir":
        return [{"name": "data", "emptyDir": {"sizeLimit": stored["size"]}}]
    if stored["type"] == "nfs_shared":
        return [{"name": "data", "persistentVolumeClaim": {"claimName": deployment.names.shared_claim}}]
    return []


def claims(deployment: Deployment, labels: dict[str, str]) -> list[dict[str, Any]]:
    """Templates of the claims, one for each pod."""
    if volumes(deployment):
        return []
    stored = deployment.stored
    spec = {
        "accessModes": [stored["access_mode"]],
        "volumeMode": "Filesystem",
        **({"storageClassName": stored["storage_class"]} if stored["storage_class"] else {}),
        "resources": {"requests": {"storage": claimed(deployment)}},
    }
    return [{"metadata": {"name": "data", "labels": labels}, "spec": spec}]


def claimed(deployment: Deployment) -> str:
    return deployment.observed.claimed_size or str(deployment.stored["size"])


def remembers(deployment: Deployment) -> dict[str, str]:
    """What a later run compares its variables with."""
    return {
        annotation("storage-type"): deployment.stored["type"],
        annotation("storage-claimed"): claimed(deployment),
    }


def node_affinity(deployment: Deployment) -> dict[str, Any]:
    """Volumes on NFS bind pods to no machine: that is done here where machines are named."""
    if not (deployment.on_nfs and deployment.stored["hosts"]):
        return {}
    expression = {"key": HOSTNAME, "operator": "In", "values": sorted(deployment.observed.hostnames)}
    return {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    }


def of_a_provisioner(deployment: Deployment) -> bool:
    return deployment.stored["type"] == "storageclass"
