# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing a deployment keeps its data unless asked, and a new one finds it again."""

from __future__ import annotations

import pathlib

from conftest import make, remove
from deployment import handle


def directories() -> list[str]:
    machines = ("lab-worker1", "lab-worker2", "lab-worker3")
    listed = (handle.machine_exec(m, "sh", "-c", "ls -d /var/lib/slotwise-e2e/e2e-gone.* || true") for m in machines)
    return [path for done in listed for path in done.stdout.split()]


def test_uninstall(tmp_path: pathlib.Path) -> None:
    # Made by a password of the user's, over connections to the pods that the names of DNS lead to.
    ways = {"redis_cluster_transport": "direct", "redis_cluster_dns_server": str(handle.lab().dns_address)}
    deployment = make("e2e-gone", tmp_path, redis_cluster_password='a "given" pa$$word', **ways)
    remove(deployment)
    deployment.site()
    assert deployment.password == 'a "given" pa$$word'
    deployment.write_keys("kept")

    kept = deployment.play("playbooks/uninstall.yml")
    assert kept.code == 0, kept.output
    assert deployment.pod_facts() == {}
    assert len(directories()) == 6
    again = deployment.play("playbooks/uninstall.yml")
    assert again.unchanged, again.output

    # The volumes hold the cluster: check mode must not predict that another one will be made.
    check = deployment.site("--check", "--diff")
    assert "their volumes do and may hold a cluster:" in " ".join(check.output.split())
    assert "CLUSTER ADDSLOTSRANGE" not in check.output
    deployment.site()
    assert deployment.lost_keys("kept") == []

    # Where data lies is known as long as its volumes exist: removing these alone would leave it for ever.
    absent = {"redis_cluster_state": "absent", "redis_cluster_delete_data": True}
    for playbook in ("playbooks/uninstall.yml", "site.yml"):
        refused = deployment.play(playbook, "--limit", "e2e-gone", **absent)
        assert refused.code != 0, refused.output
        assert refused.says("Run it with --limit 'e2e-gone:lab-worker1:lab-worker2:lab-worker3'"), refused.output
        assert deployment.ready()

    # uninstall.yml does the same; `remove` of these tests runs it.
    gone = deployment.site(**absent)
    assert not gone.unchanged
    assert directories() == []
    again = deployment.site(**absent)
    assert again.unchanged, again.output
    volumes = handle.kubectl("get", "pv,storageclass", "-l", "app.kubernetes.io/instance=e2e-gone", "-o", "name").stdout
    assert volumes == ""
    handle.kubectl("delete", "namespace", "e2e-gone")
