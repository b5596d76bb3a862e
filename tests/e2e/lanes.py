# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two lanes of tests on one lab: what runs beside others, and what needs the lab for itself.

`make e2e` has two processes. The tests of a folder share deployments, so one process runs them; a file outside of
folders is one such group too. A test with the mark ``alone`` stops machines or servers that others use, or measures a
time: it waits until the other lane is between two tests, and holds it there.
"""

from __future__ import annotations

import contextlib
import fcntl
import pathlib
import time
from collections.abc import Iterator

import pytest
from _pytest.runner import runtestprotocol

HERE = "tests/e2e"
LOCKS = pathlib.Path(__file__).resolve().parents[2] / ".lab"
# The first test that asks for it prepares the machines from nothing: nobody else may change them meanwhile.
MADE_ALONE = {"demo"}
# They begin first: they take longest.
FIRST = (f"{HERE}/together", f"{HERE}/cluster")
# It begins when the first are done or nearly so: two processors cannot run the pods of all.
LAST = f"{HERE}/test_storage.py"


def group_of(nodeid: str) -> str:
    """The folder of a test below this one, or its file."""
    file = nodeid.partition("::")[0]
    folder = file.rpartition("/")[0]
    return file if folder == HERE else folder


@contextlib.contextmanager
def lab_for(alone: bool) -> Iterator[None]:
    """Hold the lab, with others or alone. Who waits to be alone keeps others from beginning."""
    with (LOCKS / "tests.door").open("w") as door, (LOCKS / "tests.lock").open("w") as lock:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


@contextlib.contextmanager
def nfs_machines() -> Iterator[None]:
    """Prepare the machines with NFS: what check mode says of them is compared with what happened."""
    with (LOCKS / "tests.nfs").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Lanes:
    """The plugin for pytest."""

    def __init__(self) -> None:
        self._to_be_made = set(MADE_ALONE)
        # Seconds that lanes stood still; no test's duration says it.
        self._waited = 0.0
        self._waited_in: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        others = {group_of(item.nodeid) for item in items} - {*FIRST, LAST}
        order = [*FIRST, *sorted(others), LAST]
        # Sentinels last in their group: their times are measured when the other deployments are gone.
        items.sort(key=lambda item: (order.index(group_of(item.nodeid)), "accounts" in item.fixturenames))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        makes = self._to_be_made & set(item.fixturenames)
        self._to_be_made -= makes
        # What a group shares is removed after its last test, and leaves the machine to the others.
        if nextitem is not None and group_of(nextitem.nodeid) != group_of(item.nodeid):
            nextitem = None
        begin = time.monotonic()
        with lab_for(alone=bool(makes) or item.get_closest_marker("alone") is not None):
            self._waited += time.monotonic() - begin
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            runtestprotocol(item, nextitem=nextitem)
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["waited"] = self._waited

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        self._waited_in[node.gateway.id] = getattr(node, "workeroutput", {}).get("waited", 0.0)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for lane, seconds in sorted(self._waited_in.items()):
            terminalreporter.write_line(f"lane {lane}: waited {seconds:.0f} s until it might begin a test")

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> object:
        from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only where there are several processes

        class Groups(LoadScopeScheduling):
            def _split_scope(self, nodeid: str) -> str:
                return group_of(nodeid)

        return Groups(config, log)
