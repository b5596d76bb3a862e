# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook is found by path from a checkout, and by name from an installed archive."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))


def syntax_check(directory: Path, *playbooks: str, **variables: str) -> None:
    """Let ansible-playbook parse playbooks, with all roles that they name."""
    ours = ("ANSIBLE_CONFIG", "ANSIBLE_COLLECTIONS_PATH")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        ["ansible-playbook", "--syntax-check", "-i", "localhost,", *playbooks],
        cwd=directory,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("playbook: ") == len(playbooks)


def test_by_path_in_the_checkout():
    # ansible.cfg is ignored in a directory that everyone may write to.
    config = str(ROOT / "ansible.cfg")
    syntax_check(ROOT, "site.yml", *(f"playbooks/{path.name}" for path in PLAYBOOKS), ANSIBLE_CONFIG=config)


def test_root_site_from_anywhere_without_configuration(tmp_path):
    syntax_check(tmp_path, str(ROOT / "site.yml"))


def test_by_name_from_an_installed_archive(tmp_path):
    build = ["ansible-galaxy", "collection", "build", "--output-path", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    installed = tmp_path / "ansible_collections/slotwise/redis"
    installed.mkdir(parents=True)
    subprocess.run(["tar", "--extract", "--gzip", "--file", str(archive)], cwd=installed, check=True)
    names = [f"slotwise.redis.{path.stem}" for path in PLAYBOOKS]
    syntax_check(tmp_path, *names, ANSIBLE_COLLECTIONS_PATH=str(tmp_path))
