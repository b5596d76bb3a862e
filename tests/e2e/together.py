# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of all topologies as they stand, but with four servers in the pool, in one run with the demo."""

from __future__ import annotations

import json
import pathlib

import yaml
from deployment import Run, handle, run_playbook

from examples import EXAMPLES

DEMO = EXAMPLES / "demo"
TOPOLOGIES = [EXAMPLES / name for name in ("sentinel", "standalone", "twemproxy")]
NAMESPACES = ("accounts", "sessions", "pool", "fleet")
DELETE_DATA = ("-e", json.dumps({f"redis_{topology}_delete_data": True for topology in ("sentinel", "standalone")}))


class Together:
    """What check mode said before the first run, that run, and the second one."""

    def __init__(self, folder: pathlib.Path) -> None:
        # A later inventory has the last word.
        (folder / "host_vars").mkdir()
        (folder / "host_vars" / "backends.yml").write_text(yaml.safe_dump({"redis_standalone_instances": 4}))
        (folder / "hosts.yml").write_text(yaml.safe_dump({"redis_standalone": {"hosts": {"backends": None}}}))
        self.inventories = [*TOPOLOGIES, folder]
        self.remove()
        self.predicted = self._site("--check")
        self.first = self._site()
        self.second = self._site()

    def _site(self, *arguments: str) -> Run:
        run = run_playbook("site.yml", [DEMO, *self.inventories], *arguments)
        assert run.code == 0, run.shown
        return run

    def remove(self) -> None:
        """Whatever is left of them; the demo stays."""
        ours = ("get", "statefulset,deployment,pvc,pv", "-A", "-l", "app.kubernetes.io/managed-by=slotwise.redis")
        listed = handle.kubectl(*ours, "--no-headers").stdout
        if any(name in listed for name in NAMESPACES):
            run = run_playbook("playbooks/uninstall.yml", self.inventories, *DELETE_DATA)
            assert run.code == 0, run.shown
        handle.kubectl("delete", "namespace", *NAMESPACES, "--ignore-not-found")
