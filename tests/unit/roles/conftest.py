# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders variables and templates of roles by Ansible itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def render(tmp_path_factory):
    """A function that renders scenarios: name -> (role, expression, given variables, what Kubernetes has).

    All scenarios are plays of one run, as starting Ansible takes longer than everything else.
    """

    def run(scenarios: dict[str, tuple]) -> dict[str, object]:
        folder = tmp_path_factory.mktemp("render")
        plays = [_play(folder, role, scenarios) for role in sorted({scenario[0] for scenario in scenarios.values()})]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_LOCALHOST_WARNING": "false"}
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        interpreter = f"ansible_python_interpreter={sys.executable}"
        done = subprocess.run(
            [program, "-i", "localhost,", "-c", "local", "-e", interpreter, *plays],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return {name: value for file in folder.glob("*.json") for name, value in json.loads(file.read_text()).items()}

    return run


def _play(folder: Path, role: str, scenarios: dict[str, tuple]) -> str:
    """A playbook that renders the scenarios of one role."""
    home = folder / role
    # Templates and files are looked for beside the play.
    for name in ("templates", "files"):
        (home / name).mkdir(parents=True)
        for file in (file for file in (ROOT / "roles" / role / name).glob("*")):
            (home / name / file.name).symlink_to(file)
    mine = [name for name, (of, *_rest) in scenarios.items() if of == role]
    # A fact for each: one that grows would be rendered again by every task.
    facts = {name: f"rendered_{number}" for number, name in enumerate(mine)}
    tasks = [
        {
            "ansible.builtin.set_fact": {facts[name]: "{{ " + expression + " }}"},
            # Variables of a task, so that no scenario leaves anything behind for the next.
            "vars": {
                f"__{role}_live": found,
                **given,
            },
        }
        for name in mine
        for _of, expression, given, found in [scenarios[name]]
    ]
    rendered = {name: "{{ " + fact + " }}" for name, fact in facts.items()}
    write = {"content": "{{ rendered | to_json }}", "dest": str(folder / f"{role}.json")}
    play = {
        "name": f"Render {role}",
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"role_path": str(ROOT / "roles" / role)},
        "vars_files": [str(ROOT / "roles" / role / part / "main.yml") for part in ("defaults", "vars")],
        "tasks": [*tasks, {"ansible.builtin.copy": write, "vars": {"rendered": rendered}}],
    }
    path = home / "play.yml"
    path.write_text(yaml.safe_dump([play]))
    return str(path)
