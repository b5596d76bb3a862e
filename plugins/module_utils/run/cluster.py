# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From module options to the connected nodes of a Redis Cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Unreachable, end
from ansible_collections.slotwise.redis.plugins.module_utils.io.servers import REDIS_PORT, Servers
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import Command, Fleet
from ansible_collections.slotwise.redis.plugins.module_utils.redis.away import is_formed, stand_ins
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import (
    BUS_PORT_OFFSET,
    MIN_SHARDS,
    Desired,
    Endpoint,
    Node,
)
from ansible_collections.slotwise.redis.plugins.module_utils.run.executor import observe

CLAIM = "data"
"""A pod's claim is named so, a hyphen and the pod's name, or the deployment's where all pods share one volume."""


class Cluster(Servers):
    """The Redis nodes that a module is asked about."""

    # Not PING: a replica without its master may refuse that (replica-serve-stale-data no).
    ping: Command = ("CLUSTER", "MYID")
    # The cluster bus has to fit above the client port.
    max_port = 65535 - BUS_PORT_OFFSET

    def __init__(self, module: AnsibleModule) -> None:
        self._check_counts(module.params)
        self.desired = Desired(module.params["shards"], module.params["replicas"])
        super().__init__(module, self.desired.nodes)

    @staticmethod
    def _check_counts(params: Mapping[str, Any]) -> None:
        shards, replicas, nodes = (params[k] for k in ("shards", "replicas", "nodes"))
        if shards < MIN_SHARDS:
            raise EngineError(
                f"shards is {shards}: a Redis Cluster needs {MIN_SHARDS} or more, a smaller one has no majority."
            )
        if replicas < 0:
            raise EngineError(f"replicas is {replicas}: give 0 or more.")
        if nodes is not None and len(nodes) != shards * (replicas + 1):
            raise EngineError(
                f"nodes has {len(nodes)} entries, {shards} shards with {replicas} replicas each need "
                f"{shards * (replicas + 1)}."
            )

    def look(self, fleet: Fleet) -> list[Node]:
        """Observe all nodes where they are now, in the order of their ordinals.

        In check mode a pod that does not exist yet has a place in it, with the machine that the volume plan gives it. A
        node of a formed cluster that is not waited for any more has one too, as the others see it.
        """
        fleet.pin({})
        endpoints, reasons = self._endpoints()
        fleet.follow(endpoints)
        silent = self._silent(fleet)
        answering = [e for e in endpoints if e.name not in silent]
        reasons += silent.values()
        if reasons and not self._given_up(answering):
            raise Unreachable("Redis nodes are not to be reached.", reasons, self._advice())
        fleet.follow(answering)
        nodes = {n.name: n for n in observe(fleet)}
        if reasons:
            nodes.update({n.name: n for n in self._away(list(nodes.values()), endpoints, reasons)})
        nodes.update({name: Node(self._placeholder(name)) for name in self._absent})
        return [nodes[name] for name in self._names()]

    def _away(self, nodes: list[Node], endpoints: list[Endpoint], reasons: list[str]) -> list[Node]:
        """Nodes that do not answer, as those see them that do. Raises where they are needed to form the cluster."""
        if not is_formed(nodes):
            raise Unreachable(
                f"Not every Redis node answered within {self._params['timeout']} s.", reasons, self._advice()
            )
        known = {e.name: e for e in endpoints}
        missing = [name for name in self._names() if name not in {n.name for n in nodes} and name not in self._absent]
        why = {n: next((r for r in reasons if r.startswith((f"{n}:", f"{n}."))), n) for n in missing}
        return stand_ins([known.get(n) or self._placeholder(n) for n in missing], why, nodes)

    def kept(self) -> list[str]:
        """Pods that do not exist (check mode), although volumes are there that they will find again.

        Such a volume may hold a node of a cluster, as after an uninstall, or when a pod is just being replaced.
        """
        if not self._absent:
            return []
        bound = self.kubernetes.bound_claims(self._params["namespace"])
        if f"{CLAIM}-{self._params['name']}" in bound:
            return self._absent
        return [name for name in self._absent if f"{CLAIM}-{name}" in bound]

    def _placeholder(self, name: str) -> Endpoint:
        place = (self._params.get("placement") or {}).get(name, {})
        return Endpoint(name, "", REDIS_PORT, place.get("machine", ""), place.get("zone", ""))


def with_nodes(module: AnsibleModule, read: Callable[[Cluster, Fleet, list[Node], list[str]], dict]) -> None:
    """Entry of the modules that change nothing: observe what answers, return what ``read`` makes of it.

    ``read`` also gets the reasons why some nodes do not answer.
    """

    def work() -> dict:
        deployment = Cluster(module)
        fleet, reasons = deployment.reach(module.debug)
        try:
            return {"changed": False, **read(deployment, fleet, observe(fleet), reasons)}
        finally:
            fleet.close()

    end(module, work)
