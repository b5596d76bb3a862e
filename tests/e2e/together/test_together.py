# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All topologies in one run, beside each other and beside the demo."""

from __future__ import annotations

from together import Together

DEPLOYMENTS = {"accounts", "sessions", "pool", "backends", "proxy", "demo"}


def test_check_mode_predicts_the_first_run(together: Together) -> None:
    predicted, first = together.predicted.changed, together.first.changed
    # On the server a handler brings the exports into force, which check mode does not run.
    assert first["lab-nfs"] >= predicted.pop("lab-nfs") > 0
    assert predicted == {host: changed for host, changed in first.items() if host != "lab-nfs"}
    assert {host for host in DEPLOYMENTS if first[host] > 0} == DEPLOYMENTS - {"demo"}


def test_the_second_run_changes_nothing(together: Together) -> None:
    assert together.second.unchanged, together.second.shown
    assert set(together.second.changed) >= DEPLOYMENTS


def test_each_topology_is_shown(together: Together) -> None:
    for text in (
        "Redis Cluster demo in namespace demo",
        "Redis accounts in namespace accounts: master with replicas, watched by Sentinels (epoch 0, quorum 2)",
        "Redis pool in namespace pool: 4 standalone",
        "2 proxies in front of 4 servers",
    ):
        assert together.first.says(text), together.first.shown
