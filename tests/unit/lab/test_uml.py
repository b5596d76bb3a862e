# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines with their own kernel, as far as none has to run."""

import shlex
import subprocess
import sys

import pytest
from slotwise_lab import lifecycle, uml
from slotwise_lab.config import NFS_MEMORY, Lab
from slotwise_lab.podman import Podman
from slotwise_lab.shell import LabError


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path / "with space", tmp_path / "cache", "test", 5)


def test_the_words_of_the_kernel_contain_no_path_of_the_checkout(lab):
    for machine in lab.nfs_machines:
        words = uml.boot_command(lab, machine)
        assert not [word for word in words if " " in word]
        assert f"mem={NFS_MEMORY[machine.name]}M" in words
        assert f"umid={machine.container}" in words


def test_hardware_addresses_follow_addresses(lab):
    assert uml.hardware_address(lab.machine("lab-nfs")) == "02:00:0a:d0:50:0e"
    assert len({uml.hardware_address(machine) for machine in lab.nfs_machines}) == 3


def test_ssh_uses_the_key_and_the_known_hosts_of_the_lab(lab):
    words = uml.ssh_command(lab, lab.machine("lab-nfs"))
    assert words[words.index("-i") + 1] == str(lab.ssh_key)
    assert f'UserKnownHostsFile="{lab.known_hosts}"' in words
    assert words[-1] == f"ops@{lab.machine('lab-nfs').address}"
    assert not any("StrictHostKeyChecking" in word for word in words)


def test_a_process_is_known_by_its_command_line(lab, tmp_path):
    server, worker, _ = lab.nfs_machines
    line = tmp_path / "cmdline"
    line.write_bytes("\0".join(uml.boot_command(lab, server)).encode() + b"\0")
    assert uml.is_machine(server, line)
    assert not uml.is_machine(worker, line)
    assert not uml.is_machine(server, tmp_path / "gone")


def test_another_process_with_the_recorded_number_is_left_alone(lab):
    machines, server = uml.UmlMachines(lab, Podman(lab.cache)), lab.machine("lab-nfs")
    folder = lab.nfs_directory / server.name
    folder.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as other:
        (folder / "pid").write_text(f"{other.pid}\n")
        assert not machines.running(server)
        machines.stop(server)
        assert other.poll() is None
        other.communicate(b"\n")
    assert not (folder / "pid").exists()


def test_a_machine_exists_once_it_is_complete(lab):
    machines, server = uml.UmlMachines(lab, Podman(lab.cache)), lab.machine("lab-nfs")
    assert machines.existing() == []
    (lab.nfs_directory / server.name).mkdir(parents=True)
    assert machines.existing() == []
    (lab.nfs_directory / server.name / "content").write_text("made of this")
    assert machines.existing() == [server]
    assert machines.content(server) == "made of this"


def test_a_shell_is_given_in_words_that_can_be_pasted(lab):
    shell = uml.UmlMachines(lab, Podman(lab.cache)).shell(lab.machine("lab-nfs"))
    assert str(lab.ssh_key) in shlex.split(shell)


def test_the_machine_of_the_cluster_has_no_power_switch(lab):
    with pytest.raises(LabError, match="lab-control has no power switch"):
        lifecycle.power_off(lab, lab.machine("lab-control"))
