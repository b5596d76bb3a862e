# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of the machines, and the host's routes into the cluster."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from .config import Lab, Machine
from .podman import Podman
from .shell import LabError, run

LABEL = "slotwise.lab.checkout"


@dataclass(frozen=True)
class Taken:
    """Addresses that something else on this host uses."""

    network: IPv4Network
    owner: str


def overlapping(lab: Lab, taken: list[Taken]) -> list[Taken]:
    return [other for other in taken if other.network.overlaps(lab.block)]


def ensure_network(lab: Lab, podman: Podman) -> None:
    """Make the network of the machines, unless something else has its name or addresses."""
    networks = podman.json("network", "inspect", *podman("network", "ls", "--quiet").stdout.split())
    own = next((network for network in networks if network["name"] == lab.name), None)
    if own:
        refuse_foreign(lab, podman)
        if str(lab.machine_network) not in [subnet["subnet"] for subnet in own["subnets"]]:
            raise LabError(
                f"the podman network {lab.name} has other addresses than {lab.machine_network}",
                "give the LAB_INDEX that it was made with, or remove it: python3 lab down",
            )
        return
    _refuse_overlap(lab, _podman_networks(networks) + _routes())
    podman(
        "network", "create", "--disable-dns", "--label", f"{LABEL}={lab.checkout}",
        "--subnet", str(lab.machine_network), "--gateway", str(lab.gateway), lab.name,
    )  # fmt: skip


def refuse_foreign(lab: Lab, podman: Podman) -> None:
    """Another checkout's lab is not touched, unless that checkout is gone or was moved here."""
    if not _exists(lab, podman):
        return
    owner = podman.json("network", "inspect", lab.name)[0].get("labels", {}).get(LABEL)
    if owner is None or (owner != str(lab.checkout) and Path(owner).exists()):
        raise LabError(
            f"the podman network {lab.name} belongs to {owner or 'something else'}",
            "give this lab another name: LAB_NAME=... (and LAB_INDEX=0..255)",
        )


def remove_network(lab: Lab, podman: Podman) -> None:
    if _exists(lab, podman):
        podman("network", "rm", lab.name)


def _exists(lab: Lab, podman: Podman) -> bool:
    return podman("network", "exists", lab.name, check=False).returncode == 0


def wanted_routes(lab: Lab) -> dict[str, str]:
    """From the host to every pod directly, to the services through the control machine."""
    return {
        **{str(machine.pods): str(machine.address) for machine in lab.nodes},
        str(lab.service_network): str(lab.control.address),
    }


def ensure_routes(lab: Lab) -> bool:
    """Set the host's routes; says whether some were missing."""
    present = {route["dst"]: route.get("gateway") for route in _route_table()}
    missing = {target: via for target, via in wanted_routes(lab).items() if present.get(target) != via}
    for target, via in missing.items():
        run(["ip", "route", "replace", target, "via", via])
    return bool(missing)


def remove_routes(lab: Lab) -> None:
    present = {route["dst"]: route.get("gateway") for route in _route_table()}
    for target, via in wanted_routes(lab).items():
        if present.get(target) == via:
            run(["ip", "route", "delete", target, "via", via])


def tap(lab: Lab, machine: Machine) -> str:
    """The host's end of the network card of a machine with its own kernel."""
    return f"lab{lab.index}nfs{lab.nfs_machines.index(machine)}"


def connect(lab: Lab, podman: Podman, machine: Machine) -> None:
    """Put a machine with its own kernel into the network of the containers, and let it out as they are."""
    bridge = podman.json("network", "inspect", lab.name)[0]["network_interface"]
    name = tap(lab, machine)
    if not _has_link(name):
        run(["ip", "tuntap", "add", "dev", name, "mode", "tap"])
    run(["ip", "link", "set", name, "master", bridge, "up"])
    for rule in masquerade_rules(lab, machine):
        if not _has_rule(rule):
            run(["iptables", "--wait", "--table", "nat", "--append", *rule])


def disconnect(lab: Lab, machine: Machine) -> None:
    name = tap(lab, machine)
    if _has_link(name):
        run(["ip", "link", "delete", name])
    for rule in masquerade_rules(lab, machine):
        while _has_rule(rule):
            run(["iptables", "--wait", "--table", "nat", "--delete", *rule])


def masquerade_rules(lab: Lab, machine: Machine) -> list[list[str]]:
    """For a machine and its pods, whose kernel cannot do it, on the way out of the lab."""
    sources = [machine.address] if machine.pods is None else [machine.address, machine.pods]
    return [
        ["POSTROUTING", "--source", str(source), "!", "--destination", str(lab.block), "--jump", "MASQUERADE"]
        for source in sources
    ]


def _has_link(name: str) -> bool:
    return Path("/sys/class/net", name).exists()


def _has_rule(rule: list[str]) -> bool:
    return run(["iptables", "--wait", "--table", "nat", "--check", *rule], check=False).returncode == 0


def _refuse_overlap(lab: Lab, taken: list[Taken]) -> None:
    if conflicts := overlapping(lab, taken):
        first = conflicts[0]
        raise LabError(
            f"the addresses {lab.block} of the lab {lab.name} are not free: {first.network} is used by {first.owner}",
            "choose another block with LAB_INDEX=0..255 (10.208.0.0/12 in steps of /20)",
        )


def _podman_networks(networks: list[dict]) -> list[Taken]:
    return [
        Taken(IPv4Network(subnet["subnet"]), f"the podman network {network['name']}")
        for network in networks
        for subnet in network.get("subnets") or []
        if ":" not in subnet["subnet"]
    ]


def _routes() -> list[Taken]:
    return [
        Taken(IPv4Network(route["dst"]), f"the route of {route.get('dev', 'this host')}")
        for route in _route_table()
        if route["dst"] != "default"
    ]


def _route_table() -> list[dict]:
    return json.loads(run(["ip", "-4", "-json", "route", "show"]).stdout or "[]")
