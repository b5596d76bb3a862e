# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name, see C(plugin_utils/local_module.py)."""

from __future__ import annotations

from ansible_collections.slotwise.redis.plugins.plugin_utils.local_module import LocalModule


class ActionModule(LocalModule):
    """As it is."""
