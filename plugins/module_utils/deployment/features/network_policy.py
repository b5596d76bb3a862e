# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may open connections to pods: those of the deployment, and clients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import Maker


def policy(maker: Maker, name: str, own: Iterable[int], clients: Mapping[int, Sequence[Any]]) -> list[dict[str, Any]]:
    """The ports in C(own) are open for pods of the deployment, those in C(clients) for whom it says, or for all."""
    if not maker.deployment.network_policy_enabled:
        return []
    inside = [{"from": [{"podSelector": {"matchLabels": maker.owner}}], "ports": _ports(own)}] if own else []
    outside = [{"ports": _ports([port]), **({"from": list(peers)} if peers else {})} for port, peers in clients.items()]
    spec = {
        "podSelector": {"matchLabels": maker.selector},
        "policyTypes": ["Ingress"],
        "ingress": [*inside, *outside],
    }
    return [maker.make("networking.k8s.io/v1", "NetworkPolicy", name, spec=spec)]


def _ports(numbers: Iterable[int]) -> list[dict[str, Any]]:
    return [{"port": number, "protocol": "TCP"} for number in numbers]
