# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On which Kubernetes nodes pods may run, as far as labels and taints tell, and what one of them could take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live, Object, has_labels
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment


@dataclass(frozen=True)
class Spread:
    """How many machines it takes so that the failure of one is survived."""

    what: str
    least: int
    effect: str
    """What the failure of one does where there are fewer."""
    anywhere: bool = False
    """Whether these pods have no volumes, and so may run on other machines than servers."""


def of_servers(deployment: Deployment, live: Live) -> list[str]:
    """Names of those that servers may run on. Machines hold the volumes where they are named."""
    return _open(deployment, mounting(deployment, live))


def mounting(deployment: Deployment, live: Live) -> list[Object]:
    """Those that may mount its storage from a server: all, unless machines are named."""
    machines = {machine["node"] for machine in live.machines}
    found = live.all("nodes")
    return [node for node in found if node["metadata"]["name"] in machines] if deployment.stored["hosts"] else found


def of_pods(deployment: Deployment, live: Live) -> list[str]:
    return _open(deployment, live.all("nodes"))


def too_few(deployment: Deployment, live: Live, needs: Iterable[Spread]) -> Iterator[str]:
    """Warnings. Who may not list nodes knows of none, and is told nothing."""
    for need in needs if live.all("nodes") else ():
        nodes = (of_pods if need.anywhere else of_servers)(deployment, live)
        if len(nodes) >= need.least:
            continue
        cure = f"Look at {deployment.variable('node_selector')} and {deployment.variable('tolerations')}"
        if deployment.stored["hosts"] and not need.anywhere:
            cure = f"Name more machines in {deployment.variable('storage')}.hosts"
        yield (
            f"{len(nodes)} machine{'' if len(nodes) == 1 else 's'} ({', '.join(nodes) or 'none'}) may run the "
            f"{need.what}, and with fewer than {need.least} the failure of one {need.effect}. {cure}."
        )


def _open(deployment: Deployment, nodes: Iterable[Object]) -> list[str]:
    return sorted(
        node["metadata"]["name"]
        for node in nodes
        if has_labels(node, deployment.node_selector) and (deployment.tolerations or not _closed(node))
    )


def _closed(node: Object) -> bool:
    """Taints of Kubernetes itself pass: a node that is cordoned or not ready."""
    return any(
        taint["effect"] in ("NoSchedule", "NoExecute") and not taint["key"].startswith("node.kubernetes.io/")
        for taint in (node.get("spec") or {}).get("taints") or []
    )
