# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab leaves in the checkout: access for people, Ansible and tests."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import pki
from .config import SSH_USER, Lab
from .recipes import Recipes

_HEADER = "# Written by `python3 tests/lab up`.\n---\n"


def hosts(lab: Lab) -> str:
    """The machines only: deployments come from another inventory."""

    def group(machines: list) -> str:
        return "".join(
            f"            {machine.name}:\n              ansible_host: {machine.address}\n" for machine in machines
        )

    # Twice in quotes, for Ansible and for ssh: the path may contain spaces.
    options = f"-o 'UserKnownHostsFile=\"{lab.known_hosts}\"' -o IdentitiesOnly=yes"
    return f"""\
{_HEADER}\
all:
  children:
    k8s_nodes:
      vars:
        ansible_user: {SSH_USER}
        ansible_become: true
        ansible_ssh_private_key_file: {_text(lab.ssh_key)}
        ansible_ssh_common_args: {_text(options)}
        ansible_ssh_pipelining: true
        ansible_control_path_dir: {_text(lab.ssh_sockets)}
        ansible_python_interpreter: /usr/bin/python3
      children:
        k8s_control:
          hosts:
{group([m for m in lab.machines if m.control])}\
        k8s_workers:
          hosts:
{group([m for m in lab.machines if not m.control])}"""


def variables(lab: Lab) -> str:
    return _HEADER + f"redis_kubeconfig: {_text(lab.kubeconfig)}\n"


def known_hosts(lab: Lab) -> str:
    return "".join(
        f"{machine.address} {(lab.secrets / f'{machine.name}.ssh.pub').read_text().strip()}\n"
        for machine in lab.machines
    )


def write(lab: Lab, recipes: Recipes) -> None:
    _write(lab.kubeconfig, pki.kubeconfig(lab, "admin"), 0o600)
    _write(lab.ssh_key, (lab.secrets / "ops.ssh").read_text(), 0o600)
    _write(lab.known_hosts, known_hosts(lab))
    _write(lab.inventory / "hosts.yml", hosts(lab))
    _write(lab.inventory / "group_vars" / "all.yml", variables(lab))
    lab.kubectl.parent.mkdir(exist_ok=True)
    lab.kubectl.unlink(missing_ok=True)
    lab.kubectl.symlink_to(recipes.kube.result(lab.cache) / "kube")
    lab.ssh_sockets.mkdir(mode=0o700, parents=True, exist_ok=True)


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
