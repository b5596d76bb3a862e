# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of deployments run where Ansible was started, as who started it, whatever the inventory says for all hosts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
# Nobody answers there, nobody may become root by this program, and no Python has this name.
ELSEWHERE = {
    "ansible_connection": "ssh",
    "ansible_host": "192.0.2.1",
    "ansible_become": True,
    "ansible_become_exe": "/nowhere/sudo",
    "ansible_python_interpreter": "/nowhere/python",
}


@pytest.mark.parametrize("playbook", ["site.yml", "playbooks/redis_cluster.yml", "playbooks/storage.yml"])
def test_a_deployment_is_no_machine(tmp_path, playbook):
    inventory = tmp_path / "hosts.yml"
    deployments = {"hosts": {"orders": {"redis_cluster_shards": 2}}}
    hosts = {"all": {"vars": ELSEWHERE, "hosts": {"localhost": {}}, "children": {"redis_cluster": deployments}}}
    inventory.write_text(yaml.safe_dump(hosts))
    done = subprocess.run(
        ["ansible-playbook", playbook, "-i", str(inventory)],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "redis_cluster_shards is 2. Allowed: 3 or more" in done.stdout, done.stdout + done.stderr
    assert "unreachable=0" in done.stdout
