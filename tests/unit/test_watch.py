# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watcher of end-to-end tests makes of its looks."""

import pytest
import watch
from watch import Look


def watched(monkeypatch, looks, until):
    monkeypatch.setattr(watch.config, "new_client_from_config", lambda path: None)
    watcher = watch.Watcher("namespace", "name")
    watcher.began, watcher.ended, watcher.looks = 0.0, until, looks
    return watcher


def look(at, *masters, endpoints=None):
    return Look(at, list(masters), list(masters) if endpoints is None else endpoints)


@pytest.mark.parametrize(
    ("looks", "until", "seconds"),
    [
        ([look(1.0, "a"), look(2.0, "a"), look(3.0, "b")], 4.0, 1.0),
        ([look(1.0, "a"), look(2.0), look(8.0), look(9.0, "b")], 10.0, 8.0),
        ([look(1.0, "a"), look(2.0)], 3600.0, 3599.0),
        ([look(5.0)], 3600.0, 3600.0),
        ([], 3600.0, 3600.0),
    ],
    ids=["always one", "a failover", "never again one", "never one", "nobody looked"],
)
def test_the_longest_time_without_a_master(monkeypatch, looks, until, seconds):
    watcher = watched(monkeypatch, looks, until)
    assert (watcher.without_master, watcher.without_endpoint) == (seconds, seconds)


def test_a_label_without_a_ready_pod_serves_nobody(monkeypatch):
    watcher = watched(monkeypatch, [look(1.0, "a"), look(2.0, "a", endpoints=[]), look(9.0, "a")], 10.0)
    assert (watcher.without_master, watcher.without_endpoint) == (7.0, 8.0)
    assert watcher.never_two()


def test_looks_that_are_missing_count_as_without(monkeypatch):
    assert watched(monkeypatch, [look(1.0, "a"), look(60.0, "a")], 61.0).without_master == 59.0


@pytest.mark.parametrize("both", [look(2.0, "a", "b"), look(2.0, "a", endpoints=["10.0.0.1", "10.0.0.2"])])
def test_two_at_any_moment_are_seen(monkeypatch, both):
    assert not watched(monkeypatch, [look(1.0, "a"), both, look(3.0, "b")], 4.0).never_two()
