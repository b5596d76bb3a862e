# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # The description of a deployment's storage: what the filters take.
    DOCUMENTATION = r"""
options:
  _input:
    description: How the deployment stores its data. What is left out has the default given here.
    type: dict
    required: true
    suboptions:
      type:
        description:
          - Kind of storage. V(local) and V(hostpath) are directories on the machines, V(nfs) is one export for each
            pod, V(nfs_shared) one export with a directory for each pod, V(emptydir) goes with the pod, V(storageclass)
            is whatever a storage class of the Kubernetes cluster provides.
        type: str
        default: local
        choices: [local, hostpath, emptydir, nfs, nfs_shared, storageclass]
      size:
        description: Size of each volume, as a Kubernetes quantity with a unit.
        type: str
        default: 8Gi
      path:
        description: Directory on the machines, or on the NFS server, below which each volume gets its own.
        type: str
        default: /var/lib/slotwise-redis
      hosts:
        description:
          - Inventory names of machines. With V(local) and V(hostpath) those that hold the volumes, which must be given;
            with V(nfs) and V(nfs_shared) those that pods may run on, all when left out.
        type: list
        elements: str
        default: []
      volumes_per_host:
        description: How many volumes of this deployment one machine may hold. Unlimited when left out.
        type: int
      reclaim_policy:
        description: What becomes of a volume whose claim is deleted, V(Retain) or V(Delete).
        type: str
        default: Retain
      access_mode:
        description:
          - Access mode of the volumes. When left out, V(ReadWriteMany) with V(nfs_shared), else V(ReadWriteOnce).
        type: str
        default: ""
      storage_class:
        description:
          - Storage class. When left out, the default class of the cluster with V(storageclass), and one of the
            deployment's own, C(NAMESPACE.NAME-TYPE), with the other types.
        type: str
        default: ""
      server:
        description: NFS server, as the name of a machine of the inventory or an address.
        type: str
        default: ""
      clients:
        description: Addresses and networks that may mount the exports. Those of the Kubernetes nodes when left out.
        type: list
        elements: str
        default: []
      nfs_version:
        description: Version of NFS, V(4.0), V(4.1) or V(4.2).
        type: str
        default: "4.2"
      mount_options:
        description: Options of the NFS mounts besides the version.
        type: list
        elements: str
        default: [hard, timeo=600, retrans=2]
"""

    # What the plan needs to know besides.
    PLAN = r"""
options:
  name:
    description: Name of the deployment.
    type: str
    required: true
  namespace:
    description: Namespace of the deployment.
    type: str
    required: true
  pods:
    description: Number of pods.
    type: int
    required: true
  machines:
    description: Machines that may hold volumes, for V(local) and V(hostpath).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name in the inventory.
        type: str
        required: true
      node:
        description: Name of the Kubernetes node on this machine. The same as O(machines[].name) when left out.
        type: str
      zone:
        description: Zone of the machine, empty when not known.
        type: str
  server:
    description: The NFS server, for V(nfs) and V(nfs_shared).
    type: dict
    suboptions:
      name:
        description: Name in the inventory, empty where it is not in it.
        type: str
      address:
        description: Address that the volumes name.
        type: str
  existing:
    description: Volumes that exist already.
    type: list
    elements: dict
    default: []
    suboptions:
      pod:
        description: Pod that the volume belongs to, or the deployment whose pods share it.
        type: str
        required: true
      type:
        description: Kind of storage that it is.
        type: str
        required: true
      machine:
        description: Inventory name of that node, where O(machines) does not have it.
        type: str
        default: ""
      node:
        description: Kubernetes node that it lies on, empty where it lies on none.
        type: str
        required: true
      server:
        description: NFS server that it lies on, empty where it lies on none.
        type: str
        required: true
      path:
        description: Its directory.
        type: str
        required: true
      incarnation:
        description: Incarnation of the deployment that it belongs to, empty where it does not say.
        type: str
        default: ""
      fault:
        description: Why it cannot be used, which fails the plan. Empty where it can.
        type: str
        default: ""
  kubernetes:
    description: Kubernetes cluster of the volumes, as the uid of its namespace C(kube-system). Empty for not known.
    type: str
    default: ""
  claimed:
    description:
      - Size that the claims of a running deployment ask for. Volumes can grow, and not become smaller than this.
    type: str
    default: ""
  spread:
    description:
      - How many consecutive ordinals are kept on different machines and in different zones, as far as there are enough.
    type: int
    default: 2
  variable:
    description: What messages call the input.
    type: str
    default: storage
"""
