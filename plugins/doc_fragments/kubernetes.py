# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Kubeconfig file to use.
      - Without it E(KUBECONFIG), then C(~/.kube/config), then the service account of the pod that Ansible runs in.
    type: path
  context:
    description: Context of the kubeconfig. Without it the current one.
    type: str
"""
