# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flow of redis_restart with real servers and Sentinels; Kubernetes, which ends and starts them, is played."""

from __future__ import annotations

import contextlib
import signal
from types import SimpleNamespace as Some

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._errors import Refusal
from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import Pod, StatefulSet
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import DirectDialer, Fleet
from ansible_collections.slotwise.redis.plugins.module_utils.redis import restart_plan
from ansible_collections.slotwise.redis.plugins.module_utils.redis import sentinels as _sentinels
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils.run import handover, lease, restarts
from ansible_collections.slotwise.redis.tests.integration.pods import wait_for
from ansible_collections.slotwise.redis.tests.integration.sentinel_farm import MASTER_NAME, Process, SentinelFarm
from ansible_collections.slotwise.redis.tests.integration.test_handover import CONFIGURED, SETTINGS, Writer, masters

CHANGING = ("SET", "FAILOVER", "PAUSE")
PARAMS = {
    "keep_lease_for": None,
    "namespace": "shop",
    "name": MASTER_NAME,
    "master_name": None,
    "servers": 3,
    "sentinels": 3,
    "min_replicas_to_write": int(CONFIGURED),
    "allow_data_loss": False,
    "changing": [],
    "timeout": 40,
}


class Killed(BaseException):
    """The end of a process by SIGKILL: whatever it does on its way out does not happen either."""


class Cluster:
    """Kubernetes for the processes of a farm."""

    api = None

    def __init__(self, farm: SentinelFarm) -> None:
        self.farm, self.deleted, self.dead, self.commands, self.kill_after = farm, [], False, 0, 0
        self.pods = {f"{MASTER_NAME}-{n}": p for n, p in enumerate(farm.servers)}
        self.sentinels = {f"{MASTER_NAME}-sentinel-{n}": p for n, p in enumerate(farm.sentinels)}
        self.processes: dict[str, Process] = {**self.pods, **self.sentinels}
        self.names = {process.host: pod for pod, process in self.processes.items()}
        self.revisions = dict.fromkeys(self.processes, "old")
        self.revision, self.change_after = "new", 0
        self.lasts, self.record = True, {}

    def stateful_set(self, _namespace: str, name: str) -> StatefulSet:
        return StatefulSet(name, 3, self.revision, True)

    def delete_pod(self, _namespace: str, name: str, _uid: str) -> None:
        self.change()
        running = [n for n in self.processes if self.processes[n].runs]
        assert len(running) == len(self.processes), "two pods away at once"
        self.processes[name].restart(signal.SIGTERM)
        self.revisions[name] = self.revision
        self.deleted.append(name)
        assert len(self.deleted) <= 2 * len(self.processes), "pods restart without end"
        if len(self.deleted) == self.change_after:
            self.revision = "newer"

    def warnings(self, *_asked: str) -> list[str]:
        return []

    def change(self) -> None:
        """Something is about to change; the run may be killed after it."""
        if self.dead:
            raise Killed
        self.commands += 1
        self.dead = self.commands == self.kill_after

    def group(self, members: dict[str, Process]) -> Some:
        cluster = self

        class Watched(Fleet):
            def gather(self, commands):
                if cluster.dead:
                    raise Killed
                if any(word in CHANGING for batch in commands.values() for command in batch for word in command[:2]):
                    cluster.change()
                return super().gather(commands)

        endpoints = [Endpoint(pod, p.host, p.port) for pod, p in members.items()]
        return Some(
            kubernetes=self,
            names=list(members),
            config_map={f"{MASTER_NAME}-record": self.record}.__getitem__,
            fleet=lambda seconds: Watched(DirectDialer(), endpoints, None, seconds),
            follow=lambda _fleet: {pod: self.pod(pod, process) for pod, process in members.items()},
        )

    def pod(self, name: str, process: Process) -> Pod:
        role = process.role if name in self.pods else ""
        labels = {"controller-revision-hash": self.revisions[name], "redis-role": role}
        ready = name not in self.pods or role == "master" or process.info()["master_link_status"] == "up"
        return Pod(
            name, process.host, labels=labels, uid=f"{name} {self.deleted.count(name)}", ready=ready, lasts=self.lasts
        )


@pytest.fixture
def play(monkeypatch):
    """Let the module work on a farm."""

    def on(farm: SentinelFarm) -> Cluster:
        cluster = Cluster(farm)
        monkeypatch.setattr(restarts, "Servers", lambda *_given: cluster.group(cluster.pods))
        monkeypatch.setattr(restarts, "Sentinels", lambda *_given: cluster.group(cluster.sentinels))
        monkeypatch.setattr(lease, "Lease", lambda *_given, **_more: contextlib.nullcontext(Some(check=lambda: None)))
        for module in (_sentinels, restart_plan, handover):
            monkeypatch.setattr(module, "pod_of", lambda host: cluster.names.get(host, host))
        return cluster

    return on


def run(check_mode: bool = False) -> dict:
    return restarts.Restarts(Some(check_mode=check_mode, params=PARAMS), print).run()


def test_one_pod_at_a_time_and_no_write_is_lost(every_flavor, play):
    with SentinelFarm(every_flavor, settings=SETTINGS) as farm:
        cluster = play(farm)
        predicted = run(check_mode=True)
        assert cluster.commands == 0
        with Writer(farm) as writer:
            done = run()
        assert done["plan"] == predicted["plan"]
        assert cluster.deleted == [f"{MASTER_NAME}-{n}" for n in (2, 1, 0, "sentinel-2", "sentinel-1", "sentinel-0")]
        assert done["changed"]
        assert writer.lost(farm.master()) == 0
        commands = cluster.commands
        again = run()
        assert (again["changed"], again["plan"], cluster.commands) == (False, [], commands)
        print(f"{every_flavor}: longest write gap {writer.gap:.2f} s")


def test_what_a_pod_keeps_in_an_emptydir_is_a_reason_to_restart_nobody(newest_redis, play):
    with SentinelFarm(newest_redis, settings=SETTINGS) as farm:
        cluster = play(farm)
        cluster.lasts = False
        cluster.record["kept"] = f"{MASTER_NAME}-1: kept-of-term-3-a\n{MASTER_NAME}-1: kept-of-term-4-b"
        with pytest.raises(Refusal, match=rf"{MASTER_NAME}-1: kept-of-term-3-a, kept-of-term-4-b"):
            run()
        assert cluster.deleted == []
        cluster.record["kept"] = ""
        assert run()["changed"]


@pytest.mark.parametrize("change_after", [1, 3])
def test_a_statefulset_that_somebody_changes_meanwhile_restarts_each_pod_once_more_at_most(
    newest_redis, play, change_after
):
    """Pods that are made from now on are of the newer template, and not outdated."""
    with SentinelFarm(newest_redis, settings=SETTINGS) as farm:
        cluster = play(farm)
        cluster.change_after = change_after
        run()
        assert set(cluster.revisions.values()) == {"newer"}
        assert len(cluster.deleted) == len(cluster.processes) + change_after
        assert not run()["changed"]


@pytest.mark.parametrize("kill_after", [1, 3, 4, 5])
def test_a_killed_run_is_gone_on_with(newest_redis, play, kill_after):
    """After the first pod, the fence, the failover, and what lifts the fence."""
    with SentinelFarm(newest_redis, settings=SETTINGS) as farm:
        cluster = play(farm)
        cluster.kill_after = kill_after
        with pytest.raises(Killed):
            run()
        cluster.dead = False
        wait_for("Sentinels agree", lambda: masters(farm) == [farm.master()])
        run()
        assert set(cluster.deleted) == set(cluster.processes)
        assert len(cluster.deleted) == len(cluster.processes)
        assert {p.ask("CONFIG", "GET", "min-replicas-to-write")[1] for p in farm.servers} == {CONFIGURED}
        assert not run()["changed"]
