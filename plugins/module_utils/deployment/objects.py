# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of Kubernetes that several kinds of deployment have, and what all pods have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import (
    HOSTNAME,
    USER,
    ZONE,
    owner_labels,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

Object = dict[str, Any]
MAKE, READ, REMOVE = ("get", "create", "patch"), ("get", "list"), ("get", "delete")
LEASE = ("get", "create", "update", "delete")
"""Verbs of permissions."""
CONFINED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
SCRATCH = {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}}
"""Sockets, and configuration with the password: never on a disk."""


class Maker:
    """Makes objects with the labels of one part of a deployment, such as its servers."""

    def __init__(self, deployment: Deployment, selector: Mapping[str, str]) -> None:
        self.deployment, self.selector = deployment, dict(selector)
        self.owner = owner_labels(deployment.name)
        self.labels = {**deployment.labels, **self.selector, **self.owner}

    def make(
        self, api: str, kind: str, name: str, annotations: Mapping[str, str] | None = None, **parts: Any
    ) -> Object:
        metadata = {
            "name": name,
            "namespace": self.deployment.namespace,
            "labels": self.labels,
            "annotations": {**self.deployment.annotations, **(annotations or {})},
        }
        return {"apiVersion": api, "kind": kind, "metadata": metadata, **parts}

    def namespace(self) -> list[Object]:
        """With the restricted Pod Security Standard, where it is ours to make."""
        if not self.deployment.create_namespace:
            return []
        made = self.make("v1", "Namespace", self.deployment.namespace)
        del made["metadata"]["namespace"]
        made["metadata"]["labels"] = {**self.labels, "pod-security.kubernetes.io/enforce": "restricted"}
        return [made]

    def files(self, name: str, data: Mapping[str, str], immutable: bool = False) -> Object:
        made = self.make("v1", "ConfigMap", name, data=dict(data))
        return {**made, "immutable": True} if immutable else made

    def headless(self, name: str, ports: Mapping[str, int]) -> Object:
        """Pods find each other before they are ready, and to become so."""
        spec = {
            "type": "ClusterIP",
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": self.selector,
            "ports": service_ports(ports),
        }
        return self.make("v1", "Service", name, spec=spec)

    def budget(self, name: str, max_unavailable: int) -> Object:
        spec = {"maxUnavailable": max_unavailable, "selector": {"matchLabels": self.selector}}
        return self.make("policy/v1", "PodDisruptionBudget", name, spec=spec)

    def template(self, spec: Object, annotations: Mapping[str, str] | None = None) -> Object:
        """Of pods: the labels of users never are those that select."""
        deployment = self.deployment
        return {
            "metadata": {
                "labels": {**deployment.labels, **deployment.pod_labels, **self.selector, **self.owner},
                "annotations": {**deployment.annotations, **deployment.pod_annotations, **(annotations or {})},
            },
            "spec": spec,
        }

    def pod(self, node_affinity: Object | None = None, fs_group: bool = False) -> Object:
        """Who pods run as, and where."""
        deployment = self.deployment
        identity: Object = {"runAsUser": USER, "runAsGroup": USER, "runAsNonRoot": True}
        if fs_group:
            # Volumes of a provisioner belong to root when they are new.
            identity.update(fsGroup=USER, fsGroupChangePolicy="OnRootMismatch")
        own = {"nodeAffinity": node_affinity} if node_affinity else {}
        given = {
            "imagePullSecrets": [{"name": secret} for secret in deployment.image_pull_secrets],
            "priorityClassName": deployment.priority_class,
            "nodeSelector": deployment.node_selector,
            "tolerations": deployment.tolerations,
            "topologySpreadConstraints": deployment.topology_spread_constraints,
        }
        return {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {**identity, "seccompProfile": {"type": "RuntimeDefault"}},
            **{name: value for name, value in given.items() if value},
            "affinity": {**deployment.affinity, **own} if deployment.affinity else {**own, **apart(self.selector)},
        }

    def container(self, name: str, image: str, command: Sequence[str], resources: Object, **parts: Any) -> Object:
        return {
            "name": name,
            "image": image,
            "imagePullPolicy": self.deployment.image_pull_policy,
            "command": list(command),
            "resources": resources,
            "securityContext": CONFINED,
            **parts,
        }


def apart(selector: Mapping[str, str]) -> Object:
    """Pods are on different machines, then in different zones, where that can be."""
    terms = [
        {
            "weight": weight,
            "podAffinityTerm": {"topologyKey": key, "labelSelector": {"matchLabels": dict(selector)}},
        }
        for weight, key in ((100, HOSTNAME), (50, ZONE))
    ]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}}


def service_ports(ports: Mapping[str, int]) -> list[Object]:
    return [{"name": name, "port": number, "targetPort": name, "protocol": "TCP"} for name, number in ports.items()]


def container_ports(ports: Mapping[str, int]) -> list[Object]:
    return [{"name": name, "containerPort": number, "protocol": "TCP"} for name, number in ports.items()]


def variables(values: Mapping[str, Any]) -> list[Object]:
    """Environment of a container; a value that is a mapping says where it comes from."""
    return [
        {"name": name, "valueFrom": value} if isinstance(value, Mapping) else {"name": name, "value": str(value)}
        for name, value in values.items()
    ]


def field(path: str) -> Object:
    """A value that only the pod itself knows."""
    return {"fieldRef": {"fieldPath": path}}


def mounts(*which: tuple[str, str]) -> list[Object]:
    """Of what a container only reads: volume and path."""
    return [{"name": name, "mountPath": path, "readOnly": True} for name, path in which]


def config_volume(name: str, config_map: str) -> Object:
    return {"name": name, "configMap": {"name": config_map}}


def runs(*command: str) -> Object:
    return {"exec": {"command": list(command)}}


def rule(group: str, resource: str, verbs: Sequence[str], namespace: str = "") -> dict[str, Any]:
    """A permission, in the whole cluster where no namespace is given."""
    where = {"namespace": namespace} if namespace else {}
    return {"group": group, "resource": resource, "verbs": list(verbs), **where}
