# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  nodes:
    description:
      - Sentinels as C(host:port), for those outside of Kubernetes. Their servers are not asked then.
      - Give this or O(name).
    type: list
    elements: str
  master_name:
    description: Name that the Sentinels have for the master. Without it O(name).
    type: str
  servers:
    description: Number of servers, the master and its replicas. 1 or more.
    type: int
    default: 3
  sentinels:
    description: Number of Sentinels. 1 or more.
    type: int
    default: 3
"""
