#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_persistence
short_description: Let running servers write the files that they are to read when they restart
version_added: 0.1.0
description:
  - A server that starts reads an append only file or a snapshot, as its settings say, and never the newer of the two.
    Where C(appendonly) or C(save) change, its data has to be in the right file before it restarts.
  - To O(appendonly=true) by C(CONFIG SET), waiting until the file is complete. Run it before the settings of the pods
    change.
  - To O(appendonly=false) by C(CONFIG SET) and a snapshot that is waited for. Run it after the settings of the pods
    changed.
  - Servers that write the right files already are left alone. One server after the other, as each writes all its data.
  - It plans first. C(changed) is exactly whether the plan has steps, and check mode returns the same plan.
  - Needs O(name); O(nodes) is refused.
author:
  - slotwise.redis contributors (@slotwise)
options:
  servers:
    description: Number of servers.
    type: int
    required: true
  appendonly:
    description: Whether the servers will start with C(appendonly yes).
    type: bool
    required: true
  save:
    description: The points of time for snapshots that they will start with, as CONFIG GET shows them. Empty for none.
    type: str
    required: true
  timeout:
    description: Longest time to wait for the files of each server, in seconds.
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
  - module: slotwise.redis.redis_restart
  - name: Redis persistence
    description: What append only files and snapshots are.
    link: https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
"""

EXAMPLES = r"""
- name: Write append only files before the ConfigMap says so
  slotwise.redis.redis_persistence:
    namespace: sessions
    name: sessions
    login_secret: sessions-auth
    servers: 3
    appendonly: true
    save: ""
"""

RETURN = r"""
plan:
  description: Steps in order. Empty when nothing is to do.
  returned: always
  type: list
  elements: dict
  contains:
    action:
      description: C(append) or C(snapshot).
      type: str
    pod:
      description: Pod of the server.
      type: str
    save:
      description: Its points of time for snapshots after it.
      type: str
    reason:
      description: Why the step is needed.
      type: str
  sample: [{"action": "snapshot", "pod": "sessions-0", "save": "900 1", "reason": "it saves no snapshots yet"}]
actions:
  description: Steps that were carried out.
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
from ansible_collections.slotwise.redis.plugins.module_utils.run.persistence import run_persistence


def main():
    module = AnsibleModule(
        argument_spec={
            **SERVERS,
            "servers": {"type": "int", "required": True},
            "appendonly": {"type": "bool", "required": True},
            "save": {"type": "str", "required": True},
            **LEASE,
            **PROGRESS,
        },
        supports_check_mode=True,
        **CONSTRAINTS,
    )
    if module.params["nodes"]:
        module.fail_json(msg="nodes is given. Servers in Kubernetes are switched: give name instead.")
    run_persistence(module)


if __name__ == "__main__":
    main()
