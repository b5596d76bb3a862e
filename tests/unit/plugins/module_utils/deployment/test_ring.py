# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.ring import change as ring_change
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.ring import probe_keys

LINES = [f"10.0.0.{i}:6379:1 pool-{i}" for i in range(3)]


def test_what_another_server_takes():
    change = ring_change({"servers": LINES[:2], "timeout": 400}, {"servers": LINES})
    assert change["share"] == pytest.approx(1 / 3, abs=0.05)
    assert change["text"].endswith("not found any more.")
    lines = change["table"].splitlines()
    assert lines[0] == "server  keys now  keys then"
    assert [line.split()[0] for line in lines[1:]] == ["pool-0", "pool-1", "pool-2"]
    assert lines[3].split()[1] == "-"


def test_a_server_that_goes_is_in_the_table():
    change = ring_change({"servers": LINES}, {"servers": LINES[1:]})
    assert change["table"].splitlines()[-1].split()[::2] == ["pool-0", "-"]


@pytest.mark.parametrize("pool", [{}, {"servers": []}, {"servers": ["x"]}, {"servers": LINES, "hash": "murmur"}])
def test_pools_that_are_not_understood(pool):
    with pytest.raises((KeyError, ValueError)):
        ring_change({"servers": LINES}, pool)


def test_one_key_for_each_server():
    keys = probe_keys({"servers": ["a:6379:1 a", "b:6379:1 b"], "hash_tag": "{}"}).splitlines()
    assert len(keys) == 2
    assert all(key.startswith("{") and key.endswith("canary}:slotwise.redis:probe") for key in keys)
