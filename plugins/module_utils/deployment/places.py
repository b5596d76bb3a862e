# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Places of storage inside each other, as far as plans tell: machines and NFS servers say the rest. Pure: no I/O.

PRIVATE, may change at any time.
"""

from __future__ import annotations

import posixpath
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.storage import ON_MACHINES
from ansible_collections.slotwise.redis.plugins.module_utils.machines.marker import ALL_PODS, Owner


@dataclass(frozen=True)
class Place:
    """A directory of a plan, and all that its machine is known by."""

    path: str
    owner: Owner
    deployment: str
    machine: str
    known_by: tuple[Hashable, ...]
    leaving: bool

    def __str__(self) -> str:
        return f"{self.path} of {self.owner}"


def place_problems(plans: Iterable[Mapping[str, Any]], addresses: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Each pair of places in each other, with the keys of its deployments. C(addresses) are those of machines."""
    by_path: dict[tuple[Hashable, str], Place] = {}
    places = [place for plan in plans for place in _places(plan, addresses)]
    pairs: dict[tuple[str, str], tuple[Place, Place]] = {}
    for place in places:
        for known in place.known_by:
            other = by_path.setdefault((known, place.path), place)
            if other.owner != place.owner:
                pairs.setdefault((other.path, str(place)), (other, place))
    for inner in places:
        for outer in _around(inner, by_path):
            # What is removed from inside another one's place harms nobody.
            if not inner.leaving and not _shares(outer.owner, inner.owner):
                pairs.setdefault((str(outer), str(inner)), (outer, inner))
    return [_problem(outer, inner) for outer, inner in pairs.values()]


def deployment_key(plan: Mapping[str, Any]) -> str:
    """What a deployment is called in the result."""
    return f"{plan['namespace']}/{plan['name']}"


def _places(plan: Mapping[str, Any], addresses: Mapping[str, Sequence[str]]) -> Iterator[Place]:
    absent = plan["state"] == "absent"
    for row in plan["volumes"]:
        # What was never there is not in anybody's way.
        if absent and not row["exists"]:
            continue
        machine = str(row["machine"])
        known: list[Hashable] = []
        if machine:
            known = [("machine", machine), *(("address", address) for address in addresses.get(machine, ()))]
        if row["type"] in ON_MACHINES:
            known.append(("node", row["kubernetes"], row["node"]))
        else:
            known.append(("address", row["server"]))
        paths = {_normal(row["path"]): row["pod"]}
        if row["export"]:
            paths.setdefault(_normal(row["export"]), ALL_PODS)
        for path, pod in paths.items():
            owner = Owner(row["deployment"], row["namespace"], pod, kubernetes=row["kubernetes"])
            leaving = absent and bool(plan["delete_data"])
            at = machine or str(row["server"] or row["node"])
            yield Place(path, owner, deployment_key(plan), at, tuple(known), leaving)


def _normal(path: str) -> str:
    return "/" + posixpath.normpath(str(path)).lstrip("/")


def _around(inner: Place, by_path: Mapping[tuple[Hashable, str], Place]) -> Iterator[Place]:
    parent = posixpath.dirname(inner.path)
    while parent != "/":
        outer = next((by_path[known, parent] for known in inner.known_by if (known, parent) in by_path), None)
        if outer is not None:
            yield outer
        parent = posixpath.dirname(parent)


def _shares(outer: Owner, inner: Owner) -> bool:
    return outer.pod == ALL_PODS and (outer.deployment, outer.namespace, outer.kubernetes) == (
        inner.deployment,
        inner.namespace,
        inner.kubernetes,
    )


def _problem(outer: Place, inner: Place) -> dict[str, Any]:
    how = "is the same as" if outer.path == inner.path else "lies in"
    return {
        "deployments": sorted({outer.deployment, inner.deployment}),
        "problem": (
            f"On {inner.machine}, {inner} {how} {outer}: what removes one would take the data of the other. Give one "
            "of the deployments a storage.path outside of the directories of the other; where both exist already, "
            "remove the inner one with its data, or move it, first."
        ),
    }
