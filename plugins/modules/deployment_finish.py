#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_finish
short_description: End a run on a deployment
version_added: 0.1.0
description:
  - Removes files that only earlier pods ran, and rights that only earlier releases gave.
  - Lets other runs change the deployment again.
author:
  - slotwise.redis contributors (@slotwise)
options:
  kind:
    description: Kind of the deployment, which is the name of its role and the prefix of its variables.
    type: str
    choices: [redis_cluster, redis_sentinel, redis_standalone, twemproxy]
    required: true
  looked:
    description: What M(slotwise.redis.deployment_info) returned.
    type: dict
    required: true
requirements:
  - kubernetes >= 29.0
extends_documentation_fragment:
  - slotwise.redis.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Let others change it again
  slotwise.redis.deployment_finish:
    kind: redis_cluster
    looked: "{{ orders }}"
"""

RETURN = r"""
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
