# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All topologies in one run, beside each other and beside the demo."""

from __future__ import annotations

import contextlib

from deployment import ROOT, handle, run_playbook
from together import Together

from ansible_collections.slotwise.redis.plugins.module_utils._kubernetes import api_client
from ansible_collections.slotwise.redis.plugins.module_utils._lease import Lease

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


def test_another_run_is_kept_out_of_every_kind(together: Together) -> None:
    """With its name, before it changes anything; and nothing stays to keep out the next one."""
    others = {"accounts": "accounts", "sessions": "sessions", "proxy": "fleet"}
    limited = ("site.yml", together.inventories, "--limit", ",".join(others))
    with contextlib.ExitStack() as held:
        api = api_client(str(ROOT / ".lab" / "kubeconfig"))
        leases = [held.enter_context(Lease(api, namespace, name, 60)) for name, namespace in others.items()]
        refused = run_playbook(*limited)
        assert refused.code != 0, refused.shown
        for name, namespace in others.items():
            assert refused.says(f"Another run is changing {namespace}/{name}"), refused.shown
        assert refused.says(f"holder: {leases[0].identity}"), refused.shown
        assert not any(refused.changed[name] for name in others), refused.shown
    again = run_playbook(*limited)
    assert again.unchanged, again.shown
    for namespace in others.values():
        assert "slotwise" not in handle.kubectl("-n", namespace, "get", "leases", "-o", "name").stdout
