#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_info
short_description: Look at the deployment that variables describe, and refuse what cannot be done
version_added: 0.1.0
description:
  - Reads the variables of the kind of deployment, with the defaults of its role for those that are not set. Text of
    surveys and INI files becomes what is meant.
  - Refuses, all at once, values that make no deployment, permissions that are missing, and what in Kubernetes speaks
    against the run. Says what is waited for, and what could be lost.
  - Plans the volumes. Nothing is changed. The password is in nothing that is returned.
author:
  - slotwise.redis contributors (@slotwise)
options:
  kind:
    description: Kind of the deployment, which is the name of its role and the prefix of its variables.
    type: str
    choices: [redis_cluster, redis_sentinel, redis_standalone, twemproxy]
    required: true
  known:
    description:
      - What this module returned before in this run. It is returned again where the variables are the same.
    type: dict
  look:
    description: Whether Kubernetes is asked. Without it only what the variables say is returned.
    type: bool
    default: true
requirements:
  - kubernetes >= 29.0
extends_documentation_fragment:
  - slotwise.redis.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Look at the cluster that the variables redis_cluster_... describe
  slotwise.redis.deployment_info:
    kind: redis_cluster
  register: orders

- name: Show where its data is
  ansible.builtin.debug:
    msg: "{{ orders.storage.volumes | map(attribute='path') }}"
"""

RETURN = r"""
kind:
  description: As it was given.
  returned: success
  type: str
name:
  description: Name of the deployment. C(namespace), C(state), C(kubeconfig), C(context), C(transport), C(timeout),
    C(dns_server) and C(cluster_domain) are returned like it.
  returned: success
  type: str
options:
  description: All options without the prefix, of the types that they have.
  returned: success
  type: dict
settings:
  description: What other modules are told of the configuration of servers or proxies.
  returned: success
  type: dict
service:
  description: The headless service, by whose name pods find each other.
  returned: success
  type: str
login_secret:
  description: The Secret with the password, empty where there is none. C(login_secret_key) is the key in it.
  returned: success
  type: str
awaited:
  description: Queries for O(slotwise.redis.kubernetes_wait#module:queries).
  returned: success
  type: list
  elements: dict
warning:
  description: What the storage does not keep, empty where nothing is to be said.
  returned: success
  type: str
commands:
  description: What people paste, with C(kubectl), C(password) and C(cli).
  returned: success
  type: dict
notes:
  description: Lines that its features have for the end of a run.
  returned: success
  type: list
  elements: str
key:
  description: Equal for equal deployments.
  returned: success
  type: str
look:
  description: Another text for each time that Kubernetes was asked.
  returned: when Kubernetes was asked
  type: str
found:
  description: Objects of Kubernetes by the id of the query. On failure the evidence.
  returned: when Kubernetes was asked
  type: dict
runs:
  description: Whether its servers run.
  returned: when Kubernetes was asked
  type: bool
storage:
  description:
    - The plan of its volumes, and what machines are told of it. Proxies have none.
    - The same input always gives the same plan. Volumes that exist already never move, so adding pods or machines moves
      nothing; new ordinals go where the fewest volumes lie.
    - In C(volumes) is a row for each pod, in the order of the ordinals. C(machine) is the inventory name of the host
      that has the directory C(path), empty where the inventory does not have it. C(export) is what an NFS server
      exports.
  returned: when Kubernetes was asked
  type: dict
  sample:
    volumes:
      - deployment: orders
        namespace: shop
        ordinal: 0
        pod: orders-0
        claim: data-orders-0
        volume: shop.orders-0
        type: local
        machine: worker1
        node: worker1
        zone: a
        server: ""
        path: /srv/redis/shop.orders-0
        export: ""
        size: 8Gi
        exists: false
        incarnation: ""
        kubernetes: 5f0a5ad2-2f5c-4c0e-9a0e-0c8a1f6f6f0a
        adopt: false
placement:
  description: Where pods that do not exist yet will run, as far as their volumes say so.
  returned: when Kubernetes was asked
  type: dict
"""
