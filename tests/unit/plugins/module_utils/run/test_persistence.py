# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers have to write other files before they restart."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.run.persistence import UNFINISHED, make_plan

IDLE = {
    "aof_enabled": "0",
    "aof_rewrite_in_progress": "0",
    "aof_rewrite_scheduled": "0",
    "aof_last_bgrewrite_status": "ok",
}
APPENDS = {**IDLE, "appendonly": "yes", "save": "900 1", "aof_enabled": "1", "aof_base_size": "88"}
SAVES = {**IDLE, "appendonly": "no", "save": "900 1"}
NOTHING = {**SAVES, "save": ""}
FIRST = {**APPENDS, "aof_base_size": "0"}

CASES = {
    "appends, as it will": (APPENDS, True, "", ""),
    "appends since it was started, to no base yet": (FIRST, True, "", ""),
    "appends, and rewrites": ({**APPENDS, "aof_rewrite_in_progress": "1"}, True, "", ""),
    "its first file is being written": ({**FIRST, "aof_rewrite_in_progress": "1"}, True, "", "append"),
    "its first file waits": ({**FIRST, "aof_rewrite_scheduled": "1"}, True, "", "append"),
    "another file failed, and the one that it appends to is complete": (
        {**FIRST, "aof_last_bgrewrite_status": "err"},
        True,
        "",
        "",
    ),
    "its first file failed, and waits": (
        {**FIRST, "aof_last_bgrewrite_status": "err", "aof_rewrite_scheduled": "1"},
        True,
        "",
        "append",
    ),
    "was left while it wrote a file, not for the first time": (
        {**APPENDS, "aof_rewrite_in_progress": "1", "save": f"900 1 {UNFINISHED}"},
        True,
        "",
        "append",
    ),
    "saves and will append": (SAVES, True, "900 1", "append"),
    "keeps nothing and will append": (NOTHING, True, "", "append"),
    "appends and will save": (APPENDS, False, "900 1", "snapshot"),
    "appends and will keep nothing": (APPENDS, False, "", "snapshot"),
    "saves, as it will": (SAVES, False, "900 1", ""),
    "saves, and will at other times": (SAVES, False, "60 1", ""),
    "saves, and will not: it saves when it ends": (SAVES, False, "", ""),
    "keeps nothing and will save": (NOTHING, False, "900 1", "snapshot"),
    "keeps nothing, as it will": (NOTHING, False, "", ""),
    "was left in the middle": ({**SAVES, "save": f"900 1 {UNFINISHED}"}, False, "900 1", "snapshot"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_server_has_to_write(name):
    said, appendonly, save, action = CASES[name]
    plan = make_plan({"orders-0": said, "orders-1": APPENDS if appendonly else SAVES}, appendonly, save)
    assert [(step.action, step.pod) for step in plan] == ([(action, "orders-0")] if action else [])
