# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis Cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.checks import at_least, directives
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features.nodes import Spread
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import servers
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live, Password
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import BUS_PORT, REDIS_PORT, annotation
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import Object
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.queries import Query
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment
from ansible_collections.slotwise.redis.plugins.module_utils.redis.directives import persistence

NODE_TIMEOUT, SYNC_DELAY = 15000, 5
"""Milliseconds and seconds, the defaults of Redis."""
CACHE = (
    "Storage is emptydir: the data of a pod and its node id are lost whenever the pod is deleted or moves to another "
    "machine. A shard whose pods go at the same time is lost."
)
EMPTY_CACHE = (
    " appendonly and save are off too: a master that crashes comes back empty, as the master, and its replicas drop "
    "its keys to be like it."
)


def describe(deployment: Deployment) -> servers.Servers:
    return servers.Servers(
        component="cluster",
        pods=deployment.shards * (deployment.replicas + 1),
        remembers={
            annotation("shards"): str(deployment.shards),
            annotation("replicas"): str(deployment.replicas),
        },
        spread=(
            Spread("servers", deployment.replicas + 1, "can take a master and its replica"),
            Spread("servers", 3, "can take so many masters that the rest cannot promote replicas"),
        ),
        ports={"redis": REDIS_PORT, "bus": BUS_PORT},
        readiness={**servers.READINESS, "periodSeconds": 10, "failureThreshold": 2},
        hands_over=True,
        remembers_node=True,
        copies=deployment.replicas + 1,
        scripts=("meet.sh", "prestop.sh"),
        directives={"cluster-node-timeout": NODE_TIMEOUT},
        fixed={"cluster-enabled": "yes", "cluster-config-file": "nodes.conf"},
        emptydir_warning=CACHE + ("" if persistence(deployment.config).lasts else EMPTY_CACHE),
    )


permissions, earlier_objects = servers.permissions, servers.earlier_objects
outdated, observed = servers.outdated, servers.observed


def labels_of(deployment: Deployment) -> dict[str, str]:
    return servers.labels_of(deployment, describe(deployment))


def configuration(deployment: Deployment) -> dict[str, str]:
    return servers.configuration(deployment, describe(deployment))


def queries(deployment: Deployment) -> list[Query]:
    return servers.queries(deployment, describe(deployment))


def awaited(deployment: Deployment) -> list[Query]:
    return servers.awaited(deployment, describe(deployment))


def settings(deployment: Deployment) -> dict[str, Any]:
    """What the module that forms the cluster is told of redis.conf: both as the server would read them."""
    given = directives(deployment)
    return {
        "cluster_node_timeout": given.get("cluster-node-timeout", NODE_TIMEOUT),
        "repl_diskless_sync_delay": given.get("repl-diskless-sync-delay", SYNC_DELAY),
    }


def objects(deployment: Deployment) -> list[Object]:
    return servers.objects(deployment, describe(deployment))


def input_problems(deployment: Deployment, password: Password) -> Iterator[str]:
    yield from servers.input_problems(deployment, password)
    yield from at_least(deployment, "shards", 3, ", because a failover needs a majority of masters")
    yield from at_least(deployment, "replicas", 0, ", counted for each shard")
    alone = deployment.replicas == 0 and "replicas" not in deployment.faults
    if alone and deployment.stored["type"] == "emptydir":
        yield (
            "redis_cluster_storage.type is emptydir and redis_cluster_replicas is 0: the first pod that is deleted or "
            "moves would take the data of its shard with it. Allowed: 1 or more replicas, or another type of storage."
        )


def live_problems(deployment: Deployment, live: Live) -> Iterator[str]:
    yield from servers.live_problems(deployment, live, describe(deployment))
    if annotation("shards") not in live.remembered:
        return
    shards, replicas = (int(live.remembered[annotation(name)]) for name in ("shards", "replicas"))
    never = "or run uninstall.yml, which keeps the data, and then site.yml, if it never got that far."
    if shards != deployment.shards:
        yield (
            f"redis_cluster_shards is {deployment.shards} and the running deployment has {shards} shards. Changing "
            f"this means moving slots with their keys, which this version does not do. Set it back to {shards}, {never}"
        )
    if replicas > deployment.replicas:
        yield (
            f"redis_cluster_replicas is {deployment.replicas} and the running deployment has {replicas} for each "
            "shard. It can be raised; taking replicas away is not supported in this version. Set it back to "
            f"{replicas}, {never}"
        )


def removal_problems(deployment: Deployment, live: Live) -> Iterator[str]:
    return servers.removal_problems(deployment, live, describe(deployment))
