# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flow of redis_restart: observe, plan, and one step at a time, with everything observed anew before the next."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Stalled, end
from ansible_collections.slotwise.redis.plugins.module_utils.io.servers import Servers
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import Command, first_error
from ansible_collections.slotwise.redis.plugins.module_utils.redis.parse import parse_info, parse_settings
from ansible_collections.slotwise.redis.plugins.module_utils.redis.restart_plan import (
    FENCE,
    HAND_OVER,
    LIFT,
    Member,
    Observation,
    Step,
    lift_obstacles,
    make_plan,
    obstacles,
    plan_text,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.sentinels import (
    no_view,
    parse_server,
    parse_view,
    questions,
)
from ansible_collections.slotwise.redis.plugins.module_utils.run.handover import HandOver, lift
from ansible_collections.slotwise.redis.plugins.module_utils.run.progress import Sayer, progress, terminated
from ansible_collections.slotwise.redis.plugins.module_utils.run.sentinel import ROLE_LABEL, Sentinels
from ansible_collections.slotwise.redis.plugins.module_utils.run.verify_standalone import key_count

if TYPE_CHECKING:
    from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import Pod

REPLY_SECONDS = 3.0
"""A server that is silent for longer does not answer. Writes may be held back meanwhile."""
POLL_SECONDS = 0.5
LOOK: tuple[Command, ...] = (
    ("INFO",),
    ("CONFIG", "GET", "appendonly", "save", "shutdown-on-sigterm", "min-replicas-to-write"),
)
REVISION_SECONDS = 30.0
"""A StatefulSet's controller sees a change within seconds, or not at all."""


class Group:
    """The pods of one StatefulSet, and connections to those that run."""

    def __init__(self, servers: Servers, params: Mapping, name: str, changing: bool) -> None:
        self._servers, self._namespace, self.name, self._changing = servers, params["namespace"], name, changing
        self.fleet = servers.fleet(REPLY_SECONDS)
        self._revision = ""

    def learn_revision(self) -> None:
        """Wait until the status of the StatefulSet is that of what it is told now."""
        deadline = time.monotonic() + REVISION_SECONDS
        while True:
            found = self._servers.kubernetes.stateful_set(self._namespace, self.name)
            if found is None or (found.observed and found.revision):
                self._revision = found.revision if found else ""
                return
            if time.monotonic() > deadline:
                raise Stalled(
                    f"Kubernetes has not looked at StatefulSet {self.name} for {REVISION_SECONDS:.0f} s.",
                    (),
                    "Look at the kube-controller-manager, then run again.",
                )
            time.sleep(POLL_SECONDS)

    def pods(self) -> dict[str, Pod]:
        return self._servers.follow(self.fleet)

    def is_outdated(self, pod: Pod) -> bool:
        return self._changing or (bool(self._revision) and pod.revision != self._revision)

    def missing(self, pods: Mapping[str, Pod]) -> list[Member]:
        """Pods that shall be there and are not yet."""
        return [
            Member(name, False, ready=False, waiting=self.why()) for name in self._servers.names if name not in pods
        ]

    def why(self) -> str:
        """What Kubernetes says where it makes no pod."""
        said = [text for text in self.warnings(self.name) if text.startswith("Failed")]
        return f"does not exist{': ' if said else ''}{said[0] if said else ''}"

    def warnings(self, name: str) -> list[str]:
        return self._servers.kubernetes.warnings(self._namespace, name)

    def kept(self) -> dict[str, tuple[str, ...]]:
        """For each pod what its agent kept for a person, as the Sentinels' agents told when they last saw all."""
        lines = self._servers.config_map(f"{self.name}-record").get("kept", "").splitlines()
        told = [line.partition(": ") for line in lines]
        return {pod: tuple(name for other, _mark, name in told if other == pod) for pod, _mark, _name in told}

    def delete(self, pod: Pod) -> None:
        self._servers.kubernetes.delete_pod(self._namespace, pod.name, pod.uid)


class Restarts:
    """One run of redis_restart. ``result`` holds what is known at any time, also after a failure."""

    def __init__(self, module: AnsibleModule, report: Callable[[str], None]) -> None:
        self._module, self._params, self._report = module, module.params, report
        self.result: dict[str, Any] = {"changed": False, "plan": [], "actions": [], "before": [], "after": []}
        self._started = time.monotonic()
        self._sayer = Sayer(report)
        self._pods: dict[str, tuple[Group, Pod]] = {}

    def run(self) -> dict[str, Any]:
        name, changing = self._params["name"], self._params["changing"] if self._module.check_mode else []
        servers = Servers(self._module, self._params["servers"])
        self._api = servers.kubernetes.api
        self._servers = Group(servers, self._params, name, name in changing)
        self._groups = [self._servers]
        self._sentinels: Group | None = None
        if self._params["sentinels"]:
            beside, sentinels = f"{name}-sentinel", Sentinels(self._module, self._params["sentinels"])
            self._sentinels = Group(sentinels, self._params, beside, beside in changing)
            self._groups.append(self._sentinels)
        try:
            self._run()
        finally:
            for group in self._groups:
                group.fleet.close()
        return self.result

    def _run(self) -> None:
        for group in self._groups:
            group.learn_revision()
        seen = self._observe()
        self._remember("before", seen)
        self._remember("after", seen)
        plan = self._plan(seen)
        self._show(plan)
        if plan and not self._module.check_mode:
            self._carry_out()
            self._remember("after", self._settle(obstacles, "the deployment works again"))

    def _show(self, plan: list[Step]) -> None:
        self.result["changed"] = bool(plan)
        self.result["plan"] = [step.as_dict() for step in plan]
        self.result["diff"] = {"prepared": plan_text(plan)}
        for number, step in enumerate(plan, 1):
            self._report(f"{'would ' if self._module.check_mode else ''}{number}. {step.text()}")

    def _plan(self, seen: Observation) -> list[Step]:
        return make_plan(seen, self._params["allow_data_loss"])

    def _carry_out(self) -> None:
        # with the library of Kubernetes, see _servers
        from ansible_collections.slotwise.redis.plugins.module_utils.run.lease import lease_of  # noqa: PLC0415

        with lease_of(self._api, self._params, float(self._params["timeout"]), self._report) as lease:
            while True:
                # somebody may have changed the template meanwhile, and pods that were made since are of the new one
                for group in self._groups:
                    group.learn_revision()
                plan = self._plan(self._observe())
                if not plan:
                    return
                step = plan[0]
                # where no server runs there is nobody to wait for
                if not self._is_down(step):
                    seen = self._settle(partial(_against, step=step), f"it is safe to {step.text()}")
                    if self._plan(seen)[:1] != [step]:
                        continue
                lease.check()
                self._do(step)

    def _is_down(self, step: Step) -> bool:
        _group, pod = self._pods[step.pod]
        return bool(pod.waiting) and step.action not in (HAND_OVER, LIFT)

    def _do(self, step: Step) -> None:
        self._report(step.text())
        if step.action == HAND_OVER:
            if self._sentinels is None:
                raise AssertionError("only deployments with Sentinels hand over")
            hand_over = HandOver(
                self._servers.fleet,
                self._sentinels.fleet,
                self._master_name,
                step.pod,
                min_replicas=str(self._params["min_replicas_to_write"]),
                report=self._report,
            )
            hand_over.run(self._params["timeout"])
            self._done(step)
        elif step.action == LIFT:
            self._lift(step)
        else:
            self._restart(step)

    def _lift(self, step: Step) -> None:
        commands = lift(str(self._params["min_replicas_to_write"]))
        error = first_error(self._servers.fleet.gather({step.pod: commands})[step.pod])
        if error:
            raise EngineError(f"{step.pod} still holds writes back.", [str(error)], "Run again when it answers.")
        self._done(step)

    def _restart(self, step: Step) -> None:
        group, pod = self._pods[step.pod]
        group.delete(pod)
        self._done(step)
        deadline = time.monotonic() + self._params["timeout"]
        while True:
            now = group.pods().get(step.pod)
            if now and now.uid != pod.uid and (now.ready or not pod.ready):
                # one that was not ready may need others to become so, which are next
                return
            why = now.waiting or "its server is not ready yet" if now else group.why()
            self._sayer.say(f"{step.pod}: {why}")
            if time.monotonic() > deadline:
                found = [f"{step.pod}: {text}" for text in (why, *group.warnings(step.pod)[:3])]
                raise self._late(f"{step.pod} was not ready {self._params['timeout']} s after its restart", found)
            time.sleep(POLL_SECONDS)

    def _done(self, step: Step) -> None:
        after = round((time.monotonic() - self._started) * 1000)
        self.result["actions"].append({**step.as_dict(), "after_ms": after})

    def _settle(self, against: Callable[[Observation], list[str]], what: str) -> Observation:
        """Wait until nothing speaks against it any more."""
        deadline = time.monotonic() + self._params["timeout"]
        while True:
            seen = self._observe()
            found = against(seen)
            if not found:
                return seen
            self._sayer.say(f"waiting: {found[0]}")
            if time.monotonic() > deadline:
                raise self._late(f"Waited {self._params['timeout']} s until {what}", found)
            time.sleep(POLL_SECONDS)

    def _late(self, message: str, found: list[str]) -> Stalled:
        return Stalled(
            f"{message}.",
            found,
            f"Nothing more was restarted. Look at them with: kubectl -n {self._params['namespace']} get pods,events, "
            "and run again: it goes on from here.",
        )

    @property
    def _master_name(self) -> str:
        return self._params["master_name"] or self._params["name"]

    def _observe(self) -> Observation:
        pods = self._servers.pods()
        self._pods = {name: (self._servers, pod) for name, pod in pods.items()}
        servers = tuple(self._server_members(pods))
        if not self._sentinels:
            return Observation(servers)
        if any(member.outdated and not member.lasts for member in servers):
            kept = self._servers.kept()
            servers = tuple(replace(member, kept=kept.get(member.pod, ())) for member in servers)
        beside = self._sentinels.pods()
        self._pods.update({name: (self._sentinels, pod) for name, pod in beside.items()})
        views = {}
        for name, replies in self._sentinels.fleet.ask_all(*questions(self._master_name)).items():
            if not no_view(replies):
                views[name] = parse_view(name, replies)
        members = [
            Member(name, self._sentinels.is_outdated(pod), pod.ready, pod.waiting) for name, pod in beside.items()
        ]
        return Observation(servers, tuple(members + self._sentinels.missing(beside)), views, self._master_name)

    def _server_members(self, pods: Mapping[str, Pod]) -> list[Member]:
        outdated = {name: self._servers.is_outdated(pod) for name, pod in pods.items()}
        # servers without Sentinels depend on nobody, and need no question while there is nothing to do
        replies = self._servers.fleet.ask_all(*LOOK) if self._sentinels or any(outdated.values()) else {}
        members = []
        for name, pod in pods.items():
            member = Member(name, outdated[name], pod.ready, pod.waiting, lasts=pod.lasts)
            answers = replies.get(name)
            members.append(_described(member, pod, answers) if answers and not first_error(answers) else member)
        return members + self._servers.missing(pods)

    def _remember(self, key: str, seen: Observation) -> None:
        self.result[key] = [
            {
                "pod": m.pod,
                "role": m.server.role if m.server else "",
                "outdated": m.outdated,
                "ready": m.ready,
            }
            for m in seen.members
        ]


def _against(seen: Observation, step: Step) -> list[str]:
    if step.action == LIFT:
        return lift_obstacles(seen, step.pod)
    # who hands over has to work itself
    return obstacles(seen, "" if step.action == HAND_OVER else step.pod)


def _described(member: Member, pod: Pod, answers: list) -> Member:
    info, settings = parse_info(answers[0]), parse_settings(answers[1])
    return Member(
        member.pod,
        member.outdated,
        member.ready,
        member.waiting,
        parse_server(pod.name, info, pod.labels.get(ROLE_LABEL, "")),
        key_count(info),
        int(info.get("number_of_functions", 0)),
        settings.get("min-replicas-to-write") == str(FENCE),
        member.lasts,
        saves(info, settings),
    )


def saves(info: Mapping[str, str], settings: Mapping[str, str]) -> bool:
    """Whether a server that is asked to end leaves its data on the volume. One that fails to would be killed."""
    if settings.get("appendonly") == "yes":
        return info.get("aof_last_write_status") == "ok"
    at_end = settings.get("shutdown-on-sigterm", "default").split()
    meant = "save" in at_end or (bool(settings.get("save")) and "nosave" not in at_end)
    return meant and info.get("rdb_last_bgsave_status") == "ok"


def run_restart(module: AnsibleModule) -> None:
    """Entry of the module: exits or fails with everything that is known."""
    restarts = Restarts(module, progress(module.params["progress_file"]))
    signal.signal(signal.SIGTERM, terminated)
    end(module, restarts.run, lambda: {**restarts.result, "changed": bool(restarts.result["actions"])})
