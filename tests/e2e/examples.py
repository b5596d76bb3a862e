# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example inventories for the kinds of storage, deployed together as they stand."""

from __future__ import annotations

import pathlib

import yaml
from deployment import ROOT, Deployment, Run, handle, run_playbook

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
        assert run.code == 0, run.shown
        return run

    def remove(self) -> None:
        ours = ("get", "statefulset,pvc,pv", "-A", "-l", "app.kubernetes.io/managed-by=slotwise.redis", "-o", "name")
        if "cluster-" in handle.kubectl(*ours).stdout:
            self.play("playbooks/uninstall.yml", "-e", "redis_cluster_delete_data=true")
        namespaces = [deployment.namespace for deployment in self.deployments.values()]
        handle.kubectl("delete", "namespace", *namespaces, "--ignore-not-found")


def make_disks() -> None:
    """A default storage class with one volume on each worker."""
    remove_disks()
    for machine in WORKERS:
        handle.machine_exec(machine, "sh", "-c", "rm -rf /srv/lab-disk && mkdir -p /srv/lab-disk")
    handle.kubectl("apply", "-f", "-", stdin=CLASS + "".join(DISK.format(machine=m) for m in WORKERS))


def remove_disks() -> None:
    handle.kubectl("delete", "pv", "-l", "lab=disks", "--ignore-not-found")
    handle.kubectl("delete", "storageclass", "lab-disks", "--ignore-not-found")
