# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where servers store their data, as far as their pods know of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils._directives import persistence
from ansible_collections.slotwise.redis.plugins.module_utils._volume_plan import VolumePlanError, plan_volumes
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live, Object
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


def two_places(deployment: Deployment) -> Iterator[str]:
    """Pods with volumes on NFS are bound to machines by their affinity alone."""
    if deployment.on_nfs and deployment.stored["hosts"] and "nodeAffinity" in deployment.affinity:
        yield (
            f"{deployment.variable('affinity')} has nodeAffinity, and {deployment.variable('storage')}.hosts says on "
            "which machines pods with volumes on NFS may run. Give one of them."
        )


def nothing_lasts(deployment: Deployment) -> Iterator[str]:
    """Of a deployment with replicas: a master that comes back empty costs all copies of the data."""
    kind = deployment.stored["type"]
    if kind != "emptydir" and not persistence(deployment.config).lasts:
        yield (
            f"{deployment.variable('config')} has appendonly no and an empty save, so no key ever reaches the volumes, "
            f"and {deployment.variable('storage')}.type is {kind}, which is meant to last: a master that crashes comes "
            "back empty, as the master, and its replicas drop its keys to be like it. Leave out one of the two "
            "directives, or take emptydir for a cache that may lose them."
        )


def no_such_class(deployment: Deployment, live: Live) -> Iterator[str]:
    stored = deployment.stored
    if stored["type"] == "storageclass" and stored["storage_class"] and not live.all("class"):
        yield (
            f"{deployment.variable('storage')}.storage_class is {stored['storage_class']}, and the Kubernetes cluster "
            "has no StorageClass of this name. See kubectl get storageclass; leave the name out for the default class."
        )


def no_such_nodes(deployment: Deployment, live: Live) -> Iterator[str]:
    known = sorted(live.names("nodes"))
    for machine in live.machines:
        node = machine["node"]
        if node in known:
            continue
        hint = f" Names are in lower case: did you mean {node.lower()}?" if node.lower() in known else ""
        yield (
            f"{deployment.variable('storage')}.hosts names {machine['name']}, and no Kubernetes node is called {node}."
            f"{hint} The nodes are {', '.join(known)}. Set k8s_node_name of the machine to the name of its node."
        )


def changes(deployment: Deployment, running: Object) -> Iterator[str]:
    """What a running deployment has of it, and cannot get otherwise. C(running) is its StatefulSet."""
    stored, variable = deployment.stored, deployment.variable("storage")
    before = running["metadata"].get("annotations", {}).get(annotation("storage-type"), stored["type"])
    claim = (running["spec"].get("volumeClaimTemplates") or [{}])[0].get("spec") or {}
    storage_class, modes = claim.get("storageClassName", ""), claim.get("accessModes", [stored["access_mode"]])
    if before != stored["type"]:
        yield (
            f"{variable}.type is {stored['type']} and the running deployment stores its data in {before}. The volumes "
            f"of a StatefulSet cannot be changed. Set it back to {before}."
        )
    elif claim and storage_class != stored["storage_class"]:
        yield (
            f"{variable}.storage_class is {json.dumps(stored['storage_class'])} and the running deployment uses "
            f"{json.dumps(storage_class)}, which cannot be changed. Set it back."
        )
    elif claim and modes != [stored["access_mode"]]:
        yield (
            f"{variable}.access_mode is {stored['access_mode']} and the claims of the running deployment ask for "
            f"{', '.join(modes)}, which cannot be changed. Set it back."
        )


def no_plan(deployment: Deployment, live: Live, pods: int) -> Iterator[str]:
    try:
        plan_volumes(
            deployment.storage,
            name=deployment.name,
            namespace=deployment.namespace,
            pods=pods,
            machines=live.machines,
            server=live.server,
            existing=live.volumes,
            claimed=live.remembered.get(annotation("storage-claimed"), ""),
            variable=deployment.variable("storage"),
        )
    except VolumePlanError as error:
        yield from error.problems
