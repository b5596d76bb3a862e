# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis Cluster."""

from __future__ import annotations

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import servers
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import BUS_PORT, REDIS_PORT, annotation
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import Object
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment


def describe(deployment: Deployment) -> servers.Servers:
    return servers.Servers(
        component="cluster",
        pods=deployment.shards * (deployment.replicas + 1),
        remembers={
            annotation("shards"): str(deployment.shards),
            annotation("replicas"): str(deployment.replicas),
        },
        ports={"redis": REDIS_PORT, "bus": BUS_PORT},
        readiness={**servers.READINESS, "periodSeconds": 10, "failureThreshold": 2},
        hands_over=True,
        remembers_node=True,
    )


permissions, earlier_objects = servers.permissions, servers.earlier_objects


def objects(deployment: Deployment) -> list[Object]:
    return servers.objects(deployment, describe(deployment))
