# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter that says why there is no volume plan."""

from __future__ import annotations

from ansible_collections.slotwise.redis.plugins.filter.volume_plan_problems import FilterModule

STORAGE = {"type": "local", "size": "1Gi", "path": "/srv/redis"}


def test_problems_are_a_list():
    problems = FilterModule().filters()["volume_plan_problems"]
    deployment = {"name": "demo", "namespace": "demo", "pods": 2}
    assert problems(STORAGE, **deployment, machines=[{"name": "w1"}]) == []
    (problem,) = problems(STORAGE, **deployment, machines=[], variable="mine")
    assert problem.startswith("mine.hosts is empty")
