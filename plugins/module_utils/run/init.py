# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flow of redis_cluster_init: observe, plan, show or execute, observe again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._errors import (
    Refusal,
    Stalled,
    Unreachable,
    end,
)
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import Fleet
from ansible_collections.slotwise.redis.plugins.module_utils.redis.conditions import open_slots
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Desired, Node, present
from ansible_collections.slotwise.redis.plugins.module_utils.redis.planner import make_plan
from ansible_collections.slotwise.redis.plugins.module_utils.redis.report import placement_problems, plan_text, topology
from ansible_collections.slotwise.redis.plugins.module_utils.redis.steps import Plan
from ansible_collections.slotwise.redis.plugins.module_utils.run.cluster import Cluster
from ansible_collections.slotwise.redis.plugins.module_utils.run.executor import Executor
from ansible_collections.slotwise.redis.plugins.module_utils.run.progress import progress, terminated

ROUNDS = 4
"""A plan that is carried out may uncover another (a lost master's node id to forget, a server that was restarted
meanwhile); more means no progress."""
POLL_SECONDS = 0.25
LEAST_SECONDS = 30.0
"""Time to carry out a plan, however much of the timeout went by before: steps that are begun shall be ended."""


class Init:
    """One run of redis_cluster_init. ``result`` holds what is known at any time, also after a failure."""

    def __init__(self, module: AnsibleModule, report: Callable[[str], None]) -> None:
        self._module, self._report = module, report
        self.warnings: list[str] = []
        self.result: dict[str, Any] = {"changed": False, "plan": [], "actions": [], "before": [], "after": []}

    def run(self) -> dict[str, Any]:
        deployment = Cluster(self._module)
        desired = replace(deployment.desired, settings=_settings(self._module.params))
        # what does not answer may still be a member of a formed cluster, see settle()
        fleet, _reasons = deployment.reach(self._report)
        try:
            self._run(deployment, desired, fleet)
        finally:
            fleet.close()
        for warning in self.warnings:
            self._module.warn(warning)
        return self.result

    def _run(self, deployment: Cluster, desired: Desired, fleet: Fleet) -> None:
        nodes, plan = settle(desired, deployment, fleet, self._report)
        self.result["before"] = self.result["after"] = topology(present(nodes))
        self._show(plan)
        if not self._module.check_mode:
            nodes = self._bring_about(deployment, desired, fleet, nodes, plan)
            self.result["after"] = topology(present(nodes))
            self.warnings = placement_problems(nodes, deployment.zones) + open_slots(nodes)
        self._refuse_success(nodes)

    def _refuse_success(self, nodes: Sequence[Node]) -> None:
        """What was asked for is not there as long as nodes are away, whatever could be done without them."""
        away = [n.away for n in nodes if n.away]
        if not away:
            return
        steps = len(self.result["plan"])
        done = f"The plan has {steps} steps for" if self._module.check_mode else f"{steps} steps were carried out on"
        raise Unreachable(
            f"{done if steps else 'Nothing had to be done on'} the Redis nodes that answer, but {len(away)} do not.",
            away,
            "Bring these back, or give their pods another machine, and run again: the rest is done then.",
        )

    def _show(self, *plans: Plan) -> None:
        """The plan that is, or was, carried out: one for each round."""
        self.result["changed"] = any(plans)
        self.result["plan"] = [s.as_dict() for plan in plans for s in plan.steps]
        self.result["diff"] = {"prepared": "".join(map(plan_text, plans))}
        self.warnings = list(plans[-1].warnings)

    def _bring_about(
        self, deployment: Cluster, desired: Desired, fleet: Fleet, nodes: list[Node], plan: Plan
    ) -> list[Node]:
        carried_out: list[Plan] = []
        for _unused in range(ROUNDS):
            lost = False
            with self._lock(deployment, plan) as guard:
                if plan:
                    # another run may have acted until the Lease was ours
                    nodes, plan = settle(desired, deployment, fleet, self._report)
                    carried_out.append(plan)
                    self._show(*carried_out)
                try:
                    seen = self._execute(fleet, nodes, plan, deployment, guard)
                except Unreachable as error:
                    # As after a kill: when the nodes are back, what was done is seen and the rest is planned.
                    if time.monotonic() > deployment.deadline:
                        raise
                    fleet.pin({})
                    self._report(f"going on when nodes that were lost answer: {'; '.join(error.found)}")
                    lost = True
            if not plan and not lost:
                return [*seen, *(n for n in nodes if n.away)]
            nodes, plan = settle(desired, deployment, fleet, self._report)
            if not plan and not lost:
                return nodes
        raise Stalled(
            "The steps are done, but new ones keep turning up.", plan_text(plan).splitlines(), "Run again to go on."
        )

    @staticmethod
    def _time_left(deployment: Cluster) -> float:
        return max(LEAST_SECONDS, deployment.deadline - time.monotonic())

    @contextmanager
    def _lock(self, deployment: Cluster, plan: Plan) -> Iterator[Callable[[], None]]:
        """Hold the Lease while a plan is carried out; yields the check whether it is still held."""
        if not plan or not deployment.api:
            yield lambda: None
            return
        # with the library of Kubernetes, see _servers
        from ansible_collections.slotwise.redis.plugins.module_utils.run.lease import lease_of  # noqa: PLC0415

        with lease_of(deployment.api, self._module.params, self._time_left(deployment), self._report) as lease:
            yield lease.check

    def _execute(
        self, fleet: Fleet, nodes: list[Node], plan: Plan, deployment: Cluster, guard: Callable[[], None]
    ) -> list[Node]:
        executor = Executor(fleet, nodes, self._time_left(deployment), self._report, guard)
        try:
            return executor.run(plan)
        finally:
            self.result["actions"] += executor.actions


def settle(
    desired: Desired, deployment: Cluster, fleet: Fleet, report: Callable[[str], None]
) -> tuple[list[Node], Plan]:
    """Observe and plan; where Redis may still settle by itself what is in the way, look again for a while first.

    The while covers a failover: the node timeout passes before a master counts as failing, and about as long
    again until a replica is elected (Redis Cluster specification, "Replica election and promotion").
    """
    deadline, said = 0.0, ""
    while True:
        try:
            nodes = deployment.look(fleet)
            kept = deployment.kept()
            if kept:
                return [n for n in nodes if n.node_id], Plan(warnings=(_unknown(kept),))
            if not deadline:
                timeout = max(int(n.settings.get("cluster-node-timeout", 15000)) for n in present(nodes)) / 1000
                deadline = time.monotonic() + 3 * timeout + 5
            return nodes, make_plan(desired, nodes)
        except (Refusal, Unreachable) as error:
            over = deployment.deadline if isinstance(error, Unreachable) else deadline
            if not error.transient or time.monotonic() > over:
                raise
            if error.message != said:
                said = error.message
                report(f"waiting for Redis to settle: {said}")
        time.sleep(POLL_SECONDS)


def _unknown(kept: Sequence[str]) -> str:
    return (
        "Check mode cannot tell what will be done: these pods do not exist, but their volumes do and may hold a "
        f"cluster: {', '.join(kept)}. Steps are planned when the pods run."
    )


def _settings(params: dict) -> dict[str, str]:
    return {
        "cluster-node-timeout": str(params["cluster_node_timeout"]),
        "repl-diskless-sync-delay": str(params["repl_diskless_sync_delay"]),
    }


def run_init(module: AnsibleModule) -> None:
    """Entry of the module: exits or fails with everything that is known."""
    init = Init(module, progress(module.params["progress_file"]))
    signal.signal(signal.SIGTERM, terminated)
    end(module, init.run, lambda: {**init.result, "changed": bool(init.result["actions"])})
