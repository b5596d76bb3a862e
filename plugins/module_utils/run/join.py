# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until every node knows every other and every new replica has its master."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils._errors import Stalled, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import Command, Fleet, OtherNode
from ansible_collections.slotwise.redis.plugins.module_utils.redis.answers import refuse_known
from ansible_collections.slotwise.redis.plugins.module_utils.redis.conditions import strangers
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Node, Peer
from ansible_collections.slotwise.redis.plugins.module_utils.redis.parse import parse_info, parse_nodes, text
from ansible_collections.slotwise.redis.plugins.module_utils.redis.steps import Replicate

POLL_SECONDS = 0.03
STALL_SECONDS = 20.0
"""No node has come to know another for so long: it will not happen."""
FIRST_PATIENCE = 0.5
"""Seconds after which a pair that does not know each other is introduced again; doubles each time."""
MEETS_A_ROUND = 1000
WHO: tuple[Command, ...] = (("CLUSTER", "MYID"),)


class Joining:
    """The time between the first introductions and the moment when all know all."""

    def __init__(
        self,
        fleet: Fleet,
        nodes: Mapping[str, Node],
        replicates: Sequence[Replicate],
        done: Callable[[Replicate], None],
        guard: Callable[[], None],
        *,
        seen: Callable[[Sequence[Node]], None],
    ) -> None:
        """``seen`` is told every view that is looked at."""
        self._fleet, self._nodes, self._done, self._guard, self._seen = fleet, nodes, done, guard, seen
        self._expected = {n.node_id: n.name for n in nodes.values()}
        self._pending = {s.node: s for s in replicates}
        self._strangers: dict[str, list[str]] = {name: list(nodes) for name in nodes}
        self._answers: dict[str, str] = {}
        self._pause = 0.1 if len(nodes) <= 30 else 0.5
        self._again: dict[tuple[str, str], tuple[float, float]] = {}

    def meet_command(self, name: str) -> Command:
        endpoint = self._nodes[name].endpoint
        return ("CLUSTER", "MEET", endpoint.address, endpoint.port)

    def confirmed(self, names: Iterable[str]) -> set[str]:
        """Those of the nodes that answer, at the address where they are met, as the nodes that were observed.

        A node that is only slow is left out, its turn comes again. Raises where another node answers, or where the
        address may be another's by now: who is met there would be joined with all its keys.
        """
        names = sorted(names)
        replies = self._fleet.gather(dict.fromkeys(names, WHO))
        # where the old connection broke, a new one tells who is there now
        broken = [n for n in names if isinstance(replies[n][0], Exception)]
        replies.update(self._fleet.gather(dict.fromkeys(broken, WHO)))
        answered = {n: text(replies[n][0]) for n in names if not isinstance(replies[n][0], Exception)}
        gone = [
            f"{name} is another Redis node now, {node_id}"
            for name, node_id in answered.items()
            if node_id != self._nodes[name].node_id
        ]
        gone += [f"{name}: {reply[0]}" for name, reply in replies.items() if isinstance(reply[0], OtherNode)]
        if not self._fleet.by_address:
            gone += [
                f"{name} was restarted or its connection broke; its address may have changed"
                for name in names
                if name in self._fleet.reconnected
            ]
        if gone:
            raise Unreachable(
                "Redis nodes were lost while the cluster was being joined.",
                gone,
                "No node was introduced to an address that may belong to another now. Run again when they are back.",
            )
        return set(answered)

    def run(self, deadline: float) -> None:
        start = progress = time.monotonic()
        best, look = self._left(), start
        while self._pending or self._strangers:
            self._poll(look_at_all=time.monotonic() >= look)
            now = time.monotonic()
            if now >= look:
                look = now + self._pause
                self._nudge(now, start)
            if self._left() < best:
                best, progress = self._left(), now
            if now > min(progress + STALL_SECONDS, deadline):
                raise self._stalled(now - start)
            if self._pending or self._strangers:
                time.sleep(POLL_SECONDS)

    def _left(self) -> int:
        return len(self._pending) + sum(map(len, self._strangers.values()))

    def _poll(self, look_at_all: bool) -> None:
        """Try the waiting REPLICATEs; look at the views of those that may know all."""
        self._guard()
        batches: dict[str, list[Command]] = {n: [("CLUSTER", "INFO")] for n in self._strangers}
        for name, step in self._pending.items():
            master = self._nodes[step.master]
            batches.setdefault(name, []).insert(0, ("CLUSTER", "REPLICATE", master.node_id))
        replies = self._fleet.gather(batches)
        refuse_known({name: replies[name][0] for name in self._pending})
        for name, step in list(self._pending.items()):
            reply = replies[name][0]
            if isinstance(reply, Exception):
                self._answers[name] = str(reply)
            else:
                del self._pending[name]
                self._done(step)
        full = [n for n in self._strangers if look_at_all or _known(replies[n][-1]) >= len(self._expected)]
        seen: dict[tuple, Peer] = {}
        views: list[Node] = []
        for name, (reply,) in self._fleet.gather(dict.fromkeys(full, (("CLUSTER", "NODES"),))).items():
            if isinstance(reply, Exception):
                continue
            node = self._nodes[name]
            views.append(Node(node.endpoint, node.node_id, parse_nodes(reply, seen)))
            self._strangers[name] = strangers(views[-1], self._expected)
            if not self._strangers[name]:
                del self._strangers[name]
        self._seen(views)

    def _nudge(self, now: float, start: float) -> None:
        """Introduce again the pairs that still do not know each other, each less and less often."""
        due: list[tuple[str, str]] = []
        for name, unknown in self._strangers.items():
            for other in unknown:
                when, patience = self._again.get((name, other), (start + FIRST_PATIENCE, FIRST_PATIENCE))
                if now >= when and len(due) < MEETS_A_ROUND:
                    due.append((name, other))
                    self._again[name, other] = (now + 2 * patience, 2 * patience)
        if due:
            there = self.confirmed({other for _name, other in due})
            batches: dict[str, list[Command]] = {}
            for name, other in due:
                if other in there:
                    batches.setdefault(name, []).append(self.meet_command(other))
            self._fleet.gather(batches)

    def _stalled(self, seconds: float) -> Stalled:
        found = [f"{name} does not know {', '.join(unknown)}" for name, unknown in self._strangers.items()]
        found += [
            f"{name} is not yet a replica of {step.master}: {self._answers.get(name, 'no answer')}"
            for name, step in self._pending.items()
        ]
        return Stalled(
            f"After {seconds:.0f} s the nodes do not know each other: the cluster bus does not get through.",
            found,
            "Every node must reach every other on its bus port (client port + 10000, for pods 16379). Check "
            "NetworkPolicies, firewalls of the machines and cluster-port, and run again after that.",
        )


def _known(reply: Any) -> int:
    return 0 if isinstance(reply, Exception) else int(parse_info(reply).get("cluster_known_nodes", 0))
