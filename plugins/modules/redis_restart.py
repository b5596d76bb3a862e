#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_restart
short_description: Restart the pods of servers and Sentinels that run with earlier settings, in the safest order
version_added: 0.1.0
description:
  - Finds the pods that were made from an earlier template of their StatefulSet, whose update strategy is C(OnDelete),
    and deletes them one at a time. Kubernetes makes each anew with the present settings.
  - It plans first. C(changed) is exactly whether the plan has steps, and check mode returns the same plan.
  - "With Sentinels: replicas, then a failover that is asked for, then the master of before, then the Sentinels. Before
    each step all others are ready, in sync and agreed on the master, and after it is waited for the same."
  - For the failover the master takes no writes until a replica that has every acknowledged write is the master. Writers
    get NOREPLICAS for about a second. What holds writes back is ended on every way out, and by the next run where this
    one was killed.
  - "Without Sentinels: one server after the other. It refuses where a restart would lose keys that no volume keeps."
  - A run can be killed at any point; the next run goes on. A Lease named as the deployment keeps a second run out
    meanwhile.
  - Needs O(name); O(nodes) is refused.
author:
  - slotwise.redis contributors (@slotwise)
options:
  servers:
    description: Number of servers.
    type: int
    default: 1
  sentinels:
    description: Number of Sentinels, pods of the StatefulSet C(<name>-sentinel). 0 for servers without Sentinels.
    type: int
    default: 0
  master_name:
    description: Name that the Sentinels have for the master. Without it O(name).
    type: str
  min_replicas_to_write:
    description: Value of C(min-replicas-to-write) that the servers shall run with, set when writes go on.
    type: int
    default: 0
  allow_data_loss:
    description: Restart servers without Sentinels also where their data does not outlive it.
    type: bool
    default: false
  changing:
    description:
      - StatefulSets whose template the run will change, so that check mode can tell that their pods will restart.
      - Counts in check mode only.
    type: list
    elements: str
    default: []
  timeout:
    description: Longest time to wait for each pod, and for all to agree before and after each step, in seconds.
    type: int
    default: 300
extends_documentation_fragment:
  - slotwise.redis.attributes
  - slotwise.redis.lease
  - slotwise.redis.progress
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
  - module: slotwise.redis.redis_sentinel_verify
  - module: slotwise.redis.redis_standalone_verify
"""

EXAMPLES = r"""
- name: Restart what runs with earlier settings, the master last
  slotwise.redis.redis_restart:
    namespace: sessions
    name: sessions
    login_secret: sessions-auth
    servers: 3
    sentinels: 3
    min_replicas_to_write: 1
"""

RETURN = r"""
plan:
  description: Steps in order. Empty when nothing is to do.
  returned: always
  type: list
  elements: dict
  contains:
    action:
      description: C(restart), C(hand_over), or C(lift) (let a server take writes again after a run that was killed).
      type: str
    pod:
      description: Pod that the step is about.
      type: str
    reason:
      description: Why the step is needed.
      type: str
  sample: [{"action": "hand_over", "pod": "sessions-0", "reason": "master, its settings are older"}]
actions:
  description: Steps that were carried out, with C(after_ms), the milliseconds since the module began.
  returned: always
  type: list
  elements: dict
before:
  description: Pods as they were found, one row each as in RV(after).
  returned: always
  type: list
  elements: dict
after:
  description: Pods at the end, one row each with C(pod), C(role) (of servers that were asked), C(outdated), C(ready).
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

from ansible_collections.slotwise.redis.plugins.module_utils._argspec import CONSTRAINTS, LEASE, PROGRESS, SERVERS
from ansible_collections.slotwise.redis.plugins.module_utils.run.restarts import run_restart


def main():
    module = AnsibleModule(
        argument_spec={
            **SERVERS,
            "servers": {"type": "int", "default": 1},
            "sentinels": {"type": "int", "default": 0},
            "master_name": {"type": "str"},
            "min_replicas_to_write": {"type": "int", "default": 0},
            "allow_data_loss": {"type": "bool", "default": False},
            "changing": {"type": "list", "elements": "str", "default": []},
            **LEASE,
            **PROGRESS,
        },
        supports_check_mode=True,
        **CONSTRAINTS,
    )
    if module.params["nodes"]:
        module.fail_json(msg="nodes is given. Pods are restarted by Kubernetes: give name instead.")
    run_restart(module)


if __name__ == "__main__":
    main()
