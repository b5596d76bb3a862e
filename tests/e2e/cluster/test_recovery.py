# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to pods and volumes between two runs of site.yml, and that no key is lost by it."""

from __future__ import annotations

import json

import pytest
from deployment import Deployment, Run, handle, stop_until_started_again, switched_off, wait_for

from examples import WORKERS

WIPE = """
set -eu
for pid in $(pgrep redis-server); do
  if [ /proc/$pid/root/data -ef {path} ]; then
    # It writes nothing any more, and is ended with its pod: started again in place, at the same address, it would be
    # an empty master to its replicas.
    kill -STOP $pid
    find {path} -mindepth 1 ! -name .slotwise-owner.json ! -name .slotwise-lock -delete
    exit 0
  fi
done
echo "no redis-server has {path} as its volume" >&2
exit 1
"""


# While the server runs, as when a disk is replaced under it.
EMPTY_AND_KILL = WIPE.replace("kill -STOP $pid\n", ":\n").replace("    exit 0\n", "    kill -KILL $pid\n    exit 0\n")


def converges(deployment: Deployment, prefix: str) -> Run:
    """site.yml brings the cluster to ok with every key there, and again with nothing to do."""
    run = deployment.site()
    assert deployment.info()["healthy"], deployment.info()
    assert deployment.lost_keys(prefix) == []
    again = deployment.site()
    assert again.unchanged, again.shown
    return run


def pod_of(deployment: Deployment, role: str) -> dict[str, object]:
    return next(row for row in deployment.info()["topology"] if row["role"] == role)


def test_a_killed_pod_comes_back(e2e: Deployment) -> None:
    e2e.write_keys("killed")
    master = str(pod_of(e2e, "master")["pod"])
    before = e2e.pod_facts()[master]["metadata"]["uid"]
    e2e.kubectl("delete", "pod", master, "--force", "--grace-period=0")
    wait_for(
        "another pod of that name", lambda: e2e.pod_facts().get(master, {}).get("metadata", {}).get("uid") != before
    )
    converges(e2e, "killed")


def test_keys_survive_a_restart_of_all_servers(e2e: Deployment) -> None:
    e2e.write_keys("restart")
    stop_until_started_again({"local": e2e})
    wait_for("all pods ready again", e2e.ready)
    wait_for("the cluster agrees", e2e.healthy)
    assert e2e.lost_keys("restart") == []


def test_all_pods_at_once_heal_without_ansible(e2e: Deployment) -> None:
    e2e.write_keys("all")
    before = e2e.addresses()
    e2e.delete_pods()
    wait_for("all pods ready again", e2e.ready)
    after = e2e.addresses()
    assert all(before[pod] != after[pod] for pod in before), "the pods were to come back with other addresses"
    wait_for("the nodes have found each other alone", e2e.healthy)
    assert e2e.lost_keys("all") == []
    again = e2e.site()
    assert again.unchanged, again.shown


@pytest.mark.parametrize("role", [pytest.param("replica", marks=pytest.mark.long), "master"])
def test_a_wiped_volume_gets_its_keys_back(e2e: Deployment, role: str) -> None:
    prefix = f"wiped-{role}"
    e2e.write_keys(prefix)
    row = pod_of(e2e, role)
    pod, old_id = str(row["pod"]), row["node_id"]
    volume = json.loads(handle.kubectl("get", "pv", f"{e2e.namespace}.{pod}", "-o", "json").stdout)
    handle.machine_exec(str(row["machine"]), "sh", "-c", WIPE.format(path=volume["spec"]["local"]["path"]))
    e2e.kubectl("delete", "pod", pod, "--force", "--grace-period=0")

    run = converges(e2e, prefix)

    assert run.changed[e2e.name] > 0, run.shown
    rows = {r["pod"]: r for r in e2e.info()["topology"]}
    assert rows[pod]["node_id"] != old_id
    assert rows[pod]["role"] == "replica"
    master = next(r for r in rows.values() if r["shard"] == rows[pod]["shard"] and r["role"] == "master")
    assert rows[pod]["keys"] == master["keys"] > 0
    views = [e2e.kubectl("exec", p, "-c", "redis", "--", *cli("CLUSTER NODES")) for p in e2e.pods]
    assert not [view for view in views if str(old_id) in view]


@pytest.mark.long  # tests/integration/test_pod_starts.py does it with real servers
def test_a_container_does_not_start_in_place_on_an_emptied_volume(e2e: Deployment) -> None:
    """Its replica would copy the emptiness: same pod, same address, another node."""
    e2e.write_keys("emptied")
    row = pod_of(e2e, "master")
    pod, old_id = str(row["pod"]), row["node_id"]
    volume = json.loads(handle.kubectl("get", "pv", f"{e2e.namespace}.{pod}", "-o", "json").stdout)
    before = e2e.pod_facts()[pod]["metadata"]["uid"]
    handle.machine_exec(str(row["machine"]), "sh", "-c", EMPTY_AND_KILL.format(path=volume["spec"]["local"]["path"]))
    said = f"waits: this pod is the node {old_id} of its cluster"
    wait_for("the container that started again says why it waits", lambda: said in e2e.kubectl("logs", pod))
    assert e2e.pod_facts()[pod]["metadata"]["uid"] == before
    e2e.kubectl("delete", "pod", pod)
    converges(e2e, "emptied")


def test_a_deleted_master_hands_over_before_it_goes(e2e: Deployment) -> None:
    row = pod_of(e2e, "master")
    e2e.kubectl("delete", "pod", str(row["pod"]))
    wait_for("all pods ready again", e2e.ready)
    wait_for("the cluster agrees", e2e.healthy)
    log = e2e.kubectl("logs", str(next(r["pod"] for r in e2e.info()["topology"] if r["slots"] == row["slots"])))
    assert "Manual failover" in log, log


@pytest.mark.alone
def test_a_machine_goes_and_comes_back(e2e: Deployment) -> None:
    """With local volumes its pods go nowhere else: replicas on other machines serve until it is back."""
    # One whose loss leaves a majority of masters: earlier failovers may have brought two to the same machine.
    machine = min(WORKERS, key=e2e.masters_on)
    e2e.write_keys("machine")
    with switched_off(machine):
        wait_for("the others serve all keys", lambda: e2e.serves_without(machine, "machine"))
    wait_for("all pods ready again", e2e.ready, 180)
    wait_for("the cluster agrees", e2e.healthy, 180)
    assert e2e.lost_keys("machine") == []


def cli(command: str) -> tuple[str, ...]:
    return ("sh", "-c", f'REDISCLI_AUTH="$(cat /etc/redis-auth/password)" redis-cli {command}')
