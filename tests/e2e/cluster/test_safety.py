# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Only one run at a time changes a deployment, and no password is ever where others can read it."""

from __future__ import annotations

import subprocess
import threading

from deployment import ROOT, Deployment, handle, run_module

from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import api_client
from ansible_collections.slotwise.redis.plugins.module_utils.run.lease import Lease

SCAN = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"


def arguments(deployment: Deployment) -> dict[str, object]:
    return {
        "kubeconfig": str(ROOT / ".lab" / "kubeconfig"),
        "namespace": deployment.namespace,
        "name": deployment.name,
        "login_secret": f"{deployment.name}-auth",
        "cluster_node_timeout": 5000,
    }


def test_a_second_run_stops_with_the_name_of_the_holder(e2e: Deployment) -> None:
    pod = e2e.pods[0]
    auth = 'REDISCLI_AUTH="$(cat /etc/redis-auth/password)"'
    e2e.kubectl("exec", pod, "--", "sh", "-c", f"{auth} redis-cli CONFIG SET cluster-node-timeout 4000")
    with Lease(api_client(str(ROOT / ".lab" / "kubeconfig")), e2e.namespace, e2e.name, 60) as lease:
        refused = run_module("redis_cluster_init", arguments(e2e))
        assert refused.get("failed"), refused
        assert lease.identity in refused["msg"]
        assert refused["actions"] == []
    done = run_module("redis_cluster_init", arguments(e2e))
    assert [a["action"] for a in done["actions"]] == ["configure"], done
    assert run_module("redis_cluster_init", arguments(e2e))["changed"] is False


def test_the_password_stays_in_the_secret(e2e: Deployment) -> None:
    password = e2e.password
    seen: list[str] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            seen.append(
                subprocess.run(["sh", "-c", SCAN], capture_output=True, text=True, errors="replace", check=False).stdout
            )

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run = e2e.site("--diff", "-vvv")
        check = e2e.site("--check", "--diff", "-vvv")
    finally:
        stop.set()
        watcher.join()
    for machine in ("lab-worker1", "lab-worker2", "lab-worker3"):
        seen.append(handle.machine_exec(machine, "sh", "-c", SCAN).stdout)
    places = {
        "a command line": "".join(seen),
        "the output of a run with -vvv": run.output,
        "the output of check mode with -vvv": check.output,
        "an object that is no Secret": e2e.kubectl("get", "configmaps,statefulsets,pods,services", "-o", "yaml"),
        "a log": "".join(e2e.kubectl("logs", pod) for pod in e2e.pods),
    }
    assert [place for place, text in places.items() if password in text] == []
