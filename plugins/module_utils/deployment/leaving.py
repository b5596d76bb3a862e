# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that are being deleted: since when, what holds them, and whether something is lost with them. Pure.

A deletion cannot be taken back: what is written to such an object goes with it, however long its finalizers hold it
(https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

KEEPERS = ("Namespace", "PersistentVolume", "PersistentVolumeClaim", "Secret")
"""Kinds that hold what a new object of the same name would not have: data, a password, all that is in a namespace."""

MEANINGS = {
    "foregroundDeletion": "what it owns, such as its pods, is not gone yet",
    "kubernetes": "what is in it is not gone yet",
    "kubernetes.io/pv-protection": "a claim is bound to it",
    "kubernetes.io/pvc-protection": "a pod uses it",
}


def leaving(live: Mapping[str, Any]) -> dict[str, Any] | None:
    """C(text), a sentence about an object that is being deleted, and C(loses), whether something is lost with it.

    None where the object stays.
    """
    metadata = live["metadata"]
    if not metadata.get("deletionTimestamp"):
        return None
    name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
    text = f"{live['kind']} {name} is being deleted since {_since(metadata)}, {_held_by(live)}."
    return {"text": text, "loses": live["kind"] in KEEPERS}


def _since(metadata: Mapping[str, Any]) -> str:
    """When the deletion was asked for. Pods carry the end of their grace period instead."""
    ends = datetime.fromisoformat(metadata["deletionTimestamp"].replace("Z", "+00:00"))
    asked = ends - timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)
    return asked.isoformat().replace("+00:00", "Z")


def _held_by(live: Mapping[str, Any]) -> str:
    spec, status = live.get("spec") or {}, live.get("status") or {}
    holders = [*(live["metadata"].get("finalizers") or [])]
    if live["kind"] == "Namespace":
        holders += spec.get("finalizers") or []
    told = [f"{name} ({MEANINGS[name]})" if name in MEANINGS else name for name in holders]
    reasons = [
        condition["message"]
        for condition in status.get("conditions") or []
        if live["kind"] == "Namespace" and condition.get("status") == "True" and condition.get("message")
    ]
    if told:
        return " ".join([f"held by {'finalizer' if len(told) == 1 else 'finalizers'} {', '.join(told)}", *reasons])
    if live["kind"] == "Pod":
        return f"until the kubelet of {spec.get('nodeName') or 'its node'} has stopped it"
    return "held by no finalizer"
