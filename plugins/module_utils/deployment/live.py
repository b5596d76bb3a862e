# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run knows beside the options before it changes anything: what Kubernetes has, and what the inventory has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Object = Mapping[str, Any]
Found = Mapping[str, Sequence[Object]]
"""Objects of Kubernetes by the id of the query that found them, see C(kubernetes_objects_info)."""


@dataclass(frozen=True)
class Password:
    """What is known of the password that a user gave. The password itself is in no value."""

    given: bool = False
    fault: str = ""
    """Why it cannot be one, see C(passwords.fault_of)."""
    differs: bool = False
    """Whether the Secret has another one."""


@dataclass(frozen=True)
class Live:
    """What a run looked at."""

    found: Found
    password: Password = Password()
    machines: Sequence[Mapping[str, str]] = ()
    """Those that may hold volumes: C(name) in the inventory, C(node) in Kubernetes, C(zone)."""
    server: Mapping[str, str] = field(default_factory=dict)
    """The NFS server: C(name) in the inventory, if it has one, and C(address)."""
    volumes: Sequence[Mapping[str, str]] = ()
    """Persistent volumes of the deployment, see C(live_volumes.existing_volumes)."""

    def all(self, *queries: str) -> list[Object]:
        return [item for query in queries for item in self.found.get(query, ())]

    def one(self, query: str) -> Object:
        """What was found; empty where nothing was."""
        return next(iter(self.found.get(query, ())), {})

    def names(self, query: str) -> list[str]:
        return [str(item["metadata"]["name"]) for item in self.all(query)]

    @property
    def stateful_set(self) -> Object:
        return self.one("statefulset")

    @property
    def remembered(self) -> Mapping[str, str]:
        """Annotations of the running deployment, with what it was made with."""
        return (self.stateful_set.get("metadata") or {}).get("annotations") or {}


def labels(item: Object) -> Mapping[str, str]:
    return (item.get("metadata") or {}).get("labels") or {}


def has_labels(item: Object, wanted: Mapping[str, str]) -> bool:
    return wanted.items() <= labels(item).items()
