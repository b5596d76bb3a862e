#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several reads of the Kubernetes API in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_objects_info
short_description: Read Kubernetes objects of several kinds in one call
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Reads single objects by name and lists by label, all at once. Nothing is changed.
  - The values of Secrets are never returned; O(queries[].compare) tells whether they are as expected, and C(faults) in
    the answer has the keys whose values could not be passwords, with the reason.
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
requirements:
  - kubernetes >= 29.0
extends_documentation_fragment:
  - slotwise.redis.attributes
  - slotwise.redis.kubernetes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Read the nodes and the volumes of a deployment
  slotwise.redis.kubernetes_objects_info:
    queries:
      - id: nodes
        kind: Node
        parts: []
      - id: volumes
        kind: PersistentVolume
        labels:
          app.kubernetes.io/instance: orders
  register: found
"""

RETURN = r"""
objects:
  description: >-
    For each query the objects found, without managed fields; an empty list where there are none. An object that is
    being deleted has C(leaving) besides, with C(text) (since when, and what holds it) and C(loses) (whether it holds
    something that a new one of its name would not have).
  returned: success
  type: dict
  sample:
    nodes:
      - apiVersion: v1
        kind: Node
        metadata:
          name: worker1
found:
  description: The evidence.
  returned: failure
  type: list
  elements: str
advice:
  description: What to do next.
  returned: failure
  type: str
"""

import base64
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._argspec import KUBERNETES
from ansible_collections.slotwise.redis.plugins.module_utils._errors import end
from ansible_collections.slotwise.redis.plugins.module_utils._kubernetes import api_client, require_kubernetes
from ansible_collections.slotwise.redis.plugins.module_utils._leaving import leaving
from ansible_collections.slotwise.redis.plugins.module_utils._objects import KINDS, Objects, Ref, in_parallel
from ansible_collections.slotwise.redis.plugins.module_utils._passwords import fault_of, without_line_end


def only_parts(found: dict[str, Any], parts: list[str]) -> dict[str, Any]:
    """An object with these parts of it, each a path of keys."""
    kept: dict[str, Any] = {key: found[key] for key in ("apiVersion", "kind") if key in found}
    for part in parts:
        value, here = found, kept
        *outer, last = part.split(".")
        for key in outer:
            value, here = value.get(key) or {}, here.setdefault(key, {})
        if last in value:
            here[last] = value[last]
    return kept


def shown(found: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    """An object as it may be returned."""
    metadata = {key: value for key, value in found["metadata"].items() if key != "managedFields"}
    kept = found if query["parts"] is None else only_parts(found, query["parts"])
    result = {**kept, "metadata": metadata}
    if going := leaving(found):
        result["leaving"] = going
    if found["kind"] == "Secret":
        data = found.get("data") or {}
        # kubectl apply leaves a copy of the values in an annotation.
        metadata.pop("annotations", None)
        result["data"] = dict.fromkeys(data)
        values = {key: base64.b64decode(value or "") for key, value in data.items()}
        result["faults"] = {key: fault for key, value in values.items() if (fault := fault_of(value))}
        result["compare"] = {
            key: key in values and without_line_end(values[key]) == without_line_end(str(expected).encode())
            for key, expected in query["compare"].items()
        }
    return result


def answer(objects: Objects, query: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of one query."""
    namespace = query["namespace"] or ""
    if query["name"]:
        metadata = {"name": query["name"], "namespace": namespace}
        single = objects.read(Ref.of({"kind": query["kind"], "metadata": metadata}))
        found = [] if single is None else [single]
    else:
        found = objects.find(query["kind"], namespace, query["labels"])
    return [shown(item, query) for item in found]


def run(module: AnsibleModule, objects: Objects) -> dict[str, Any]:
    """Answer all queries."""
    queries = module.params["queries"]
    answers = in_parallel(lambda query: answer(objects, query), queries)
    return {"changed": False, "objects": {query["id"]: found for query, found in zip(queries, answers)}}


def main() -> None:
    """Module entry."""
    module = AnsibleModule(
        argument_spec={
            **KUBERNETES,
            "queries": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "id": {"type": "str", "required": True},
                    "kind": {"type": "str", "required": True, "choices": sorted(KINDS)},
                    "name": {"type": "str"},
                    "namespace": {"type": "str"},
                    "labels": {"type": "dict", "default": {}},
                    "parts": {"type": "list", "elements": "str"},
                    "compare": {"type": "dict", "default": {}, "no_log": True},
                },
            },
        },
        supports_check_mode=True,
    )
    require_kubernetes(module)
    end(module, lambda: run(module, Objects(api_client(module.params["kubeconfig"], module.params["context"]))))


if __name__ == "__main__":
    main()
