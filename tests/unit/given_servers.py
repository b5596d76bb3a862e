# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments of servers that several tests look at, and what Kubernetes has of them."""

from __future__ import annotations

NODES = [{"metadata": {"name": f"node{i}", "labels": {"kubernetes.io/hostname": f"node{i}"}}} for i in (1, 2, 3)]
NOTHING = {
    "nodes": NODES,
    "volumes": [],
    "claims": [],
    "configmaps": [],
    "class": [],
    "namespace": [],
    "statefulset": [],
    "secret": [],
}
GIVEN = {
    "redis_cluster_name": "orders",
    "redis_cluster_namespace": "shop",
    "redis_cluster_storage": {"size": "1Gi", "hosts": ["node1", "node2", "node3"]},
}
LABELS = {
    "app.kubernetes.io/instance": "orders",
    "app.kubernetes.io/managed-by": "slotwise.redis",
    "app.kubernetes.io/component": "cluster",
}


def statefulset(labels=None, secret="orders-auth", mode="ReadWriteOnce"):
    """A running deployment of three shards with two replicas each."""
    source = {"secretName": secret, "items": [{"key": "password", "path": "password"}]}
    volumes = [{"name": "config"}] + ([{"name": "auth", "secret": source}] if secret else [])
    claim = {
        "accessModes": [mode],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "shop.orders-local",
    }
    return {
        "metadata": {
            "labels": LABELS if labels is None else labels,
            "annotations": {
                "slotwise.redis/shards": "3",
                "slotwise.redis/replicas": "2",
                "slotwise.redis/storage-type": "local",
                "slotwise.redis/storage-claimed": "1Gi",
            },
        },
        "spec": {"template": {"spec": {"volumes": volumes}}, "volumeClaimTemplates": [{"spec": claim}]},
    }


def secret(**faults):
    return {"metadata": {"name": "orders-auth"}, "data": {"password": None}, "faults": faults}


ALONE = {
    "redis_standalone_name": "orders",
    "redis_standalone_namespace": "shop",
    "redis_standalone_instances": 2,
    "redis_standalone_storage": {"size": "1Gi", "hosts": ["node1"]},
}


WATCHED = {
    "redis_sentinel_name": "orders",
    "redis_sentinel_namespace": "shop",
    "redis_sentinel_storage": {"size": "1Gi", "hosts": ["node1", "node2", "node3"]},
}


def claim(number, component="standalone"):
    labels = {**LABELS, "app.kubernetes.io/component": component}
    return {"metadata": {"name": f"data-orders-{number}", "labels": labels}}


def running(**more):
    return {**NOTHING, "statefulset": [statefulset()], "secret": [secret()], **more}
