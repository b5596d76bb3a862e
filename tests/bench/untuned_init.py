# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: untuned_init.py < options.  redis_cluster_init without its temporary settings, for comparison."""

from __future__ import annotations

from ansible_collections.slotwise.redis.plugins.module_utils.redis import planner
from ansible_collections.slotwise.redis.plugins.modules import redis_cluster_init

planner.TUNED_TIMEOUT = ()
redis_cluster_init.main()
