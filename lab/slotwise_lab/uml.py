# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines with their own kernel, which has NFS where the host's has not: user-mode Linux, a process each.

What belongs to one is in <checkout>/.lab/nfs/<name>. Its process works there
and is given relative paths only: a path of a checkout may contain anything,
and the words of its command line are the words of a kernel's.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import BinaryIO

from . import network
from .config import NFS_MEMORY, SSH_USER, Lab, Machine
from .inside import Inside
from .podman import Podman
from .recipes import UML_MEMORY, Image, Recipes
from .shell import LabError, run, wait_for

_BOOT_SECONDS = 120


class UmlMachines(Inside):
    def __init__(self, lab: Lab, podman: Podman) -> None:
        self._lab = lab
        self._podman = podman

    def existing(self) -> list[Machine]:
        return [machine for machine in self._lab.nfs_machines if self.content(machine)]

    def content(self, machine: Machine) -> str:
        """What an existing machine was made from."""
        path = self._folder(machine) / "content"
        return path.read_text() if path.exists() else ""

    def create(self, machine: Machine, recipes: Recipes, files: bytes, content: str) -> None:
        folder = self._folder(machine)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        (folder / "kernel").symlink_to(recipes.uml.result(self._lab.cache))
        (folder / "base.ext4").symlink_to(recipes.uml_disk.result(self._lab.cache) / "disk.ext4")
        (folder / "files.tar").write_bytes(files)
        (folder / "content").write_text(content)

    def connect(self, machine: Machine) -> None:
        network.connect(self._lab, self._podman, machine)

    def start(self, machine: Machine) -> subprocess.Popen:
        """Start the kernel, with the disk as it was left."""
        folder = self._folder(machine)
        self.connect(machine)
        shutil.rmtree(folder / machine.container, ignore_errors=True)
        with (folder / "console.log").open("wb") as console:
            process = subprocess.Popen(
                boot_command(self._lab, machine),
                cwd=folder,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(folder),
                    "TMPDIR": UML_MEMORY,
                    "LD_LIBRARY_PATH": "kernel",
                },
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        self._pid_file(machine).write_text(f"{process.pid}\n")
        return process

    def wait_until_up(self, machine: Machine, process: subprocess.Popen) -> None:
        console = self._folder(machine) / "console.log"

        def missing() -> str:
            if process.poll() is not None:
                end = "\n".join(console.read_text(errors="replace").splitlines()[-15:])
                raise LabError(f"{machine.name}: its kernel ended while it booted:\n{end}", f"its console: {console}")
            return _ssh_problem(machine)

        wait_for(machine.name, missing, timeout=_BOOT_SECONDS, look=f"its console: {console}")

    def stop(self, machine: Machine) -> None:
        """End the machine at once, as if its power failed."""
        if pid := self._pid(machine):
            os.killpg(pid, signal.SIGKILL)
            wait_for(
                f"end of {machine.name}",
                lambda: f"process {pid} is still there" if self._pid(machine) else "",
                timeout=30,
                look=f"cat /proc/{pid}/stack",
            )
        self._pid_file(machine).unlink(missing_ok=True)

    def restart(self, machine: Machine) -> None:
        self.stop(machine)
        self.boot([machine])

    def boot(self, machines: list[Machine]) -> None:
        """Start machines together and wait until all answer."""
        processes = [self.start(machine) for machine in machines]
        for machine, process in zip(machines, processes):
            self.wait_until_up(machine, process)

    def remove(self, machine: Machine) -> None:
        self.stop(machine)
        network.disconnect(self._lab, machine)
        shutil.rmtree(self._folder(machine), ignore_errors=True)

    def remove_all(self) -> list[str]:
        """Also what is left of machines that are gone: their network."""
        removed = [machine.name for machine in self.existing()]
        for machine in self._lab.nfs_machines:
            self.remove(machine)
        return removed

    def running(self, machine: Machine) -> bool:
        return self._pid(machine) != 0

    def started_at(self, machine: Machine) -> int:
        return int(self._pid_file(machine).stat().st_mtime)

    def execute(
        self, machine: Machine, *command: str | Path, stdin: BinaryIO | bytes | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        words = ("sudo", "--", *(str(word) for word in command))
        return run([*ssh_command(self._lab, machine), shlex.join(words)], stdin=stdin, check=check)

    def shell(self, machine: Machine) -> str:
        return f"{shlex.join(ssh_command(self._lab, machine))} sudo"

    def import_image(self, machine: Machine, image: Image) -> None:
        """Only what the disk was made without; kept through a failure of the power from here on."""
        with subprocess.Popen(["tar", "--create", "-C", image.layout, "."], stdout=subprocess.PIPE) as archive:
            command = "ctr --namespace k8s.io images import - && sync"
            self.execute(machine, "sh", "-c", command, stdin=archive.stdout)

    def _folder(self, machine: Machine) -> Path:
        return self._lab.nfs_directory / machine.name

    def _pid_file(self, machine: Machine) -> Path:
        return self._folder(machine) / "pid"

    def _pid(self, machine: Machine) -> int:
        """The process of the machine, 0 when it does not run; never another process that got its number."""
        path = self._pid_file(machine)
        pid = int(path.read_text()) if path.exists() else 0
        return pid if pid and is_machine(machine, Path(f"/proc/{pid}/cmdline")) else 0


def is_machine(machine: Machine, command_line: Path) -> bool:
    try:
        return f"umid={machine.container}".encode() in command_line.read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False


def boot_command(lab: Lab, machine: Machine) -> list[str]:
    card = f"vec0:transport=tap,ifname={network.tap(lab, machine)},depth=128,gro=1,mac={hardware_address(machine)}"
    return [
        "kernel/linux", f"mem={NFS_MEMORY[machine.name]}M", f"umid={machine.container}", "uml_dir=./",
        "ubd0=disk.cow,base.ext4", "ubd1r=files.tar", "root=/dev/ubda", "rw", "init=/usr/local/sbin/lab-init",
        card, "con=null", "con0=null,fd:1", "ssl=null", "seccomp=on",
    ]  # fmt: skip


def hardware_address(machine: Machine) -> str:
    """Its own in the network, because the address is."""
    return "02:00:" + ":".join(f"{byte:02x}" for byte in machine.address.packed)


def ssh_command(lab: Lab, machine: Machine) -> list[str]:
    options = (f'UserKnownHostsFile="{lab.known_hosts}"', "IdentitiesOnly=yes", "BatchMode=yes", "ConnectTimeout=5")
    words = (word for option in options for word in ("-o", option))
    return ["ssh", "-i", str(lab.ssh_key), *words, f"{SSH_USER}@{machine.address}"]


def _ssh_problem(machine: Machine) -> str:
    try:
        with socket.create_connection((str(machine.address), 22), timeout=1) as connection:
            return "" if connection.recv(4) == b"SSH-" else "no SSH server at port 22"
    except OSError as error:
        return f"SSH: {error}"
