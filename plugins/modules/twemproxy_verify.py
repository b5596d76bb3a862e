#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: twemproxy_verify
short_description: Prove that every backend of a Twemproxy pool works through every proxy
version_added: 0.1.0
description:
  - Waits until every proxy and every backend answers. Writes a key to each backend through each proxy, reads it through
    the next proxy and deletes it. Which keys belong to which backend is computed.
  - The keys have a random name and expire after 60 seconds, so a run that is killed leaves nothing behind.
  - A server whose memory is full (C(maxmemory)) refuses the key. It works all the same, so that is a warning.
  - Reports no change, since nothing of it stays. In check mode keys are only read.
author:
  - slotwise.redis contributors (@slotwise)
extends_documentation_fragment:
  - slotwise.redis.attributes
  - slotwise.redis.kubernetes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  namespace:
    description: Namespace of the proxies. Required with O(name).
    type: str
  name:
    description:
      - Name of the deployment of proxies.
      - Give this or O(nodes).
    type: str
  nodes:
    description:
      - Proxies as C(host:port), for proxies outside of Kubernetes.
      - Give this or O(name).
    type: list
    elements: str
  port:
    description: Port of the proxies of O(name).
    type: int
    default: 22121
  replicas:
    description: Number of proxies of O(name). 1 or more.
    type: int
    default: 2
  pool:
    description:
      - Options of the pool, as in nutcracker.yml. Those that count are C(servers), with lines C(host:port:weight name),
        C(distribution), C(hash) and C(hash_tag).
    type: dict
    required: true
  login_password:
    description: Password of the pool.
    type: str
  login_secret:
    description: Secret in O(namespace) that holds the password. The module reads it; it passes through no variable.
    type: str
  login_secret_key:
    description: Key of O(login_secret) that holds the password.
    type: str
    default: password
  transport:
    description:
      - How to reach a pod. V(direct) opens TCP connections to pod addresses, V(port_forward) goes through the
        Kubernetes API. V(auto) is V(direct) where Ansible itself runs in a pod and its service account is used, else
        V(port_forward).
    type: str
    default: auto
    choices: [auto, direct, port_forward]
  timeout:
    description: Longest time to wait for the proxies and their backends, in seconds.
    type: int
    default: 300
requirements:
  - redis >= 5.1 (redis-py)
  - kubernetes >= 29.0 (with O(name))
"""

EXAMPLES = r"""
- name: Reach every backend through every proxy
  slotwise.redis.twemproxy_verify:
    namespace: cache
    name: proxy
    login_secret: cache-auth
    pool:
      distribution: ketama
      hash: fnv1a_64
      hash_tag: "{}"
      servers:
        - cache-0.cache-headless.cache.svc.cluster.local:6379:1 cache-0
        - cache-1.cache-headless.cache.svc.cluster.local:6379:1 cache-1
"""

RETURN = r"""
proxies:
  description: >-
    One row a proxy, with C(pod), C(machine), C(address), C(backends) (how many were reached through it),
    C(full) (those of them that are full and refused a key for that).
  returned: success
  type: list
  elements: dict
placement:
  description: Several proxies that are all on one machine, or in one zone.
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
from ansible_collections.slotwise.redis.plugins.module_utils.run.verify_twemproxy import run_verify

# What the servers of a StatefulSet have and proxies have not.
STATEFULSET = ("service", "cluster_domain", "dns_server")


def main():
    spec = {
        **{name: option for name, option in SERVERS.items() if name not in STATEFULSET},
        "port": {"type": "int", "default": 22121},
        "replicas": {"type": "int", "default": 2},
        "pool": {"type": "dict", "required": True},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True, **CONSTRAINTS)
    end(module, lambda: run_verify(module, write=not module.check_mode))


if __name__ == "__main__":
    main()
