# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab leaves in the checkout: access for people, Ansible and tests."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from . import pki
from .config import SSH_USER, Lab, Machine
from .recipes import Recipes

_HEADER = "# Written by `python3 lab up`.\n---\n"


def hosts(lab: Lab, nfs_machines: Sequence[Machine] = ()) -> str:
    """The machines that exist, and nothing else: deployments come from another inventory."""
    # Twice in quotes, for Ansible and for ssh: the path may contain spaces.
    options = f"-o 'UserKnownHostsFile=\"{lab.known_hosts}\"' -o IdentitiesOnly=yes"
    groups = {
        "k8s_control": [machine for machine in lab.machines if machine.control],
        "k8s_workers": [machine for machine in lab.machines if not machine.control],
        "k8s_nfs_workers": [machine for machine in nfs_machines if machine.node],
    }
    nodes = "".join(_group(name, members, 8) for name, members in groups.items() if members)
    servers = [machine for machine in nfs_machines if not machine.node]
    return f"""\
{_HEADER}\
all:
  children:
    k8s_nodes:
      vars: &access
        ansible_user: {SSH_USER}
        ansible_become: true
        ansible_ssh_private_key_file: {_text(lab.ssh_key)}
        ansible_ssh_common_args: {_text(options)}
        ansible_ssh_pipelining: true
        ansible_control_path_dir: {_text(lab.ssh_sockets)}
        ansible_python_interpreter: /usr/bin/python3
      children:
{nodes}\
{_group("nfs_servers", servers, 4, "vars: *access") if servers else ""}"""


def _group(name: str, machines: list[Machine], indent: int, *head: str) -> str:
    members = (line for m in machines for line in (f"    {m.name}:", f"      ansible_host: {m.address}"))
    lines = (f"{name}:", *(f"  {line}" for line in (*head, "hosts:")), *members)
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def variables(lab: Lab) -> str:
    return _HEADER + f"redis_kubeconfig: {_text(lab.kubeconfig)}\n"


def known_hosts(lab: Lab) -> str:
    return "".join(
        f"{machine.address} {(lab.secrets / f'{machine.name}.ssh.pub').read_text().strip()}\n"
        for machine in lab.all_machines
    )


def write(lab: Lab, recipes: Recipes, nfs_machines: Sequence[Machine]) -> None:
    _write(lab.kubeconfig, pki.kubeconfig(lab, "admin"), 0o600)
    _write(lab.ssh_key, (lab.secrets / "ops.ssh").read_text(), 0o600)
    _write(lab.known_hosts, known_hosts(lab))
    write_hosts(lab, nfs_machines)
    _write(lab.inventory / "group_vars" / "all.yml", variables(lab))
    lab.kubectl.parent.mkdir(exist_ok=True)
    lab.kubectl.unlink(missing_ok=True)
    lab.kubectl.symlink_to(recipes.kube.result(lab.cache) / "kube")
    lab.ssh_sockets.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_hosts(lab: Lab, nfs_machines: Sequence[Machine]) -> None:
    _write(lab.inventory / "hosts.yml", hosts(lab, nfs_machines))


def forget_connections(lab: Lab) -> None:
    """Open SSH connections lead to machines that are no more."""
    for control_socket in lab.ssh_sockets.glob("*"):
        control_socket.unlink()


def remove(lab: Lab) -> None:
    for folder in (lab.directory, lab.ssh_sockets):
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)


def _text(value: object) -> str:
    """A YAML text: a path may contain anything."""
    return "'" + str(value).replace("'", "''") + "'"
