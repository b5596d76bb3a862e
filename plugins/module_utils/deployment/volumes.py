# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Persistent volumes of a deployment on machines or on NFS, and their storage class. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import (
    HOSTNAME,
    PREFIX,
    annotation,
    owner_labels,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.storage import ON_NFS

Object = dict[str, Any]
PROVISIONER = "kubernetes.io/no-provisioner"
BINDING = "WaitForFirstConsumer"


@dataclass(frozen=True)
class Volumes:
    """What all volumes of one deployment have in common."""

    name: str
    namespace: str
    storage_class: str
    access_mode: str
    reclaim_policy: str
    mount_options: Sequence[str] = ()

    @property
    def labels(self) -> dict[str, str]:
        """Volumes live in no namespace, so that of the deployment is part of who owns them."""
        return {
            **owner_labels(self.name),
            annotation("namespace"): self.namespace,
            f"{PREFIX}/name": "redis",
            f"{PREFIX}/component": "storage",
        }

    def class_object(self, live: Mapping[str, Any]) -> Object:
        """Each volume has its own policy: that of the class is only shown, and cannot be changed later."""
        return {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": self.storage_class, "labels": self.labels},
            "provisioner": PROVISIONER,
            "volumeBindingMode": BINDING,
            "reclaimPolicy": live.get("reclaimPolicy", "Retain"),
        }

    def volume_object(self, row: Mapping[str, Any], live: Mapping[str, Any], hostname: str) -> Object:
        """One that exists stays bound to the host name that it was bound to."""
        metadata: Object = {"name": row["volume"], "labels": self.labels}
        if row.get("incarnation"):
            metadata["annotations"] = {annotation("incarnation"): row["incarnation"]}
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": self.namespace,
            "name": row["claim"],
        }
        spec: Object = {
            "capacity": {"storage": row["size"]},
            "accessModes": [self.access_mode],
            "volumeMode": "Filesystem",
            "persistentVolumeReclaimPolicy": self.reclaim_policy,
            "storageClassName": self.storage_class,
            "claimRef": claim,
            **({"mountOptions": list(self.mount_options)} if self.mount_options else {}),
            **_source(row),
        }
        if row["type"] not in ON_NFS:
            bound = (live.get("spec") or {}).get("nodeAffinity")
            spec["nodeAffinity"] = bound or _on(hostname)
        return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec}


def volume_objects(
    common: Volumes,
    rows: Iterable[Mapping[str, Any]],
    live_volumes: Iterable[Mapping[str, Any]],
    live_class: Mapping[str, Any] | None,
    nodes: Iterable[Mapping[str, Any]],
) -> list[Object]:
    """A volume for each row of the plan, and the class. C(live_class) is None for one of others, empty for none yet."""
    live = {item["metadata"]["name"]: item for item in live_volumes}
    labels = {node["metadata"]["name"]: node["metadata"].get("labels") or {} for node in nodes}
    # Rows that share a volume give it once.
    distinct: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        distinct.setdefault(row["volume"], row)
    made = [] if live_class is None else [common.class_object(live_class)]
    for row in distinct.values():
        hostname = labels.get(row["node"], {}).get(HOSTNAME, row["node"])
        made.append(common.volume_object(row, live.get(row["volume"], {}), hostname))
    return made


def _source(row: Mapping[str, Any]) -> Object:
    if row["type"] in ON_NFS:
        return {"nfs": {"server": row["server"], "path": row["export"]}}
    if row["type"] == "hostpath":
        # Never made by the kubelet, which would make an empty one of root where a disk is not mounted.
        return {"hostPath": {"path": row["path"], "type": "Directory"}}
    return {"local": {"path": row["path"]}}


def _on(hostname: str) -> Object:
    expression = {"key": HOSTNAME, "operator": "In", "values": [hostname]}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
