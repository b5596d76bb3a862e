#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_access
short_description: Ask the Kubernetes API which of a list of actions the current user may do
version_added: 0.1.0
description:
  - Sends one SelfSubjectAccessReview for each verb, several at a time, and returns the verbs that are missing.
  - Fails when the API does not answer. Missing permissions do not fail it; the caller decides.
author:
  - slotwise.redis contributors (@slotwise)
options:
  rules:
    description: What will be done.
    type: list
    elements: dict
    required: true
    suboptions:
      group:
        description: API group; empty for the core group.
        type: str
        default: ""
      resource:
        description: Resource in the plural, with its subresource after a slash, such as V(pods/portforward).
        type: str
        required: true
      verbs:
        description: Verbs of the Kubernetes API, such as V(get) or V(patch).
        type: list
        elements: str
        required: true
      namespace:
        description: Namespace of the resource; without it the whole cluster.
        type: str
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
- name: May I create what a deployment needs?
  slotwise.redis.kubernetes_access:
    rules:
      - resource: persistentvolumes
        verbs: [get, create, patch]
      - group: apps
        resource: statefulsets
        verbs: [get, create, patch]
        namespace: demo
  register: access
"""

RETURN = r"""
allowed:
  description: Whether nothing is missing.
  returned: success
  type: bool
missing:
  description: One sentence for each rule that is not fully allowed.
  returned: success
  type: list
  elements: str
  sample: ["create persistentvolumes in the whole cluster"]
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

from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._argspec import KUBERNETES
from ansible_collections.slotwise.redis.plugins.module_utils._errors import end
from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import (
    READ_SECONDS,
    api_client,
    api_errors,
    client,
    require_kubernetes,
)


def may(authorization, verb, rule):
    resource, _separator, subresource = rule["resource"].partition("/")
    attributes = {"verb": verb, "group": rule["group"], "resource": resource, "subresource": subresource}
    if rule["namespace"]:
        attributes["namespace"] = rule["namespace"]
    body = {"spec": {"resourceAttributes": attributes}}
    return authorization.create_self_subject_access_review(body, _request_timeout=READ_SECONDS).status.allowed


def missing_access(kubeconfig, context, rules):
    api = api_client(kubeconfig, context)
    authorization = client.AuthorizationV1Api(api)
    asked = [(verb, rule) for rule in rules for verb in rule["verbs"]]
    with api_errors(api, "asking for permissions"), ThreadPoolExecutor(4) as pool:
        allowed = list(pool.map(lambda question: may(authorization, *question), asked))
    missing = []
    for rule in rules:
        verbs = [verb for (verb, of), yes in zip(asked, allowed) if of is rule and not yes]
        if verbs:
            resource = f"{rule['resource']}.{rule['group']}" if rule["group"] else rule["resource"]
            where = f"namespace {rule['namespace']}" if rule["namespace"] else "the whole cluster"
            missing.append(f"{', '.join(verbs)} {resource} in {where}")
    return missing


def run(module):
    missing = missing_access(*(module.params[k] for k in ("kubeconfig", "context", "rules")))
    return {"changed": False, "allowed": not missing, "missing": missing}


def main():
    rule = {
        "group": {"type": "str", "default": ""},
        "resource": {"type": "str", "required": True},
        "verbs": {"type": "list", "elements": "str", "required": True},
        "namespace": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            **KUBERNETES,
            "rules": {"type": "list", "elements": "dict", "required": True, "options": rule},
        },
        supports_check_mode=True,
    )
    require_kubernetes(module)
    end(module, lambda: run(module))


if __name__ == "__main__":
    main()
