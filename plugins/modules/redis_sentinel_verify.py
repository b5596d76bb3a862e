#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_sentinel_verify
short_description: Prove that a master, its replicas and Sentinels work together
version_added: 0.1.0
description:
  - Waits until all Sentinels agree on the master and know each other, all replicas have what it has, and the labels of
    the pods say the same; then writes a key to the master, reads it from all servers and deletes it.
  - The key has a random name and expires after 60 seconds, so a run that is killed leaves nothing behind.
  - A server whose memory is full (C(maxmemory)) refuses the key. It works all the same, so that is a warning.
  - Reports no change, since nothing of it stays. In check mode nothing is written.
  - Needs O(name); O(nodes) is refused.
author:
  - slotwise.redis contributors (@slotwise)
extends_documentation_fragment:
  - slotwise.redis.attributes
  - slotwise.redis.sentinel
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
  - module: slotwise.redis.redis_sentinel_info
"""

EXAMPLES = r"""
- name: Write to the master and read from all servers
  slotwise.redis.redis_sentinel_verify:
    namespace: sessions
    name: sessions
    login_secret: sessions-auth
"""

RETURN = r"""
healthy:
  description: Whether there are no problems.
  returned: success
  type: bool
problems:
  description: What keeps servers and Sentinels from being one agreed whole that can fail over.
  returned: success
  type: list
  elements: str
master:
  description: Pod of the master as more than half of the Sentinels see it. Empty when they do not agree.
  returned: success
  type: str
address:
  description: Its name or address as the Sentinels tell it to clients.
  returned: success
  type: str
epoch:
  description: Epoch of the Sentinels' configuration, which grows with each failover. -1 when they do not agree.
  returned: success
  type: int
quorum:
  description: How many Sentinels must find the master down before one of them may fail over.
  returned: success
  type: int
placement:
  description: >-
    Pods together on one machine, or in one zone, whose failure would stop master and replicas, or leave too few
    Sentinels. They are no problems.
  returned: success
  type: list
  elements: str
kept:
  description: >-
    Directories on volumes with data that the master may lack, as the agents found it. They are never removed by
    themselves.
  returned: success
  type: list
  elements: str
waiting:
  description: Servers that wait for a person, and why. They are among the problems.
  returned: success
  type: list
  elements: str
election:
  description: >-
    While no master is known: why none is chosen yet, and what each server has. A person may decide by the variable
    C(redis_sentinel_decided_master) of the role P(slotwise.redis.redis_sentinel#role).
  returned: success
  type: list
  elements: str
servers:
  description: >-
    One row a server that answered, the master first, with C(pod), C(machine), C(address), C(role), C(label) (its
    redis-role), C(link_up), C(lag) (bytes behind the master), C(keys), C(memory) (bytes used), C(version).
  returned: success
  type: list
  elements: dict
sentinels:
  description: One row a Sentinel that answered, with C(pod), C(machine), C(address), C(master) (as it sees it).
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

from ansible_collections.slotwise.redis.plugins.module_utils._argspec import CONSTRAINTS, SENTINEL
from ansible_collections.slotwise.redis.plugins.module_utils._errors import end
from ansible_collections.slotwise.redis.plugins.module_utils.run.sentinel import run_verify


def main():
    module = AnsibleModule(argument_spec=SENTINEL, supports_check_mode=True, **CONSTRAINTS)
    if module.params["nodes"]:
        module.fail_json(
            msg="nodes is given. The servers of a deployment in Kubernetes are verified: give name instead."
        )
    end(module, lambda: run_verify(module, write=not module.check_mode))


if __name__ == "__main__":
    main()
