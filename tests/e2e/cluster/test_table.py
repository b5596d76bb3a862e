# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run prints at its end is true."""

from __future__ import annotations

from deployment import Deployment


def test_the_table_shows_every_pod(e2e: Deployment) -> None:
    notes = e2e.play("playbooks/verify.yml").output
    for row in e2e.info()["topology"]:
        line = next(line for line in notes.splitlines() if f" {row['pod']} " in line and row["role"] in line)
        assert str(row["machine"]) in line
        assert str(row["slots"]) in line
