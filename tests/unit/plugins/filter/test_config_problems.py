# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter around the directive check."""

from __future__ import annotations

from ansible_collections.slotwise.redis.plugins.filter.config_problems import FilterModule


def test_filter_passes_its_arguments_on():
    config_problems = FilterModule().filters()["config_problems"]
    assert config_problems({"maxmemory": "1gb", "brand-new": 1}, known=["brand-new"]) == []
    (problem,) = config_problems({"dir": "/tmp"}, variable="redis_cluster_config")
    assert problem.startswith("redis_cluster_config: dir cannot be set here")
