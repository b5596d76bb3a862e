# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An NFS server that others run: a run says what is wrong with its exports, uses them, and leaves them as they are."""

from __future__ import annotations

import pathlib

import pytest
import redis
import yaml
from deployment import LOCAL, Run, handle, run_playbook, wait_for
from lanes import nfs_machines

NAME = "e2e-others"
PODS = (f"{NAME}-0", f"{NAME}-1")
FOLDER = "/srv/e2e-others"
EXPORTS = "/etc/exports.d/e2e-others.exports"
CLIENTS = ("lab-nfsworker1", "lab-nfsworker2")
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends"
SET_UP = f"""
command -v exportfs || (apt-get update -q && {INSTALL} nfs-kernel-server)
for pod in {" ".join(PODS)}; do
    mkdir -p {FOLDER}/{NAME}.$pod
    echo "{FOLDER}/{NAME}.$pod {{clients}}"
done >{EXPORTS}
chown -R 1234:1234 {FOLDER}/*
exportfs -ra
"""


def on_the_server(script: str) -> str:
    return handle.machine_exec("lab-nfs", "sh", "-ec", script).stdout


@pytest.fixture
def inventory(nfs_lab, tmp_path: pathlib.Path):
    """Two servers, on exports that belong to a user of their makers."""
    lab = handle.lab()
    options = "(rw,sync,no_subtree_check,root_squash)"
    with nfs_machines():
        on_the_server(SET_UP.format(clients=" ".join(f"{lab.machine(name).address}{options}" for name in CLIENTS)))
    storage = {
        "type": "nfs",
        "server": str(lab.machine("lab-nfs").address),
        "path": FOLDER,
        "size": "64Mi",
        "hosts": list(CLIENTS),
    }
    variables = {
        "redis_standalone_instances": 2,
        "redis_standalone_storage": storage,
        "redis_standalone_auth_enabled": False,
        **LOCAL,
    }
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump({"redis_standalone": {"hosts": {NAME: variables}}}))
    yield path
    run_playbook("playbooks/uninstall.yml", [path], "-e", "redis_standalone_delete_data=true")
    handle.kubectl("delete", "namespace", NAME, "--ignore-not-found")
    on_the_server(f"rm -f {EXPORTS}; exportfs -ra; rm -rf {FOLDER}")


def play(inventory: pathlib.Path, playbook: str, *arguments: str) -> Run:
    run = run_playbook(playbook, [inventory], *arguments)
    assert run.code == 0, run.shown
    return run


def addresses() -> list[str]:
    return handle.kubectl("-n", NAME, "get", "pods", "-o", "jsonpath={.items[*].status.podIP}").stdout.split()


def test_exports_of_others(inventory: pathlib.Path) -> None:
    before = on_the_server(f"cat {EXPORTS}; exportfs -v")
    with nfs_machines():
        refused = run_playbook("site.yml", [inventory])
    assert refused.code != 0, refused.shown
    for pod in PODS:
        assert refused.says(f"{FOLDER}/{NAME}.{pod}"), refused.shown
    assert refused.says("belongs to 1234:1234 with mode 0755, another user's"), refused.shown
    assert refused.changed[NAME] == 0
    assert handle.kubectl("get", "namespace", NAME, check=False).returncode != 0

    on_the_server(f"chown 999:999 {FOLDER}/*")
    play(inventory, "site.yml")
    for number, address in enumerate(addresses()):
        with redis.Redis(address) as client:
            client.set("key", number)
    again = play(inventory, "site.yml")
    assert again.unchanged, again.shown
    handle.kubectl("-n", NAME, "delete", "pods", "--all")
    wait_for("two pods again", lambda: len(addresses()) == len(PODS))
    handle.kubectl("-n", NAME, "wait", "--for=condition=Ready", "pods", "--all", "--timeout=120s")
    for number, address in enumerate(addresses()):
        with redis.Redis(address) as client:
            assert client.get("key") == str(number).encode()

    gone = play(inventory, "playbooks/uninstall.yml", "-e", "redis_standalone_delete_data=true")
    assert gone.says(f"The data of {NAME} stays on NFS server {handle.lab().machine('lab-nfs').address}"), gone.shown
    kept = on_the_server(f"ls {FOLDER}/*/appendonlydir; cat {EXPORTS}; exportfs -v")
    assert kept.count("appendonly.aof.manifest") == len(PODS)
    assert kept.endswith(before)
