# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input gets a clear error before anything changes."""

from __future__ import annotations

import pathlib

import pytest
from conftest import VARIABLES, make
from deployment import Deployment, handle

STORAGE = VARIABLES["redis_cluster_storage"]


def storage(**changes: object) -> dict[str, object]:
    return {"redis_cluster_storage": {**STORAGE, **changes}}


CASES = {
    "two shards": ({"redis_cluster_shards": 2}, ["redis_cluster_shards", "2", "3"]),
    "negative replicas": ({"redis_cluster_replicas": -1}, ["redis_cluster_replicas", "-1"]),
    "too many pods for the volumes": (storage(volumes_per_host=1), ["volumes_per_host", "6 pods"]),
    "no unit": (storage(size="5"), ["redis_cluster_storage.size", "'5'", "Gi"]),
    "unknown storage": (storage(type="floppy"), ["redis_cluster_storage.type", "floppy", "local"]),
    "unknown directive": ({"redis_cluster_config": {"maxmemori": "1gb"}}, ["maxmemori", "maxmemory"]),
    "owned directive": ({"redis_cluster_config": {"cluster-enabled": "no"}}, ["cluster-enabled"]),
    "password as directive": ({"redis_cluster_config": {"requirepass": "x"}}, ["requirepass"]),
    "machine that is no node": (storage(hosts=["lab-worker1", "lab-worker9"]), ["lab-worker9"]),
    "name in capitals": ({"redis_cluster_name": "Orders"}, ["redis_cluster_name", "Orders"]),
    "recycle": (storage(reclaim_policy="Recycle"), ["Recycle"]),
}


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return make("e2e-bad", tmp_path_factory.mktemp("bad"))


@pytest.mark.parametrize("case", CASES)
def test_refused_before_any_change(nothing: Deployment, case: str) -> None:
    changes, words = CASES[case]
    run = nothing.play("site.yml", **changes)
    assert run.code != 0, run.output
    assert [w for w in words if not run.says(w)] == [], run.output
    assert not any(run.changed.values()), run.output
    assert handle.kubectl("get", "namespace", nothing.namespace, check=False).returncode != 0


def test_a_node_name_in_capitals_names_the_nodes(nothing: Deployment) -> None:
    machines = nothing.directory / "capitals.yml"
    machines.write_text("k8s_nodes:\n  hosts:\n    lab-worker1:\n      k8s_node_name: LAB-WORKER1\n")
    run = nothing.play("site.yml", "-i", str(machines))
    assert run.code != 0, run.output
    assert run.says("LAB-WORKER1"), run.output
    assert run.says("lab-worker1, lab-worker2, lab-worker3"), run.output
    assert not any(run.changed.values()), run.output


def test_kubernetes_that_does_not_answer(nothing: Deployment, tmp_path: pathlib.Path) -> None:
    real = handle.lab().kubeconfig.read_text()
    broken = tmp_path / "kubeconfig"
    server = next(line.split()[-1].strip('",') for line in real.splitlines() if "server" in line)
    broken.write_text(real.replace(server, "https://127.0.0.1:1"))
    run = nothing.play("site.yml", redis_cluster_kubeconfig=str(broken))
    assert run.code != 0, run.output
    assert run.says("The Kubernetes API at https://127.0.0.1:1 does not answer"), run.output


def test_other_number_of_shards_and_fewer_replicas(e2e: Deployment) -> None:
    for changes, word in (
        ({"redis_cluster_shards": 4}, "redis_cluster_shards"),
        ({"redis_cluster_replicas": 0}, "redis_cluster_replicas"),
    ):
        run = e2e.play("site.yml", **changes)
        assert run.code != 0, run.output
        assert run.says(word), run.output
        assert not any(run.changed.values()), run.output


def test_another_password_is_refused(e2e: Deployment) -> None:
    run = e2e.play("site.yml", redis_cluster_password="another-password-1")
    assert run.code != 0, run.output
    assert run.says("redis_cluster_password"), run.output
    assert "another-password-1" not in run.output
    assert not any(run.changed.values()), run.output
