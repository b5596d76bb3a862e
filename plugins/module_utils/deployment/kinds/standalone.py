# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Standalone servers, one or many that know nothing of each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.checks import at_least
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features.nodes import Spread
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import servers
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live, Password
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import annotation
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import Object
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.queries import Query
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment


def describe(deployment: Deployment) -> servers.Servers:
    return servers.Servers(
        component="standalone",
        pods=deployment.instances,
        remembers={annotation("instances"): str(deployment.instances)},
        spread=(Spread("servers", min(deployment.instances, 2), "takes all of them"),),
        # That it takes connections is all there is to know, and many servers in one place are asked often.
        readiness={**servers.ACCEPTS, "periodSeconds": 5, "failureThreshold": 3},
        emptydir_warning=(
            "Storage is emptydir: the data of a server is lost whenever its pod is deleted or moves to another machine."
        ),
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


def settings(_deployment: Deployment) -> dict[str, Any]:
    """Its modules are told nothing of redis.conf."""
    return {}


def objects(deployment: Deployment) -> list[Object]:
    return servers.objects(deployment, describe(deployment))


def input_problems(deployment: Deployment, password: Password) -> Iterator[str]:
    yield from servers.input_problems(deployment, password, replicated=False)
    yield from at_least(deployment, "instances", 1)


def live_problems(deployment: Deployment, live: Live) -> Iterator[str]:
    yield from servers.live_problems(deployment, live, describe(deployment))
    wanted, before = deployment.instances, int(live.remembered.get(annotation("instances"), 0))
    kept = servers.with_claims(deployment, live)
    if before > wanted:
        yield (
            f"redis_standalone_instances is {wanted} and the running deployment has {before}. It can be raised; the "
            f"keys of servers that are taken away would be served by no other. Set it back to {before}."
        )
    if not before and kept > wanted:
        yield (
            f"redis_standalone_instances is {wanted} and there are claims with the data of {kept} servers, of which "
            f"some would be served no more. Set it to {kept}, or delete the claims that are not needed."
        )


def removal_problems(deployment: Deployment, live: Live) -> Iterator[str]:
    return servers.removal_problems(deployment, live, describe(deployment))
