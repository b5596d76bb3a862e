# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that make a machine a member of the cluster."""

from __future__ import annotations

import io
import json
import string
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import host, pki
from .config import CLUSTER_DOMAIN, FILES, NFS_WORKERS, SSH_USER, Lab, Machine
from .recipes import COREDNS_IMAGE, PAUSE_IMAGE

# The first ids of a Debian system go to the first user.
_SSH_USER_ID = 1000

NODE_UNITS = ("containerd", "kubelet", "lab-network")
CONTROL_UNITS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True)
class File:
    content: bytes
    mode: int = 0o644
    owner: int = 0


class _Template(string.Template):
    """@{name} is replaced, so that $ stays free for shell scripts."""

    delimiter = "@"


def render(path: Path, values: dict[str, object]) -> str:
    return _Template(path.read_text()).substitute(values)


def units(machine: Machine) -> tuple[str, ...]:
    return (
        "ssh",
        *(NODE_UNITS if machine.node else ()),
        *(() if machine.own_kernel else ("kube-proxy",)),
        *(CONTROL_UNITS if machine.control else ()),
    )


def addons(lab: Lab) -> str:
    return render(FILES / "addons.yaml", _values(lab, lab.control))


def machine_files(lab: Lab, machine: Machine) -> dict[str, File]:
    """Everything that one machine has and the image has not, by absolute path."""
    files: dict[str, File] = {}
    for part in _parts(machine):
        folder = FILES / "machine" / part
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                mode = 0o755 if path.parent.name == "sbin" else 0o644
                content = render(path, _values(lab, machine))
                files[f"/{path.relative_to(folder)}"] = File(content.encode(), mode)
    files.update(_ssh(lab, machine))
    if machine.node:
        files["/etc/cni/net.d/10-lab.conflist"] = File(json.dumps(_pod_network(machine)).encode())
        files.update(_identity(lab, machine))
    if machine.own_kernel:
        files.update(_network(lab, machine))
    if machine.control:
        files.update(_control_plane(lab))
    return files


def _parts(machine: Machine) -> tuple[str, ...]:
    if machine.own_kernel:
        return ("own-kernel", "all", "nfs-worker") if machine.node else ("own-kernel",)
    return ("all", "container", "control") if machine.control else ("all", "container")


def pack(files: dict[str, File]) -> bytes:
    """The files as an archive for the root directory of a machine."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, file in sorted(files.items()):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode, entry.uid, entry.gid = len(file.content), file.mode, file.owner, file.owner
            archive.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()


def _values(lab: Lab, machine: Machine) -> dict[str, object]:
    routes = (f"ip route replace {m.pods} via {m.address}" for m in lab.nodes if m != machine)
    return {
        "address": machine.address,
        "block": lab.block,
        "cluster_domain": CLUSTER_DOMAIN,
        "control": lab.control.name,
        "control_address": lab.control.address,
        "coredns_image": COREDNS_IMAGE,
        "dns_address": lab.dns_address,
        "in_container": json.dumps(not machine.own_kernel),
        "machine": machine.name,
        "open_files": host.open_files_limit(),
        "pause_image": PAUSE_IMAGE,
        "pod_network": lab.pod_network,
        "pods_without_proxy": ", ".join(str(lab.machine(name).pods) for name in NFS_WORKERS),
        "processes": host.processes_limit(),
        "routes": "\n".join(routes),
        "service_network": lab.service_network,
        "sync_frequency": "60s" if machine.own_kernel else "10s",
    }


def _pod_network(machine: Machine) -> dict:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": str(machine.pods)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "lab", "plugins": [bridge, ports]}


def _secret(lab: Lab, name: str) -> File:
    return File((lab.secrets / name).read_bytes(), 0o600)


def _kubeconfig(lab: Lab, user: str) -> File:
    return File(pki.kubeconfig(lab, user).encode(), 0o600)


def _identity(lab: Lab, machine: Machine) -> dict[str, File]:
    proxy = {} if machine.own_kernel else {"/etc/kubernetes/kube-proxy.kubeconfig": _kubeconfig(lab, "kube-proxy")}
    return {
        "/etc/kubernetes/ca.crt": File((lab.secrets / "ca.crt").read_bytes()),
        "/etc/kubernetes/kubelet.crt": _secret(lab, f"{machine.name}.crt"),
        "/etc/kubernetes/kubelet.key": _secret(lab, f"{machine.name}.key"),
        "/etc/kubernetes/kubelet.kubeconfig": _kubeconfig(lab, machine.name),
        **proxy,
    }


def _network(lab: Lab, machine: Machine) -> dict[str, File]:
    """What podman writes into containers: name, neighbours, resolver; and the address."""
    length = lab.machine_network.prefixlen
    hosts = ("127.0.0.1 localhost", *(f"{m.address} {m.name}" for m in lab.all_machines))
    address = (f"ADDRESS={machine.address}/{length}", f"GATEWAY={lab.gateway}")
    return {
        "/etc/default/lab-address": File(_lines(address)),
        "/etc/hostname": File(_lines((machine.name,))),
        "/etc/hosts": File(_lines(hosts)),
        "/etc/resolv.conf": File(host.resolver().encode()),
    }


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _ssh(lab: Lab, machine: Machine) -> dict[str, File]:
    authorized = (lab.secrets / "ops.ssh.pub").read_bytes()
    return {
        "/etc/ssh/ssh_host_ed25519_key": _secret(lab, f"{machine.name}.ssh"),
        "/etc/ssh/ssh_host_ed25519_key.pub": File((lab.secrets / f"{machine.name}.ssh.pub").read_bytes()),
        f"/home/{SSH_USER}/.ssh/authorized_keys": File(authorized, 0o600, _SSH_USER_ID),
    }


def _control_plane(lab: Lab) -> dict[str, File]:
    secrets = (
        "apiserver.crt", "apiserver.key", "apiserver-kubelet-client.crt", "apiserver-kubelet-client.key",
        "service-account.key", "service-account.pub",
    )  # fmt: skip
    users = ("controller-manager", "scheduler")
    return {
        **{f"/etc/kubernetes/{name}": _secret(lab, name) for name in secrets},
        **{f"/etc/kubernetes/{user}.kubeconfig": _kubeconfig(lab, user) for user in users},
    }
