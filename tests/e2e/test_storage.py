# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of storage, by the example inventories as they stand: what of the keys survives what.

The tests of this file are one story, in its order; docs/storage.md quotes them.
"""

from __future__ import annotations

import json
import pathlib

import pytest
import yaml
from deployment import ROOT, Deployment, Run, handle, run_playbook, wait_for

KINDS = ("hostpath", "emptydir", "storageclass", "nfs", "nfs_shared")
# What outlives its pods.
KEPT = tuple(kind for kind in KINDS if kind != "emptydir")
EXAMPLES = ROOT / "examples" / "inventories"
WORKERS = ("lab-worker1", "lab-worker2", "lab-worker3")

# What the administrator of a Kubernetes cluster provides: a default class, with volumes that belong to root.
CLASS = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: lab-disks, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
"""
DISK = """---
apiVersion: v1
kind: PersistentVolume
metadata: {{name: lab-disk-{machine}, labels: {{lab: disks}}}}
spec:
  capacity: {{storage: 1Gi}}
  accessModes: [ReadWriteOnce]
  storageClassName: lab-disks
  persistentVolumeReclaimPolicy: Retain
  local: {{path: /srv/lab-disk}}
  nodeAffinity:
    required:
      nodeSelectorTerms: [{{matchExpressions: [{{key: kubernetes.io/hostname, operator: In, values: [{machine}]}}]}}]
"""


class Examples:
    """The deployments of the examples, in one run of each playbook."""

    def __init__(self) -> None:
        self.first_run: Run | None = None
        self.inventories = [EXAMPLES / f"cluster_{kind}" for kind in KINDS]
        self.deployments = {kind: self._deployment(kind) for kind in KINDS}

    @staticmethod
    def _deployment(kind: str) -> Deployment:
        name = f"cluster-{kind.replace('_', '-')}"
        path = EXAMPLES / f"cluster_{kind}" / "host_vars" / f"{name}.yml"
        return Deployment(name, pathlib.Path(), yaml.safe_load(path.read_text()))

    def play(self, playbook: str, *arguments: str) -> Run:
        run = run_playbook(playbook, self.inventories, *arguments)
        assert run.code == 0, run.output
        return run

    def remove(self) -> Run:
        run = self.play("playbooks/uninstall.yml", "-e", "redis_cluster_delete_data=true")
        namespaces = [deployment.namespace for deployment in self.deployments.values()]
        handle.kubectl("delete", "namespace", *namespaces, "--ignore-not-found")
        return run


@pytest.fixture(scope="module")
def examples(nfs_lab):
    """All of them deployed at once."""
    them = Examples()
    them.remove()
    make_disks()
    them.first_run = them.play("site.yml")
    yield them
    them.remove()
    remove_disks()


def make_disks() -> None:
    """A default storage class with one volume on each worker."""
    remove_disks()
    for machine in WORKERS:
        handle.machine_exec(machine, "sh", "-c", "rm -rf /srv/lab-disk && mkdir -p /srv/lab-disk")
    handle.kubectl("apply", "-f", "-", stdin=CLASS + "".join(DISK.format(machine=m) for m in WORKERS))


def remove_disks() -> None:
    handle.kubectl("delete", "pv", "-l", "lab=disks", "--ignore-not-found")
    handle.kubectl("delete", "storageclass", "lab-disks", "--ignore-not-found")


def test_a_second_run_changes_nothing(examples: Examples) -> None:
    again = examples.play("site.yml")
    assert again.unchanged, again.output


@pytest.mark.parametrize("kind", ["emptydir", "nfs", "nfs_shared"])
def test_what_a_kind_does_not_keep_is_said(examples: Examples, kind: str) -> None:
    words = "are lost whenever the pod is deleted" if kind == "emptydir" else "the makers of Redis do not support"
    run = examples.first_run
    assert run is not None
    assert run.says(f"Redis Cluster {examples.deployments[kind].name} in namespace"), run.output
    assert run.says(words), run.output


@pytest.mark.parametrize("kind", KINDS)
def test_keys_survive_a_restart_of_all_servers(examples: Examples, kind: str) -> None:
    deployment = examples.deployments[kind]
    deployment.write_keys("restart")
    restarts = {
        pod: facts["status"]["containerStatuses"][0]["restartCount"] for pod, facts in deployment.pod_facts().items()
    }
    for pod in deployment.pods:
        deployment.kubectl("exec", pod, "--", "sh", "-c", "kill -TERM 1", check=False)
    wait_for(
        "every server was started again",
        lambda: all(
            (facts["status"].get("containerStatuses") or [{"restartCount": -1}])[0]["restartCount"] > restarts[pod]
            for pod, facts in deployment.pod_facts().items()
        ),
    )
    wait_for("all pods ready again", deployment.ready, 180)
    wait_for("the cluster agrees", deployment.healthy, 180)
    assert deployment.lost_keys("restart") == []


@pytest.mark.parametrize("kind", KEPT)
def test_keys_survive_the_deletion_of_all_pods(examples: Examples, kind: str) -> None:
    deployment = examples.deployments[kind]
    deployment.write_keys("pods")
    deployment.kubectl("delete", "pods", "-l", f"app.kubernetes.io/instance={deployment.name}")
    wait_for("all pods ready again", deployment.ready, 180)
    wait_for("the cluster agrees", deployment.healthy, 180)
    assert deployment.lost_keys("pods") == []


def test_keys_in_emptydir_survive_the_deletion_of_one_pod(examples: Examples) -> None:
    deployment = examples.deployments["emptydir"]
    deployment.write_keys("one")
    master = next(str(row["pod"]) for row in deployment.info()["topology"] if row["role"] == "master")
    deployment.kubectl("delete", "pod", master)
    run = run_playbook("site.yml", [EXAMPLES / "cluster_emptydir"])
    assert run.code == 0, run.output
    assert deployment.lost_keys("one") == []


def test_uninstall_keeps_what_outlives_pods(examples: Examples) -> None:
    for kind in KEPT:
        examples.deployments[kind].write_keys("kept")
    examples.play("playbooks/uninstall.yml")
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
