# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to the running cluster."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
from datetime import datetime

from .config import CLUSTER_DOMAIN, Lab
from .shell import run


def kubectl(
    lab: Lab, *arguments: str, stdin: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    return run([lab.kubectl, *arguments], stdin=stdin, environment={"KUBECONFIG": str(lab.kubeconfig)}, check=check)


def api_problem(lab: Lab) -> str:
    answer = kubectl(lab, "get", "--raw", "/readyz", "--request-timeout=5s", check=False)
    return "" if answer.stdout == "ok" else _last_line(answer) or "the API is not ready"


def node_problem(lab: Lab, started_at: dict[str, int]) -> str:
    """What keeps a node from being Ready; a report from before the start of its machine does not count."""
    answer = kubectl(
        lab, "get", "nodes,leases", "--namespace=kube-node-lease", "--output=json", "--request-timeout=5s", check=False
    )
    if answer.returncode:
        return _last_line(answer)
    return find_node_problem(json.loads(answer.stdout)["items"], started_at)


def find_node_problem(items: list[dict], started_at: dict[str, int]) -> str:
    nodes = {item["metadata"]["name"]: item for item in items if item["kind"] == "Node"}
    leases = {item["metadata"]["name"]: item for item in items if item["kind"] == "Lease"}
    problems = []
    for name, started in started_at.items():
        if name not in nodes:
            problems.append(f"{name} has not joined")
        elif name not in leases or _seconds(leases[name]["spec"]["renewTime"]) < started:
            problems.append(f"{name} has not reported since its start")
        elif message := _unready(nodes[name]):
            problems.append(f"{name} is not Ready: {message}")
    return "; ".join(problems)


def dns_problem(lab: Lab) -> str:
    """Ask the cluster's DNS from this host: proves routes, service proxy and CoreDNS at once."""
    name = f"kubernetes.default.svc.{CLUSTER_DOMAIN}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.settimeout(1)
        try:
            channel.sendto(dns_query(name), (str(lab.dns_address), 53))
            answer = channel.recv(512)
        except OSError as error:
            return f"no answer for {name} from {lab.dns_address}: {error}"
    count = struct.unpack("!H", answer[6:8])[0]
    return "" if count else f"{lab.dns_address} does not know {name}"


def dns_query(name: str) -> bytes:
    """A question for the address of a name, as RFC 1035 writes it."""
    header = struct.pack("!6H", os.getpid() & 0xFFFF, 0x0100, 1, 0, 0, 0)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return header + labels + b"\0" + struct.pack("!2H", 1, 1)


def _unready(node: dict) -> str:
    for condition in node["status"].get("conditions", []):
        if condition["type"] == "Ready":
            return "" if condition["status"] == "True" else condition.get("message", "unknown")
    return "no status yet"


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()


def _last_line(answer: subprocess.CompletedProcess[str]) -> str:
    lines = (answer.stderr or answer.stdout).strip().splitlines()
    return lines[-1] if lines else ""
