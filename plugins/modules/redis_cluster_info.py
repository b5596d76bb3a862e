#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_cluster_info
short_description: Read the topology and health of a Redis Cluster
version_added: 0.1.0
description:
  - Asks every node in one round for its own view, and reports where the views, the slots, the replica links or the
    placement on machines are not as they should be.
  - Changes nothing. Nodes that do not answer are reported, they do not fail the module.
author:
  - slotwise.redis contributors (@slotwise)
extends_documentation_fragment:
  - slotwise.redis.attributes
  - slotwise.redis.cluster
  - slotwise.redis.servers
  - slotwise.redis.kubernetes
options:
  timeout:
    description: Longest time to wait for nodes that do not answer, in seconds.
    default: 5
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
seealso:
  - module: slotwise.redis.redis_cluster_init
"""

EXAMPLES = r"""
- name: Look at the cluster
  slotwise.redis.redis_cluster_info:
    namespace: demo
    name: demo
    login_secret: demo-auth
  register: cluster

- name: Show it as a table
  ansible.builtin.debug:
    msg: "{{ cluster.topology | slotwise.redis.topology_table }}"
"""

RETURN = r"""
healthy:
  description: Whether there are no problems.
  returned: success
  type: bool
problems:
  description: What keeps the nodes from being one agreed, serving cluster of the given size.
  returned: success
  type: list
  elements: str
placement:
  description: Shards, or a majority of masters, that the failure of one machine, or of one zone, would stop.
  returned: success
  type: list
  elements: str
topology:
  description: >-
    One row a node that answered, with C(shard), C(role), C(pod), C(machine), C(zone), C(address), C(node_id), C(slots),
    C(slot_count), C(keys), C(lag) (bytes behind the master), C(link_up), C(version).
  returned: success
  type: list
  elements: dict
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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._argspec import CLUSTER, CONSTRAINTS
from ansible_collections.slotwise.redis.plugins.module_utils.redis.conditions import (
    open_slots,
    problems,
    shape_problems,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.report import placement_problems, topology
from ansible_collections.slotwise.redis.plugins.module_utils.run.cluster import with_nodes


def read(deployment, fleet, nodes, reasons):
    found = [f"does not answer: {reason}" for reason in reasons]
    found += problems(nodes, complete=not reasons) + shape_problems(deployment.desired, nodes)
    found += open_slots(nodes)
    return {
        "healthy": not found,
        "problems": found,
        "placement": placement_problems(nodes, deployment.zones),
        "topology": topology(nodes),
    }


def main():
    spec = {**CLUSTER, "timeout": {"type": "int", "default": 5}}
    with_nodes(AnsibleModule(argument_spec=spec, supports_check_mode=True, **CONSTRAINTS), read)


if __name__ == "__main__":
    main()
