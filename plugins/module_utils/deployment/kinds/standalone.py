# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Standalone servers, one or many that know nothing of each other."""

from __future__ import annotations

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import servers
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import annotation
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import Object
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment


def describe(deployment: Deployment) -> servers.Servers:
    return servers.Servers(
        component="standalone",
        pods=deployment.instances,
        remembers={annotation("instances"): str(deployment.instances)},
        # That it takes connections is all there is to know, and many servers in one place are asked often.
        readiness={**servers.ACCEPTS, "periodSeconds": 5, "failureThreshold": 3},
    )


permissions, earlier_objects = servers.permissions, servers.earlier_objects


def objects(deployment: Deployment) -> list[Object]:
    return servers.objects(deployment, describe(deployment))
