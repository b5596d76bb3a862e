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
requirements:
  - kubernetes >= 29.0
extends_documentation_fragment:
  - slotwise.redis.attributes
  - slotwise.redis.kubernetes
  - slotwise.redis.queries
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

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._argspec import KUBERNETES
from ansible_collections.slotwise.redis.plugins.module_utils._errors import end
from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import api_client, require_kubernetes
from ansible_collections.slotwise.redis.plugins.module_utils.io.objects import Objects
from ansible_collections.slotwise.redis.plugins.module_utils.io.queries import QUERIES, answers


def run(module: AnsibleModule, objects: Objects) -> dict[str, Any]:
    """Answer all queries."""
    return {"changed": False, "objects": answers(objects, module.params["queries"])}


def main() -> None:
    """Module entry."""
    module = AnsibleModule(
        argument_spec={
            **KUBERNETES,
            **QUERIES,
        },
        supports_check_mode=True,
    )
    require_kubernetes(module)
    end(module, lambda: run(module, Objects(api_client(module.params["kubeconfig"], module.params["context"]))))


if __name__ == "__main__":
    main()
