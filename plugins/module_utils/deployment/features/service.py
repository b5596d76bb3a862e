# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services for clients, and how they are reached from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import Maker, service_ports
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment


def service(
    maker: Maker, name: str, ports: Mapping[str, int], role: Mapping[str, str] | None = None, first: bool = True
) -> dict[str, Any]:
    """C(role) narrows the pods down. Only the C(first) service of a deployment has the node port of its options."""
    deployment = maker.deployment
    rows = service_ports(ports)
    if first and deployment.service_node_port > 0:
        rows[0]["nodePort"] = deployment.service_node_port
    spec = {
        "type": deployment.service_type,
        "selector": {**maker.selector, **(role or {})},
        "ports": rows,
        **_from_outside(deployment),
    }
    return maker.make("v1", "Service", name, deployment.service_annotations, spec=spec)


def _from_outside(deployment: Any) -> dict[str, Any]:
    balanced = deployment.service_type == "LoadBalancer"
    outside: dict[str, Any] = {}
    if deployment.service_type != "ClusterIP":
        outside["externalTrafficPolicy"] = deployment.service_external_traffic_policy
    if balanced and deployment.service_load_balancer_class:
        outside["loadBalancerClass"] = deployment.service_load_balancer_class
    if balanced and deployment.service_source_ranges:
        outside["loadBalancerSourceRanges"] = deployment.service_source_ranges
    return outside


def input_problems(deployment: Deployment) -> Iterator[str]:
    if deployment.service_node_port > 0 and deployment.service_type == "ClusterIP":
        port, kind = deployment.variable("service_node_port"), deployment.variable("service_type")
        yield (
            f"{port} is {deployment.shown('service_node_port')} and {kind} is ClusterIP, which has no port on nodes. "
            "Allowed with NodePort and LoadBalancer."
        )
