# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of Kubernetes about a deployment, as C(kubernetes_objects_info) takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import auth
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import annotation, owner_labels
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.storage import PLANNED
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

Query = dict[str, Any]
KUBERNETES = "kube-system"
"""The uid of this namespace is that of the Kubernetes cluster."""


def single(which: str, kind: str, name: str, namespace: str = "", parts: list[str] | None = None) -> Query:
    """One object by its name; the whole of it unless C(parts) are named."""
    return _query(which, kind, parts, name=name, namespace=namespace)


def labelled(
    which: str, kind: str, labels: Mapping[str, str], namespace: str = "", parts: list[str] | None = None
) -> Query:
    return _query(which, kind, parts, labels=dict(labels), namespace=namespace)


def of_servers(deployment: Deployment, labels: Mapping[str, str]) -> list[Query]:
    """What a run looks at before it changes servers; C(labels) are those of all objects of the deployment."""
    here, owner = deployment.namespace, owner_labels(deployment.name)
    stored = deployment.stored
    # Who has no volumes of ours may not be allowed to read another namespace.
    kubernetes = KUBERNETES if stored["type"] in PLANNED else here
    return [
        _query("nodes", "Node", ["status.addresses", "spec.taints"]),
        labelled("volumes", "PersistentVolume", {**owner, annotation("namespace"): here}),
        single("class", "StorageClass", stored["storage_class"]),
        single("namespace", "Namespace", here),
        single("statefulset", "StatefulSet", deployment.name, here),
        labelled("claims", "PersistentVolumeClaim", owner, here, []),
        labelled("configmaps", "ConfigMap", labels, here, []),
        single("secret", "Secret", auth.secret(deployment), here),
        single("kubernetes", "Namespace", kubernetes, parts=[]),
    ]


def password(deployment: Deployment, word: str) -> Query:
    """Whether the Secret has this password. A query of its own: Ansible masks it in all that its answer has."""
    asked = single("secret", "Secret", auth.secret(deployment), deployment.namespace)
    return {**asked, "compare": {auth.key(deployment): word}}


def _query(which: str, kind: str, parts: list[str] | None = None, **more: Any) -> Query:
    given = {key: value for key, value in more.items() if value}
    return {"id": which, "kind": kind, **given, **({} if parts is None else {"parts": parts})}
