# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  shards:
    description: Number of shards, which is the number of masters. 3 or more.
    type: int
    default: 3
  replicas:
    description: Number of replicas of each shard. 0 or more.
    type: int
    default: 1
"""
