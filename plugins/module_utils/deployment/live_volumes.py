# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What persistent volumes of a deployment say, in whatever shape Kubernetes has them. Pure: no I/O.

PRIVATE, may change at any time.

People patch volumes: the usual advice for a volume that is Released is to take its claim away. So nothing is taken for
granted but the name; what cannot be used is said instead of guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

INCARNATION = "slotwise.redis/incarnation"
HOSTNAME = "kubernetes.io/hostname"
# Keys of a specification that say what a volume is, and what we call it.
_SOURCES = {"local": "local", "hostPath": "hostpath", "nfs": "nfs"}
_NOT_SOURCES = {
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
}


def existing_volumes(
    volumes: Iterable[Mapping[str, Any]], nodes: Iterable[Mapping[str, Any]], name: str, namespace: str
) -> list[dict[str, str]]:
    """A row for each volume; C(fault) is why one cannot be used, and then the rest may be empty."""
    names = {_labels(node)[HOSTNAME]: str(_metadata(node)["name"]) for node in nodes if _labels(node).get(HOSTNAME)}
    return [_row(volume, names, name, namespace) for volume in volumes]


def released_volumes(volumes: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Name and place of each volume whose claim is gone. Without a reference to it a volume binds again by itself."""
    return [
        {"volume": str(_metadata(volume).get("name", "")), "place": _place(volume)}
        for volume in volumes
        if (volume.get("status") or {}).get("phase") in ("Released", "Failed") and _spec(volume).get("claimRef")
    ]


def _metadata(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return item.get("metadata") or {}


def _labels(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return _metadata(item).get("labels") or {}


def _spec(volume: Mapping[str, Any]) -> Mapping[str, Any]:
    return volume.get("spec") or {}


def _row(volume: Mapping[str, Any], nodes: Mapping[str, str], name: str, namespace: str) -> dict[str, str]:
    spec = _spec(volume)
    owner = _owner(volume, namespace)
    key = next((key for key in spec if key not in _NOT_SOURCES), "")
    source = spec.get(key) or {}
    kind = _SOURCES.get(key, key)
    host = _host(spec)
    row = {
        "pod": owner or str(_metadata(volume).get("name") or ""),
        "type": "nfs_shared" if kind == "nfs" and owner == name else kind,
        "node": nodes.get(host, host) if kind != "nfs" else "",
        "server": str(source.get("server") or "") if kind == "nfs" else "",
        "path": str(source.get("path") or ""),
        "incarnation": str((_metadata(volume).get("annotations") or {}).get(INCARNATION, "")),
    }
    return {**row, "fault": _fault(volume, row, owner, namespace)}


def _owner(volume: Mapping[str, Any], namespace: str) -> str:
    """The pod that a volume is for, or the deployment whose pods share it, empty where nothing says so."""
    called = str(_metadata(volume).get("name") or "")
    if called.startswith(f"{namespace}."):
        return called[len(namespace) + 1 :]
    claim = str((_spec(volume).get("claimRef") or {}).get("name") or "")
    return claim[len("data-") :] if claim.startswith("data-") else ""


def _fault(volume: Mapping[str, Any], row: Mapping[str, str], owner: str, namespace: str) -> str:
    called = _metadata(volume).get("name")
    which = f"PersistentVolume {called} has the labels of this deployment"
    if not owner:
        return f"{which}, and neither its name nor its claim says of which pod. Take the labels off it."
    if row["type"] not in (*_SOURCES.values(), "nfs_shared"):
        return f"{which} and is of type {row['type'] or 'unknown'}, which it never makes. Take the labels off it."
    claim = _spec(volume).get("claimRef") or {}
    wanted = (namespace, f"data-{owner}")
    found = (str(claim.get("namespace") or namespace), str(claim.get("name") or wanted[1]))
    if found != wanted:
        return (
            f"PersistentVolume {called} is for claim {'/'.join(wanted)} and is bound to {'/'.join(found)}. Remove that "
            "claim, or give it another volume."
        )
    if row["type"] in ("local", "hostpath") and not row["node"]:
        return (
            f"PersistentVolume {called} does not say on which machine it lies: its nodeAffinity has not one value for "
            f"{HOSTNAME}. Set it, or make the volume anew; its directory stays."
        )
    return ""


def _host(spec: Mapping[str, Any]) -> str:
    """The one machine that a volume is pinned to, by its host name label; empty where there is none, or several."""
    required = (spec.get("nodeAffinity") or {}).get("required") or {}
    terms = required.get("nodeSelectorTerms") or []
    hosts = {_host_of(term) for term in terms}
    return hosts.pop() if len(hosts) == 1 else ""


def _host_of(term: Mapping[str, Any]) -> str:
    for expression in term.get("matchExpressions") or []:
        values = expression.get("values") or []
        if expression.get("key") == HOSTNAME and expression.get("operator") == "In" and len(values) == 1:
            return str(values[0])
    return ""


def _place(volume: Mapping[str, Any]) -> str:
    """Where a volume lies, for people."""
    spec = _spec(volume)
    source = next((spec[key] or {} for key in spec if key not in _NOT_SOURCES), {})
    return f"{source.get('path') or 'unknown place'} on {source.get('server') or _host(spec) or 'unknown machine'}"
