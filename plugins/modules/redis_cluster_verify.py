#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_cluster_verify
short_description: Prove that every shard of a Redis Cluster stores, replicates and returns keys
version_added: 0.1.0
description:
  - Waits until all nodes are one agreed, serving cluster; then writes a key to every shard, waits until each replica
    has acknowledged it, reads it from every node of the shard, and deletes it.
  - The keys have a random name and expire after 60 seconds, so a run that is killed leaves nothing behind.
  - A server whose memory is full (C(maxmemory)) refuses the key. It works all the same, so that is a warning.
  - Reports no change, since nothing of it stays. In check mode nothing is written.
author:
  - slotwise.redis contributors (@slotwise)
extends_documentation_fragment:
  - slotwise.redis.attributes
  - slotwise.redis.cluster
  - slotwise.redis.servers
  - slotwise.redis.kubernetes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
seealso:
  - module: slotwise.redis.redis_cluster_info
"""

EXAMPLES = r"""
- name: Write and read a key in every shard
  slotwise.redis.redis_cluster_verify:
    namespace: demo
    name: demo
    login_secret: demo-auth
"""

RETURN = r"""
checks:
  description: >-
    One entry a shard that was written to and read from, with C(shard), C(master), C(replicas), C(key), and C(full),
    which says how full its memory is where it refused the key for that.
  returned: success
  type: list
  elements: dict
topology:
  description: The cluster, one row a node, as M(slotwise.redis.redis_cluster_info) returns it.
  returned: success
  type: list
  elements: dict
placement:
  description: Shards, or a majority of masters, that the failure of one machine, or of one zone, would stop.
  returned: success
  type: list
  elements: str
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
from ansible_collections.slotwise.redis.plugins.module_utils.run.cluster import with_nodes
from ansible_collections.slotwise.redis.plugins.module_utils.run.verify_cluster import run_verify


def main():
    module = AnsibleModule(argument_spec=CLUSTER, supports_check_mode=True, **CONSTRAINTS)
    with_nodes(
        module,
        lambda deployment, fleet, nodes, reasons: run_verify(deployment, fleet, nodes, reasons, not module.check_mode),
    )


if __name__ == "__main__":
    main()
