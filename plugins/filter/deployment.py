# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(deployment)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: deployment
short_description: Tell what Kubernetes objects a deployment comes to
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Made for the roles of this collection. Nothing is asked for and nothing is changed.
positional: _input, part
options:
  _input:
    description:
      - The deployment. C(kind) is the name of its role and C(options) its variables, prefix included, with nothing
        left out.
      - C(scripts), C(config) and C(agent) are files of its pods, names and contents.
      - C(backend) is where a Twemproxy deployment finds its servers by itself, with C(service), C(secret) and
        C(secret_key).
      - C(claimed_size) is what existing claims ask for, and C(hostnames) the host name labels of the Kubernetes nodes
        that may mount NFS.
    type: dict
    required: true
  part:
    description:
      - What is wanted. V(objects) are those that it shall have, V(removable) those that it may have, whatever its
        options are now, and V(permissions) what the user of the kubeconfig must be allowed to do.
      - V(code) are the names of the ConfigMaps with files that pods keep until they are restarted.
    type: str
    choices: [objects, removable, permissions, code]
    required: true
"""

EXAMPLES = r"""
- name: Show the names of the objects
  ansible.builtin.debug:
    msg: "{{ deployment | slotwise.redis.deployment('objects') | map(attribute='metadata.name') }}"
"""

RETURN = r"""
_value:
  description: Objects as Kubernetes takes them, rules as M(slotwise.redis.kubernetes_access) takes them, or names.
  type: list
  elements: raw
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.slotwise.redis.plugins.module_utils.deployment import parts
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment, Observed

PARTS: dict[str, Callable[[Deployment], list[Any]]] = {
    "objects": parts.objects,
    "removable": parts.removable,
    "permissions": parts.permissions,
    "code": parts.code,
}


def deployment(given: Mapping[str, Any], part: str) -> list[Any]:
    """See C(module_utils/deployment)."""
    files = {name: given.get(name, {}) for name in ("scripts", "config", "agent", "backend")}
    observed = Observed(given.get("claimed_size", ""), tuple(given.get("hostnames", ())))
    try:
        return PARTS[part](Deployment.read(given["kind"], given["options"], observed=observed, **files))
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Deployment filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"deployment": deployment}
