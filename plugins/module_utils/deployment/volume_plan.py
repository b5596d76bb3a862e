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

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.storage import (
    ON_NFS,
    PLANNED,
    size_bytes,
    storage_problems,
    storage_settings,
)


class VolumePlanError(ValueError):
    """The input does not describe a plan; each problem names variable, value and what is allowed."""

    def __init__(self, *problems: str):
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Machine:
    """A host of the inventory and the Kubernetes node that runs on it."""

    name: str
    node: str
    zone: str


@dataclass(frozen=True)
class Server:
    """An NFS server: its name where it is a host of the inventory, and its address."""

    name: str
    address: str


@dataclass(frozen=True)
class Existing:
    """A persistent volume that exists. C(machine) is the inventory name of its node, empty where it has none."""

    type: str
    machine: str
    node: str
    server: str
    path: str
    incarnation: str


@dataclass(frozen=True)
class Volume:
    """One row of the plan: where the files of a pod lie.

    C(machine) is the inventory name of the host that has the directory C(path): a Kubernetes node, or an NFS server.
    C(export) is what an NFS server exports: that directory, or the one above it that all pods share.
    C(exists) is about the volume: one that all pods share says nothing of the directory of a single pod.
    C(incarnation) is what a volume that exists says of itself, C(kubernetes) the Kubernetes cluster of the plan.
    Whether data of another incarnation is used (C(adopt)) is decided when directories were seen, see C(incarnation).
    """

    deployment: str
    namespace: str
    ordinal: int
    pod: str
    claim: str
    volume: str
    type: str
    machine: str
    node: str
    zone: str
    server: str
    path: str
    export: str
    size: str
    exists: bool
    incarnation: str
    kubernetes: str
    adopt: bool = False


def plan_volumes(
    storage: Mapping[str, Any],
    *,
    name: str,
    namespace: str,
    pods: int,
    machines: Iterable[Mapping[str, Any]] = (),
    server: Mapping[str, Any] | None = None,
    existing: Iterable[Mapping[str, Any]] = (),
    claimed: str = "",
    spread: int = 2,
    kubernetes: str = "",
    variable: str = "storage",
) -> list[Volume]:
    """The rows of C(pods) pods; none for storage that Kubernetes provides itself.

    C(spread) is how many consecutive ordinals are kept on different machines, and in different zones, as far as there
    are enough of them (masters and replicas of a shard). Within that, zones are filled evenly, then machines.
    """
    settings = storage_settings(storage, name, namespace)
    problems = storage_problems(settings, variable)
    if problems:
        raise VolumePlanError(*problems)
    _check_size(settings, claimed, variable)
    if pods < 1:
        raise VolumePlanError(f"{pods} pods to place. Allowed: a whole number from 1.")
    if settings["type"] not in PLANNED:
        return []
    found = _existing(existing, name)
    _check_type(found, settings["type"], variable)
    names = _Names(name, namespace, kubernetes, settings, variable)
    if settings["type"] in ON_NFS:
        at = Server(str((server or {}).get("name") or ""), str((server or {}).get("address") or settings["server"]))
        return _plan_on_nfs(names, pods, at, found)
    return _plan_on_machines(names, pods, _machines(machines, settings["type"], variable), found, spread)


class _Names:
    """What pods, claims, volumes and directories of a deployment are called, and its storage in messages."""

    def __init__(self, name: str, namespace: str, kubernetes: str, settings: Mapping[str, Any], variable: str):
        self.name = name
        self._kubernetes = kubernetes
        self.variable = variable
        self.settings = settings
        self._namespace = namespace
        self._base = str(settings["path"]).rstrip("/")

    def directory(self, owner: str) -> str:
        return f"{self._base}/{self._namespace}.{owner}"

    def row(self, ordinal: int, owner: str, volume: Existing | None, **where: Any) -> Volume:
        """C(owner) is who the volume is for: the pod, or the deployment whose pods share it."""
        return Volume(
            deployment=self.name,
            namespace=self._namespace,
            ordinal=ordinal,
            pod=f"{self.name}-{ordinal}",
            claim=f"data-{owner}",
            volume=f"{self._namespace}.{owner}",
            type=self.settings["type"],
            size=str(self.settings["size"]),
            exists=volume is not None,
            incarnation=volume.incarnation if volume else "",
            kubernetes=self._kubernetes,
            **where,
        )


def _plan_on_machines(
    names: _Names, pods: int, machines: Sequence[Machine], found: Mapping[str, Existing], spread: int
) -> list[Volume]:
    by_node = {machine.node: machine for machine in machines}
    # Their node may not hold new volumes any more, or have left the inventory: they stay where they are all the same.
    placed = {
        int(owner.rsplit("-", 1)[1]): by_node.get(volume.node, Machine(volume.machine, volume.node, ""))
        for owner, volume in found.items()
    }
    limit = names.settings["volumes_per_host"]
    limit = None if limit is None else int(limit)
    _check_room(machines, placed, pods, limit, names.variable)
    placement = _Placement(machines, placed, limit)
    plan = []
    for ordinal in range(pods):
        pod = f"{names.name}-{ordinal}"
        machine = placed[ordinal] if ordinal in placed else placement.choose(ordinal, spread)
        where = {"machine": machine.name, "node": machine.node, "zone": machine.zone, "server": "", "export": ""}
        path = found[pod].path if pod in found else names.directory(pod)
        plan.append(names.row(ordinal, pod, found.get(pod), path=path, **where))
    return plan


def _plan_on_nfs(names: _Names, pods: int, server: Server, found: Mapping[str, Existing]) -> list[Volume]:
    elsewhere = sorted({volume.server for volume in found.values()} - {server.address})
    if elsewhere:
        raise VolumePlanError(
            f"{names.variable}.server is {names.settings['server']} (address {server.address}), and the volumes of "
            f"{names.name} exist on {', '.join(elsewhere)}. Kubernetes cannot move a volume to another server. Set it "
            "back, or give the server the address that the volumes name."
        )
    shared = names.settings["type"] == "nfs_shared"
    plan = []
    for ordinal in range(pods):
        pod = f"{names.name}-{ordinal}"
        owner = names.name if shared else pod
        export = found[owner].path if owner in found else names.directory(owner)
        plan.append(
            names.row(
                ordinal,
                owner,
                found.get(owner),
                machine=server.name,
                node="",
                zone="",
                server=server.address,
                path=f"{export}/{pod}" if shared else export,
                export=export,
            )
        )
    return plan


class _Placement:
    """Chooses machines for new ordinals and keeps count of what lies where."""

    def __init__(self, machines: Sequence[Machine], placed: Mapping[int, Machine], limit: int | None):
        self._machines = machines
        self._limit = limit
        self._by_ordinal = dict(placed)
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


def _machines(machines: Iterable[Mapping[str, Any]], kind: str, variable: str) -> list[Machine]:
    hosts = [Machine(str(m["name"]), str(m.get("node") or m["name"]), str(m.get("zone") or "")) for m in machines]
    if not hosts:
        raise VolumePlanError(
            f"{variable}.hosts is empty: type {kind} needs the inventory names of the machines that hold the volumes."
        )
    for what, count in (
        ("machine", Counter(m.name for m in hosts)),
        ("Kubernetes node", Counter(m.node for m in hosts)),
    ):
        twice = sorted(value for value, times in count.items() if times > 1)
        if twice:
            raise VolumePlanError(f"{variable}.hosts names the same {what} more than once: {', '.join(twice)}.")
    return sorted(hosts, key=lambda m: _natural(m.name))


def _existing(existing: Iterable[Mapping[str, Any]], name: str) -> dict[str, Existing]:
    """Volumes that exist, by whom they are for: a pod, or the deployment whose pods share one."""
    found: dict[str, Existing] = {}
    rows = list(existing)
    faults = [str(item["fault"]) for item in rows if item.get("fault")]
    if faults:
        raise VolumePlanError(*faults)
    for item in rows:
        owner = str(item["pod"])
        if re.fullmatch(re.escape(name) + r"(-(0|[1-9][0-9]*))?", owner) is None:
            raise VolumePlanError(f"existing volume for {owner!r} is not one of {name}, {name}-0, {name}-1, ...")
        where = (str(item.get(key) or "") for key in ("machine", "node", "server", "path", "incarnation"))
        volume = Existing(str(item["type"]), *where)
        if owner in found:
            raise VolumePlanError(
                f"pod {owner} has two volumes, on {found[owner].node or found[owner].server} and "
                f"{volume.node or volume.server}."
            )
        found[owner] = volume
    return found


def _check_type(found: Mapping[str, Existing], kind: str, variable: str) -> None:
    other = sorted({volume.type for volume in found.values()} - {kind})
    if other:
        raise VolumePlanError(
            f"{variable}.type is {kind}, and volumes of type {', '.join(other)} exist: {', '.join(sorted(found))}. A "
            "volume "
            "cannot become one of another type. Set the type back, or remove the deployment with its volumes first."
        )


def _check_size(settings: Mapping[str, Any], claimed: str, variable: str) -> None:
    kind, size = settings["type"], settings["size"]
    before, wanted = size_bytes(claimed) or 0, size_bytes(size) or 0
    if kind == "storageclass" and claimed and wanted != before:
        raise VolumePlanError(
            f"{variable}.size is {size}, and the claims of the running deployment ask for {claimed}, which a "
            "StatefulSet "
            f"cannot change. Set it back to {claimed}; where the class allows it, the claims themselves can be "
            "expanded "
            "with kubectl."
        )
    if kind in PLANNED and wanted < before:
        raise VolumePlanError(
            f"{variable}.size is {size}, and the claims of the running deployment ask for {claimed}. Volumes can grow; "
            f"they cannot become smaller than their claims. Set it to {claimed} or more."
        )


def _check_room(
    machines: Sequence[Machine], placed: Mapping[int, Machine], pods: int, limit: int | None, variable: str
) -> None:
    if limit is None:
        return
    used = Counter(machine.node for machine in placed.values())
    free = sum(max(0, limit - used[machine.node]) for machine in machines)
    wanted = sum(1 for ordinal in range(pods) if ordinal not in placed)
    if wanted > free:
        raise VolumePlanError(
            f"{variable}.volumes_per_host is {limit} and {variable}.hosts names {len(machines)} machines with room for "
            f"{free} more volumes, but {wanted} more are needed for {pods} pods. "
            "Add machines, raise volumes_per_host, or ask for fewer pods."
        )


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts worker2 before worker10."""
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"([0-9]+)", text) if part
    )
