#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_cluster_init
short_description: Create a Redis Cluster of pods, complete it, or let a pod that came back empty join again
version_added: 0.1.0
description:
  - Finds the pods of a StatefulSet, assigns slots to masters and replicas to masters on other machines, and waits
    until every node agrees.
  - It plans first. C(changed) is exactly whether the plan has steps, and check mode returns the same plan.
  - In check mode, pods that do not exist yet are planned as empty nodes. Where their claims have volumes already, which
    may hold a cluster, nothing is planned and a warning says so.
  - A run can be killed at any point; the next run completes what is left.
  - Where nodes of a formed cluster are away, what can be done without them is done, and the run fails at its end and
    names them. A pod that cannot run soon, as its machine is not ready or it cannot be scheduled, is waited for 10
    seconds, others O(timeout).
  - It refuses, with what it found, to join nodes that hold keys of their own or belong to another cluster, and to
    give away slots whose keys are elsewhere. It never flushes or resets a node.
  - While a cluster without keys is formed, C(cluster-node-timeout) and C(repl-diskless-sync-delay) are lowered, and
    set to O(cluster_node_timeout) and O(repl_diskless_sync_delay) afterwards, also when the run fails.
  - With O(name), the Lease C(NAME.slotwise.redis) keeps a second run out while this one changes something.
author:
  - slotwise.redis contributors (@slotwise)
options:
  cluster_node_timeout:
    description: Value of C(cluster-node-timeout) that the nodes shall run with, in milliseconds.
    type: int
    default: 15000
  repl_diskless_sync_delay:
    description: Value of C(repl-diskless-sync-delay) that the nodes shall run with, in seconds.
    type: int
    default: 5
  placement:
    description:
      - Where pods that do not exist yet will run, so that check mode can plan before the first run.
      - The zone also counts for pods that run on that machine. Without it the label of the Kubernetes node does.
      - Maps the name of a pod to a dictionary with C(machine) and C(zone).
    type: dict
    default: {}
extends_documentation_fragment:
  - slotwise.redis.attributes
  - slotwise.redis.lease
  - slotwise.redis.progress
  - slotwise.redis.cluster
  - slotwise.redis.servers
  - slotwise.redis.kubernetes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: slotwise.redis.redis_cluster_info
  - module: slotwise.redis.redis_cluster_verify
  - name: Redis Cluster specification
    description: What slots, epochs, MEET and failover mean.
    link: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

EXAMPLES = r"""
- name: Make the pods of StatefulSet demo one cluster of three shards with a replica each
  slotwise.redis.redis_cluster_init:
    namespace: demo
    name: demo
    login_secret: demo-auth
    shards: 3
    replicas: 1

- name: The same for servers outside of Kubernetes
  slotwise.redis.redis_cluster_init:
    nodes: ["127.0.0.1:7000", "127.0.0.1:7001", "127.0.0.1:7002"]
    shards: 3
    replicas: 0
"""

RETURN = r"""
plan:
  description: Steps from the state that was found to the one that is wanted, in order. Empty when nothing is to do.
  returned: always
  type: list
  elements: dict
  contains:
    action:
      description:
        - One of C(tune), C(fail_over), C(set_epoch), C(add_slots), C(meet), C(replicate), C(forget), C(configure).
      type: str
    node:
      description: Pod, or C(host:port), that the step is sent to.
      type: str
    reason:
      description: Why the step is needed.
      type: str
  sample: [{"action": "replicate", "node": "demo-3", "master": "demo-0", "reason": "replica of shard 0"}]
actions:
  description: Steps that were carried out, with C(after_ms), the milliseconds since the plan was started.
  returned: always
  type: list
  elements: dict
before:
  description: Topology that was found, one row a node as in RV(after).
  returned: always
  type: list
  elements: dict
after:
  description: >-
    Topology at the end, one row a node with C(shard), C(role), C(pod), C(machine), C(zone), C(address), C(node_id),
    C(slots), C(slot_count), C(keys), C(lag) (bytes behind the master), C(link_up), C(version).
  returned: always
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

from ansible_collections.slotwise.redis.plugins.module_utils._argspec import CLUSTER, CONSTRAINTS, LEASE, PROGRESS
from ansible_collections.slotwise.redis.plugins.module_utils.run.init import run_init


def main():
    run_init(
        AnsibleModule(
            argument_spec={
                **CLUSTER,
                "cluster_node_timeout": {"type": "int", "default": 15000},
                "repl_diskless_sync_delay": {"type": "int", "default": 5},
                "placement": {"type": "dict", "default": {}},
                **LEASE,
                **PROGRESS,
            },
            supports_check_mode=True,
            **CONSTRAINTS,
        )
    )


if __name__ == "__main__":
    main()
