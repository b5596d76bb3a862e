# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of all topologies in one run with the demo.

As they stand, but with four backends, and with passwords that files, shells and programs on the way may misread.
"""

from __future__ import annotations

import json
import pathlib

import yaml
from deployment import Run, handle, run_playbook

from examples import EXAMPLES

DEMO = EXAMPLES / "demo"
TOPOLOGIES = [EXAMPLES / name for name in ("sentinel", "standalone", "twemproxy")]
NAMESPACES = ("accounts", "sessions", "pool", "fleet")
ODD_PASSWORD = r"""-a "b' c\d #e 100%s $HOME `id` é€"""
# A later inventory has the last word.
OVERLAY = {
    "accounts": {"redis_sentinel_password": ODD_PASSWORD},
    "sessions": {"redis_standalone_password": ODD_PASSWORD},
    "backends": {"redis_standalone_instances": 4},
}
DELETE_DATA = ("-e", json.dumps({f"redis_{topology}_delete_data": True for topology in ("sentinel", "standalone")}))


class Together:
    """What check mode said before the first run, that run, and the second one."""

    def __init__(self, folder: pathlib.Path) -> None:
        (folder / "host_vars").mkdir()
        for host, variables in OVERLAY.items():
            (folder / "host_vars" / f"{host}.yml").write_text(yaml.safe_dump(variables))
        (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": dict.fromkeys(OVERLAY)}}))
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
