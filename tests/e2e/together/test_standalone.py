# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The standalone example as it stands: one server on a named machine, four with directories on one NFS volume."""

from __future__ import annotations

import json
import pathlib
import re

import pytest
import redis
import yaml
from deployment import Deployment, Run, handle, run_playbook, wait_for
from together import Together

from examples import EXAMPLES

EXAMPLE = EXAMPLES / "standalone"


class Servers(Deployment):
    """Standalone servers with an inventory of the repository."""

    @property
    def pods(self) -> list[str]:
        return [f"{self.name}-{i}" for i in range(int(self.variables.get("redis_standalone_instances", 1)))]

    def client(self, pod: str) -> redis.Redis:
        return redis.Redis(self.addresses()[pod], password=self.password, decode_responses=True)

    def write(self, text: str) -> None:
        for pod in self.pods:
            with self.client(pod) as client:
                client.set("key", f"{text} of {pod}")

    def lost(self, text: str) -> list[str]:
        found = {}
        for pod in self.pods:
            with self.client(pod) as client:
                found[pod] = client.get("key")
        return [pod for pod, value in found.items() if value != f"{text} of {pod}"]


def load(name: str) -> Servers:
    path = EXAMPLE / "host_vars" / f"{name}.yml"
    return Servers(name, pathlib.Path(), yaml.safe_load(path.read_text()))


def play(playbook: str, *arguments: str) -> Run:
    run = run_playbook(playbook, [EXAMPLE], *arguments)
    assert run.code == 0, run.shown
    return run


def remove() -> None:
    play("playbooks/uninstall.yml", "-e", "redis_standalone_delete_data=true")
    handle.kubectl("delete", "namespace", "sessions", "pool", "--ignore-not-found")


@pytest.fixture
def servers(together: Together) -> dict[str, Servers]:
    return {"sessions": load("sessions"), "pool": load("pool")}


def test_the_servers_and_how_to_reach_them_are_shown(together: Together) -> None:
    output = together.first.output
    assert re.search(r"sessions-0\s+lab-worker1\s+0\s+\d", output), output
    assert together.first.says("sessions.sessions.svc.cluster.local:6379")
    assert together.first.says("pool-0.pool-headless.pool.svc.cluster.local:6379 to pool-3.pool-headless")


@pytest.mark.parametrize("name", ["sessions", "pool"])
def test_keys_survive_the_deletion_of_all_pods(servers, name: str) -> None:
    deployment = servers[name]
    deployment.write("before")
    deployment.delete_pods()
    wait_for("all pods ready again", deployment.ready, 180)
    assert deployment.lost("before") == []


def test_each_server_has_a_directory_named_after_its_pod(servers) -> None:
    listed = handle.machine_exec("lab-nfs", "ls", "/srv/nfs/pool.pool").stdout.split()
    assert listed == servers["pool"].pods
    assert servers["pool"].kubectl("get", "pvc", "-o", "name").split() == ["persistentvolumeclaim/data-pool"]
    assert servers["pool"].unlabelled() == []


def test_a_changed_setting_restarts_the_servers_with_their_keys(servers) -> None:
    deployment = servers["sessions"]
    deployment.write("setting")
    changed = ("site.yml", "--limit", "sessions", "-e", '{"redis_standalone_config": {"maxmemory": "96mb"}}')
    predicted = play(*changed, "--check")
    assert predicted.says("would 1. restart pod sessions-0: server with 1 keys"), predicted.shown
    run = play(*changed)
    assert run.changed["sessions"] > 0
    with deployment.client("sessions-0") as client:
        assert client.config_get("maxmemory") == {"maxmemory": str(96 << 20)}
    assert deployment.lost("setting") == []
    assert play(*changed).changed["sessions"] == 0


@pytest.mark.parametrize("appendonly", ["no", "yes"])
def test_a_server_that_will_read_other_files_writes_them_first(servers, appendonly: str) -> None:
    """D4: it used to start without its keys."""
    deployment = servers["sessions"]
    deployment.write(f"appendonly {appendonly}")
    config = {"maxmemory": "96mb", "appendonly": appendonly}
    play("site.yml", "--limit", "sessions", "-e", json.dumps({"redis_standalone_config": config}))
    with deployment.client("sessions-0") as client:
        assert client.config_get("appendonly") == {"appendonly": appendonly}
    assert deployment.lost(f"appendonly {appendonly}") == []


def test_keys_that_nothing_keeps_are_not_lost_by_a_setting(servers) -> None:
    """D2: written so that it looked like points of time."""
    deployment = servers["sessions"]
    config = {"appendonly": "no", "save": "''"}
    site = ("site.yml", "--limit", "sessions", "-e")
    try:
        deployment.write("unsaved")
        with deployment.client("sessions-0") as client:
            count = client.dbsize()
        run = run_playbook(site[0], [EXAMPLE], *site[1:], json.dumps({"redis_standalone_config": config}))
        assert run.code != 0
        assert run.says(f"sessions-0: {count} keys that the server does not save"), run.shown
        assert deployment.lost("unsaved") == []
        allowed = {"redis_standalone_config": config, "redis_standalone_allow_data_loss": True}
        play(*site, json.dumps(allowed))
    finally:
        play("site.yml", "--limit", "sessions")


def test_fewer_servers_are_refused(servers) -> None:
    run = run_playbook("playbooks/preflight.yml", [EXAMPLE], "--limit", "pool", "-e", "redis_standalone_instances=3")
    assert run.code != 0
    assert run.says("redis_standalone_instances is 3 and the running deployment has 4"), run.shown


def test_a_topology_cannot_become_another(servers, tmp_path: pathlib.Path) -> None:
    other = tmp_path / "hosts.yml"
    storage = {"type": "emptydir", "size": "1Gi"}
    other.write_text(
        yaml.safe_dump({"redis_cluster": {"hosts": {"sessions": {"redis_cluster_storage": storage}}}}),
    )
    run = run_playbook("playbooks/preflight.yml", [other])
    assert run.code != 0
    assert run.says("StatefulSet sessions/sessions exists as a deployment of topology standalone"), run.shown


def test_a_deployment_in_two_groups_is_refused(tmp_path: pathlib.Path) -> None:
    both = tmp_path / "hosts.yml"
    both.write_text(yaml.safe_dump({g: {"hosts": {"twice": {}}} for g in ("redis_cluster", "redis_standalone")}))
    run = run_playbook("site.yml", [both])
    assert run.code != 0
    assert run.says("twice is in the groups redis_cluster, redis_standalone."), run.shown


@pytest.mark.long  # test_life does it with a cluster, by the same tasks
def test_uninstall_keeps_the_data_unless_told(servers) -> None:
    for deployment in (servers["sessions"], servers["pool"]):
        deployment.write("kept")
    play("playbooks/uninstall.yml")
    assert servers["pool"].kubectl("get", "pods", "-o", "name") == ""
    play("site.yml")
    assert servers["sessions"].lost("kept") == []
    assert servers["pool"].lost("kept") == []
    remove()
    left = handle.machine_exec("lab-nfs", "sh", "-c", "ls /srv/nfs | grep '^pool'", check=False)
    assert left.stdout == ""
    assert "pool" not in handle.kubectl("get", "pv", "-o", "name").stdout
