# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a plan: one round to all nodes at a time, safe to kill at any point.

What a step needs is checked again when it is sent. Redis itself refuses an epoch for a node that has one or knows
others, a slot with an owner, and a node with keys or slots that shall become a replica. A MEET is not refused by
Redis, so each is preceded by a check that the node at that address is still the one that was observed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Stalled, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import (
    Command,
    Fleet,
    Replies,
    first_error,
    is_lost,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.answers import refuse_hopeless, refuse_known
from ansible_collections.slotwise.redis.plugins.module_utils.redis.conditions import problems, unserved
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Node, Peer, present
from ansible_collections.slotwise.redis.plugins.module_utils.redis.parse import (
    OBSERVE,
    parse_info,
    parse_node,
    parse_nodes,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.steps import (
    Configure,
    FailOver,
    Forget,
    Kind,
    Meet,
    Plan,
    Replicate,
    Step,
    Tune,
)
from ansible_collections.slotwise.redis.plugins.module_utils.run.join import WHO, Joining

POLL_SECONDS = 0.03
SLOW_POLL_SECONDS = 0.5
"""Views of a large cluster are costly to send; while only they differ, they are asked for less and less often."""
VOTE_SECONDS = 6.0
"""A failover that was asked for is given up after five seconds (CLUSTER FAILOVER)."""
ACCUSED = frozenset({"fail", "fail?"})
STATUS: tuple[Command, ...] = (("CLUSTER", "INFO"), ("INFO", "replication"))


def observe(fleet: Fleet) -> list[Node]:
    """One round to all nodes. Raises Unreachable naming the nodes that did not answer, and how."""
    replies = fleet.ask_all(*OBSERVE)
    seen: dict[tuple, Peer] = {}
    failed = {e: first_error(replies[e.name]) for e in fleet.endpoints}
    refuse_hopeless({e.name: error for e, error in failed.items() if error})
    if any(failed.values()):
        raise Unreachable(
            "Redis nodes do not answer.",
            [f"{e.name} at {e.address}:{e.port}: {error}" for e, error in failed.items() if error],
            "Look at these nodes and run again.",
        )
    return [parse_node(e, replies[e.name], seen) for e in fleet.endpoints]


class Executor:
    """Carries out one plan on the nodes it was made for."""

    def __init__(
        self,
        fleet: Fleet,
        nodes: Sequence[Node],
        timeout: float,
        report: Callable[[str], None],
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        """``guard`` is called before every round that changes something; it raises where this run must stop."""
        self._fleet, self._nodes, self._report, self._guard = fleet, {n.name: n for n in present(nodes)}, report, guard
        self._away = [n for n in nodes if n.away]
        fleet.pin({n.name: n.node_id for n in self._nodes.values()})
        self._settings: tuple[Configure, ...] = ()
        self._tuned = False
        self._deadline = time.monotonic() + timeout
        self._started = time.monotonic()
        self.actions: list[dict[str, object]] = []

    def run(self, plan: Plan) -> list[Node]:
        """Run all steps and wait until every node agrees. Temporary settings go back also on failure."""
        self._settings, self._tuned = plan.of(Configure), bool(plan.of(Tune))
        try:
            for steps in plan.rounds():
                if not isinstance(steps[0], Configure):
                    self._carry_out(steps)
            agreed = self.converge()
        except BaseException:
            # the error that is under way says more than one of the way back
            self._fleet.gather({step.node: step.commands() for step in plan.of(Configure)})
            raise
        self._set_back()
        return observe(self._fleet) if plan.of(Configure) else agreed

    def _carry_out(self, steps: Sequence[Step]) -> None:
        """Steps that may run side by side."""
        first = steps[0]
        if isinstance(first, FailOver):
            self._fail_over(steps)
        elif isinstance(first, (Meet, Replicate)):
            self._join(steps)
        elif isinstance(first, Forget):
            self._forget([step for step in steps if isinstance(step, Forget)])
        else:
            self._send(steps, _commands)

    def _set_back(self) -> None:
        """Set what the nodes shall run with, once."""
        steps, self._settings, self._tuned = self._settings, (), False
        self._send(steps, _commands)

    def _look_for_haste(self, views: Iterable[Node]) -> None:
        """Give up the temporary settings where nodes are called failing that answer us.

        On a machine so busy, a short node timeout keeps the nodes from ever agreeing. Without it they do, slowly.
        """
        if not self._tuned:
            return
        names = {n.node_id: n.name for n in self._nodes.values()}
        accused = {names[p.node_id] for n in views for p in n.others if p.node_id in names and p.flags & ACCUSED}
        answers = self._fleet.gather(dict.fromkeys(accused, WHO))
        wrongly = [name for name, (reply,) in answers.items() if not isinstance(reply, Exception)]
        if wrongly:
            self._report(
                f"nodes call {', '.join(sorted(wrongly))} failing, which answer: going on with slower settings"
            )
            self._set_back()

    def converge(self) -> list[Node]:
        """Wait until all nodes serve, are linked to their masters, and have the same view."""
        waiting, pause = dict.fromkeys(self._nodes, ""), POLL_SECONDS
        self._report(f"waiting until {len(waiting)} nodes agree")
        while True:
            answers = self._fleet.gather(dict.fromkeys(waiting, STATUS))
            refuse_hopeless({name: bad for name, replies in answers.items() if (bad := first_error(replies))})
            for name, replies in answers.items():
                if bad := first_error(replies):
                    waiting[name] = f"does not answer: {bad}"
                else:
                    cluster, replication = map(parse_info, replies)
                    waiting[name] = unserved(cluster, replication, self._away)
            self._look_at_accusers(answers)
            waiting = {n: why for n, why in waiting.items() if why}
            found = [f"{name}: {why}" for name, why in waiting.items()]
            if not waiting:
                nodes = observe(self._fleet)
                self._look_for_haste(nodes)
                found = problems(nodes, away=self._away)
                if not found:
                    return nodes
                waiting, pause = dict.fromkeys(self._nodes, ""), min(2 * pause, SLOW_POLL_SECONDS)
            if time.monotonic() > self._deadline:
                raise Stalled(
                    "The nodes did not become one serving cluster in time.",
                    found,
                    "Look at the logs of these nodes. Run again when the cause is gone, with a longer timeout where a "
                    "replica is still copying.",
                )
            time.sleep(pause)

    def _look_at_accusers(self, status: Mapping[str, Replies]) -> None:
        """As above, by the answers to STATUS: one view is enough of those that count slots of failing masters."""
        infos = {name: parse_info(r[0]) for name, r in status.items() if self._tuned and not first_error(r)}
        for name, info in infos.items():
            if info.get("cluster_slots_pfail", "0") != "0" or info.get("cluster_slots_fail", "0") != "0":
                ((reply,),) = self._fleet.gather({name: (("CLUSTER", "NODES"),)}).values()
                if not isinstance(reply, Exception):
                    self._look_for_haste([replace(self._nodes[name], peers=parse_nodes(reply))])
                return

    def _done(self, step: Step) -> None:
        self.actions.append({**step.as_dict(), "after_ms": round((time.monotonic() - self._started) * 1000)})

    def _send(self, steps: Sequence[Kind], commands: Callable[[Kind], list[Command]]) -> None:
        if not steps:
            return
        self._guard()
        self._report(f"{steps[0].action} on {len(steps)} nodes")
        replies = self._fleet.gather({s.node: commands(s) for s in steps})
        failed = {}
        for step in steps:
            error = first_error(replies[step.node])
            if error:
                failed[step.text()] = error
            else:
                self._done(step)
        _raise(failed)

    def _fail_over(self, steps: Sequence[Step]) -> None:
        """Let replicas ask the masters for their votes, again and again: a master votes once in two node timeouts."""
        waiting, asked = {s.node: s for s in steps}, 0.0
        while waiting:
            roles = self._fleet.gather(dict.fromkeys(waiting, (("ROLE",),)))
            refuse_hopeless({name: reply for name, (reply,) in roles.items() if isinstance(reply, Exception)})
            for name, (reply,) in roles.items():
                if not isinstance(reply, Exception) and reply[0] == b"master":
                    self._done(waiting.pop(name))
            now = time.monotonic()
            if waiting and now > self._deadline:
                raise Stalled(
                    "Replicas were not elected as masters in time.",
                    [s.text() for s in waiting.values()],
                    "Look at the logs of these nodes and of the masters, which say why they do not vote. Run again.",
                )
            if waiting and now >= asked + VOTE_SECONDS:
                self._guard()
                self._report(f"{', '.join(waiting)} ask for the votes of the masters")
                replies = self._fleet.gather(dict.fromkeys(waiting, (("CLUSTER", "FAILOVER", "FORCE"),)))
                refuse_known({name: reply for name, (reply,) in replies.items()})
                asked = now
            time.sleep(POLL_SECONDS)

    def _join(self, steps: Sequence[Step]) -> None:
        """Introduce the nodes; replicas attach as soon as they know their master; repeat what gets lost."""
        meets = [step for step in steps if isinstance(step, Meet)]
        replicates = [step for step in steps if isinstance(step, Replicate)]
        joining = Joining(self._fleet, self._nodes, replicates, self._done, self._guard, seen=self._look_for_haste)
        there = joining.confirmed(self._nodes) if meets else set()
        self._send(meets, lambda s: [joining.meet_command(peer) for peer in s.peers if peer in there])
        self._report(f"{len(self._nodes)} nodes get to know each other")
        joining.run(self._deadline)

    def _forget(self, steps: Sequence[Forget]) -> None:
        """All nodes in one round: a node that has not forgotten tells the others again within 60 s (CLUSTER FORGET)."""
        for step in steps:
            self._guard()
            self._report(f"forget {step.node_id} on all nodes")
            replies = self._fleet.ask_all(("CLUSTER", "FORGET", step.node_id))
            _raise(
                {
                    f"{step.text()}: {name}": reply
                    for name, (reply,) in replies.items()
                    if isinstance(reply, Exception) and "Unknown node" not in str(reply)
                }
            )
            self._done(step)


def _commands(step: Step) -> list[Command]:
    return step.commands()


def _raise(failed: Mapping[str, Exception]) -> None:
    """Raise what became of steps, if any failed."""
    if not failed:
        return
    found = [f"{step}: {error}" for step, error in failed.items()]
    if all(map(is_lost, failed.values())):
        raise Unreachable("Redis nodes were lost while a step was carried out.", found, "Run again when they answer.")
    raise EngineError("Redis nodes refused a step.", found, "Nothing was forced. Look at these nodes, then run again.")
