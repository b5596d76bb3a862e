# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.slotwise.redis.plugins.filter.twemproxy_keys import FilterModule, twemproxy_keys


def test_one_key_for_each_server():
    found = twemproxy_keys({"servers": ["a:6379:1 a", "b:6379:1 b"], "hash_tag": "{}"}, "probe")
    assert list(found) == ["a", "b"]
    assert all(key.startswith("{") and key.endswith("canary}:probe") for key in found.values())


def test_a_pool_that_is_not_understood():
    with pytest.raises(AnsibleFilterError, match="twemproxy_keys: 'x' is not host:port:weight name"):
        twemproxy_keys({"servers": ["x"]}, "probe")


def test_name_of_the_filter():
    assert list(FilterModule().filters()) == ["twemproxy_keys"]
