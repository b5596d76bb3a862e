# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to Kubernetes, answered together."""

from __future__ import annotations


class ModuleDocFragment:
    """Doc fragment C(slotwise.redis.queries)."""

    DOCUMENTATION = r"""
options:
  queries:
    description: What to read.
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: Key of the answer in RV(objects).
        type: str
        required: true
      kind:
        description: Kind of the objects.
        type: str
        required: true
        choices:
          - ConfigMap
          - Deployment
          - Namespace
          - NetworkPolicy
          - Node
          - PersistentVolume
          - PersistentVolumeClaim
          - Pod
          - PodDisruptionBudget
          - Role
          - RoleBinding
          - Secret
          - Service
          - ServiceAccount
          - StatefulSet
          - StorageClass
      name:
        description: Name of a single object. A list is read when left out.
        type: str
      namespace:
        description: Namespace of the objects. Needed for a single object of a kind that lives in one.
        type: str
      labels:
        description: Labels that the objects of a list carry.
        type: dict
        default: {}
      parts:
        description:
          - Which parts of the objects to return besides their metadata, such as V(spec) or V(status.addresses).
            All when left out.
        type: list
        elements: str
      compare:
        description:
          - For a Secret, the value expected for each key. The answer has C(compare) with whether each is as expected.
            Line breaks at the end do not count.
        type: dict
        default: {}
"""
