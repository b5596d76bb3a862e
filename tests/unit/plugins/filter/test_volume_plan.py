# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter around the volume plan."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.slotwise.redis.plugins.filter.volume_plan import FilterModule

STORAGE = {"type": "local", "size": "1Gi", "path": "/srv/redis"}


@pytest.fixture
def volume_plan():
    return FilterModule().filters()["volume_plan"]


def test_rows_are_plain_dictionaries(volume_plan):
    rows = volume_plan(STORAGE, name="demo", namespace="demo", pods="2", machines=[{"name": "w1", "zone": "a"}])
    assert rows[1] == {
        "deployment": "demo",
        "namespace": "demo",
        "ordinal": 1,
        "pod": "demo-1",
        "claim": "data-demo-1",
        "volume": "demo.demo-1",
        "type": "local",
        "machine": "w1",
        "node": "w1",
        "zone": "a",
        "server": "",
        "path": "/srv/redis/demo.demo-1",
        "export": "",
        "size": "1Gi",
        "exists": False,
        "incarnation": "",
        "kubernetes": "",
        "adopt": False,
    }


def test_refusals_are_filter_errors_with_the_reason(volume_plan):
    with pytest.raises(AnsibleFilterError, match=r"mine\.size is '1'"):
        volume_plan(
            {**STORAGE, "size": "1"}, name="d", namespace="d", pods=1, machines=[{"name": "w"}], variable="mine"
        )
