# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles of the topologies say: pods that are not ready, notes at the end, and that refusals reach the roles.

All refusals are tested where they are made: tests/unit/plugins/module_utils/deployment/test_problems.py.
"""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.readiness import (
    is_observed,
    replaceable,
    summary,
)
from ansible_collections.slotwise.redis.tests.unit.deployments import action, look, problems, without_looking
from ansible_collections.slotwise.redis.tests.unit.given_servers import (
    ALONE,
    GIVEN,
    NOTHING,
    WATCHED,
    claim,
    running,
)

NOTES = "lookup('ansible.builtin.template', 'notes.txt.j2')"


def pod(name, revision="new", ready=True, **status):
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "metadata": {"name": name, "labels": {"controller-revision-hash": revision}},
        "status": {"phase": "Running" if ready else "Pending", "conditions": conditions, **status},
    }


RUNNING = {
    "statefulset": [{"spec": {"replicas": 2}, "status": {"updateRevision": "new"}}],
    "pods": [pod("orders-0"), pod("orders-1", revision="old")],
    "service": [
        {"spec": {"ports": [{"nodePort": 30079}]}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    ],
}
RUNNING_CLUSTER = {"objects": RUNNING, **summary(RUNNING, "orders")}
UP_TO_DATE = {"objects": RUNNING, **summary({**RUNNING, "pods": RUNNING["pods"][:1]}, "orders")}
ROW = {
    "shard": 0,
    "role": "master",
    "pod": "orders-0",
    "machine": "node1",
    "slots": "0-5460",
    "keys": 7,
    "lag": 0,
    "link_up": True,
}
SHOWN = {
    "__redis_cluster_running": RUNNING_CLUSTER,
    "__redis_cluster_verified": {"topology": [ROW], "placement": ["all masters on node1"]},
}
TEXTS = {
    "notes": (NOTES, {**SHOWN, "redis_cluster_kubeconfig": "/a b/config"}),
    "outside": (
        NOTES,
        {
            **SHOWN,
            "redis_cluster_service_type": "LoadBalancer",
            "redis_cluster_existing_secret_key": "redis.password",
            "redis_cluster_existing_secret": "given",
        },
    ),
    "open": (NOTES, {**SHOWN, "redis_cluster_auth_enabled": "false", "redis_cluster_service_type": "NodePort"}),
    "cache": (NOTES, {**SHOWN, "redis_cluster_storage": {"type": "emptydir"}}),
    "cache that writes nothing": (
        NOTES,
        {
            **SHOWN,
            "redis_cluster_storage": {"type": "emptydir"},
            "redis_cluster_config": {"appendonly": "no", "save": ""},
        },
    ),
}


WATCHED_SEEN = {
    "placement": ["machine node1 has 3 of 3 Sentinels"],
    "epoch": 4,
    "quorum": 2,
    "servers": [
        {
            "pod": "orders-1",
            "role": "master",
            "machine": "node2",
            "keys": 7,
            "lag": 0,
            "link_up": True,
            "version": "8.0.2",
        }
    ],
    "sentinels": [{"pod": "orders-sentinel-0", "machine": "node1", "address": "192.0.2.1", "master": "orders-1"}],
}
WATCHED_TEXTS = {
    f"watched: notes of {kind}": (
        NOTES,
        {
            "redis_sentinel_service_type": kind,
            "__redis_sentinel_running": UP_TO_DATE,
            "__redis_sentinel_verified": WATCHED_SEEN,
        },
    )
    for kind in ("ClusterIP", "NodePort")
}
SERVER = {"pod": "orders-0", "machine": "node1", "keys": 7, "memory": 1048576, "version": "8.0.2"}
ALONE_TEXTS = {
    f"alone: notes of {count}": (
        NOTES,
        {
            "__redis_standalone_running": UP_TO_DATE,
            "__redis_standalone_verified": {
                "servers": [{**SERVER, "pod": f"orders-{i}"} for i in range(count)],
                "placement": [f"{count} together"],
            },
        },
    )
    for count in (1, 25)
}


ON_NFS = {"type": "nfs", "server": "192.0.2.1"}
ON_ANOTHER = {"metadata": {"name": "shop.orders-0"}, "spec": {"nfs": {"server": "192.0.2.9", "path": "/exports/x"}}}
# A sentence for each way that something takes to a refusal: (role, further variables, what Kubernetes has, words of
# each sentence).
WIRED = {
    "cluster: fine": ("redis_cluster", {"redis_cluster_shards": "3"}, NOTHING, []),
    "cluster: variables and password": (
        "redis_cluster",
        {"redis_cluster_shards": "2", "redis_cluster_password": "hunter2\nrequirepass x"},
        NOTHING,
        ["redis_cluster_password has control characters", "redis_cluster_shards is 2. Allowed: 3 or more"],
    ),
    "cluster: wrong types": (
        "redis_cluster",
        {"redis_cluster_config": "maxmemory 1gb", "redis_cluster_storage": "local", "redis_cluster_shards": "three"},
        NOTHING,
        [
            "redis_cluster_shards is three. Allowed: 3 or more",
            "redis_cluster_storage is local. Allowed: a mapping.",
            "redis_cluster_config is maxmemory 1gb. Allowed: a mapping.",
        ],
    ),
    "cluster: fine as it runs": ("redis_cluster", {"redis_cluster_replicas": 2}, running(), []),
    "cluster: machines and passwords that differ": (
        "redis_cluster",
        {
            "redis_cluster_replicas": 2,
            "redis_cluster_storage": {"size": "1Gi", "hosts": ["elsewhere"]},
            "redis_cluster_password": "hunter2",
            "differs": True,
        },
        running(),
        ["no Kubernetes node is called elsewhere", "redis_cluster_password is not the password in Secret"],
    ),
    "cluster: the same password": (
        "redis_cluster",
        {"redis_cluster_replicas": 2, "redis_cluster_password": "hunter2"},
        running(),
        [],
    ),
    "cluster: volumes on another server": (
        "redis_cluster",
        {"redis_cluster_storage": ON_NFS},
        {**NOTHING, "volumes": [ON_ANOTHER]},
        ["redis_cluster_storage.server is 192.0.2.1 (address 192.0.2.1), and the volumes of orders exist on 192.0.2.9"],
    ),
    "cluster: removal": (
        "redis_cluster",
        {"redis_cluster_state": "absent", "redis_cluster_existing_secret": "gone"},
        {**NOTHING, "claims": [claim(0)]},
        ["hold data of a deployment orders of topology standalone"],
    ),
    "standalone: variables": (
        "redis_standalone",
        {"redis_standalone_instances": 0},
        NOTHING,
        ["redis_standalone_instances is 0. Allowed: 1"],
    ),
    "standalone: what runs": (
        "redis_standalone",
        {},
        {**NOTHING, "claims": [claim(0), claim(9)]},
        ["redis_standalone_instances is 2 and there are claims with the data of 10 servers"],
    ),
    "sentinel: variables, one by a former name": (
        "redis_sentinel",
        {"redis_sentinel_sentinels": 4, "redis_sentinel_labeller_image": "python:3.12"},
        NOTHING,
        ["redis_sentinel_sentinels is 4. Allowed: an odd number", "redis_sentinel_labeller_image is called redis_sent"],
    ),
    "sentinel: what runs": (
        "redis_sentinel",
        {},
        {**NOTHING, "claims": [claim(3, "sentinel")]},
        ["redis_sentinel_servers is 3 and there are claims with the data of 4 servers"],
    ),
    "sentinel: rights": (
        "redis_sentinel",
        {"redis_sentinel_role_create": False},
        NOTHING,
        ["redis_sentinel_role_create is false, and namespace shop has no Role orders-agent"],
    ),
}
# name: (storage, nodes that pods may run on, as the plan of the volumes has them)
NFS_NODES = {
    "all nodes": (ON_NFS, ["node1", "node2", "node3"]),
    "named hosts": ({**ON_NFS, "hosts": ["node1"]}, ["node1"]),
    "not on NFS": ({"type": "local", "hosts": ["node1"]}, []),
}


ENDED = {"terminated": {"exitCode": 78, "message": "cluster_domain is x: set it to y\n"}}


# name: (container statuses of pod orders-0, what it says)
def started(name, revision, *statuses):
    made = pod(name, revision, ready=False)
    made["status"]["containerStatuses"] = list(statuses)
    return made


PULLS, RUNS = ({"state": {state: {}}, "lastState": {}, "ready": False} for state in ("waiting", "running"))
TRIES = {**RUNS, "lastState": ENDED}
REFUSED = {"state": {"waiting": {}}, "lastState": ENDED, "ready": False}
CRASHED = {"state": {"waiting": {}}, "lastState": {"terminated": {"exitCode": 1}}, "ready": False}
# Pods, and whether a run replaces each once the settings are others.
BEGUN = [
    (started("new-and-starting", "new"), False),
    (started("new-and-pulling", "new", PULLS), False),
    (started("old-and-unscheduled", "old"), True),
    (started("old-and-pulling", "old", PULLS), True),
    (started("old-and-running", "old", RUNS), False),
    (started("old-and-crashed", "old", CRASHED), False),
    (started("old-and-crashed-beside-another", "old", PULLS, RUNS), False),
    (started("refused", "old", REFUSED), True),
    (started("refused-the-new-ones", "new", REFUSED), True),
    (started("tries-again", "old", TRIES), True),
    (started("began-after-all", "old", {**TRIES, "ready": True}), False),
    ({**started("goes", "old", REFUSED), "leaving": {"text": "It goes.", "loses": False}}, False),
]


@pytest.fixture(scope="module")
def said(render):
    """The notes of each scenario."""
    given = {"redis_cluster": GIVEN, "redis_sentinel": WATCHED, "redis_standalone": ALONE}
    texts = [("redis_cluster", name, expression, {**SHOWN, **more}) for name, (expression, more) in TEXTS.items()]
    texts += [("redis_standalone", name, *text) for name, text in ALONE_TEXTS.items()]
    texts += [("redis_sentinel", name, *text) for name, text in WATCHED_TEXTS.items()]
    scenarios = {}
    for kind, name, expression, more in texts:
        internal = {key: value for key, value in more.items() if key.startswith("__")}
        public = {**given[kind], **{key: value for key, value in more.items() if key not in internal}}
        internal[f"__{kind}_deployment"] = without_looking(kind, public)
        scenarios[name] = kind, expression, internal, {}
    return render(scenarios)


def test_pods_that_never_began_are_replaced():
    sets = [{"metadata": {"name": "orders", "generation": 3}, "status": {"updateRevision": "new"}}]
    stuck = replaceable([made for made, _replaced in BEGUN], sets)
    assert stuck == [made["metadata"]["name"] for made, replaced in BEGUN if replaced]
    assert [is_observed({**sets[0], "status": {"observedGeneration": seen}}) for seen in (2, 3)] == [False, True]


@pytest.mark.parametrize("scenario", NFS_NODES)
def test_nodes_that_pods_on_nfs_may_run_on(scenario):
    storage, nodes = NFS_NODES[scenario]
    looked = look("redis_cluster", {**GIVEN, "redis_cluster_storage": storage}, NOTHING)
    assert looked["storage"]["nodes"] == nodes


@pytest.mark.parametrize("scenario", WIRED)
def test_refusals_reach_the_task(scenario):
    kind, more, found, wanted = WIRED[scenario]
    given = {"redis_cluster": GIVEN, "redis_sentinel": WATCHED, "redis_standalone": ALONE}[kind]
    said = problems(kind, {**given, **more}, found)
    assert len(said) == len(wanted), said
    for sentence, words in zip(said, wanted, strict=True):
        assert words in sentence
        assert "hunter2" not in sentence


def test_what_one_machine_could_take_is_said():
    made = action("redis_cluster", {**GIVEN, "redis_cluster_storage": {"hosts": ["node1", "node2"]}}, NOTHING)
    made.work({})
    assert made.said[0].startswith("2 machines (node1, node2) may run the servers, and with fewer than 3")


def test_notes(said):
    notes = said["notes"]
    assert "0      master  orders-0  node1    0-5460  7" in notes
    assert "Attention: all masters on node1" in notes
    assert "Pending restart: orders-1 still run" in notes
    assert "kubectl --kubeconfig '/a b/config' -n shop exec orders-0 -- sh -c 'REDISCLI_AUTH=" in notes
    assert "get secret orders-auth -o jsonpath='{.data.password}' | base64 -d" in notes
    assert "orders.shop.svc.cluster.local:6379" in notes
    assert "of type" not in notes


def test_what_a_cache_does_not_keep_is_said(said):
    lost = "Attention: Storage is emptydir: the data of a pod and its node id are lost"
    crash = "appendonly and save are off too: a master that crashes comes back empty, as the master"
    assert lost in said["cache"]
    assert crash not in said["cache"]
    assert lost in said["cache that writes nothing"]
    assert crash in said["cache that writes nothing"]


def test_notes_for_clients_outside(said):
    assert "192.0.2.1:6379," in said["outside"]
    assert "get secret given -o jsonpath='{.data.redis\\.password}'" in said["outside"]
    assert "port 30079 of every Kubernetes node" in said["open"]
    assert "REDISCLI_AUTH" not in said["open"]
    assert "secret" not in said["open"]


def test_notes_of_standalone_servers(said):
    one, many = said["alone: notes of 1"], said["alone: notes of 25"]
    assert "orders-0  node1    7     1.0 MiB  8.0.2" in one
    assert "Programs in Kubernetes find it at\n  orders.shop.svc.cluster.local:6379" in one
    assert "exec -it orders-0 -- sh -c 'REDISCLI_AUTH=" in one
    assert "and 5 more" in many
    assert "\nAttention: 25 together\n" in many
    assert "orders-0.orders-headless.shop.svc.cluster.local:6379 to orders-24.orders-headless" in many
    assert "Pending" not in one + many


def test_notes_of_servers_with_sentinels(said):
    inside, outside = said["watched: notes of ClusterIP"], said["watched: notes of NodePort"]
    assert "watched by Sentinels (epoch 4, quorum 2)" in inside
    assert "\nAttention: machine node1 has 3 of 3 Sentinels\n" in inside
    assert "master    orders-1           node2    7" in inside
    assert "get pods -l app.kubernetes.io/instance=orders -L redis-role" in inside
    assert "redis-cli -p 26379 sentinel get-master-addr-by-name orders'" in inside
    assert "the master, to write, at orders-master.shop.svc.cluster.local:6379" in inside
    assert "of type" not in inside
    assert "The services are of type NodePort." in outside
