# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployment that most of these tests share. It is made by the first test that asks for it."""

from __future__ import annotations

import pathlib

import pytest
from demo import Demo
from deployment import Deployment, handle
from lanes import Lanes, nfs_machines
from together import Together

VARIABLES = {
    "redis_cluster_storage": {
        "type": "local",
        "size": "1Gi",
        "path": "/var/lib/slotwise-e2e",
        "hosts": ["lab-worker1", "lab-worker2", "lab-worker3"],
    },
    "redis_cluster_config": {"cluster-node-timeout": 5000},
    "redis_cluster_resources": {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
}


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Lanes())


def make(name: str, directory: pathlib.Path, **variables: object) -> Deployment:
    return Deployment(name, directory, {**VARIABLES, **variables})


def remove(deployment: Deployment) -> None:
    ours = ("get", "namespaces,pv", "--no-headers", "-o", "name")
    if f"/{deployment.namespace}" not in handle.kubectl(*ours).stdout:
        return
    run = deployment.play("playbooks/uninstall.yml", redis_cluster_delete_data=True)
    assert run.code == 0, run.shown
    deployment.kubectl("delete", "namespace", deployment.namespace, "--ignore-not-found")


@pytest.fixture(scope="session")
def e2e(tmp_path_factory: pytest.TempPathFactory):
    """A cluster of three shards with a replica each, formed and verified."""
    deployment = make("e2e", tmp_path_factory.mktemp("e2e"))
    remove(deployment)
    deployment.site()
    yield deployment
    remove(deployment)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory):
    """`make demo` on a cluster that KUBECONFIG names, then on the lab, the same one. What was there before stays."""
    made = Demo(tmp_path_factory.mktemp("demo"))
    yield made
    made.remove()


@pytest.fixture(scope="session")
def nfs_lab() -> None:
    """The machines of `make lab-nfs`; without them the tests that need them fail, and say so."""
    done = handle.machine_exec("lab-nfs", "true", check=False)
    assert done.returncode == 0, f"run `make lab-nfs` first: {done.stderr}"


@pytest.fixture(scope="session")
def together(nfs_lab, demo, tmp_path_factory: pytest.TempPathFactory):
    """The other topologies beside the demo. Tests that remove a deployment are the last ones of their file."""
    with nfs_machines():
        made = Together(tmp_path_factory.mktemp("together"))
    # Those that come need the machine more than they need the demo beside them.
    demo.remove()
    yield made
    made.remove()
