#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deployment
short_description: Make the objects of a deployment, or remove them
version_added: 0.1.0
description:
  - Creates the Secret and the claim that are missing, and applies all other objects of the deployment. Servers that
    run switch to the files that they will read before they are restarted.
  - Replaces pods that Kubernetes goes on starting with settings that keep them from beginning.
  - With C(state) V(absent) in its variables it removes all objects and waits until they are gone. Claims and password
    are kept unless C(delete_data) is set.
  - Other runs are kept out until M(slotwise.redis.deployment_finish).
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
- name: Look at the cluster
  slotwise.redis.deployment_info:
    kind: redis_cluster
  register: orders

- name: Make its objects
  slotwise.redis.deployment:
    kind: redis_cluster
    looked: "{{ orders }}"
"""

RETURN = r"""
objects:
  description: What was done, an entry for each object.
  returned: success
  type: list
  elements: dict
  sample:
    - object: StatefulSet shop/orders
      action: created
      restarts: false
restarts:
  description: Names of StatefulSets whose pods get other settings by this run.
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
