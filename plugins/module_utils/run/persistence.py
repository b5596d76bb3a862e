# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running servers write the files that their next start reads, so that no restart finds another persistence's old ones.

A server reads an append only file or a snapshot as its settings say, never the newer of the two.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._errors import (
    EngineError,
    Refusal,
    Stalled,
    Unreachable,
    end,
)
from ansible_collections.slotwise.redis.plugins.module_utils.io.servers import Servers
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import Command, Fleet, first_error
from ansible_collections.slotwise.redis.plugins.module_utils.redis.parse import parse_info, parse_settings
from ansible_collections.slotwise.redis.plugins.module_utils.run.progress import progress, terminated

REPLY_SECONDS = 30.0
REACH_SECONDS = 20.0
"""Servers that do not answer are waited for so long: one that is broken may be what this run mends."""
POLL_SECONDS = 0.2
SAY_SECONDS = 5.0
APPEND, SNAPSHOT = "append", "snapshot"
UNFINISHED = "1000000000 1000000000"
"""A point of time that never comes. Beside the others it says that a file is still to be written; a server that is
asked to end saves all the same."""
LOOK: tuple[Command, ...] = (("INFO", "persistence"), ("CONFIG", "GET", "appendonly", "save"))


@dataclass(frozen=True)
class Step:
    """One server writes other files than before."""

    action: str
    pod: str
    save: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        return {"action": self.action, "pod": self.pod, "save": self.save, "reason": self.reason}

    def text(self) -> str:
        if self.action == APPEND:
            return f"{self.pod}: CONFIG SET appendonly yes, wait for its file  # {self.reason}"
        return f"{self.pod}: CONFIG SET appendonly no, save {self.save!r}, wait for a snapshot  # {self.reason}"


def make_plan(live: Mapping[str, Mapping[str, str]], appendonly: bool, save: str) -> list[Step]:
    """``live`` is what servers say: INFO persistence and the settings appendonly and save, in one dictionary each."""
    steps = []
    for pod, said in live.items():
        action, reason = _needed(said, appendonly, save)
        if action:
            # until the settings of its pod change, a server that will append saves when it did
            after = said["save"].replace(UNFINISHED, "").strip() if action == APPEND else save
            steps.append(Step(action, pod, after, reason))
    return steps


def _needed(said: Mapping[str, str], appendonly: bool, save: str) -> tuple[str, str]:
    appends = said["appendonly"] == "yes"
    if appendonly:
        if not appends:
            return APPEND, "it will read an append only file when it restarts, and has none"
        if UNFINISHED in said["save"]:
            return APPEND, "a run that was ended has not waited for its append only file"
        first = said.get("aof_base_size", "0") == "0"
        return (APPEND, "its first append only file is not complete") if first and not has_file(said) else ("", "")
    if appends:
        return SNAPSHOT, "it will read a snapshot when it restarts, and appends to a file"
    if UNFINISHED in said["save"]:
        return SNAPSHOT, "a run that was ended has not waited for its snapshot"
    return (SNAPSHOT, "it saves no snapshots yet") if save and not said["save"] else ("", "")


def has_file(said: Mapping[str, str]) -> bool:
    """Whether an append only file is complete and no other one is being written.

    A server tries again and again to write the one that it begins with. After another one that failed it goes on with
    that which it has.
    """
    idle = said["aof_rewrite_in_progress"] == "0" and said["aof_rewrite_scheduled"] == "0"
    return said["aof_enabled"] == "1" and idle


class Switch:
    """Carries out steps, one server after the other: each forks a process that writes all its data."""

    def __init__(self, fleet: Fleet, timeout: float, report: Callable[[str], None]) -> None:
        self._fleet, self._timeout, self._report = fleet, timeout, report

    def run(self, step: Step) -> None:
        self._report(step.text())
        if step.action == APPEND:
            self._append(step)
        else:
            self._snapshot(step)

    def _append(self, step: Step) -> None:
        pod = step.pod
        appended = parse_settings(self._ask(pod, ("CONFIG", "GET", "appendonly")))["appendonly"] == "yes"
        self._ask(pod, ("CONFIG", "SET", "save", f"{step.save} {UNFINISHED}".strip()))
        try:
            self._ask(pod, ("CONFIG", "SET", "appendonly", "yes"))
            self._wait(pod, "its append only file", lambda: has_file(self._said(pod)))
        except EngineError:
            # with a disk that is full it would refuse writes
            if not appended:
                back = [("CONFIG", "SET", "appendonly", "no"), ("CONFIG", "SET", "save", step.save)]
                self._fleet.gather({pod: back})
            raise
        self._ask(pod, ("CONFIG", "SET", "save", step.save))

    def _snapshot(self, step: Step) -> None:
        pod = step.pod
        self._ask(pod, ("CONFIG", "SET", "save", f"{step.save} {UNFINISHED}".strip()))
        self._ask(pod, ("CONFIG", "SET", "appendonly", "no"))
        since = self._time(pod)
        # one that begins in the second of the last write to the other file might lack that
        self._wait(pod, "the next second", lambda: self._time(pod) > since)
        self._wait(pod, "a snapshot that is under way", lambda: self._said(pod)["rdb_bgsave_in_progress"] == "0")
        self._ask(pod, ("BGSAVE",))
        self._wait(pod, "a snapshot", lambda: self._said(pod)["rdb_bgsave_in_progress"] == "0")
        if self._said(pod)["rdb_last_bgsave_status"] != "ok":
            raise EngineError(f"{pod} could not save a snapshot.", (), "Look at its log and its disk, then run again.")
        self._ask(pod, ("CONFIG", "SET", "save", step.save))

    def _time(self, pod: str) -> int:
        return int(self._ask(pod, ("TIME",))[0])

    def _said(self, pod: str) -> dict[str, str]:
        return parse_info(self._ask(pod, LOOK[0]))

    def _ask(self, pod: str, command: Command) -> Any:
        (reply,) = self._fleet.gather({pod: [command]})[pod]
        if isinstance(reply, Exception):
            raise Unreachable(f"{pod} does not do {' '.join(map(str, command))}.", [str(reply)], "Run again.")
        return reply

    def _wait(self, pod: str, what: str, condition: Callable[[], bool]) -> None:
        deadline, say_at = time.monotonic() + self._timeout, time.monotonic() + SAY_SECONDS
        while not condition():
            now = time.monotonic()
            if now > deadline:
                said = self._said(pod)
                raise Stalled(
                    f"Waited {self._timeout} s for {what} of {pod}.",
                    [f"{name}: {value}" for name, value in said.items() if "status" in name or "progress" in name],
                    "Look at its log and its disk, then run again.",
                )
            if now > say_at:
                self._report(f"waiting for {what} of {pod}")
                say_at = now + SAY_SECONDS
            time.sleep(POLL_SECONDS)


class Persistence:
    """One run of redis_persistence. ``result`` holds what is known at any time, also after a failure."""

    def __init__(self, module: AnsibleModule, report: Callable[[str], None]) -> None:
        self._module, self._params, self._report = module, module.params, report
        self.result: dict[str, Any] = {"changed": False, "plan": [], "actions": []}

    def run(self) -> dict[str, Any]:
        servers = Servers(self._module, self._params["servers"])
        fleet = servers.fleet(REPLY_SECONDS)
        try:
            live, silent = self._look(servers, fleet)
            plan = make_plan(live, self._params["appendonly"], self._params["save"])
            self._show(plan)
            if plan and silent:
                raise Refusal(
                    "Nothing was changed: servers write other files than they are to read, and some do not answer.",
                    [*silent, *(step.text() for step in plan)],
                    "All of them have to write the right files before they may restart. Run again when they answer.",
                )
            if plan and not self._module.check_mode:
                self._carry_out(servers, fleet, plan)
        finally:
            fleet.close()
        return self.result

    def _carry_out(self, servers: Servers, fleet: Fleet, plan: list[Step]) -> None:
        # with the library of Kubernetes, see _servers
        from ansible_collections.slotwise.redis.plugins.module_utils.run.lease import lease_of  # noqa: PLC0415

        switch = Switch(fleet, self._params["timeout"], self._report)
        with lease_of(servers.kubernetes.api, self._params, self._params["timeout"], self._report) as lease:
            for step in plan:
                lease.check()
                switch.run(step)
                self.result["actions"].append(step.as_dict())

    def _show(self, plan: list[Step]) -> None:
        self.result["changed"] = bool(plan)
        self.result["plan"] = [step.as_dict() for step in plan]
        self.result["diff"] = {"prepared": "".join(f"{step.text()}\n" for step in plan)}

    def _look(self, servers: Servers, fleet: Fleet) -> tuple[dict[str, dict[str, str]], list[str]]:
        """What servers say, and why others do not: waited for are those that run."""
        deadline = time.monotonic() + min(REACH_SECONDS, self._params["timeout"])
        while True:
            pods = servers.follow(fleet)
            silent = [f"{name}: {pod.waiting}" for name, pod in pods.items() if pod.waiting]
            live: dict[str, dict[str, str]] = {}
            late = []
            for name, replies in fleet.ask_all(*LOOK).items():
                error = first_error(replies)
                if error:
                    late.append(f"{name}: {error}")
                else:
                    live[name] = {**parse_info(replies[0]), **parse_settings(replies[1])}
            if not late or time.monotonic() > deadline:
                return live, silent + late
            time.sleep(POLL_SECONDS)


def run_persistence(module: AnsibleModule) -> None:
    """Entry of the module: exits or fails with everything that is known."""
    persistence = Persistence(module, progress(module.params["progress_file"]))
    signal.signal(signal.SIGTERM, terminated)
    end(module, persistence.run, lambda: {**persistence.result, "changed": bool(persistence.result["actions"])})
