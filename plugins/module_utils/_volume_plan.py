# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which volume of a deployment lies on which machine. Pure: no I/O, no clock, no randomness.

PRIVATE, may change at any time.

A local volume never moves: the machine chosen here is where that pod runs for the rest of its life. So volumes that
exist already are taken as they are, and only new ordinals are placed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TYPES = ("local",)
UNITS = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "k", "M", "G", "T", "P", "E")

_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>" + "|".join(UNITS) + r")")
_PATH = re.compile(r"(?:/[A-Za-z0-9_.@-]+)+")


class VolumePlanError(ValueError):
    """The input does not describe a plan; the message names variable, value and what is allowed."""


@dataclass(frozen=True)
class Machine:
    """A host of the inventory and the Kubernetes node that runs on it."""

    name: str
    node: str
    zone: str


@dataclass(frozen=True)
class Volume:
    """One row of the plan."""

    deployment: str
    namespace: str
    ordinal: int
    pod: str
    claim: str
    volume: str
    machine: str
    node: str
    zone: str
    path: str
    size: str
    exists: bool


def check_storage(storage: Mapping[str, Any], variable: str = "storage") -> None:
    """Refuse a storage description that cannot become volumes."""
    kind = storage.get("type")
    if kind not in TYPES:
        raise VolumePlanError(f"{variable}.type is {kind!r}: unknown storage type. Allowed: {', '.join(TYPES)}.")
    _check_size(storage.get("size"), f"{variable}.size")
    _check_path(storage.get("path"), f"{variable}.path")
    limit = storage.get("volumes_per_host")
    if limit is not None and (isinstance(limit, bool) or not str(limit).isdecimal() or int(limit) < 1):
        raise VolumePlanError(
            f"{variable}.volumes_per_host is {limit!r}. Allowed: a whole number from 1, or leave it out."
        )


def plan_volumes(
    storage: Mapping[str, Any],
    *,
    name: str,
    namespace: str,
    pods: int,
    machines: Iterable[Mapping[str, Any]],
    existing: Iterable[Mapping[str, Any]] = (),
    spread: int = 2,
    variable: str = "storage",
) -> list[Volume]:
    """Place the volumes of C(pods) pods.

    C(spread) is how many consecutive ordinals are kept on different machines, and in different zones, as far as there
    are enough of them (masters and replicas of a shard). Within that, zones are filled evenly, then machines.
    """
    check_storage(storage, variable)
    if pods < 1:
        raise VolumePlanError(f"{pods} pods to place. Allowed: a whole number from 1.")
    hosts = _machines(machines, variable)
    placed = _existing(existing, name, hosts)
    limit = storage.get("volumes_per_host")
    _check_room(hosts, placed, pods, None if limit is None else int(limit), variable)

    placement = _Placement(hosts, placed, None if limit is None else int(limit))
    base = str(storage["path"]).rstrip("/")
    plan = []
    for ordinal in range(pods):
        machine, path = placed[ordinal] if ordinal in placed else (placement.choose(ordinal, spread), None)
        pod = f"{name}-{ordinal}"
        volume = f"{namespace}.{pod}"
        plan.append(
            Volume(
                deployment=name,
                namespace=namespace,
                ordinal=ordinal,
                pod=pod,
                claim=f"data-{pod}",
                volume=volume,
                machine=machine.name,
                node=machine.node,
                zone=machine.zone,
                path=path or f"{base}/{volume}",
                size=str(storage["size"]),
                exists=ordinal in placed,
            )
        )
    return plan


class _Placement:
    """Chooses machines for new ordinals and keeps count of what lies where."""

    def __init__(self, machines: Sequence[Machine], placed: Mapping[int, tuple[Machine, str]], limit: int | None):
        self._machines = machines
        self._limit = limit
        self._by_ordinal = {ordinal: machine for ordinal, (machine, _path) in placed.items()}
        self._on_node = Counter(machine.node for machine in self._by_ordinal.values())
        self._in_zone = Counter(machine.zone for machine in self._by_ordinal.values())

    def choose(self, ordinal: int, spread: int) -> Machine:
        # With fewer machines than that, at least the nearest ordinals are kept apart.
        width = min(spread, len(self._machines))
        window = range(ordinal - width + 1, ordinal + width)
        neighbours = [self._by_ordinal[near] for near in window if near in self._by_ordinal]
        near_nodes = Counter(machine.node for machine in neighbours)
        beside = [self._by_ordinal[n].node for n in (ordinal - 1, ordinal + 1) if n in self._by_ordinal]
        near_zones = Counter(machine.zone for machine in neighbours)
        free = [m for m in self._machines if self._limit is None or self._on_node[m.node] < self._limit]
        machine = min(
            free,
            key=lambda m: (
                near_nodes[m.node],
                beside.count(m.node),
                near_zones[m.zone],
                self._in_zone[m.zone],
                self._on_node[m.node],
                _natural(m.name),
            ),
        )
        self._by_ordinal[ordinal] = machine
        self._on_node[machine.node] += 1
        self._in_zone[machine.zone] += 1
        return machine


def _machines(machines: Iterable[Mapping[str, Any]], variable: str) -> list[Machine]:
    hosts = [Machine(str(m["name"]), str(m.get("node") or m["name"]), str(m.get("zone") or "")) for m in machines]
    if not hosts:
        raise VolumePlanError(
            f"{variable}.hosts is empty: type local needs the inventory names of the machines that hold the volumes."
        )
    for what, count in (
        ("machine", Counter(m.name for m in hosts)),
        ("Kubernetes node", Counter(m.node for m in hosts)),
    ):
        twice = sorted(value for value, times in count.items() if times > 1)
        if twice:
            raise VolumePlanError(f"{variable}.hosts names the same {what} more than once: {', '.join(twice)}.")
    return sorted(hosts, key=lambda m: _natural(m.name))


def _existing(
    existing: Iterable[Mapping[str, Any]], name: str, machines: Sequence[Machine]
) -> dict[int, tuple[Machine, str]]:
    """Volumes that exist, by ordinal. Their node may have left the inventory: they stay where they are all the same."""
    by_node = {machine.node: machine for machine in machines}
    placed: dict[int, tuple[Machine, str]] = {}
    for item in existing:
        match = re.fullmatch(re.escape(name) + r"-(0|[1-9][0-9]*)", str(item["pod"]))
        if match is None:
            raise VolumePlanError(f"existing volume for pod {item['pod']!r} is not one of {name}-0, {name}-1, ...")
        ordinal = int(match.group(1))
        if ordinal in placed:
            raise VolumePlanError(
                f"pod {item['pod']} has two volumes, on {placed[ordinal][0].node} and {item['node']}."
            )
        node = str(item["node"])
        placed[ordinal] = (by_node.get(node, Machine("", node, "")), str(item["path"]))
    return placed


def _check_room(
    machines: Sequence[Machine],
    placed: Mapping[int, tuple[Machine, str]],
    pods: int,
    limit: int | None,
    variable: str,
) -> None:
    if limit is None:
        return
    used = Counter(machine.node for machine, _path in placed.values())
    free = sum(max(0, limit - used[machine.node]) for machine in machines)
    wanted = sum(1 for ordinal in range(pods) if ordinal not in placed)
    if wanted > free:
        raise VolumePlanError(
            f"{variable}.volumes_per_host is {limit} and {variable}.hosts names {len(machines)} machines with room for "
            f"{free} more volumes, but {wanted} more are needed for {pods} pods. "
            "Add machines, raise volumes_per_host, or ask for fewer shards or replicas."
        )


def _check_size(size: Any, variable: str) -> None:
    match = _SIZE.fullmatch(str(size)) if isinstance(size, str) else None
    if match is None or float(match.group("number")) <= 0:
        raise VolumePlanError(
            f"{variable} is {size!r}: not a size with a unit. Allowed: a number above 0 followed by one of "
            f"{', '.join(UNITS)}, for example 8Gi."
        )


def _check_path(path: Any, variable: str) -> None:
    text = str(path).rstrip("/") if isinstance(path, str) else ""
    if _PATH.fullmatch(text) is None or {".", ".."} & set(text.split("/")):
        raise VolumePlanError(
            f"{variable} is {path!r}. Allowed: the absolute path of a directory below /, in letters, digits and "
            "_ . @ -, without . and .. as parts."
        )


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts worker2 before worker10."""
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"([0-9]+)", text) if part
    )
