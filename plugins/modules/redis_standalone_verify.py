#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_standalone_verify
short_description: Prove that standalone Redis servers store and return keys
version_added: 0.1.0
description:
  - Waits until every server answers; then writes a key to each of them, reads it and deletes it.
  - The keys have a random name and expire after 60 seconds, so a run that is killed leaves nothing behind.
  - A server whose memory is full (C(maxmemory)) refuses the key. It works all the same, so that is a warning.
  - Reports no change, since nothing of it stays. In check mode nothing is written.
author:
  - slotwise.redis contributors (@slotwise)
extends_documentation_fragment:
  - slotwise.redis.attributes
  - slotwise.redis.servers
  - slotwise.redis.kubernetes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  instances:
    description: Number of pods of the deployment O(name). 1 or more.
    type: int
    default: 1
"""

EXAMPLES = r"""
- name: Write and read a key in every server
  slotwise.redis.redis_standalone_verify:
    namespace: sessions
    name: sessions
    instances: 12
    login_secret: sessions-auth
"""

RETURN = r"""
servers:
  description: One row a server, with C(pod), C(machine), C(address), C(version), C(keys), C(memory) (bytes used).
  returned: success
  type: list
  elements: dict
placement:
  description: Several servers that are all on one machine, or in one zone.
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

from ansible_collections.slotwise.redis.plugins.module_utils._argspec import CONSTRAINTS, SERVERS
from ansible_collections.slotwise.redis.plugins.module_utils._errors import end
from ansible_collections.slotwise.redis.plugins.module_utils.run.verify_standalone import run_verify


def main():
    spec = {**SERVERS, "instances": {"type": "int", "default": 1}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True, **CONSTRAINTS)
    end(module, lambda: run_verify(module, write=not module.check_mode))


if __name__ == "__main__":
    main()
