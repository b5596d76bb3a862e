# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flow of kubernetes_wait: look until all is ready, or until there is nothing to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Stalled, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.readiness import (
    WORKLOADS,
    is_ready,
    obstacles,
    refusals,
)
from ansible_collections.slotwise.redis.plugins.module_utils.run.progress import Sayer

POLL_SECONDS = 1.0
Answers = dict[str, list[dict[str, Any]]]
PLURAL = {"pod": "pods", "proxy": "proxies"}
HINTS = {"proxy": "A proxy is ready when at least one backend answers through it."}


class Rollout:
    """The pods of one deployment on their way. ``look`` answers the questions of the module anew each time."""

    def __init__(
        self,
        params: Mapping[str, Any],
        look: Callable[[], Answers],
        warnings: Callable[[], Sequence[tuple[str, str, str]]],
        report: Callable[[str], None],
    ) -> None:
        """``warnings`` are kind and name of objects, and what Kubernetes says of them, the newest first."""
        self.look, self._warnings, self._sayer = look, warnings, Sayer(report)
        self._what, self._timeout = params["what"], params["timeout"]
        self._where, self._namespace = f"{params['namespace']}/{params['name']}", params["namespace"]
        self._kinds = {query["id"]: (query["kind"], query["name"]) for query in params["queries"]}

    def wait(self) -> Answers:
        """What is there when all is ready. Raises EngineError with the reason where it never will be."""
        deadline = time.monotonic() + self._timeout
        while True:
            silence = None
            found: Answers = {}
            try:
                found = self.look()
            except Unreachable as error:
                silence = error
            late = self._late(found) if silence is None else silence
            if late is None:
                return found
            if time.monotonic() > deadline:
                raise self._explained(late, found)
            self._sayer.say(f"waiting: {late.found[0] if late.found else late.message}")
            time.sleep(POLL_SECONDS)

    def _late(self, found: Answers) -> EngineError | None:
        """What is to be said at the deadline; None where all is ready."""
        workloads = [item for key, items in found.items() if self._kinds[key][0] in WORKLOADS for item in items]
        pods = [item for key, items in found.items() if self._kinds[key][0] == "Pod" for item in items]
        self._refuse_hopeless(found, pods)
        slow = [item for item in workloads if not is_ready(item)]
        if not slow:
            return None
        lines = [f"{name}: {why}" for name, why in obstacles(pods).items()] or [
            f"{item['kind']} {item['metadata']['name']}: {_count(item)}" for item in slow
        ]
        look = f"Look at `kubectl -n {self._namespace} describe pod` and `logs` of these {PLURAL[self._what]}."
        return Stalled(
            f"Not every {self._what} of {self._where} was ready within {self._timeout} seconds.",
            lines,
            " ".join(filter(None, (HINTS.get(self._what), look))),
        )

    def _explained(self, late: EngineError, found: Answers) -> EngineError:
        """With the newest warning of Kubernetes about each object that is late, or whose pods are."""
        workloads = {name for kind, name in self._kinds.values() if kind in WORKLOADS}
        pods = {line.partition(":")[0] for line in late.found} if found else set()
        told: dict[tuple[str, str], str] = {}
        try:
            for kind, name, text in self._warnings() if found else ():
                owner = name.rpartition("-")[0] if kind == "ReplicaSet" else name
                claimed = kind == "PersistentVolumeClaim" and any(name.endswith(f"-{pod}") for pod in pods)
                if (owner in workloads and kind in (*WORKLOADS, "ReplicaSet")) or name in pods or claimed:
                    told.setdefault((kind, name), text)
        except EngineError as error:
            told["events", self._namespace] = error.message
        lines = [f"{kind} {name}: {text}" for (kind, name), text in told.items()]
        return type(late)(late.message, [*late.found, *lines], late.advice)

    def _refuse_hopeless(self, found: Answers, pods: Iterable[Mapping[str, Any]]) -> None:
        missing = [
            f"{kind} {self._namespace}/{name}"
            for key, (kind, name) in self._kinds.items()
            if kind in WORKLOADS and not found[key]
        ]
        if missing:
            raise EngineError(f"There is no {', no '.join(missing)}. Run playbooks/site.yml first.")
        going = [
            item["leaving"]["text"]
            for key, items in found.items()
            if self._kinds[key][0] != "Pod"
            for item in items
            if "leaving" in item
        ]
        if going:
            raise EngineError(
                f"{' '.join(going)} There is nothing to wait for. When it is gone, playbooks/site.yml makes it anew."
            )
        refused = refusals(pods)
        if refused:
            raise EngineError(
                f"{PLURAL[self._what].capitalize()} of {self._where} do not start with the settings that they have:",
                [f"{pod}: {message}" for pod, message in refused.items()],
                "Change it and run playbooks/site.yml again: these are then replaced.",
            )


def _count(workload: Mapping[str, Any]) -> str:
    status = workload.get("status") or {}
    return f"{status.get('readyReplicas', 0)} of {workload['spec']['replicas']} are ready"
