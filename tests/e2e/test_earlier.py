# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments as commit 078c11e made them, before there were agents, are taken over: nothing lost, never two masters.

The objects are in the folder ``earlier``, with the scripts that pods ran then; on the machines are the directories and
marks of then. Pods organise themselves by these scripts, and get data, before the first run of today.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator

import pytest
import redis
import yaml
from deployment import LOCAL, Deployment, Run, handle, is_ready, run_module, run_playbook, wait_for
from watch import Watcher, Writer

FOLDER = pathlib.Path(__file__).parent / "earlier"
KINDS = ("cluster", "sentinel", "standalone")
SENTINEL = "earlier-sentinel"
# Who applied them: fields that are no longer wanted are taken away from nobody else.
MANAGER = "slotwise.redis"
KEYS = 500
# What they were made with.
VARIABLES = {
    "cluster": {"shards": 3, "replicas": 1, "config": {"cluster-node-timeout": 5000}},
    "sentinel": {"config": {"appendonly": "yes"}},
    "standalone": {"instances": 2, "config": {"appendonly": "yes"}},
}
MACHINES = {"cluster": 3, "sentinel": 3, "standalone": 2}
MARK = '{{"deployment": "{0}", "managed_by": "slotwise.redis", "namespace": "{0}", "pod": "{1}"}}'


class Earlier:
    """The three deployments, and what the runs on them printed."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.of = {kind: Deployment(f"earlier-{kind}", folder) for kind in KINDS}
        self.inventory = folder / "hosts.yml"
        self.inventory.write_text(yaml.safe_dump({"all": {"children": {f"redis_{k}": _group(k) for k in KINDS}}}))

    def play(self, playbook: str, *arguments: str) -> Run:
        run = run_playbook(playbook, [self.inventory], *arguments)
        assert run.code == 0, run.shown
        return run

    def make(self) -> None:
        for kind in KINDS:
            objects = list(yaml.safe_load_all((FOLDER / f"{kind}.yml").read_text()))
            for volume in objects:
                if volume["kind"] == "PersistentVolume":
                    _make_directory(f"earlier-{kind}", volume["spec"])
            handle.kubectl("apply", "--server-side", f"--field-manager={MANAGER}", "-f", str(FOLDER / f"{kind}.yml"))
        for deployment in self.of.values():
            wait_for(f"pods of {deployment.name} are ready", lambda one=deployment: _all_ready(one), 240)
        run_module(
            "redis_cluster_init",
            {
                "kubeconfig": str(handle.lab().kubeconfig),
                "namespace": "earlier-cluster",
                "name": "earlier-cluster",
                "login_secret": "earlier-cluster-auth",
                "shards": 3,
                "replicas": 1,
            },
        )

    def remove(self) -> None:
        if SENTINEL in handle.kubectl("get", "namespaces", "-o", "name").stdout:
            delete = {f"redis_{kind}_delete_data": True for kind in KINDS}
            self.play("playbooks/uninstall.yml", "-e", json.dumps(delete))
            handle.kubectl("delete", "namespace", *(one.namespace for one in self.of.values()))

    def pods(self) -> dict[str, str]:
        """Pod -> uid, of all of them."""
        facts = [pod["metadata"] for one in self.of.values() for pod in one.pod_facts().values()]
        return {pod["name"]: pod["uid"] for pod in facts}

    def client(self, kind: str, pod: str) -> redis.Redis:
        deployment = self.of[kind]
        return redis.Redis(deployment.addresses()[pod], password=deployment.password, decode_responses=True)


def _group(kind: str) -> dict[str, object]:
    storage = {"type": "local", "size": "1Gi", "path": "/srv/redis"}
    storage["hosts"] = [f"lab-worker{number}" for number in range(1, MACHINES[kind] + 1)]
    given = {**VARIABLES[kind], "storage": storage, "namespace": f"earlier-{kind}", "password": "of-an-earlier-release"}
    return {"hosts": {f"earlier-{kind}": {f"redis_{kind}_{k}": v for k, v in given.items()}}, "vars": LOCAL}


def _make_directory(name: str, volume: dict) -> None:
    """As the role of the machines made it then."""
    (term,) = volume["nodeAffinity"]["required"]["nodeSelectorTerms"]
    (machine,) = term["matchExpressions"][0]["values"]
    path = volume["local"]["path"]
    mark = MARK.format(name, path.rpartition(".")[2])
    script = (
        f"install -d /srv/redis; install -d -o 999 -g 999 -m 750 {path}; echo '{mark}' >{path}/.slotwise-owner.json"
    )
    handle.machine_exec(machine, "sh", "-ec", script)


def _all_ready(deployment: Deployment) -> bool:
    sets = json.loads(deployment.kubectl("get", "statefulsets", "-o", "json"))["items"]
    pods = deployment.pod_facts().values()
    return len(pods) == sum(one["spec"]["replicas"] for one in sets) and all(map(is_ready, pods))


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Earlier]:
    made = Earlier(tmp_path_factory.mktemp("earlier"))
    made.remove()
    made.make()
    yield made
    made.remove()


@pytest.mark.long  # seven minutes, and only what an earlier release made can fail it
def test_deployments_of_an_earlier_release_are_taken_over(earlier: Earlier) -> None:
    cluster, sentinel, standalone = (earlier.of[kind] for kind in KINDS)
    cluster.write_keys("before")
    servers = [f"{standalone.name}-{index}" for index in range(2)]
    for pod in servers:
        with earlier.client("standalone", pod) as connection:
            connection.mset({f"before:{number}": number for number in range(KEYS)})
    before = earlier.pods()

    predicted = earlier.play("site.yml", "--check")
    assert earlier.pods() == before
    restarts = [line for line in predicted.output.splitlines() if "would" in line and "restart pod" in line]
    assert len(restarts) == 3 + 3 + 2, restarts
    assert predicted.says("restart pod earlier-sentinel-0: the master before, its settings are older"), restarts

    master = sentinel.kubectl("get", "service", f"{SENTINEL}-master", "-o", "jsonpath={.spec.clusterIP}")
    with Watcher(SENTINEL, SENTINEL) as watcher, Writer(master, sentinel.password, "taken-over") as writer:
        wait_for("writes", lambda: len(writer.acknowledged) > 50)
        earlier.play("site.yml")
        last = len(writer.acknowledged)
        wait_for("writes after it", lambda: len(writer.acknowledged) > last + 50)

    assert watcher.never_two()
    (labelled,) = watcher.looks[-1].masters
    with earlier.client("sentinel", labelled) as connection:
        assert writer.lost(connection) == []
    print(f"taken over: longest write gap {writer.gap:.1f} s, {len(writer.acknowledged)} writes, none lost")
    assert cluster.lost_keys("before") == []
    for pod in servers:
        with earlier.client("standalone", pod) as connection:
            assert connection.mget([f"before:{number}" for number in range(KEYS)]) == [str(n) for n in range(KEYS)]
    after = earlier.pods()
    left = sorted(pod for pod, uid in before.items() if after[pod] == uid and not pod.startswith(cluster.name))
    assert left == [], "these were not restarted"
    for number in (1, 2, 3):
        marks = handle.machine_exec(f"lab-worker{number}", "sh", "-c", "cat /srv/redis/earlier-*/.slotwise-owner.json")
        assert all("incarnation" in json.loads(line) for line in marks.stdout.splitlines()), marks.stdout

    assert earlier.play("site.yml").unchanged
