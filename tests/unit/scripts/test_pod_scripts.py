# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe of a pod against answers that real servers seldom give; real servers are in tests/integration."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROLES = Path(__file__).resolve().parents[3] / "roles"
CLIENT = """#!/bin/sh
while read -r question; do
    case $question in
        ping) cat {folder}/ping ;;
        'info replication') cat {folder}/replication ;;
        'cluster info') cat {folder}/cluster ;;
    esac
done
"""
FORMED = "cluster_state:ok\r\ncluster_known_nodes:6\r\n"
LONE = "cluster_state:fail\r\ncluster_known_nodes:1\r\n"
BROKEN = "cluster_state:fail\r\ncluster_known_nodes:6\r\n"
MASTER = "role:master\r\n"
REPLICA = "role:slave\r\nmaster_link_status:up\r\n"
LATE_REPLICA = "role:slave\r\nmaster_link_status:down\r\n"


@pytest.fixture
def probe(tmp_path):
    """Run a probe with the answers of a client that only pretends."""
    client = tmp_path / "redis-cli"
    client.write_text(CLIENT.format(folder=tmp_path))
    client.chmod(0o755)
    # As in the ConfigMap that the pods mount.
    for role in ("common", "redis_cluster"):
        for script in (ROLES / role / "files").glob("*.sh"):
            (tmp_path / script.name).symlink_to(script)

    def run(name: str, ping: str, replication: str = MASTER, cluster: str = FORMED) -> bool:
        for file, content in (("ping", ping), ("replication", replication), ("cluster", cluster)):
            (tmp_path / file).write_text(content)
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "REDIS_PASSWORD_FILE": str(tmp_path / "none")}
        argv = ["sh", str(tmp_path / "probe.sh"), name]
        return subprocess.run(argv, env=environment, check=False, capture_output=True).returncode == 0

    return run


@pytest.mark.parametrize(
    ("ping", "startup", "liveness"),
    [
        ("PONG\n", True, True),
        ("LOADING Redis is loading the dataset in memory\n", False, True),
        ("MASTERDOWN Link with MASTER is down\n", True, True),
        ("BUSY Redis is busy running a script\n", True, True),
        ("ERR max number of clients reached\n", True, True),
        ("NOAUTH Authentication required.\n", True, True),
        ("Could not connect to Redis at 127.0.0.1:6379: Connection refused\n", False, False),
        ("", False, False),
    ],
)
def test_startup_and_liveness(probe, ping, startup, liveness):
    assert probe("startup", ping) is startup
    assert probe("liveness", ping) is liveness


@pytest.mark.parametrize(
    ("ping", "replication", "cluster", "ready"),
    [
        ("PONG\n", MASTER, FORMED, True),
        ("PONG\n", REPLICA, FORMED, True),
        ("PONG\n", LATE_REPLICA, FORMED, False),
        ("PONG\n", MASTER, LONE, True),
        ("PONG\n", MASTER, BROKEN, False),
        ("LOADING Redis is loading\n", MASTER, FORMED, False),
        ("PONG\n", MASTER, "", False),
        ("PONG\n", MASTER, "cluster_state:fail\r\ncluster_known_nodes:12\r\n", False),
    ],
)
def test_readiness(probe, ping, replication, cluster, ready):
    assert probe("readiness", ping, replication, cluster) is ready


def test_an_unknown_probe_fails(probe):
    assert not probe("other", "PONG\n")


def test_no_script_passes_a_password_as_an_argument():
    for script in ROLES.glob("*/files/*.sh"):
        text = script.read_text()
        assert " -a " not in text
        assert "--pass" not in text
