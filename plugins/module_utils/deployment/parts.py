# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment comes to: objects, and what follows from them: what is removable, and the permissions it takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import kind_of
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import (
    MAKE,
    READ,
    REMOVE,
    Object,
    rule,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

RESOURCES = {
    "StatefulSet": ("apps", "statefulsets"),
    "Deployment": ("apps", "deployments"),
    "PodDisruptionBudget": ("policy", "poddisruptionbudgets"),
    "NetworkPolicy": ("networking.k8s.io", "networkpolicies"),
    "Service": ("", "services"),
    "ConfigMap": ("", "configmaps"),
    "RoleBinding": ("rbac.authorization.k8s.io", "rolebindings"),
    "Role": ("rbac.authorization.k8s.io", "roles"),
    "ServiceAccount": ("", "serviceaccounts"),
}
"""Objects that a deployment may have, in the order in which they are removed: kind, group and resource."""
NEVER_CHANGED = ("RoleBinding", "Role", "ConfigMap")
"""Another one takes the place of an object that cannot be changed, and the earlier one is removed."""


def objects(deployment: Deployment) -> list[Object]:
    """Everything that it shall have but its Secret and its volumes."""
    return kind_of(deployment).objects(deployment)


def removable(deployment: Deployment) -> list[Object]:
    """Everything that it may have, whatever its options are now, but data, password, namespace, and files of pods.

    Files of pods are in ConfigMaps that are named after their content: those that are found are removed.
    """
    found = {
        (item["kind"], item["metadata"]["name"]): None
        for item in (*objects(_fullest(deployment)), *kind_of(deployment).earlier_objects(deployment))
        if not item.get("immutable")
    }
    ordered = sorted(found, key=lambda item: list(RESOURCES).index(item[0]))
    return [{"kind": kind, "metadata": {"name": name, "namespace": deployment.namespace}} for kind, name in ordered]


def code(deployment: Deployment) -> list[str]:
    """Names of the ConfigMaps with files that pods keep until they are restarted."""
    return [item["metadata"]["name"] for item in objects(deployment) if item.get("immutable")]


def code_among(deployment: Deployment, config_maps: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """ConfigMaps of its labels with files that pods keep, of these settings or of earlier ones."""
    if deployment.kind == "twemproxy":
        return [item for item in config_maps if item["metadata"]["name"] != deployment.names.config]
    named = re.compile(f"{re.escape(deployment.name)}-(scripts|agent)(-|$)")
    return [item for item in config_maps if named.match(item["metadata"]["name"])]


def permissions(deployment: Deployment) -> list[dict[str, Any]]:
    """Rules for what a run does, no more than this deployment needs."""
    present = deployment.state == "present"
    made = {item["kind"] for item in objects(deployment)} if present else set()
    rules = [rule("", "namespaces", MAKE if "Namespace" in made else ("get",))]
    for kind in sorted({item["kind"] for item in removable(deployment)}):
        group, resource = RESOURCES[kind]
        verbs: tuple[str, ...]
        if not present:
            verbs = REMOVE
        elif kind in made:
            verbs = MAKE + (("delete",) if kind in NEVER_CHANGED else ())
        else:
            verbs = (*READ, "delete")
        rules.append(rule(group, resource, verbs, deployment.namespace))
    if present and deployment.transport != "direct":
        rules.append(rule("", "pods/portforward", ("get", "create"), deployment.namespace))
    return rules + kind_of(deployment).permissions(deployment)


def _fullest(deployment: Deployment) -> Deployment:
    return replace(
        deployment, options={**deployment.options, "network_policy_enabled": True, "create_namespace": False}
    )
