# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two lanes of tests on one lab: what runs beside others, and what needs the lab for itself.

`make e2e` has two processes. The tests that share a deployment form a group, which one process runs in their order.
A test with the mark ``alone`` stops machines or servers that others use, or measures a time; it waits until the other
lane is between two tests, and holds it there.
"""

from __future__ import annotations

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator

import pytest
from _pytest.runner import runtestprotocol

LOCKS = pathlib.Path(__file__).resolve().parents[2] / ".lab"
# The first test that asks for one of these deployments makes it. Such a run prepares the machines from nothing, and
# is compared with what check mode said: nobody else may change them meanwhile.
MADE_ALONE = {"demo", "together"}
# The longest begin first.
GROUPS = ("together", "e2e", "examples")


def group_of(item: pytest.Item) -> str:
    """One group for each deployment that several tests share; else the tests of a file are one."""
    for fixture in GROUPS:
        if fixture in item.fixturenames:
            return fixture
    return "together" if "demo" in item.fixturenames else item.path.stem


@contextlib.contextmanager
def lab_for(alone: bool) -> Iterator[None]:
    """Hold the lab, with others or alone. Who waits to be alone keeps others from beginning."""
    with (LOCKS / "tests.door").open("w") as door, (LOCKS / "tests.lock").open("w") as lock:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


class Lanes:
    """The plugin for pytest."""

    def __init__(self) -> None:
        self._to_be_made = set(MADE_ALONE)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        order = list(dict.fromkeys([*GROUPS, *map(group_of, items)]))
        # Sentinels last in their group: their times are measured when the other deployments are gone.
        items.sort(key=lambda item: (order.index(group_of(item)), "accounts" in item.fixturenames))
        for item in items:
            item.add_marker(pytest.mark.xdist_group(group_of(item)))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        makes = self._to_be_made & set(item.fixturenames)
        self._to_be_made -= makes
        # What a group shares is removed after its last test, and leaves the machine to the others.
        if nextitem is not None and group_of(nextitem) != group_of(item):
            nextitem = None
        with lab_for(alone=bool(makes) or item.get_closest_marker("alone") is not None):
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            runtestprotocol(item, nextitem=nextitem)
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True
