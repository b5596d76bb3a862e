# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows what the module of the same name is doing while it runs."""

from __future__ import annotations

from ansible_collections.slotwise.redis.plugins.action import redis_cluster_init


class ActionModule(redis_cluster_init.ActionModule):
    """The same for this module."""
