# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory that Ansible reads."""

import shlex

import pytest
import yaml
from slotwise_lab import inventory
from slotwise_lab.config import Lab


@pytest.fixture(params=["plain", "with space", "o'clock"])
def lab(request, tmp_path):
    return Lab(tmp_path / request.param, tmp_path / "cache", "test", 5)


def test_groups_and_addresses(lab):
    nodes = yaml.safe_load(inventory.hosts(lab))["all"]["children"]["k8s_nodes"]
    groups = {name: group["hosts"] for name, group in nodes["children"].items()}
    assert {name: list(hosts) for name, hosts in groups.items()} == {
        "k8s_control": ["lab-control"],
        "k8s_workers": ["lab-worker1", "lab-worker2", "lab-worker3"],
    }
    for machine in lab.machines:
        (entry,) = (hosts[machine.name] for hosts in groups.values() if machine.name in hosts)
        assert entry == {"ansible_host": str(machine.address)}


def test_machines_with_nfs_are_listed_when_they_exist(lab):
    server, worker1, _ = lab.nfs_machines
    groups = yaml.safe_load(inventory.hosts(lab, [server, worker1]))["all"]["children"]
    assert groups["k8s_nodes"]["children"]["k8s_nfs_workers"]["hosts"] == {
        "lab-nfsworker1": {"ansible_host": str(worker1.address)}
    }
    assert groups["nfs_servers"]["hosts"] == {"lab-nfs": {"ansible_host": str(server.address)}}
    assert groups["nfs_servers"]["vars"] == groups["k8s_nodes"]["vars"]
    assert list(groups["k8s_nodes"]["children"]["k8s_workers"]["hosts"]) == [
        "lab-worker1",
        "lab-worker2",
        "lab-worker3",
    ]
    assert list(yaml.safe_load(inventory.hosts(lab))["all"]["children"]) == ["k8s_nodes"]


def test_access_is_by_key_and_with_known_host_keys(lab):
    variables = yaml.safe_load(inventory.hosts(lab))["all"]["children"]["k8s_nodes"]["vars"]
    assert variables["ansible_user"] == "ops"
    assert variables["ansible_become"] is True
    assert variables["ansible_ssh_private_key_file"] == str(lab.ssh_key)


def test_the_known_hosts_file_survives_both_quotings(tmp_path):
    lab = Lab(tmp_path / "with space", tmp_path / "cache", "test", 5)
    variables = yaml.safe_load(inventory.hosts(lab))["all"]["children"]["k8s_nodes"]["vars"]
    words = shlex.split(variables["ansible_ssh_common_args"])
    assert f'UserKnownHostsFile="{lab.known_hosts}"' in words
    assert not any("StrictHostKeyChecking" in word for word in words)


def test_the_variables_name_the_cluster_and_nothing_else(lab):
    assert yaml.safe_load(inventory.variables(lab)) == {"redis_kubeconfig": str(lab.kubeconfig)}


def test_known_hosts_has_one_line_for_every_machine(lab):
    lab.secrets.mkdir(parents=True)
    for machine in lab.all_machines:
        (lab.secrets / f"{machine.name}.ssh.pub").write_text(f"ssh-ed25519 AAAA{machine.name} {machine.name}\n")
    assert inventory.known_hosts(lab).splitlines() == [
        f"{machine.address} ssh-ed25519 AAAA{machine.name} {machine.name}" for machine in lab.all_machines
    ]
