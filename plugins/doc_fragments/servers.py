# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  namespace:
    description: Namespace of the deployment. Required with O(name).
    type: str
  name:
    description:
      - Name of the deployment, which is the name of its StatefulSet.
      - Give this or O(nodes).
    type: str
  service:
    description: Headless Service of the pods. Without it C(<name>-headless).
    type: str
  cluster_domain:
    description: DNS domain of the Kubernetes cluster.
    type: str
    default: cluster.local
  nodes:
    description:
      - Redis servers as C(host:port), for servers outside of Kubernetes. All of them, in a lasting order.
      - Give this or O(name).
    type: list
    elements: str
  login_password:
    description: Password of the default user.
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
        Kubernetes API.
      - V(auto) is V(direct) where Ansible itself runs in a pod and its service account is used, which is where there is
        no kubeconfig; else V(port_forward). It does not try addresses out, because outside of the cluster a pod
        address may be another machine.
      - With V(direct), the password is sent only where DNS and the Kubernetes API agree about the address, and to a
        server that asks for one.
    type: str
    default: auto
    choices: [auto, direct, port_forward]
  dns_server:
    description:
      - DNS server, C(address) or C(address:port), that resolves the names of the pods, such as the cluster DNS.
      - With O(transport=direct) names are resolved by the system's resolver when this is not given. With
        O(transport=port_forward) names are checked only when it is given.
      - An answer that differs from the pod's address in the Kubernetes API is asked again until O(timeout), then
        reported as stale.
    type: str
  timeout:
    description: Longest time to wait for pods, names and agreement of the servers, in seconds.
    type: int
    default: 300
requirements:
  - redis >= 5.1 (redis-py)
  - kubernetes >= 29.0 (with O(name))
  - dnspython >= 2.6 (with O(transport=direct) or O(dns_server))
"""
