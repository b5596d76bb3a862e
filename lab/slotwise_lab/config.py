# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab is called, which addresses it has and where its files are."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from .shell import LabError

PROGRAM = Path(__file__).resolve().parent.parent
FILES = PROGRAM / "files"
CHECKOUT = PROGRAM.parent

CLUSTER_DOMAIN = "cluster.local"
SSH_USER = "ops"
CONTROL = "lab-control"
WORKERS = ("lab-worker1", "lab-worker2", "lab-worker3")
NFS_SERVER = "lab-nfs"
NFS_WORKERS = ("lab-nfsworker1", "lab-nfsworker2")
# MiB of the machines with their own kernel.
NFS_MEMORY = {NFS_SERVER: 512, **dict.fromkeys(NFS_WORKERS, 2048)}

# Every lab has one /20 of this network: machines, services and pods.
ADDRESS_SPACE = IPv4Network("10.208.0.0/12")
LABS = 256


@dataclass(frozen=True)
class Machine:
    """One machine: its host name is the name of its Kubernetes node too."""

    name: str
    # Of its container or, with a kernel of its own, of its process.
    container: str
    address: IPv4Address
    # None: not a Kubernetes node.
    pods: IPv4Network | None

    @property
    def control(self) -> bool:
        return self.name == CONTROL

    @property
    def node(self) -> bool:
        return self.pods is not None

    @property
    def own_kernel(self) -> bool:
        return self.name in NFS_MEMORY


@dataclass(frozen=True)
class Lab:
    """One lab of one checkout. Everything it creates carries its name."""

    checkout: Path
    cache: Path
    name: str
    index: int

    @property
    def block(self) -> IPv4Network:
        first = int(ADDRESS_SPACE.network_address) + self.index * 4096
        return IPv4Network((first, 20))

    @property
    def machine_network(self) -> IPv4Network:
        return next(self.block.subnets(new_prefix=24))

    @property
    def gateway(self) -> IPv4Address:
        return self.machine_network[1]

    @property
    def service_network(self) -> IPv4Network:
        return list(self.block.subnets(new_prefix=22))[1]

    @property
    def pod_network(self) -> IPv4Network:
        return list(self.block.subnets(new_prefix=21))[1]

    @property
    def dns_address(self) -> IPv4Address:
        return self.service_network[10]

    @property
    def api_service_address(self) -> IPv4Address:
        return self.service_network[1]

    @property
    def all_machines(self) -> tuple[Machine, ...]:
        """Those that exist always and those that exist with NFS: addresses never depend on it."""
        pods = self.pod_network.subnets(new_prefix=24)
        return tuple(
            Machine(
                name,
                f"{self.name}-{name}",
                self.machine_network[10 + number],
                None if name == NFS_SERVER else next(pods),
            )
            for number, name in enumerate((CONTROL, *WORKERS, NFS_SERVER, *NFS_WORKERS))
        )

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The containers."""
        return tuple(machine for machine in self.all_machines if not machine.own_kernel)

    @property
    def nfs_machines(self) -> tuple[Machine, ...]:
        """The machines with their own kernel."""
        return tuple(machine for machine in self.all_machines if machine.own_kernel)

    @property
    def nodes(self) -> tuple[Machine, ...]:
        return tuple(machine for machine in self.all_machines if machine.node)

    @property
    def control(self) -> Machine:
        return self.machines[0]

    def machine(self, name: str) -> Machine:
        for machine in self.all_machines:
            if machine.name == name:
                return machine
        known = ", ".join(machine.name for machine in self.all_machines)
        raise LabError(f"no machine {name!r} in this lab; there are {known}")

    @property
    def api_url(self) -> str:
        return f"https://{self.control.address}:6443"

    @property
    def directory(self) -> Path:
        return self.checkout / ".lab"

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    @property
    def ssh_key(self) -> Path:
        return self.directory / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    @property
    def inventory(self) -> Path:
        return self.directory / "inventory"

    @property
    def secrets(self) -> Path:
        """Keys and certificates of the cluster and of the machines."""
        return self.directory / "pki"

    @property
    def nfs_directory(self) -> Path:
        """Disks, processes and consoles of the machines with their own kernel."""
        return self.directory / "nfs"

    @property
    def kubectl(self) -> Path:
        return self.directory / "bin" / "kubectl"

    @property
    def servers(self) -> Path:
        return self.directory / "servers.json"

    @property
    def tools(self) -> Path:
        return self.directory / "tools.json"

    @property
    def identity(self) -> Path:
        """Remembers a given name and index, so that later commands find the same lab."""
        return self.directory / "lab.json"

    @property
    def ssh_sockets(self) -> Path:
        """Outside the checkout: the path of a socket must stay short."""
        return self.cache / "ssh" / self.name

    def remember(self) -> None:
        self.directory.mkdir(mode=0o755, exist_ok=True)
        self.identity.write_text(json.dumps({"name": self.name, "index": self.index}) + "\n")


def find_lab(checkout: Path, environment: Mapping[str, str]) -> Lab:
    """The lab of a checkout: as remembered, else as given, else derived from its path."""
    remembered = _read_identity(checkout / ".lab" / "lab.json")
    name = environment.get("LAB_NAME") or remembered.get("name") or _derived_name(checkout)
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,29}", name):
        raise LabError(
            f"LAB_NAME={name!r} is not usable",
            "use up to 30 lower-case letters, digits and '-', starting with a letter",
        )
    index = environment.get("LAB_INDEX") or remembered.get("index")
    index = _derived_index(name) if index is None else _parse_index(index)
    if remembered and remembered != {"name": name, "index": index}:
        raise LabError(
            f"this checkout has the lab {remembered['name']} (index {remembered['index']}), "
            f"but the environment asks for {name} (index {index})",
            "unset LAB_NAME and LAB_INDEX, or run `python3 lab down` without them first",
        )
    return Lab(checkout, find_cache(environment), name, index)


def find_cache(environment: Mapping[str, str]) -> Path:
    given = environment.get("SLOTWISE_LAB_CACHE")
    return Path(given).resolve() if given else Path.home() / ".cache" / "slotwise-lab"


def _read_identity(path: Path) -> dict:
    return json.loads(path.read_text()) if path.exists() else {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _derived_name(checkout: Path) -> str:
    return f"slotwise-{_digest(str(checkout))[:6]}"


def _derived_index(name: str) -> int:
    return int(_digest(name)[:8], 16) % LABS


def _parse_index(value: str | int) -> int:
    try:
        index = int(value)
    except ValueError:
        index = -1
    if not 0 <= index < LABS:
        raise LabError(f"LAB_INDEX={value} is not usable", f"use a number from 0 to {LABS - 1}")
    return index
