# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of surveys and INI files becomes what is meant, or is refused."""

from __future__ import annotations

import re

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.options import converted


@pytest.mark.parametrize(
    ("option", "given", "value"),
    [
        ("shards", "4", 4),
        ("shards", " 4\n", 4),
        ("shards", 4, 4),
        ("auth_enabled", "no", False),
        ("auth_enabled", "True", True),
        ("auth_enabled", "off", False),
        ("auth_enabled", "", False),
        ("auth_enabled", 1, True),
        ("auth_enabled", False, False),
        ("name", 7, "7"),
        ("priority_class", None, ""),
        ("tolerations", None, []),
        ("labels", None, {}),
        ("tolerations", ({"key": "a"},), [{"key": "a"}]),
        ("config", {"maxmemory": "1gb"}, {"maxmemory": "1gb"}),
    ],
)
def test_what_is_meant(option, given, value):
    found = converted("redis_cluster", {f"redis_cluster_{option}": given})
    assert found == {option: value}
    assert type(found[option]) is type(value)


@pytest.mark.parametrize(
    ("option", "given", "allowed"),
    [
        ("shards", "three", "a whole number"),
        ("shards", "3.5", "a whole number"),
        ("shards", None, "a whole number"),
        ("shards", True, "a whole number"),
        ("tolerations", "none", "a list"),
        ("labels", ["a"], "a mapping"),
        ("auth_enabled", "maybe", "true or false"),
        ("auth_enabled", None, "true or false"),
        ("auth_enabled", 2, "true or false"),
    ],
)
def test_what_cannot_be_meant(option, given, allowed):
    with pytest.raises(ValueError, match=re.escape(f"redis_cluster_{option} is {given}. Allowed: {allowed}")):
        converted("redis_cluster", {f"redis_cluster_{option}": given})


def test_variables_of_others_are_not_looked_at():
    assert converted("redis_cluster", {"redis_cluster_team_contact": "x", "redis_sentinel_name": "y"}) == {}
