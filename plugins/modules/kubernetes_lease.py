#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_lease
short_description: Let other runs change a deployment again
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Deletes the Lease C(NAME.slotwise.redis), which modules with O(keep_lease) take before they change something.
  - One that another run holds stays. C(changed) is always false, as the deployment is not.
options:
  namespace:
    description: Namespace of the deployment.
    type: str
    required: true
  name:
    description: Name of the deployment.
    type: str
    required: true
requirements:
  - kubernetes >= 29.0
extends_documentation_fragment:
  - slotwise.redis.attributes
  - slotwise.redis.lease
  - slotwise.redis.kubernetes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Let other runs change the deployment again
  slotwise.redis.kubernetes_lease:
    namespace: shop
    name: orders
    keep_lease: true
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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._argspec import KUBERNETES, LEASE
from ansible_collections.slotwise.redis.plugins.module_utils._errors import end
from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import api_client, require_kubernetes
from ansible_collections.slotwise.redis.plugins.module_utils.run.lease import lease_of


def main():
    module = AnsibleModule(
        argument_spec={
            **KUBERNETES,
            "namespace": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            **LEASE,
        },
        supports_check_mode=True,
    )
    require_kubernetes(module)
    given = module.params

    def run():
        if not module.check_mode:
            lease_of(api_client(given["kubeconfig"], given["context"]), given, timeout=0).give_back()
        return {"changed": False}

    end(module, run)


if __name__ == "__main__":
    main()
