# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of storage, by the example inventories as they stand: what of the keys survives what.

The tests of this file are one story, in its order; docs/storage.md quotes them.
"""

from __future__ import annotations

import json
import threading
import time

import pytest
import redis
import redis.exceptions
from deployment import (
    Deployment,
    handle,
    is_ready,
    run_playbook,
    stop_until_started_again,
    switched_off,
    wait_for,
)
from lanes import nfs_machines

from examples import EXAMPLES, KEPT, WORKERS, Examples, make_disks, remove_disks

CLIENTS = ("lab-nfsworker1", "lab-nfsworker2")
ON_NFS = EXAMPLES / "cluster_nfs"


@pytest.fixture(scope="module")
def examples(nfs_lab):
    """All of them deployed at once."""
    them = Examples()
    them.remove()
    make_disks()
    with nfs_machines():
        them.first_run = them.play("site.yml")
    yield them
    them.remove()
    remove_disks()


@pytest.fixture
def nfs(examples):
    """The cluster with one export for each pod."""
    wait_until_whole({"nfs": examples.deployments["nfs"]})
    return examples.deployments["nfs"]


@pytest.fixture
def whole(examples):
    """All of them, as a test of the other lane may have stopped a machine just before."""
    wait_until_whole(examples.deployments)
    return examples


def test_a_second_run_changes_nothing(examples: Examples) -> None:
    again = examples.play("site.yml")
    assert again.unchanged, again.shown


def test_exports_are_for_the_machines_that_mount_them(examples: Examples) -> None:
    exported = handle.machine_exec("lab-nfs", "exportfs", "-s").stdout
    ours = [line.split() for line in exported.splitlines() if line.startswith("/srv/nfs/cluster-nfs")]
    addresses = {str(handle.lab().machine(name).address) for name in CLIENTS}
    assert len({path for path, _client in ours}) == 7  # one for each of six pods, one that all pods share
    for path in {path for path, _client in ours}:
        assert {client.partition("(")[0] for exported, client in ours if exported == path} == addresses
    assert "no_root_squash" not in exported


@pytest.mark.parametrize("kind", ["emptydir", "nfs", "nfs_shared"])
def test_what_a_kind_does_not_keep_is_said(examples: Examples, kind: str) -> None:
    words = "are lost whenever the pod is deleted" if kind == "emptydir" else "the makers of Redis do not support"
    run = examples.first_run
    assert run is not None
    name = examples.deployments[kind].name
    assert words in " ".join(run.notes(f"Redis Cluster {name} in namespace").split()), run.shown


def wait_until_whole(deployments: dict[str, Deployment]) -> None:
    for kind, deployment in deployments.items():
        wait_for(f"{kind}: all pods ready again", deployment.ready, 240)
        wait_for(f"{kind}: the cluster agrees", deployment.healthy, 240)


def test_keys_survive_a_restart_of_all_servers(whole: Examples) -> None:
    for deployment in whole.deployments.values():
        deployment.write_keys("restart")
    stop_until_started_again(whole.deployments)
    wait_until_whole(whole.deployments)
    for kind, deployment in whole.deployments.items():
        assert deployment.lost_keys("restart") == [], kind


def test_keys_survive_the_deletion_of_all_pods(whole: Examples) -> None:
    deployments = {kind: whole.deployments[kind] for kind in KEPT}
    for deployment in deployments.values():
        deployment.write_keys("pods")
    for deployment in deployments.values():
        selector = f"app.kubernetes.io/instance={deployment.name}"
        deployment.kubectl("delete", "pods", "-l", selector, "--wait=false")
    for kind, deployment in deployments.items():
        wait_for(f"{kind}: the pods go", lambda deployment=deployment: not deployment.ready())
    wait_until_whole(deployments)
    for kind, deployment in deployments.items():
        assert deployment.lost_keys("pods") == [], kind


def test_keys_in_emptydir_survive_the_deletion_of_one_pod(whole: Examples) -> None:
    deployment = whole.deployments["emptydir"]
    deployment.write_keys("one")
    master = next(str(row["pod"]) for row in deployment.info()["topology"] if row["role"] == "master")
    deployment.kubectl("delete", "pod", master)
    run = run_playbook("site.yml", [EXAMPLES / "cluster_emptydir"])
    assert run.code == 0, run.shown
    assert deployment.lost_keys("one") == []


@pytest.mark.alone
def test_a_machine_goes_and_comes_back(examples: Examples) -> None:
    """The one with replicas serves meanwhile, and all have their keys when it is back. On NFS pods move, see below."""
    deployments = {kind: examples.deployments[kind] for kind in ("hostpath", "emptydir", "storageclass")}
    replicated = deployments["emptydir"]
    # One whose loss leaves a majority of masters: earlier failovers may have brought two to the same machine.
    machine = min(WORKERS, key=replicated.masters_on)
    for deployment in deployments.values():
        deployment.write_keys("machine")
    with switched_off(machine):
        wait_for("the others serve all keys", lambda: replicated.serves_without(machine, "machine"))
    wait_until_whole(deployments)
    for kind, deployment in deployments.items():
        assert deployment.lost_keys("machine") == [], kind


def machine_of(deployment: Deployment, pod: str) -> str:
    return str(deployment.pod_facts()[pod]["spec"].get("nodeName", ""))


@pytest.mark.alone  # pods of other tests would all go to the machine that is left
def test_a_pod_moves_to_another_machine_with_its_keys(nfs: Deployment) -> None:
    nfs.write_keys("moved")
    pod = nfs.pods[0]
    before = machine_of(nfs, pod)
    handle.kubectl("cordon", before)
    try:
        nfs.kubectl("delete", "pod", pod)
        wait_for("all pods ready again", nfs.ready, 180)
        assert machine_of(nfs, pod) in set(CLIENTS) - {before}
        wait_for("the cluster agrees", nfs.healthy, 180)
    finally:
        handle.kubectl("uncordon", before)
    assert nfs.lost_keys("moved") == []
    again = run_playbook("site.yml", [ON_NFS])
    assert again.unchanged, again.shown


@pytest.mark.alone
def test_a_living_pod_keeps_its_files_to_itself(nfs: Deployment) -> None:
    """Kubernetes forgets a pod whose machine it cannot reach; the server there goes on writing."""
    pod = nfs.pods[1]
    before, old = machine_of(nfs, pod), nfs.pod_facts()[pod]["metadata"]["uid"]
    process = handle.machine_exec(before, "sh", "-c", server_of(old)).stdout.strip()
    assert process
    handle.kubectl("cordon", before)
    handle.machine_exec(before, "systemctl", "stop", "kubelet")
    try:
        nfs.kubectl("delete", "pod", pod, "--force", "--grace-period=0")
        wait_for(
            "another pod of that name", lambda: nfs.pod_facts().get(pod, {}).get("metadata", {}).get("uid", old) != old
        )
        wait_for(
            "the new pod waits for the lock",
            lambda: "another server has the lock" in nfs.kubectl("logs", pod, check=False),
        )
        assert machine_of(nfs, pod) != before
        assert not nfs.ready()
        handle.machine_exec(before, "kill", "-KILL", process)
        # Not the others: those on the machine that nobody hears of count as not ready by now.
        wait_for("the new pod has the lock", lambda: is_ready(nfs.pod_facts()[pod]), 180)
    finally:
        handle.machine_exec(before, "systemctl", "start", "kubelet")
        handle.kubectl("uncordon", before)
    wait_for("all pods ready again", nfs.ready, 180)
    wait_for("the cluster agrees", nfs.healthy, 180)
    assert nfs.lost_keys("moved") == []


def server_of(uid: str) -> str:
    """Shell words that print the process of the server of a pod."""
    in_cgroup = f"grep -q {uid.replace('-', '[-_]')} /proc/$p/cgroup"
    return f"for p in $(pgrep -x redis-server); do {in_cgroup} && echo $p; done; true"


@pytest.mark.alone
def test_a_dead_machine_gives_its_locks_back(nfs: Deployment) -> None:
    pod = nfs.pods[2]
    before = machine_of(nfs, pod)
    there = [p for p in nfs.pods if machine_of(nfs, p) == before]
    handle.kubectl("cordon", before)
    handle.power_off(before)
    try:
        for name in there:
            nfs.kubectl("delete", "pod", name, "--force", "--grace-period=0")
        wait_for("all pods ready on the other machine", nfs.ready, 240)
        assert {machine_of(nfs, name) for name in there} == set(CLIENTS) - {before}
        wait_for("the cluster agrees", nfs.healthy, 180)
        assert nfs.lost_keys("moved") == []
    finally:
        handle.power_on(before)
        handle.kubectl("uncordon", before)
    handle.kubectl("wait", "--for=condition=Ready", f"node/{before}", "--timeout=120s")


class Writer(threading.Thread):
    """Counts up in one key after the other, and remembers what was acknowledged."""

    def __init__(self, client: redis.RedisCluster) -> None:
        super().__init__(daemon=True)
        self.client, self.acknowledged, self.stopping = client, {}, threading.Event()

    def run(self) -> None:
        number = 0
        while not self.stopping.is_set():
            key = f"load:{number % 300}"
            try:
                self.client.set(key, number)
                self.acknowledged[key] = number
            except redis.exceptions.RedisError:
                time.sleep(0.1)
            number += 1


@pytest.mark.alone
def test_a_restart_of_the_server_loses_nothing_acknowledged(nfs: Deployment) -> None:
    with nfs.cluster() as client:
        client.config_set("appendfsync", "always", target_nodes=client.ALL_NODES)
        writer = Writer(client)
        writer.start()
        wait_for("keys are written", lambda: len(writer.acknowledged) == 300)
        handle.machine_exec("lab-nfs", "systemctl", "stop", "nfs-server")
        stopped = max(writer.acknowledged.values())
        time.sleep(5)  # how long the server is away; nothing is waited for
        handle.machine_exec("lab-nfs", "systemctl", "start", "nfs-server")
        wait_for("writes go on", lambda: max(writer.acknowledged.values()) > stopped + 300, 180)
        writer.stopping.set()
        writer.join(60)
        assert not writer.is_alive()
    # Every server at once, so that what is read was read from the files.
    nfs.kubectl("delete", "pods", "-l", f"app.kubernetes.io/instance={nfs.name}", "--force", "--grace-period=0")
    wait_for("all pods ready again", nfs.ready, 240)
    wait_for("the cluster agrees", nfs.healthy, 180)
    with nfs.cluster() as client:
        found = {key: int(client.get(key) or -1) for key in writer.acknowledged}
    assert {key: (value, found[key]) for key, value in writer.acknowledged.items() if found[key] < value} == {}


def test_a_replaced_disk_of_the_server_is_noticed(examples: Examples) -> None:
    """The same path, and nothing there: the run would export it, and every pod would start empty."""
    for kind in KEPT:
        examples.deployments[kind].write_keys("kept")
    examples.play("playbooks/uninstall.yml")
    lost = {"nfs": "/srv/nfs/cluster-nfs.cluster-nfs-0", "nfs_shared": "/srv/nfs/cluster-nfs-shared.cluster-nfs-shared"}
    for kind, path in lost.items():
        handle.machine_exec("lab-nfs", "mv", path, f"{path}.old")
        try:
            refused = run_playbook("playbooks/nodes.yml", [EXAMPLES / f"cluster_{kind}"])
            assert refused.code != 0
            assert refused.says(f"{path}: does not exist, and the volume of pod"), refused.shown
            assert refused.says("node_nfs_server_accept_empty=true"), refused.shown
        finally:
            handle.machine_exec("lab-nfs", "mv", "-T", f"{path}.old", path)


def test_uninstall_keeps_what_outlives_pods(examples: Examples) -> None:
    """They were removed by the test before this."""
    for deployment in examples.deployments.values():
        assert deployment.pod_facts() == {}
    examples.play("site.yml")
    for kind in KEPT:
        assert examples.deployments[kind].lost_keys("kept") == [], kind
    with examples.deployments["emptydir"].cluster() as client:
        assert client.dbsize(target_nodes=client.PRIMARIES) == 0


def test_uninstall_with_delete_data_leaves_nothing(examples: Examples) -> None:
    examples.play("playbooks/uninstall.yml", "-e", "redis_cluster_delete_data=true")
    left = handle.kubectl(
        "get", "pv,storageclass", "-l", "app.kubernetes.io/managed-by=slotwise.redis", "-o", "json"
    ).stdout
    names = [item["metadata"]["name"] for item in json.loads(left)["items"]]
    assert not [name for name in names if name.startswith("cluster-")], names
    for deployment in examples.deployments.values():
        assert deployment.kubectl("get", "pvc,secret,statefulset", "-o", "name") == ""
    for machine, folder in (*((m, "/srv/redis") for m in WORKERS), ("lab-nfs", "/srv/nfs")):
        listed = handle.machine_exec(machine, "sh", "-c", f"ls -d {folder}/cluster-* || true").stdout
        assert listed == "", (machine, listed)
    exported = handle.machine_exec("lab-nfs", "exportfs", "-v").stdout
    assert "/srv/nfs/cluster-" not in exported
