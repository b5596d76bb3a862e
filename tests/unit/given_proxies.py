# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools of proxies that several tests look at, and what Kubernetes has of them."""

from __future__ import annotations

import yaml

NOTHING = {"namespace": [], "deployment": [], "service": [], "config": [], "configmaps": []}
GIVEN = {
    "twemproxy_name": "proxy",
    "twemproxy_namespace": "cache",
    "twemproxy_image": "registry.example.org/nutcracker:0.5",
    "twemproxy_backends": [
        {"name": "a", "host": "a.example.org"},
        {"name": "b", "host": "b", "port": 7000, "weight": 3},
    ],
}
# The only host of these runs, as the inventory name of a deployment of which nothing is set.
BY_NAME = {**GIVEN, "twemproxy_backends": "localhost", "twemproxy_namespace": "localhost"}
OTHER = {
    **GIVEN,
    "twemproxy_create_namespace": "false",
    "twemproxy_replicas": "3",
    "twemproxy_image_pull_policy": "Always",
    "twemproxy_image_pull_secrets": ["pull-a", "pull-b"],
    "twemproxy_pool": {"listen": "0.0.0.0:6380", "hash_tag": "", "timeout": "1000", "preconnect": True},
    "twemproxy_existing_secret": "given",
    "twemproxy_existing_secret_key": "redis.password",
    "twemproxy_resources": {"limits": {"memory": "64Mi"}},
    "twemproxy_node_selector": {"disk": "ssd"},
    "twemproxy_tolerations": [{"key": "redis", "operator": "Exists"}],
    "twemproxy_affinity": {"nodeAffinity": {"a": "b"}},
    "twemproxy_topology_spread_constraints": [{"maxSkew": 1}],
    "twemproxy_priority_class": "high",
    "twemproxy_pod_labels": {"team": "shop", "app.kubernetes.io/instance": "wrong"},
    "twemproxy_pod_annotations": {"note": "pod"},
    "twemproxy_labels": {"cost": "7"},
    "twemproxy_annotations": {"note": "all"},
    "twemproxy_drain_seconds": 20,
    "twemproxy_max_unavailable": 2,
    "twemproxy_service_type": "LoadBalancer",
    "twemproxy_service_annotations": {"lb": "internal"},
    "twemproxy_service_node_port": 30079,
    "twemproxy_service_load_balancer_class": "example.org/lb",
    "twemproxy_service_source_ranges": ["192.0.2.0/24"],
    "twemproxy_service_external_traffic_policy": "Local",
    "twemproxy_network_policy_clients": [{"podSelector": {}}],
}
SELECTOR = {
    f"app.kubernetes.io/{k}": v for k, v in (("name", "twemproxy"), ("instance", "proxy"), ("component", "twemproxy"))
}
LABELS = {**SELECTOR, "app.kubernetes.io/managed-by": "slotwise.redis"}


def found(kind, name, labels=None, **parts):
    return {"kind": kind, "metadata": {"name": name, "labels": LABELS if labels is None else labels}, **parts}


def running(*servers, **options):
    """A running pool with these servers; hash tag and the rest as the role sets them."""
    pool = {"hash": "fnv1a_64", "hash_tag": "{}", "distribution": "ketama", **options, "servers": list(servers)}
    config = found("ConfigMap", "proxy-config", data={"nutcracker.yml": yaml.safe_dump({"proxy": pool})})
    return {**NOTHING, "deployment": [found("Deployment", "proxy")], "config": [config]}


SAME = ("10.0.0.1:6379:1 a", "10.0.0.2:6379:3 b")
