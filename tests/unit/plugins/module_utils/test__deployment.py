# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From options to nodes: which libraries that takes, and what check mode knows of pods that do not exist."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
UTILS = "ansible_collections.slotwise.redis.plugins.module_utils"
PROGRAM = """
import sys
for library in sys.argv[2:]:
    sys.modules[library] = None

from {utils}._deployment import Deployment

class Module:
    check_mode = False
    params = dict.fromkeys(("kubeconfig", "context", "name", "namespace", "nodes", "dns_server"))
    params.update(shards=3, replicas=0, timeout=1, transport="port_forward")
    if sys.argv[1] == "name":
        params.update(name="demo", namespace="demo")
    else:
        params.update(nodes=["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"])

    def fail_json(self, msg, exception):
        sys.exit(msg)

Deployment(Module())
print("kubernetes" in sys.modules)
"""


def deployment_by(option: str, *missing: str) -> subprocess.CompletedProcess[str]:
    """A deployment that is given by this option, where these libraries are missing."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(utils=UTILS), option, *missing],
        env={**os.environ, "PYTHONPATH": str(ROOT / "collections"), "KUBECONFIG": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nodes_given_as_host_and_port_do_without_the_library_of_kubernetes():
    assert deployment_by("nodes").stdout == "False\n"


@pytest.mark.parametrize(("library", "option"), [("kubernetes", "name"), ("redis", "nodes")])
def test_a_missing_library_is_named_when_it_is_needed(library, option):
    failed = deployment_by(option, library)
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"Failed to import the required Python library ({library}) on ")
