# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All topologies in one run, beside each other and beside the demo."""

from __future__ import annotations

import pytest
from deployment import ROOT, handle, run_playbook
from together import Together

from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import api_client
from ansible_collections.slotwise.redis.plugins.module_utils.run.lease import Lease

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


@pytest.mark.parametrize(
    ("name", "namespace"), [("accounts", "accounts"), ("sessions", "sessions"), ("proxy", "fleet")]
)
def test_another_run_is_kept_out_of_every_kind(together: Together, name: str, namespace: str) -> None:
    """With its name, before it changes anything; and nothing stays to keep out the next one."""
    limited = ("site.yml", together.inventories, "--limit", name)
    with Lease(api_client(str(ROOT / ".lab" / "kubeconfig")), namespace, name, 60) as lease:
        refused = run_playbook(*limited)
        assert refused.code != 0, refused.shown
        assert refused.says(f"Another run is changing {namespace}/{name}"), refused.shown
        assert refused.says(f"holder: {lease.identity}"), refused.shown
        assert not refused.changed[name], refused.shown
    again = run_playbook(*limited)
    assert again.unchanged, again.shown
    assert "slotwise" not in handle.kubectl("-n", namespace, "get", "leases", "-o", "name").stdout
