# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong beside an agent's work does not keep it from that."""

from __future__ import annotations

import pytest
from agent.__main__ import SentinelShell
from agent.evidence import Data, State
from agent.sentinel import Record

MASTER = "127.0.0.1"


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


@pytest.mark.parametrize(
    "fault",
    [
        OSError("PATCH /configmaps/orders-agents: 500 etcdserver: mvcc: database space exceeded"),
        OSError("PATCH /configmaps/orders-agents: 403 denied by a policy"),
        ValueError("no JSON"),
    ],
)
def test_a_sentinel_begins_where_kubernetes_takes_no_changes(tmp_path, monkeypatch, fault):
    """What people are told comes last: a read-only Kubernetes still knows who is the master."""
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
    monkeypatch.setattr(SentinelShell, "pause", lambda _self: 0)
    shell = SentinelShell(environment, Kubernetes(fault))
    try:
        shell.servers, shell.views = Told(**{MASTER: State(MASTER, 7, MASTER, Data("a", 1))}), Told()
        rounds = iter(range(4))
        shell.done = lambda: next(rounds) == 3
        with (tmp_path / "log").open("w") as shell.log:
            shell.run_rounds()
        assert f"sentinel monitor orders {MASTER} 1 2" in (tmp_path / "sentinel.conf").read_text()
        assert (tmp_path / "log").read_text().count(str(fault)) == 1
    finally:
        shell.status.close()
