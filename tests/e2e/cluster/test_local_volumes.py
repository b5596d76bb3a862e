# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Local volumes over their life: other policy, more room, more machines, a replaced disk, claims that were deleted."""

from __future__ import annotations

import json
import pathlib

import pytest
from conftest import VARIABLES, make, remove
from deployment import Deployment, handle, run_playbook, wait_for

STORAGE = VARIABLES["redis_cluster_storage"]


def volumes(deployment: Deployment) -> dict[str, dict]:
    selector = f"app.kubernetes.io/instance={deployment.name}"
    listed = json.loads(handle.kubectl("get", "pv", "-l", selector, "-o", "json").stdout)
    return {item["metadata"]["name"]: item for item in listed["items"]}


def test_another_policy_and_more_room_reach_bound_volumes(e2e: Deployment) -> None:
    changed = {**STORAGE, "reclaim_policy": "Delete", "size": "2Gi"}
    try:
        assert e2e.play("playbooks/storage.yml", redis_cluster_storage=changed).code == 0
        found = volumes(e2e).values()
        assert {v["spec"]["persistentVolumeReclaimPolicy"] for v in found} == {"Delete"}
        assert {v["spec"]["capacity"]["storage"] for v in found} == {"2Gi"}
        assert {v["status"]["phase"] for v in found} == {"Bound"}
        again = e2e.play("playbooks/storage.yml", redis_cluster_storage=changed)
        assert again.unchanged, again.shown
    finally:
        restored = e2e.play("playbooks/storage.yml")
        assert restored.code == 0, restored.shown
    assert {v["spec"]["persistentVolumeReclaimPolicy"] for v in volumes(e2e).values()} == {"Retain"}


def test_volumes_do_not_become_smaller_than_their_claims(e2e: Deployment) -> None:
    refused = e2e.play("playbooks/preflight.yml", redis_cluster_storage={**STORAGE, "size": "512Mi"})
    assert refused.code != 0
    assert refused.says("redis_cluster_storage.size is 512Mi, and the claims of the running deployment ask for 1Gi")


def test_another_machine_moves_nothing(e2e: Deployment) -> None:
    before = {name: v["spec"]["nodeAffinity"] for name, v in volumes(e2e).items()}
    hosts = [*STORAGE["hosts"], "lab-control"]
    machines = ("--limit", "all:localhost:!k8s_nfs_workers:!nfs_servers")
    run = e2e.play("site.yml", *machines, redis_cluster_storage={**STORAGE, "hosts": hosts})
    assert run.unchanged, run.shown
    assert {name: v["spec"]["nodeAffinity"] for name, v in volumes(e2e).items()} == before


def test_a_replaced_disk_is_noticed_and_filled_again(e2e: Deployment) -> None:
    e2e.write_keys("disk")
    row = next(r for r in e2e.info()["topology"] if r["role"] == "replica")
    pod, machine = str(row["pod"]), str(row["machine"])
    path = volumes(e2e)[f"{e2e.namespace}.{pod}"]["spec"]["local"]["path"]
    # The same path, and nothing on it: another disk, or the disk is not mounted.
    handle.machine_exec(machine, "sh", "-c", f"mv {path} {path}.old && mkdir {path}")

    refused = e2e.play("playbooks/nodes.yml")
    assert refused.code != 0
    assert refused.says(f"{path}: is empty and has no owner marker")
    assert refused.says("node_local_storage_accept_empty=true")
    assert handle.machine_exec(machine, "ls", "-A", path).stdout == ""

    accepted = e2e.play("playbooks/nodes.yml", "-e", "node_local_storage_accept_empty=true")
    assert accepted.code == 0, accepted.shown
    e2e.kubectl("delete", "pod", pod, "--force", "--grace-period=0")
    e2e.site()
    assert e2e.info()["healthy"], e2e.info()
    assert e2e.lost_keys("disk") == []
    rows = {r["pod"]: r for r in e2e.info()["topology"]}
    assert rows[pod]["role"] == "replica"
    assert rows[pod]["keys"] > 0
    handle.machine_exec(machine, "rm", "-r", f"{path}.old")


@pytest.mark.long  # the other tests here tell data of earlier deployments apart too
def test_released_volumes_are_shown_and_used_again(tmp_path: pathlib.Path) -> None:
    """With a Secret of the user's, which is nobody else's to remove."""
    deployment = make("e2e-released", tmp_path, redis_cluster_replicas=0, redis_cluster_existing_secret="own")
    remove(deployment)
    handle.kubectl("create", "namespace", deployment.namespace)
    deployment.kubectl("create", "secret", "generic", "own", "--from-literal=password=not-a-secret")
    deployment.site()
    deployment.write_keys("released")
    ids = {str(row["node_id"]) for row in deployment.info()["topology"]}
    deployment.play("playbooks/uninstall.yml")
    deployment.kubectl("delete", "pvc", "--all")
    wait_for(
        "the volumes are Released",
        lambda: {v["status"]["phase"] for v in volumes(deployment).values()} == {"Released"},
    )

    refused = deployment.play("playbooks/preflight.yml")
    assert refused.code != 0
    assert refused.says("3 volumes of deployment e2e-released are Released")
    assert refused.says("/var/lib/slotwise-e2e/e2e-released.e2e-released-0 on lab-worker")

    shown = deployment.play("playbooks/reuse_volumes.yml", "--check")
    assert shown.code == 0, shown.shown
    assert all(shown.says(f"Redis Cluster node {node_id}, master") for node_id in ids), shown.shown
    assert shown.says("belongs to pod e2e-released-0 of deployment e2e-released")
    assert {v["status"]["phase"] for v in volumes(deployment).values()} == {"Released"}

    used = deployment.play("playbooks/reuse_volumes.yml")
    assert used.code == 0, used.shown
    again = deployment.play("playbooks/reuse_volumes.yml")
    assert again.unchanged, again.shown
    deployment.site()
    assert deployment.lost_keys("released") == []
    removed = deployment.play("playbooks/uninstall.yml", redis_cluster_delete_data=True)
    assert removed.code == 0, removed.shown
    assert deployment.password == "not-a-secret"
    remove(deployment)


def mark(deployment: Deployment, volume: dict, **changes: str) -> dict:
    """The owner marker of a volume's directory, after these changes to it."""
    machine = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]["values"][0]
    marker = f"{volume['spec']['local']['path']}/.slotwise-owner.json"
    found = {**json.loads(handle.machine_exec(machine, "cat", marker).stdout), **changes}
    if changes:
        handle.machine_exec(machine, "sh", "-c", f"echo '{json.dumps(found)}' > {marker}")
    return found


def test_data_without_its_volume_is_told_from_that_of_an_earlier_deployment(tmp_path: pathlib.Path) -> None:
    deployment = make("e2e-earlier", tmp_path, redis_cluster_replicas=0)
    remove(deployment)
    deployment.site()
    deployment.write_keys("earlier")
    made = volumes(deployment)
    kubernetes = {mark(deployment, volume)["kubernetes"] for volume in made.values()}
    assert len(kubernetes) == 1

    # By hand, to start anew.
    deployment.kubectl("delete", "namespace", deployment.namespace)
    handle.kubectl("delete", "pv", *made)
    refused = deployment.play("site.yml")
    assert refused.code != 0
    assert not any(refused.changed.values()), refused.shown
    assert refused.says("this Kubernetes cluster had volumes for them, which are gone")
    assert all(refused.says(volume["spec"]["local"]["path"]) for volume in made.values())
    assert refused.says("-e k8s_storage_adopt_directories=true")

    # As if Kubernetes were another one, made anew over the same disks.
    for volume in made.values():
        mark(deployment, volume, kubernetes="another")
    taken = deployment.site()
    assert taken.says("all of its directories hold data of one incarnation"), taken.shown
    assert deployment.lost_keys("earlier") == []
    assert {mark(deployment, volume)["kubernetes"] for volume in made.values()} == kubernetes
    again = deployment.site()
    assert again.unchanged, again.shown
    remove(deployment)


def test_a_deployment_in_the_directory_of_another_one_is_refused(e2e: Deployment, tmp_path: pathlib.Path) -> None:
    outer = next(iter(volumes(e2e).values()))["spec"]["local"]["path"]
    inner = make("e2e-inner", tmp_path, redis_cluster_storage={**STORAGE, "path": outer})
    refused = inner.play("playbooks/nodes.yml")
    assert refused.code != 0
    assert refused.says("of deployment e2e-inner in namespace e2e-inner: lies in"), refused.shown
    assert refused.says(f"lies in {outer}, which belongs to pod e2e-"), refused.shown
    assert not any(refused.changed.values()), refused.shown
    together = run_playbook("playbooks/preflight.yml", [e2e.write_inventory(), inner.write_inventory()])
    assert together.code != 0
    assert together.says(f"of deployment e2e-inner in namespace e2e-inner lies in {outer} of pod e2e-"), together.shown
