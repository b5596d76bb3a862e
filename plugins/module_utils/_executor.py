# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a plan: one round to all nodes at a time, guarded by Redis itself, safe to kill at any point.

Every command that is sent is refused by Redis where its precondition no longer holds (an epoch once set,
a slot with an owner, a node with keys that shall become a replica), so a plan cannot harm a changed cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Stalled, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils._parse import OBSERVE, parse_info, parse_node, parse_nodes
from ansible_collections.slotwise.redis.plugins.module_utils._topology import Node, Peer, Plan, Step
from ansible_collections.slotwise.redis.plugins.module_utils._transport import Command, Fleet
from ansible_collections.slotwise.redis.plugins.module_utils._waiter import problems, strangers, unserved

POLL_SECONDS = 0.03
STALL_SECONDS = 20.0
"""No node has come to know another for so long: the cluster bus does not get through."""
MEETS_A_ROUND = 1000
STATUS: tuple[Command, ...] = (("CLUSTER", "INFO"), ("INFO", "replication"))


def observe(fleet: Fleet) -> list[Node]:
    """One round to all nodes. Raises Unreachable naming the nodes that did not answer, and how."""
    replies, seen = fleet.ask_all(*OBSERVE), {}
    failed = [
        (e, next(r for r in replies[e.name] if isinstance(r, Exception)))
        for e in fleet.endpoints
        if any(isinstance(r, Exception) for r in replies[e.name])
    ]
    if failed:
        raise Unreachable(
            "Redis nodes do not answer.", [f"{e.name} at {e.address}:{e.port}: {error}" for e, error in failed]
        )
    return [parse_node(e, replies[e.name], seen) for e in fleet.endpoints]


class Executor:
    """Carries out one plan on the nodes it was made for."""

    def __init__(self, fleet: Fleet, nodes: Sequence[Node], timeout: float, report: Callable[[str], None]) -> None:
        self._fleet, self._nodes, self._report = fleet, {n.name: n for n in nodes}, report
        self._expected = {n.node_id: n.name for n in nodes}
        self._deadline = time.monotonic() + timeout
        self._started = time.monotonic()
        self.actions: list[dict[str, object]] = []

    def run(self, plan: Plan) -> list[Node]:
        """Run all steps and wait until every node agrees. Temporary settings go back also on failure."""
        try:
            self._config(plan.of("tune"))
            self._send(plan.of("set_epoch"), lambda s: [("CLUSTER", "SET-CONFIG-EPOCH", s.args["epoch"])])
            self._send(plan.of("add_slots"), _add_slots)
            self._join(plan.of("meet"), plan.of("replicate"))
            self._forget(plan.of("forget"))
            self.converge()
        except BaseException:
            # the error that is under way says more than one of the way back
            self._fleet.gather({s.node: [_config_set(s)] for s in plan.of("configure")})
            raise
        self._config(plan.of("configure"))
        return observe(self._fleet)

    def converge(self) -> list[Node]:
        """Wait until all nodes serve, are linked to their masters, and have the same view."""
        waiting = dict.fromkeys(self._nodes, "")
        self._report(f"waiting until {len(waiting)} nodes agree")
        while True:
            for name, replies in self._fleet.gather(dict.fromkeys(waiting, STATUS)).items():
                bad = next((r for r in replies if isinstance(r, Exception)), None)
                waiting[name] = str(bad) if bad else unserved(*(parse_info(r) for r in replies))
            waiting = {n: why for n, why in waiting.items() if why}
            if not waiting:
                nodes = observe(self._fleet)
                found = problems(nodes)
                if not found:
                    return nodes
                waiting = dict.fromkeys(self._nodes, "")
            else:
                found = [f"{name}: {why}" for name, why in waiting.items()]
            if time.monotonic() > self._deadline:
                raise Stalled("The nodes did not become one serving cluster in time.", found)
            time.sleep(POLL_SECONDS)

    def _done(self, step: Step) -> None:
        self.actions.append({**step.as_dict(), "after_ms": round((time.monotonic() - self._started) * 1000)})

    def _send(self, steps: Sequence[Step], commands: Callable[[Step], list[Command]]) -> None:
        if not steps:
            return
        self._report(f"{steps[0].action} on {len(steps)} nodes")
        replies = self._fleet.gather({s.node: commands(s) for s in steps})
        for step in steps:
            error = next((r for r in replies[step.node] if isinstance(r, Exception)), None)
            if error:
                raise EngineError(f"{step.node} refused a step.", [step.text(), f"answer: {error}"])
            self._done(step)

    def _config(self, steps: Sequence[Step]) -> None:
        self._send(steps, lambda s: [_config_set(s)])

    def _meet_command(self, name: str) -> Command:
        endpoint = self._nodes[name].endpoint
        return ("CLUSTER", "MEET", endpoint.address, endpoint.port)

    def _join(self, meets: Sequence[Step], replicates: Sequence[Step]) -> None:
        """Introduce the nodes; replicas attach as soon as they know their master; repeat what gets lost."""
        if not meets and not replicates:
            return
        self._send(meets, lambda s: [self._meet_command(p) for p in s.args["peers"]])
        self._report(f"{len(self._nodes)} nodes get to know each other")
        waiting = _Join(self._fleet, self._expected, replicates, self._done)
        waiting.run(self._meet_command, self._deadline)

    def _forget(self, steps: Sequence[Step]) -> None:
        """All nodes in one round: a node that has not forgotten tells the others again within 60 s (CLUSTER FORGET)."""
        for step in steps:
            command = ("CLUSTER", "FORGET", step.args["node_id"])
            for name, (reply,) in self._fleet.ask_all(command).items():
                if isinstance(reply, Exception) and "Unknown node" not in str(reply):
                    raise EngineError(f"{name} refused a step.", [step.text(), f"answer: {reply}"])
            self._done(step)


def _config_set(step: Step) -> Command:
    return ("CONFIG", "SET", *(word for pair in step.args["settings"].items() for word in pair))


def _add_slots(step: Step) -> list[Command]:
    words = " ".join(step.args["ranges"]).split()
    edges = [edge for word in words for edge in (word.split("-") if "-" in word else (word, word))]
    return [("CLUSTER", "ADDSLOTSRANGE", *edges)]


class _Join:
    """Waits until every node knows every other and every new replica has its master."""

    def __init__(
        self, fleet: Fleet, expected: Mapping[str, str], replicates: Sequence[Step], done: Callable[[Step], None]
    ) -> None:
        self._fleet, self._expected, self._done = fleet, expected, done
        self._pending = {s.node: s for s in replicates}
        self._ids = {name: node_id for node_id, name in expected.items()}
        self._strangers: dict[str, list[str]] = {name: list(expected.values()) for name in expected.values()}
        self._answers: dict[str, str] = {}
        self._pause = 0.1 if len(expected) <= 30 else 0.5
        self._again: dict[tuple[str, str], tuple[float, float]] = {}

    def run(self, meet: Callable[[str], Command], deadline: float) -> None:
        start = progress = time.monotonic()
        best, look = self._left(), start
        while self._pending or self._strangers:
            self._poll(look_at_all=time.monotonic() >= look)
            now = time.monotonic()
            if now >= look:
                look = now + self._pause
                self._nudge(now, start, meet)
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
        batches: dict[str, list[Command]] = {n: [("CLUSTER", "INFO")] for n in self._strangers}
        for name, step in self._pending.items():
            batches.setdefault(name, []).insert(0, ("CLUSTER", "REPLICATE", self._ids[step.args["master"]]))
        replies = self._fleet.gather(batches)
        for name, step in list(self._pending.items()):
            reply = replies[name][0]
            if isinstance(reply, Exception):
                self._answers[name] = str(reply)
            else:
                del self._pending[name]
                self._done(step)
        full = [n for n in self._strangers if look_at_all or self._count(replies[n][-1]) >= len(self._expected)]
        seen: dict[tuple, Peer] = {}
        for name, (reply,) in self._fleet.gather({n: [("CLUSTER", "NODES")] for n in full}).items():
            if isinstance(reply, Exception):
                self._answers[name] = str(reply)
                continue
            view = Node(endpoint=None, node_id=self._ids[name], peers=parse_nodes(reply, seen))
            self._strangers[name] = strangers(view, self._expected)
            if not self._strangers[name]:
                del self._strangers[name]

    @staticmethod
    def _count(reply: object) -> int:
        return 0 if isinstance(reply, Exception) else int(parse_info(reply).get("cluster_known_nodes", 0))

    def _nudge(self, now: float, start: float, meet: Callable[[str], Command]) -> None:
        """Introduce again the pairs that still do not know each other, each less and less often."""
        batches: dict[str, list[Command]] = {}
        left = MEETS_A_ROUND
        for name, unknown in self._strangers.items():
            for other in unknown:
                due, pause = self._again.get((name, other), (start + 0.5, 0.5))
                if now >= due and left:
                    left -= 1
                    batches.setdefault(name, []).append(meet(other))
                    self._again[name, other] = (now + pause * 2, pause * 2)
        self._fleet.gather(batches)

    def _stalled(self, seconds: float) -> Stalled:
        found = [f"{name} does not know {', '.join(unknown)}" for name, unknown in self._strangers.items()]
        found += [
            f"{name} is not yet a replica of {step.args['master']}: {self._answers.get(name, 'no answer')}"
            for name, step in self._pending.items()
        ]
        return Stalled(
            f"After {seconds:.0f} s the nodes do not know each other: the cluster bus does not get through.",
            found,
            "Every node must reach every other on its bus port (client port + 10000, for pods 16379). Check "
            "NetworkPolicies, firewalls of the machines and cluster-port. Run again after that: nothing is lost.",
        )
