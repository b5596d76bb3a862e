# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one cluster: rights, the first run, its removal with and without the data.

The tests of this file are one story, in its order. The cluster is made by an account that may do what the preflight
listed and nothing else, with a given password, over connections to the pods that the names of DNS lead to.
"""

from __future__ import annotations

import json
import pathlib
import re

import pytest
from conftest import make, remove
from deployment import Deployment, handle

from examples import WORKERS

NAME = "e2e-life"
PASSWORD = 'a "given" pa$$word'
KINDS = "namespaces,pv,storageclasses,statefulsets,services,configmaps,secrets,pvc,pods,pdb,networkpolicies,leases"
STEP = re.compile(rf"^\s*\+?\s*({NAME}-\d+|all nodes): (?:CLUSTER|CONFIG) .*$", re.MULTILINE)
MISSING = re.compile(
    r"((?:[a-z]+, )*[a-z]+) ([a-z]+(?:/[a-z]+)?)(?:\.([a-z0-9.]+))? in (namespace \S+|the whole cluster)"
)


class Life(Deployment):
    """With the kubeconfig of a service account that begins without any rights."""

    own: str


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("life")
    ways = {"redis_cluster_transport": "direct", "redis_cluster_dns_server": str(handle.lab().dns_address)}
    made = make(NAME, folder, redis_cluster_password=PASSWORD, **ways)
    life = Life(made.name, made.directory, made.variables)
    remove(life)
    handle.kubectl("create", "namespace", NAME)
    handle.kubectl("-n", "default", "delete", "serviceaccount", NAME, "--ignore-not-found")
    life.own = str(account(folder))
    yield life
    remove(life)
    handle.kubectl("delete", "clusterrole,clusterrolebinding", NAME, "--ignore-not-found")
    handle.kubectl("-n", "default", "delete", "serviceaccount", NAME)


def account(directory: pathlib.Path) -> pathlib.Path:
    """A kubeconfig for a service account without any rights."""
    handle.kubectl("-n", "default", "create", "serviceaccount", NAME)
    token = handle.kubectl("-n", "default", "create", "token", NAME).stdout.strip()
    path = directory / "kubeconfig"
    path.write_text(handle.lab().kubeconfig.read_text())
    path.chmod(0o600)
    config = ["--kubeconfig", str(path), "config"]
    handle.kubectl(*config, "set-credentials", NAME, f"--token={token}")
    handle.kubectl(*config, "set-context", "--current", f"--user={NAME}")
    return path


def grant(listed: list[tuple[str, str, str, str]]) -> None:
    """Give the account exactly what was listed."""
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": "default"}
    objects: list[dict] = []
    for place in {place for *_rule, place in listed}:
        rules = [
            {"apiGroups": [group], "resources": [resource], "verbs": verbs.split(", ")}
            for verbs, resource, group, where in listed
            if where == place
        ]
        kind, metadata = "ClusterRole", {"name": NAME}
        if place.startswith("namespace "):
            kind, metadata = "Role", {"name": NAME, "namespace": place.split()[1]}
        group = "rbac.authorization.k8s.io"
        objects.append({"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "rules": rules})
        objects.append(
            {
                "apiVersion": f"{group}/v1",
                "kind": f"{kind}Binding",
                "metadata": metadata,
                "roleRef": {"apiGroup": group, "kind": kind, "name": NAME},
                "subjects": [subject],
            }
        )
    handle.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def everything() -> list[str]:
    """What there is of this deployment: its objects, and its directories on the machines."""
    found = handle.kubectl("get", KINDS, "-A", "-o", "name").stdout.splitlines()
    return sorted(o for o in (*found, *directories()) if NAME in o)


def directories() -> list[str]:
    list_them = f"ls -d /var/lib/slotwise-e2e/{NAME}.* 2>/dev/null || true"
    listed = (handle.machine_exec(machine, "sh", "-c", list_them).stdout for machine in WORKERS)
    return [path for text in listed for path in text.split()]


def steps(output: str) -> list[str]:
    return [match[0].strip(" +") for match in STEP.finditer(output)]


def test_missing_rights_are_listed_before_any_change(life: Life) -> None:
    refused = life.play("site.yml", redis_cluster_kubeconfig=life.own)
    assert refused.code != 0, refused.shown
    assert not any(refused.changed.values()), refused.shown
    listed = sorted({match.groups(default="") for match in MISSING.finditer(refused.output)})
    assert ("get, create, patch", "statefulsets", "apps", f"namespace {NAME}") in listed, listed
    grant(listed)


def test_check_mode_predicts_the_first_run(life: Life) -> None:
    before = everything()
    check = life.site("--check", "--diff", redis_cluster_kubeconfig=life.own)
    assert everything() == before
    run = life.site("--diff", redis_cluster_kubeconfig=life.own)
    again = life.site(redis_cluster_kubeconfig=life.own)

    assert steps(check.output) == steps(run.output) != []
    assert check.changed == run.changed
    for kind in ("StatefulSet", "PersistentVolume", "StorageClass", "Service", "NetworkPolicy", "PodDisruptionBudget"):
        assert re.search(rf"kind: {kind}\b", check.output), f"{kind} is not in the diff of check mode"
    assert again.unchanged, again.shown
    # Shown while the module runs: forming takes as long as pods take to start.
    assert len(re.findall(rf"^  \[{NAME}\] \S+", run.output, re.MULTILINE)) > 1, run.shown
    assert PASSWORD not in check.output + run.output
    assert life.password == PASSWORD
    # The namespace was there before, and is nobody's.
    assert life.unlabelled("pv,storageclasses") == []
    rows = life.info()["topology"]
    for shard in range(3):
        machines = [r["machine"] for r in rows if r["shard"] == shard]
        assert len(machines) == len(set(machines)) == 2, rows


def test_uninstall_keeps_the_data(life: Life) -> None:
    life.write_keys("kept")
    kept = life.play("playbooks/uninstall.yml")
    assert kept.code == 0, kept.shown
    assert life.pod_facts() == {}
    assert len(directories()) == 6
    again = life.play("playbooks/uninstall.yml")
    assert again.unchanged, again.shown

    # The volumes hold the cluster: check mode must not predict that another one will be made.
    check = life.site("--check", "--diff")
    assert "their volumes do and may hold a cluster:" in " ".join(check.output.split())
    assert "CLUSTER ADDSLOTSRANGE" not in check.output
    life.site()
    assert life.lost_keys("kept") == []


ABSENT = {"redis_cluster_state": "absent", "redis_cluster_delete_data": True}


def test_data_on_machines_that_limit_leaves_out_is_not_forgotten(life: Life) -> None:
    """Where data lies is known as long as its volumes exist: removing these alone would leave it for ever."""
    for playbook in ("playbooks/uninstall.yml", "site.yml"):
        refused = life.play(playbook, "--limit", NAME, **ABSENT)
        assert refused.code != 0, refused.shown
        assert refused.says(f"Run it with --limit '{NAME}:lab-worker1:lab-worker2:lab-worker3'"), refused.shown
        assert life.ready()


def test_removal_with_the_data_leaves_nothing(life: Life) -> None:
    """By site.yml; uninstall.yml does the same, and `remove` of these tests runs it."""
    gone = life.site(**ABSENT)
    assert not gone.unchanged
    assert directories() == []
    again = life.site(**ABSENT)
    assert again.unchanged, again.shown
    selector = f"app.kubernetes.io/instance={NAME}"
    assert handle.kubectl("get", "pv,storageclass", "-l", selector, "-o", "name").stdout == ""
