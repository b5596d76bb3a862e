# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(deployment)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: deployment
short_description: Tell what a deployment comes to, and what is wrong with it
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
        left out but the password.
      - C(variables) are the names of all variables with this prefix that a user gave.
      - C(scripts), C(configuration) and C(agent) are files of its pods, names and contents.
      - C(backend) is where a Twemproxy deployment finds its servers by itself, with C(service), C(secret),
        C(secret_key), C(namespace) and C(state), which is empty where the inventory has no such deployment.
      - C(claimed_size) is what existing claims ask for, and C(hostnames) the host name labels of the Kubernetes nodes
        that may mount NFS.
      - C(password) is what is known of a password that was given, with C(given), C(fault) and C(differs), never the
        password.
      - C(found) is what M(slotwise.redis.kubernetes_objects_info) returned as C(objects), C(volumes) the persistent
        volumes among it as P(slotwise.redis.existing_volumes#filter) describes them, C(machines) and C(server) what
        P(slotwise.redis.volume_plan#filter) takes, and C(change) what another pool does to the keys, as
        P(slotwise.redis.twemproxy_ring_change#filter) tells it.
    type: dict
    required: true
  part:
    description:
      - What is wanted. V(objects) are those that it shall have, V(removable) those that it may have, whatever its
        options are now, and V(permissions) what the user of the kubeconfig must be allowed to do.
      - V(code) are the names of the ConfigMaps with files that pods keep until they are restarted.
      - V(input_problems) is what is wrong with the variables, a value of a wrong type included. The other parts fail
        where there is one.
      - V(warnings) are about variables with the prefix of the kind that nobody reads. One that is nearly the name of an
        option is one of the problems.
      - V(live_problems) is what speaks against the run in what was found, V(rights_problems) what speaks against the
        rights of agents, and V(spread_warnings) what the failure of one machine could take.
      - V(server_nodes) are the Kubernetes nodes that servers may run on.
    type: str
    choices:
      - objects
      - removable
      - permissions
      - code
      - input_problems
      - warnings
      - live_problems
      - rights_problems
      - spread_warnings
      - server_nodes
    required: true
"""

EXAMPLES = r"""
- name: Show the names of the objects
  ansible.builtin.debug:
    msg: "{{ deployment | slotwise.redis.deployment('objects') | map(attribute='metadata.name') }}"
"""

RETURN = r"""
_value:
  description: >-
    Objects as Kubernetes takes them, rules as M(slotwise.redis.kubernetes_access) takes them, names, or sentences.
  type: list
  elements: raw
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.slotwise.redis.plugins.module_utils.deployment import parts, problems
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import nodes
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import sentinel
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live, Password
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment, Observed

PARTS: dict[str, Callable[[Deployment], list[Any]]] = {
    "objects": parts.objects,
    "removable": parts.removable,
    "permissions": parts.permissions,
    "code": parts.code,
}
FINDINGS: dict[str, Callable[[Deployment, Live], list[str]]] = {
    "live_problems": problems.live_problems,
    "rights_problems": lambda deployment, live: list(sentinel.rights_problems(deployment, live)),
    "spread_warnings": problems.spread_warnings,
    "server_nodes": nodes.of_servers,
}


def deployment(given: Mapping[str, Any], part: str) -> list[Any]:
    """See C(module_utils/deployment)."""
    given = _plain(given)
    files = {name: given.get(name, {}) for name in ("scripts", "configuration", "agent", "backend")}
    observed = Observed(given.get("claimed_size", ""), tuple(given.get("hostnames", ())))
    variables = given.get("variables", ())
    value = Deployment.read(given["kind"], given["options"], observed=observed, variables=variables, **files)
    if part == "input_problems":
        return problems.input_problems(value, _password(given))
    if part == "warnings":
        return problems.warnings(value)
    if value.faults:
        raise AnsibleFilterError("\n".join(value.faults.values()))
    if part in FINDINGS:
        return FINDINGS[part](value, _live(given))
    return PARTS[part](value)


def _plain(value: Any) -> Any:
    """The same without the containers of Ansible, which hold templates until somebody looks."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _password(given: Mapping[str, Any]) -> Password:
    return Password(**given.get("password", {}))


def _live(given: Mapping[str, Any]) -> Live:
    more = {name: given[name] for name in ("machines", "server", "volumes", "change") if name in given}
    return Live(given["found"], _password(given), **more)


class FilterModule:
    """Deployment filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"deployment": deployment}
