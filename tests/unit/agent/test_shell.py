# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong beside an agent's work does not keep it from that."""

from __future__ import annotations

import contextlib

import pytest
from agent.__main__ import SentinelShell
from agent.evidence import Data, State
from agent.model import View
from agent.sentinel import Label, Pod, Record, SentinelAgent, Write

MASTER = "127.0.0.1"
FAULTS = [
    OSError("PATCH /configmaps/orders-agents: 500 etcdserver: mvcc: database space exceeded"),
    OSError("PATCH /configmaps/orders-agents: 403 denied by a policy"),
    ValueError("no JSON"),
]


class Told:
    """What those who are asked have answered."""

    def __init__(self, **answers: object) -> None:
        self._answers = answers

    def ask(self) -> None:
        pass

    def answers(self) -> dict[str, object]:
        return self._answers


class Kubernetes:
    """Reads are answered. ``fault`` is what a change gets."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault

    def record(self) -> Record:
        return Record("1", 7, MASTER)

    def pods(self) -> list:
        return []

    def publish(self, data: dict[str, str]) -> None:
        raise self._fault


@contextlib.contextmanager
def shell_of(tmp_path, kubernetes, views):
    """The agent beside a Sentinel, with a server that leads."""
    environment = {
        "POD_HOSTNAME": "127.0.0.3",
        "HOSTS": "",
        "SENTINEL_HOSTS": "",
        "MASTER_NAME": "orders",
        "REDIS_PORT": "1",
        "SENTINEL_PORT": "1",
        "AGENT_PORT": "0",
        "REDIS_HOST": "127.0.0.1",
        "REDIS_RUN": str(tmp_path),
        "REDIS_AUTH": "disabled",
        "DECISION": str(tmp_path / "decision"),
        "ELECTION_SECONDS": "60",
        "PATIENT": "no",
        "QUORUM": "2",
        "DOWN_AFTER": "5000",
        "FAILOVER_TIMEOUT": "30000",
        "PARALLEL_SYNCS": "1",
    }
    shell = SentinelShell(environment, kubernetes)
    shell.pause = lambda: 0
    shell.servers, shell.views = Told(**{MASTER: State(MASTER, 7, MASTER, Data("a", 1))}), Told(**views)
    with (tmp_path / "log").open("w") as shell.log:
        try:
            yield shell
        finally:
            shell.status.close()


def rounds(shell, count):
    left = iter(range(count + 1))
    shell.done = lambda: next(left) == count
    shell.run_rounds()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_sentinel_begins_where_kubernetes_takes_no_changes(tmp_path, fault):
    """What people are told comes last: a read-only Kubernetes still knows who is the master."""
    with shell_of(tmp_path, Kubernetes(fault), {}) as shell:
        rounds(shell, 3)
    assert f"sentinel monitor orders {MASTER} 1 2" in (tmp_path / "sentinel.conf").read_text()
    assert (tmp_path / "log").read_text().count(str(fault)) == 1


class Refusing(Kubernetes):
    """Takes labels and no record, which somebody else changes meanwhile to that of ``later``."""

    def __init__(self, fault: Exception, later: int) -> None:
        super().__init__(fault)
        self._terms, self.labels = iter([3, later]), []

    def record(self) -> Record:
        return Record("1", next(self._terms), MASTER)

    def pods(self) -> list[Pod]:
        return [Pod(MASTER, "1", "", "")]

    def write(self, write: Write) -> None:
        raise self._fault

    def label(self, label: Label) -> None:
        self.labels.append(label)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("later", "labelled"), [(3, True), (4, True), (7, False), (8, False)])
def test_pods_are_labelled_where_the_record_is_not_taken(tmp_path, fault, later, labelled):
    """Unless it names the master of this term, or of a later one, by now: that is looked at first."""
    kubernetes = Refusing(fault, later)
    (tmp_path / "sentinel.conf").touch()
    with shell_of(tmp_path, kubernetes, dict.fromkeys(("t-0", "t-1", "t-2"), View(7, MASTER))) as shell:
        shell.agent = SentinelAgent("t-0", 3, 60, False)
        rounds(shell, 1)
    assert kubernetes.labels == ([Label(MASTER, "1", "master", "7")] if labelled else [])
    assert str(fault) in (tmp_path / "log").read_text()


class Written(Kubernetes):
    """Takes what people are told, and says it again with the record."""

    def __init__(self, **told: str) -> None:
        self.told = told

    def record(self) -> Record:
        return Record("1", 7, MASTER, tuple(self.told.items()))

    def publish(self, data: dict[str, str]) -> None:
        self.told.update(data)


KEEPS = {"s-0": State("s-0", kept=("kept-of-term-3-a",), waiting="no room"), "s-1": State("s-1"), "s-2": State("s-2")}


@pytest.mark.parametrize(
    ("states", "before", "kept", "waiting"),
    [
        (KEEPS, "", "s-0: kept-of-term-3-a", "s-0: no room"),
        # One is away for long: what the others have is told all the same.
        ({**KEEPS, "s-2": None}, "", "s-0: kept-of-term-3-a", "s-0: no room"),
        # Nobody knows what a silent one has now: that is what it had.
        ({**KEEPS, "s-0": None}, "s-0: kept-of-term-3-a\ns-2: kept-b", "s-0: kept-of-term-3-a", ""),
        ({**KEEPS, "s-0": State("s-0")}, "s-0: kept-of-term-3-a", "", ""),
        (dict.fromkeys(KEEPS), "s-0: kept-of-term-3-a", "s-0: kept-of-term-3-a", ""),
    ],
)
def test_people_are_told_also_while_an_agent_is_silent(tmp_path, states, before, kept, waiting):
    kubernetes = Written(kept=before, waiting="")
    with shell_of(tmp_path, kubernetes, {}) as shell:
        shell.servers = Told(**states)
        rounds(shell, 2)
    assert (kubernetes.told["kept"], kubernetes.told["waiting"]) == (kept, waiting)
