# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a machine gets."""

import io
import re
import tarfile

import pytest
import yaml
from slotwise_lab import kubernetes
from slotwise_lab.config import Lab
from slotwise_lab.kubernetes import File
from slotwise_lab.machines import Machines
from slotwise_lab.pki import certificates


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path, tmp_path / "cache", "test", 5)
    lab.secrets.mkdir(parents=True)
    (lab.secrets / "ca.crt").write_text("authority")
    for certificate in certificates(lab):
        for ending in ("crt", "key"):
            (lab.secrets / f"{certificate.name}.{ending}").write_text(certificate.name)
    for name in ("service-account.key", "service-account.pub", "ops.ssh.pub"):
        (lab.secrets / name).write_text(name)
    for machine in lab.all_machines:
        for ending in ("ssh", "ssh.pub"):
            (lab.secrets / f"{machine.name}.{ending}").write_text(ending)
    return lab


def text(files, path):
    return files[path].content.decode()


def test_nothing_is_left_to_fill_in(lab):
    for machine in lab.all_machines:
        for path, file in kubernetes.machine_files(lab, machine).items():
            assert not re.search(rb"@\{", file.content), path


def test_only_the_control_machine_has_the_keys_of_the_cluster(lab):
    control, *workers = (kubernetes.machine_files(lab, machine) for machine in lab.all_machines)
    assert "/etc/kubernetes/service-account.key" in control
    assert all("/etc/kubernetes/service-account.key" not in files for files in workers)


def test_private_files_are_private(lab):
    for path, file in kubernetes.machine_files(lab, lab.control).items():
        if re.search(r"\.key$|kubeconfig$|_key$", path):
            assert file.mode == 0o600, path


def test_a_node_routes_to_the_pods_of_the_others_only(lab):
    for machine in lab.nodes:
        script = text(kubernetes.machine_files(lab, machine), "/usr/local/sbin/lab-network")
        routes = re.findall(r"ip route replace (\S+) via (\S+)", script)
        services = [(str(lab.service_network), str(lab.control.address))] if machine.own_kernel else []
        assert routes == [(str(other.pods), str(other.address)) for other in lab.nodes if other != machine] + services


def test_services_of_machines_without_a_proxy_are_masqueraded_where_they_are_sent(lab):
    script = text(kubernetes.machine_files(lab, lab.control), "/usr/local/sbin/lab-network")
    workers = [machine for machine in lab.nodes if machine.own_kernel]
    assert f"ip saddr {{ {', '.join(str(worker.pods) for worker in workers)} }} ct status dnat masquerade" in script


def test_what_a_machine_runs_has_its_files_there(lab):
    for machine in lab.all_machines:
        files = kubernetes.machine_files(lab, machine)
        proxy = "/etc/systemd/system/kube-proxy.service" in files
        assert proxy == ("kube-proxy" in kubernetes.units(machine)) == (not machine.own_kernel)
        wanted = files.get("/etc/systemd/system/multi-user.target.d/lab.conf", kubernetes.File(b"")).content.decode()
        assert ("kubelet" in kubernetes.units(machine)) == ("kubelet.service" in wanted) == machine.node
        if machine.node:
            kubelet = yaml.safe_load(text(files, "/etc/kubernetes/kubelet.yaml"))
            assert kubelet["featureGates"] == {"KubeletInUserNamespace": not machine.own_kernel}


def test_a_container_begins_with_the_program_that_takes_the_cgroups_of_the_host_away(lab):
    """It is among the files of the machine: one that was made without it is made again."""
    calls = []
    Machines(lab, lambda *words, **unused: calls.append(words)).create(lab.control, "image", b"files", "content")
    assert calls[0][0] == "create"
    assert calls[0][-2:] == ("image", "/usr/local/sbin/lab-init")
    for machine in lab.machines:
        program = kubernetes.machine_files(lab, machine)["/usr/local/sbin/lab-init"]
        assert program.mode == 0o755
        assert b"umount --recursive /sys/fs/cgroup/systemd\n" in program.content
        assert program.content.endswith(b"\nexec /sbin/init\n")


def test_a_machine_with_its_own_kernel_has_its_own_cgroups_anyway(lab):
    for machine in lab.nfs_machines:
        assert "/usr/local/sbin/lab-init" not in kubernetes.machine_files(lab, machine)


def test_a_machine_with_its_own_kernel_knows_its_name_and_neighbours(lab):
    server = lab.machine("lab-nfs")
    files = kubernetes.machine_files(lab, server)
    assert text(files, "/etc/hostname") == "lab-nfs\n"
    assert f"{lab.control.address} lab-control\n" in text(files, "/etc/hosts")
    assert text(files, "/etc/default/lab-address") == f"ADDRESS={server.address}/24\nGATEWAY={lab.gateway}\n"
    assert not [path for path in files if path.startswith("/etc/kubernetes")]


def test_the_configuration_is_valid_and_of_this_lab(lab):
    files = kubernetes.machine_files(lab, lab.machines[1])
    kubelet = yaml.safe_load(text(files, "/etc/kubernetes/kubelet.yaml"))
    assert kubelet["clusterDNS"] == [str(lab.dns_address)]
    assert yaml.safe_load(text(files, "/etc/kubernetes/kube-proxy.yaml"))["clusterCIDR"] == str(lab.pod_network)
    services = [item for item in yaml.safe_load_all(kubernetes.addons(lab)) if item["kind"] == "Service"]
    assert [service["spec"]["clusterIP"] for service in services] == [str(lab.dns_address)]


def test_no_machine_has_a_zone_or_a_registry(lab):
    for machine in lab.all_machines:
        for path, file in kubernetes.machine_files(lab, machine).items():
            assert b"topology.kubernetes.io" not in file.content, path


def test_packing_keeps_modes_and_owners():
    packed = kubernetes.pack({"/home/ops/key": File(b"secret", 0o600, 1000), "/etc/plain": File(b"text")})
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        entries = {entry.name: (entry.mode, entry.uid, entry.gid, entry.size) for entry in archive}
    assert entries == {"home/ops/key": (0o600, 1000, 1000, 6), "etc/plain": (0o644, 0, 0, 4)}
