# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the Kubernetes API that agents use: pods with labels, and the record. Changes are refused when late."""

from __future__ import annotations

from agent.sentinel import Label, Pod, Record, Write


class Api:
    """``away`` while it does not answer."""

    def __init__(self, pods: list[str]) -> None:
        self.away = False
        self._version = 1
        self._pods = {name: Pod(name, "1", "", "") for name in pods}
        self._record = Record("1")

    def _next(self) -> str:
        self._version += 1
        return str(self._version)

    def record(self) -> Record:
        return self._record

    def pods(self) -> list[Pod]:
        return list(self._pods.values())

    def labelled(self) -> list[str]:
        return [pod.name for pod in self._pods.values() if pod.role == "master"]

    def label(self, label: Label) -> None:
        pod = self._pods.get(label.pod)
        if pod is None or pod.version != label.version:
            raise OSError(f"{label.pod}: 409 conflict")
        self._pods[label.pod] = Pod(label.pod, self._next(), label.role, label.epoch)

    def write(self, write: Write) -> None:
        if write.record.version != self._record.version:
            raise OSError("record: 409 conflict")
        self._record = Record(self._next(), write.record.term, write.record.master)

    def touch(self, name: str) -> None:
        """Something else of a pod changes, for example its readiness."""
        pod = self._pods.get(name)
        if pod is not None:
            self._pods[name] = Pod(name, self._next(), pod.role, pod.epoch)

    def remove(self, name: str) -> None:
        self._pods.pop(name, None)

    def create(self, name: str) -> None:
        if name not in self._pods:
            self._pods[name] = Pod(name, self._next(), "", "")
