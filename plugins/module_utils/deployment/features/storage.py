# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where servers store their data, as far as their pods know of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Found, Live, labels
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live_volumes import existing_volumes
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import HOSTNAME, ZONE, annotation
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import Maker, Object
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.volume_plan import VolumePlanError, plan_volumes
from ansible_collections.slotwise.redis.plugins.module_utils.redis.directives import persistence

Hosts = Mapping[str, Mapping[str, str]]
"""Hosts of the inventory by name, with C(k8s_node_name) and C(k8s_zone) where they have them."""
Row = Mapping[str, str]
FOLDER = "/data"
NFS_WARNING = (
    "Storage is NFS, which the makers of Redis do not support for its files: every write waits for the server, and all "
    "pods stop when it does. Local volumes are faster and fail one by one."
)


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


def claims(deployment: Deployment, of_ours: dict[str, str]) -> list[dict[str, Any]]:
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
    return [{"metadata": {"name": "data", "labels": of_ours}, "spec": spec}]


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


def warning(deployment: Deployment, emptydir: str) -> str:
    """What the type of storage does not keep; C(emptydir) is what the kind of deployment says of that."""
    if deployment.stored["type"] == "emptydir":
        return emptydir
    return NFS_WARNING if deployment.on_nfs else ""


def shared_claim(make: Maker) -> list[Object]:
    """The one of all pods. It can neither shrink nor take another class, and its volume may have grown since."""
    deployment, stored = make.deployment, make.deployment.stored
    if stored["type"] != "nfs_shared":
        return []
    spec = {
        "accessModes": [stored["access_mode"]],
        "volumeMode": "Filesystem",
        "storageClassName": stored["storage_class"],
        "resources": {"requests": {"storage": stored["size"]}},
    }
    return [make.make("v1", "PersistentVolumeClaim", deployment.names.shared_claim, spec=spec)]


def machines(deployment: Deployment, hosts: Hosts, nodes: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Those that may hold volumes. The zone is that of the inventory, else that of the Kubernetes node."""
    zones = {node["metadata"]["name"]: labels(node).get(ZONE, "") for node in nodes}
    rows = []
    for name in deployment.stored["hosts"]:
        host = hosts.get(name, {})
        node = str(host.get("k8s_node_name") or name)
        rows.append({"name": name, "node": node, "zone": str(host.get("k8s_zone") or zones.get(node, ""))})
    return rows


def existing(deployment: Deployment, found: Found, machines: Sequence[Mapping[str, str]], hosts: Hosts) -> list[Row]:
    """Volumes that exist, with the machine of the inventory that each lies on.

    Machines that hold no new volumes are found by all that the inventory has.
    """
    rows = existing_volumes(found.get("volumes", ()), found.get("nodes", ()), deployment.name, deployment.namespace)
    names = {machine["node"]: "" for machine in machines}
    if any(row["node"] and row["node"] not in names for row in rows):
        names = {str(hosts[name].get("k8s_node_name") or name): name for name in hosts}
        return [{**row, "machine": names.get(row["node"], "")} for row in rows]
    return [{**row, "machine": ""} for row in rows]


def plan(deployment: Deployment, live: Live, pods: int, copies: int) -> list[dict[str, Any]]:
    """A row for each pod: where its files lie. When all goes, volumes of pods that are not asked for go too."""
    if deployment.state == "absent":
        numbers = (re.search("[0-9]+$", row["pod"]) for row in live.volumes if row["pod"] != deployment.name)
        pods = max([pods, *(int(number[0]) + 1 for number in numbers if number)])
    rows = plan_volumes(
        deployment.storage,
        name=deployment.name,
        namespace=deployment.namespace,
        pods=pods,
        machines=live.machines,
        server=live.server,
        existing=live.volumes,
        variable=deployment.variable("storage"),
        kubernetes=(live.one("kubernetes").get("metadata") or {}).get("uid", ""),
        spread=copies,
    )
    return [asdict(row) for row in rows]


def placement(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Where pods that do not exist yet will run, as far as their volumes say so."""
    return {row["pod"]: {"machine": row["node"], "zone": row["zone"]} for row in rows if row["node"]}


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


def changes(deployment: Deployment, running: Mapping[str, Any]) -> Iterator[str]:
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
