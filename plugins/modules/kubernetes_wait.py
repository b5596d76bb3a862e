#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_wait
short_description: Wait until the pods of a deployment are ready
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Reads what M(slotwise.redis.kubernetes_objects_info) reads, again and again, until every StatefulSet and Deployment
    among it is ready. Nothing is changed.
  - Says every few seconds what is waited for. It does not wait for pods that refuse their settings, for objects that
    somebody is deleting, or for what does not exist; an API that does not answer is waited for too.
  - Where this run has kept the Lease of the deployment it goes on keeping it.
  - In check mode it reads once, and takes everything as it is.
options:
  what:
    description: What is waited for, for messages.
    type: str
    choices: [pod, proxy]
    default: pod
  namespace:
    description: Namespace of the deployment.
    type: str
    required: true
  name:
    description: Name of the deployment.
    type: str
    required: true
  timeout:
    description: Longest time to wait, in seconds.
    type: int
    default: 300
requirements:
  - kubernetes >= 29.0
extends_documentation_fragment:
  - slotwise.redis.attributes
  - slotwise.redis.lease
  - slotwise.redis.progress
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
- name: Wait until every pod is ready
  slotwise.redis.kubernetes_wait:
    namespace: shop
    name: orders
    queries:
      - {id: statefulset, kind: StatefulSet, namespace: shop, name: orders}
      - {id: pods, kind: Pod, namespace: shop, labels: {app.kubernetes.io/instance: orders}}
"""

RETURN = r"""
objects:
  description: For each query the objects found at the end, as M(slotwise.redis.kubernetes_objects_info) returns them.
  returned: success
  type: dict
stands:
  description: Whether its StatefulSet or Deployment exists, and nothing of it but pods is being deleted.
  returned: success
  type: bool
replicas:
  description: How many pods it asks for.
  returned: success
  type: int
outdated:
  description: Names of servers that were made before the latest settings.
  returned: success
  type: list
  elements: str
found:
  description: The evidence, such as pods that are not ready and what Kubernetes says about them.
  returned: failure
  type: list
  elements: str
advice:
  description: What to do next.
  returned: failure
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._argspec import KUBERNETES, LEASE, PROGRESS
from ansible_collections.slotwise.redis.plugins.module_utils._errors import end
from ansible_collections.slotwise.redis.plugins.module_utils.deployment import readiness
from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import (
    Kubernetes,
    api_client,
    require_kubernetes,
)
from ansible_collections.slotwise.redis.plugins.module_utils.io.objects import Objects
from ansible_collections.slotwise.redis.plugins.module_utils.io.queries import QUERIES, answers
from ansible_collections.slotwise.redis.plugins.module_utils.run.lease import lease_of
from ansible_collections.slotwise.redis.plugins.module_utils.run.progress import progress
from ansible_collections.slotwise.redis.plugins.module_utils.run.rollout import Rollout


def main():
    module = AnsibleModule(
        argument_spec={
            **KUBERNETES,
            **QUERIES,
            "what": {"type": "str", "choices": ["pod", "proxy"], "default": "pod"},
            "namespace": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "timeout": {"type": "int", "default": 300},
            **LEASE,
            **PROGRESS,
        },
        supports_check_mode=True,
    )
    require_kubernetes(module)
    given = module.params

    def result(found):
        return {"changed": False, "objects": found, **readiness.summary(found, given["name"])}

    def run():
        api = api_client(given["kubeconfig"], given["context"])
        objects, kubernetes = Objects(api), Kubernetes(api)
        rollout = Rollout(
            given,
            look=lambda: answers(objects, given["queries"]),
            warnings=lambda: kubernetes.all_warnings(given["namespace"]),
            report=progress(given["progress_file"]),
        )
        if module.check_mode:
            return result(rollout.look())
        with lease_of(api, given, given["timeout"]).while_ours():
            return result(rollout.wait())

    end(module, run)


if __name__ == "__main__":
    main()
