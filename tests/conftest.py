# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests with the mark ``long`` prove again what a shorter one proves: more often, or with further server versions.

`make test` leaves them out, `make test-all` and a test run by hand do not. Nobody has to guess which of these it was.
"""

from __future__ import annotations

import pytest

OPTION = "--without-long"
LONG, LEFT_OUT = pytest.StashKey[int](), pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="leave out tests with the mark long, as `make test` does")


@pytest.hookimpl(trylast=True)  # what -m and -k take away is counted by them
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    long = [item for item in items if item.get_closest_marker("long")]
    left_out = long if config.getoption(OPTION) else []
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("long")]
    config.stash[LONG], config.stash[LEFT_OUT] = len(long), len(left_out)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput.update(long=session.config.stash[LONG], left_out=session.config.stash[LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Every process of pytest-xdist has collected the same."""
    told = getattr(node, "workeroutput", {})
    if "long" in told:
        node.config.stash[LONG], node.config.stash[LEFT_OUT] = told["long"], told["left_out"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    long, left_out = config.stash.get(LONG, 0), config.stash.get(LEFT_OUT, 0)
    why = "more repetitions or server versions of what others prove; `make test-all` runs them"
    if left_out:
        terminalreporter.write_line(f"long tests: {left_out} left out ({why})")
    elif long:
        terminalreporter.write_line(f"long tests: {long}, none left out")
