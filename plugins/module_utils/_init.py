# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flow of redis_cluster_init: observe, plan, show or execute, observe again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

from ansible_collections.slotwise.redis.plugins.module_utils._deployment import Deployment
from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Refusal, Stalled
from ansible_collections.slotwise.redis.plugins.module_utils._executor import Executor, observe
from ansible_collections.slotwise.redis.plugins.module_utils._lease import Lease
from ansible_collections.slotwise.redis.plugins.module_utils._planner import make_plan
from ansible_collections.slotwise.redis.plugins.module_utils._report import placement_problems, plan_text, topology
from ansible_collections.slotwise.redis.plugins.module_utils._topology import Desired, Node, Plan
from ansible_collections.slotwise.redis.plugins.module_utils._transport import Fleet

ROUNDS = 4
"""A plan that is carried out may uncover another (a lost master's node id to forget); more means no progress."""
POLL_SECONDS = 0.25


class Init:
    """One run of redis_cluster_init. ``result`` holds what is known at any time, also after a failure."""

    def __init__(self, module, report: Callable[[str], None]) -> None:
        self._module, self._report = module, report
        self.warnings: list[str] = []
        self.result: dict[str, object] = {"changed": False, "plan": [], "actions": [], "before": [], "after": []}

    def run(self) -> None:
        deployment = Deployment(self._module)
        desired = replace(deployment.desired, settings=_settings(self._module.params))
        if self._module.check_mode and deployment.missing_pods():
            plan = make_plan(desired, [Node(e) for e in deployment.placeholders()])
            self._show(plan)
            return
        fleet = deployment.connect(self._report)
        try:
            self._run(deployment, desired, fleet)
        finally:
            fleet.close()

    def _run(self, deployment: Deployment, desired: Desired, fleet: Fleet) -> None:
        nodes = observe(fleet)
        self.result["before"] = self.result["after"] = topology(nodes)
        nodes, plan = settle(desired, fleet, nodes, self._report)
        self._show(plan)
        if self._module.check_mode:
            return
        with self._lock(deployment, plan):
            nodes = self._execute(desired, fleet, nodes, plan, max(1.0, deployment.deadline - time.monotonic()))
        self.result["after"] = topology(nodes)
        self.warnings = placement_problems(nodes)

    def _show(self, plan: Plan) -> None:
        self.result["changed"] = bool(plan)
        self.result["plan"] = [s.as_dict() for s in plan.steps]
        self.warnings = list(plan.warnings)
        self.result["diff"] = {"prepared": plan_text(plan)}

    def _lock(self, deployment: Deployment, plan: Plan):
        if not plan or not deployment.api:
            return nullcontext()
        return Lease(deployment.api, self._module.params["namespace"], self._module.params["name"])

    def _execute(self, desired: Desired, fleet: Fleet, nodes: list[Node], plan: Plan, timeout: float) -> list[Node]:
        for _unused in range(ROUNDS):
            executor = Executor(fleet, nodes, timeout, self._report)
            try:
                nodes = executor.run(plan)
            finally:
                self.result["actions"] += executor.actions
            nodes, plan = settle(desired, fleet, nodes, self._report)
            if not plan:
                return nodes
            self.result["changed"] = True
        raise Stalled("The steps are done, but new ones keep turning up.", plan_text(plan).splitlines())


def settle(desired: Desired, fleet: Fleet, nodes: list[Node], report: Callable[[str], None]) -> tuple[list[Node], Plan]:
    """Plan; where the planner says that Redis may still settle it alone, look again for a while first.

    The while covers a failover: the node timeout passes before a master counts as failing, and about as long
    again until a replica is elected (Redis Cluster specification, "Replica election and promotion").
    """
    timeout = max([int(n.settings.get("cluster-node-timeout", 15000)) for n in nodes]) / 1000
    deadline, said = time.monotonic() + 3 * timeout + 5, ""
    while True:
        try:
            return nodes, make_plan(desired, nodes)
        except Refusal as refusal:
            if not refusal.transient or time.monotonic() > deadline:
                raise
            if refusal.message != said:
                said = refusal.message
                report(f"waiting for Redis to settle: {said}")
        time.sleep(POLL_SECONDS)
        nodes = observe(fleet)


def _settings(params: dict) -> dict[str, str]:
    return {
        "cluster-node-timeout": str(params["cluster_node_timeout"]),
        "repl-diskless-sync-delay": str(params["repl_diskless_sync_delay"]),
    }


def _progress(path: str | None) -> Callable[[str], None]:
    def report(text: str) -> None:
        if path:
            with open(path, "a", encoding="utf-8") as lines:
                lines.write(f"{text}\n")

    return report


def run_init(module) -> None:
    """Entry of the module: exits or fails with everything that is known."""
    init = Init(module, _progress(module.params["progress_file"]))
    try:
        init.run()
    except EngineError as error:
        failure = {k: v for k, v in init.result.items() if k != "changed"}
        module.fail_json(
            msg=str(error),
            found=list(error.found),
            advice=error.advice,
            changed=bool(init.result["actions"]),
            **failure,
        )
    for warning in init.warnings:
        module.warn(warning)
    module.exit_json(**init.result)
