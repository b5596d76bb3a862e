# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in which a real NFS server fails a real client, and what nfs_probe says of it.

The server gets one export for each, and one call of the module meets them all.
"""

from __future__ import annotations

import json
import os
import subprocess

import pytest
import yaml
from deployment import ROOT, Run
from lanes import nfs_machines

SERVER, CLIENT = "lab-nfs", "lab-nfsworker1"
# It has no NFS in its kernel, so that no test has a reason to install the client there.
BARE = "lab-worker1"
BASE = "/srv/e2e-nfs-probe"
EXPORTS = "/etc/exports.d/e2e-nfs-probe.exports"
INVENTORY = ROOT / ".lab" / "inventory"
# A documentation address: a client that never comes.
NOBODY = "192.0.2.1"

UNDO = f"""
rm -f {EXPORTS}
exportfs -ra
umount {BASE}/full 2>/dev/null || true
rm -rf {BASE}
"""
DO = f"""
for name in good/pod-0 wrong_owner root_owned read_only full elsewhere unlisted; do
    mkdir -p {BASE}/$name
done
mount -t tmpfs -o size=64k none {BASE}/full
chown -R 999:999 {BASE}/*
chown 1234:1234 {BASE}/wrong_owner
chown root:root {BASE}/root_owned
setpriv --reuid=999 --regid=999 --clear-groups dd if=/dev/zero of={BASE}/full/data bs=4k status=none || true
{{
    for name in good wrong_owner root_owned; do
        echo "{BASE}/$name $CLIENT(rw,sync,no_subtree_check,root_squash)"
    done
    echo "{BASE}/read_only $CLIENT(ro,sync,no_subtree_check)"
    echo "{BASE}/full $CLIENT(rw,sync,no_subtree_check,fsid=7041)"
    echo "{BASE}/elsewhere {NOBODY}(rw,sync,no_subtree_check)"
}} >{EXPORTS}
exportfs -ra
"""
# The processes that see the mount, and the module that started them. Then nobody may see it any more.
KILL = """
set -e
seeing() { grep -ls /tmp/slotwise-probe- /proc/[0-9]*/mounts | cut -d/ -f3; }
for i in $(seq 200); do
    found=$(seeing || true)
    test -z "$found" || break
    sleep 0.05
done
test -n "$found"
for process in $found; do
    parent=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$process/status 2>/dev/null || true)
    test -z "$parent" || test "$parent" = 1 || kill -KILL "$parent" || true
    kill -KILL "$process" || true
done
for i in $(seq 200); do
    test -n "$(seeing || true)" || exit 0
    sleep 0.05
done
exit 1
"""
SERVER_ADDRESS = f"{{{{ hostvars['{SERVER}'].ansible_host }}}}"
# In the network of the machines, and of no machine.
VACANT_ADDRESS = "{{ ansible_host | regex_replace('[0-9]+$', '253') }}"


def play(folder, *plays: dict) -> Run:
    """Run a playbook on the machines of the lab; it must succeed."""
    path = folder / "play.yml"
    path.write_text(yaml.safe_dump([{"name": "Play", "gather_facts": False, **entry} for entry in plays]))
    done = subprocess.run(
        ["ansible-playbook", str(path), "-i", str(INVENTORY)],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return Run(done.returncode, done.stdout, 0)


def shell(script: str, hosts: str = SERVER) -> dict:
    """A play that runs a script as root."""
    environment = {"CLIENT": f"{{{{ hostvars['{CLIENT}'].ansible_host }}}}"}
    task = {"name": "Run", "ansible.builtin.shell": f"set -e\n{script}", "environment": environment}
    return {"hosts": hosts, "tasks": [task]}


def prove(folder, mounts: list[dict], on: str = CLIENT) -> dict:
    """What nfs_probe returns on a machine, failed or not."""
    entries = [{"namespace": "e2e-nfs-probe", "server": SERVER_ADDRESS, **mount} for mount in mounts]
    result = folder / "result.json"
    write = {"dest": str(result), "content": "{{ found | to_json }}"}
    tasks = [
        {
            "name": "Probe",
            "slotwise.redis.nfs_probe": {"mounts": entries},
            "register": "found",
            "failed_when": False,
        },
        {"name": "Keep", "ansible.builtin.copy": write, "delegate_to": "localhost"},
    ]
    play(folder, {"hosts": on, "tasks": tasks})
    return json.loads(result.read_text())


@pytest.fixture(scope="module")
def machines(nfs_lab, tmp_path_factory):
    """The server with its exports, the client with its package."""
    folder = tmp_path_factory.mktemp("nfs")
    # The role installs and starts the server; nobody mounts its own export.
    row = {"deployment": "e2e", "namespace": "e2e-nfs-probe", "pod": "e2e-0"}
    row.update(path=f"{BASE}-role/e2e-0", export=f"{BASE}-role/e2e-0")
    server = {"name": "e2e", "namespace": "e2e-nfs-probe", "clients": [NOBODY], "volumes": [row]}
    role = {"role": "slotwise.redis.node_nfs_server", "node_nfs_server_deployments": [server]}
    gone = {**role, "node_nfs_server_state": "absent", "node_nfs_server_delete_data": True}
    client = {"role": "slotwise.redis.node_prereqs", "node_prereqs_nfs_client": True}
    with nfs_machines():
        play(folder, {"hosts": SERVER, "roles": [role]}, {"hosts": CLIENT, "roles": [client]}, shell(UNDO + DO))
    yield folder
    play(folder, shell(UNDO), {"hosts": SERVER, "roles": [gone]})


@pytest.fixture(scope="module")
def found(machines):
    """One call for all exports."""
    names = ("good", "wrong_owner", "root_owned", "read_only", "full", "elsewhere", "unlisted")
    mounts = [{"name": name, "export": f"{BASE}/{name}"} for name in names]
    mounts[0].update(paths=[f"{BASE}/good", f"{BASE}/good/pod-0"], size="1Ki", mount_options=["nfsvers=4.1", "hard"])
    mounts += [
        {"name": "no_directory", "export": f"{BASE}/good", "paths": [f"{BASE}/good/pod-1"]},
        {"name": "bad_options", "export": f"{BASE}/good", "mount_options": ["nonsense=1"]},
        {"name": "unreachable", "export": f"{BASE}/good", "server": VACANT_ADDRESS},
    ]
    return prove(machines, mounts)


def test_success_with_times(found):
    (row,) = found["mounts"]
    assert (row["name"], row["vers"]) == ("good", "4.1")
    assert 0 < row["fsync_ms_p50"] <= row["fsync_ms_worst"]
    assert row["free_bytes"] > 0
    assert not found["changed"]


PROBLEMS = {
    "wrong_owner": (
        "wrong_owner",
        "belongs to 1234:1234 with mode 0755, another user's (Permission denied). On the server",
    ),
    "root_owned": ("root_owned", "root's (Permission denied), and the server maps root to nobody (root_squash, as it"),
    "read_only": ("read_only", f"{BASE}/read_only is exported read-only (Read-only file system). Redis must write"),
    "full": ("full", f"{BASE}/full is full: No space left on device at the step"),
    "elsewhere": ("not_exported", f"lists {BASE}/elsewhere for {NOBODY}. Add this machine to the clients"),
    "unlisted": ("no_export", "there is no such export; showmount -e"),
    "no_directory": ("no_directory", f"{BASE}/good/pod-1 is not a directory on the server (No such file or directory)"),
    "bad_options": ("bad_options", "the mount options nonsense=1 are not accepted"),
    "unreachable": ("unreachable", ".253 does not answer on TCP port 2049 ("),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_failure(found, name):
    reason, words = PROBLEMS[name]
    (problem,) = [problem for problem in found["problems"] if problem["name"] == name]
    assert problem["reason"] == reason, problem["message"]
    assert words in problem["message"]
    assert " for uid 999: " in problem["message"]
    assert problem["message"] in found["msg"]


def test_a_machine_without_the_client(machines):
    (problem,) = prove(machines, [{"name": "good", "export": f"{BASE}/good"}], on=BARE)["problems"]
    assert problem["reason"] == "missing_client"
    assert "this machine has no mount.nfs. Install nfs-common (Debian family) or nfs-utils" in problem["message"]


@pytest.mark.alone
def test_nothing_stays_behind(found, machines):
    play(machines, shell("! grep slotwise /proc/1/mounts && ! ls -d /tmp/slotwise-probe-*", CLIENT))
    play(machines, shell(f"test -z \"$(find {BASE} -name '.slotwise-probe-*')\""))


@pytest.mark.alone
def test_refused_locks(machines):
    # Version 3 locks by rpc.statd; a machine where that cannot start.
    without = "systemctl stop rpc-statd; mount --bind /bin/false /usr/sbin/start-statd"
    play(machines, shell(without, CLIENT))
    try:
        mount = {"name": "good", "export": f"{BASE}/good", "mount_options": ["nfsvers=3"]}
        (problem,) = prove(machines, [mount])["problems"]
    finally:
        play(machines, shell("umount /usr/sbin/start-statd", CLIENT))
    assert problem["reason"] == "lock_refused", problem["message"]
    assert "Use NFS version 4, which locks over port 2049" in problem["message"]


@pytest.mark.alone
def test_a_server_without_version_4(machines):
    folder = "/etc/nfs.conf.d"
    old = f"mkdir -p {folder}; printf '[nfsd]\\nvers4=n\\n' >{folder}/e2e-nfs-probe.conf; systemctl restart nfs-server"
    play(machines, shell(old))
    try:
        any_version = {"name": "good", "export": f"{BASE}/good"}
        found = prove(machines, [any_version, {**any_version, "mount_options": ["nfsvers=4.1"]}])
    finally:
        play(machines, shell(f"rm {folder}/e2e-nfs-probe.conf; systemctl restart nfs-server"))
    assert [row["vers"] for row in found["mounts"]] == ["3"]
    assert [problem["reason"] for problem in found["problems"]] == ["no_version"]


@pytest.mark.alone
def test_a_server_that_stopped(machines):
    play(machines, shell("systemctl stop nfs-server"))
    try:
        (problem,) = prove(machines, [{"name": "good", "export": f"{BASE}/good"}])["problems"]
    finally:
        play(machines, shell("systemctl start nfs-server"))
    assert problem["reason"] == "unreachable"
    assert "does not answer on TCP port 2049 (Connection refused)" in problem["message"]


@pytest.mark.alone
def test_a_probe_that_is_killed_leaves_no_mount(machines):
    entry = {"name": "good", "namespace": "x", "server": SERVER_ADDRESS, "export": f"{BASE}/good"}
    tasks = [
        # Many mounts, so that it is still at work when it is found.
        {"name": "Probe", "slotwise.redis.nfs_probe": {"mounts": [entry] * 20}, "async": 60, "poll": 0},
        {"name": "Kill", "ansible.builtin.shell": KILL},
    ]
    play(machines, {"hosts": CLIENT, "tasks": tasks})
    # What a killed process cannot remove: an empty directory, and one small file.
    play(machines, shell("rmdir /tmp/slotwise-probe-* || true", CLIENT))
    play(machines, shell(f"find {BASE}/good -name '.slotwise-probe-*' -delete"))
