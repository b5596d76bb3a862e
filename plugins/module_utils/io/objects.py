# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes objects as plain dictionaries: read, find, apply and delete many of them in one process.

PRIVATE, may change at any time.

Only the kinds that the roles use are known, so no API discovery is needed: a call costs its own requests and no more.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Stalled
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.leaving import leaving
from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import ApiException, api_errors

try:
    from kubernetes.dynamic import DynamicClient
except ImportError:
    # require_kubernetes() of _kubernetes reports it.
    DynamicClient = None  # type: ignore[misc, assignment]

REQUEST_SECONDS = 30
POLL_SECONDS = 0.2
REQUESTS_AT_ONCE = 8

# kind -> API version, plural, whether it lives in a namespace
KINDS = {
    "ConfigMap": ("v1", "configmaps", True),
    "Deployment": ("apps/v1", "deployments", True),
    "Namespace": ("v1", "namespaces", False),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies", True),
    "Node": ("v1", "nodes", False),
    "PersistentVolume": ("v1", "persistentvolumes", False),
    "PersistentVolumeClaim": ("v1", "persistentvolumeclaims", True),
    "Pod": ("v1", "pods", True),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets", True),
    "Role": ("rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings", True),
    "Secret": ("v1", "secrets", True),
    "Service": ("v1", "services", True),
    "ServiceAccount": ("v1", "serviceaccounts", True),
    "StatefulSet": ("apps/v1", "statefulsets", True),
    "StorageClass": ("storage.k8s.io/v1", "storageclasses", False),
}

# Set by the server at each write; they say nothing about what an object is.
SERVER_METADATA = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")


@dataclass(frozen=True)
class Ref:
    """Which object."""

    kind: str
    name: str
    namespace: str = ""

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> Ref:
        """The object that a definition describes."""
        metadata = definition.get("metadata") or {}
        kind = definition.get("kind")
        if kind not in KINDS:
            raise EngineError(f"definition of kind {kind!r}. Allowed: {', '.join(sorted(KINDS))}.")
        version, _plural, namespaced = KINDS[kind]
        if definition.get("apiVersion", version) != version:
            raise EngineError(f"{kind} has apiVersion {definition['apiVersion']!r}. Allowed: {version}.")
        if not metadata.get("name") or bool(metadata.get("namespace")) is not namespaced:
            raise EngineError(f"{kind} {metadata!r} needs a name and {'a' if namespaced else 'no'} namespace.")
        return cls(kind, str(metadata["name"]), str(metadata.get("namespace") or ""))

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def path_of(kind: str, namespace: str = "", name: str = "") -> str:
    """Path of an object, or of a list of them, below the server's address."""
    version, plural, namespaced = KINDS[kind]
    parts = ["api" if version == "v1" else "apis", version]
    if namespaced and namespace:
        parts += ["namespaces", namespace]
    parts.append(plural)
    if name:
        parts.append(name)
    return "/" + "/".join(parts)


def meaning(live: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """An object without what the server notes about it, to compare and to show."""
    if live is None:
        return None
    kept = copy.deepcopy({key: value for key, value in live.items() if key != "status"})
    for field in SERVER_METADATA:
        kept["metadata"].pop(field, None)
    return kept


def stops_rolling(definition: Mapping[str, Any], live: Mapping[str, Any] | None) -> bool:
    """Whether a StatefulSet shall not roll any more. Apply alone would keep the settings that Kubernetes gave to its
    rolling by default, and be refused for them."""
    if live is None or definition["kind"] != "StatefulSet":
        return False
    wanted = (definition["spec"].get("updateStrategy") or {}).get("type")
    return wanted == "OnDelete" and "rollingUpdate" in live["spec"]["updateStrategy"]


def without_secrets(shown: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A Secret whose values cannot be read; only whether a value differs from the other side is kept."""
    if shown is None or shown.get("kind") != "Secret":
        return shown
    others = (other or {}).get("data") or {}
    hidden = {
        key: "(secret)" if value == others.get(key) else "(secret, not shown, differs)"
        for key, value in (shown.get("data") or {}).items()
    }
    # Annotations may hold a copy of the values, as kubectl apply leaves one.
    metadata = {key: value for key, value in shown["metadata"].items() if key != "annotations"}
    return {**shown, "metadata": metadata, "data": hidden}


def without_files(shown: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Only how long the files of an immutable ConfigMap are: it is made whole, and never changed."""
    if shown is None or shown.get("kind") != "ConfigMap" or not shown.get("immutable"):
        return shown
    files = {name: f"({len(text.splitlines())} lines)" for name, text in (shown.get("data") or {}).items()}
    return {**shown, "data": files}


def has_labels(live: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether an object carries all these labels."""
    found = live["metadata"].get("labels") or {}
    return all(found.get(key) == value for key, value in labels.items())


def value_at(live: Mapping[str, Any], path: str) -> Any:
    """The value of a field such as C(spec.replicas), None where it is not set."""
    found: Any = live
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def with_value(definition: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A definition that has this value too."""
    key, _dot, rest = path.partition(".")
    return {**definition, key: with_value(definition.get(key) or {}, rest, value) if rest else value}


def without_value(definition: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A definition without this field."""
    key, _dot, rest = path.partition(".")
    if not rest or not isinstance(definition.get(key), Mapping):
        return {k: v for k, v in definition.items() if k != key or rest}
    return {**definition, key: without_value(definition[key], rest)}


def is_set_by(live: Mapping[str, Any], manager: str, path: str) -> bool:
    """Whether the server has it down that this manager applied the field: it is removed when it is left out."""
    names = ".".join(f"f:{key}" for key in path.split("."))
    return any(
        entry.get("manager") == manager
        and entry.get("operation") == "Apply"
        and value_at(entry.get("fieldsV1") or {}, names) is not None
        for entry in live["metadata"].get("managedFields") or []
    )


class Objects:
    """The requests. Every failure names the server, the object and what was asked."""

    def __init__(self, api: Any) -> None:
        self._api = api
        # The client asks the server for all its API groups first unless it is given its own discoverer.
        self._client = DynamicClient(api, discoverer=lambda _client, _cache: None)

    def read(self, ref: Ref) -> dict[str, Any] | None:
        """An object, None where it does not exist."""
        return self._request("get", path_of(ref.kind, ref.namespace, ref.name), f"reading {ref}", missing=(404,))

    def find(self, kind: str, namespace: str = "", labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Objects of a kind, of one namespace or of all."""
        selector = ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items()))
        where = f" in {namespace}" if namespace else ""
        options: dict[str, Any] = {"label_selector": selector} if selector else {}
        found = self._request("get", path_of(kind, namespace), f"listing {KINDS[kind][1]}{where}", **options)
        version = KINDS[kind][0]
        # Items of a list come without these two.
        return [{"apiVersion": version, "kind": kind, **item} for item in found["items"]]

    def apply(
        self, definition: Mapping[str, Any], manager: str, dry_run: bool, force: bool = True
    ) -> dict[str, Any] | None:
        """Server-side apply. None where the namespace does not exist; without ``force`` also where others object."""
        ref = Ref.of(definition)
        return self._request(
            "patch",
            path_of(ref.kind, ref.namespace, ref.name),
            f"applying {ref}",
            missing=(404,) if force else (404, 409),
            body={"apiVersion": KINDS[ref.kind][0], **definition},
            content_type="application/apply-patch+yaml",
            field_manager=manager,
            force_conflicts=force,
            **({"dry_run": "All"} if dry_run else {}),
        )

    def merge(self, ref: Ref, changes: Mapping[str, Any]) -> None:
        """Change these fields of an object that exists; None removes one."""
        self._request(
            "patch",
            path_of(ref.kind, ref.namespace, ref.name),
            f"changing {ref}",
            body=changes,
            content_type="application/merge-patch+json",
        )

    def delete(self, ref: Ref) -> None:
        """Ask for the removal of an object and, first, of what it owns."""
        self._request(
            "delete",
            path_of(ref.kind, ref.namespace, ref.name),
            f"deleting {ref}",
            missing=(404,),
            body={"propagationPolicy": "Foreground"},
        )

    def wait_gone(self, going: Mapping[Ref, Mapping[str, Any]], timeout: float) -> None:
        """Return when none of these very objects exists any more; others may have taken their names."""
        deadline = time.monotonic() + timeout
        left = dict(going)
        while left:
            found = dict(zip(left, in_parallel(self.read, list(left))))
            left = {ref: live for ref, live in found.items() if live is not None and _uid(live) == _uid(going[ref])}
            if left and time.monotonic() > deadline:
                raise Stalled(
                    f"{len(left)} objects that are being deleted still exist after {timeout:.0f} s.",
                    [gone["text"] if (gone := leaving(live)) else str(ref) for ref, live in left.items()],
                    "Look at what holds them: who set a finalizer takes it away. Then run again.",
                )
            if left:
                time.sleep(POLL_SECONDS)

    def _request(self, method: str, path: str, doing: str, missing: Collection[int] = (), **options: Any) -> Any:
        with api_errors(self._api, doing):
            try:
                answer = self._client.request(
                    method, path, serialize=False, _request_timeout=REQUEST_SECONDS, header_params={}, **options
                )
            except ApiException as error:
                if error.status in missing:
                    return None
                raise
        return json.loads(answer.data)


def _uid(live: Mapping[str, Any]) -> str:
    return live["metadata"].get("uid", "")


def in_parallel(work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """The results in the order of the items; the first failure is raised."""
    if not items:
        return []
    with ThreadPoolExecutor(min(REQUESTS_AT_ONCE, len(items))) as pool:
        return list(pool.map(work, items))
