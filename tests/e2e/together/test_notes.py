# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run prints at its end can be pasted. That of the proxies is tested with them."""

from __future__ import annotations

import pathlib

import pytest
from demo import Demo, environment
from deployment import Deployment
from notes import paste_all
from together import ODD_PASSWORD, Together


def the_only(printed: dict[str, str], word: str) -> str:
    (text,) = (text for command, text in printed.items() if word in command)
    return text


def test_the_commands_of_a_cluster_work(demo: Demo) -> None:
    """In a shell that has seen nothing of the lab but the last line of the demo."""
    notes = demo.on_the_lab.output
    printed = paste_all(notes, environment(), notes.rstrip().splitlines()[-1])
    assert len(printed) >= 4, notes
    assert the_only(printed, "get secret") == demo.deployment.password
    assert the_only(printed, "cluster nodes").count("master") == 3


@pytest.mark.parametrize(
    ("head", "name"),
    [("Redis accounts in namespace accounts", "accounts"), ("Redis sessions in namespace sessions", "sessions")],
    ids=["sentinel", "standalone"],
)
def test_the_commands_of_other_topologies_work(together: Together, head: str, name: str) -> None:
    printed = paste_all(together.second.notes(head))
    assert len(printed) >= 4, printed
    deployment = Deployment(name, pathlib.Path())
    assert the_only(printed, "get secret") == deployment.password == ODD_PASSWORD
    # A part of it that is written the same in every form of output.
    part = "#e 100%s $HOME `id`"
    assert part in ODD_PASSWORD
    assert part not in together.predicted.output + together.first.output + together.second.output
    assert f"{name}-0" in the_only(printed, "get pods")
    if name == "accounts":
        assert f"{name}-headless.{name}.svc" in the_only(printed, "get-master-addr-by-name")
