# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods and the record of the master: named objects of the Kubernetes API, with the service account of this pod."""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import ssl
from collections.abc import Sequence
from typing import Any

from .sentinel import Label, Pod, Record, Write

ACCOUNT = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
ROLE, EPOCH = "redis-role", "slotwise.redis/epoch"
API_SECONDS = 5.0


class Kubernetes:
    """OSError or http.client.HTTPException when the API does not answer, or refuses."""

    def __init__(self, namespace: str, pods: Sequence[str], record: str) -> None:
        self._base, self._pods, self._record = f"/api/v1/namespaces/{namespace}", pods, record
        tls = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
        # Python 3.13 also asks of authorities what those of many Kubernetes clusters lack.
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        # Kept open: a failover is no time to greet each other.
        self._connection = http.client.HTTPSConnection(
            os.environ["KUBERNETES_SERVICE_HOST"],
            int(os.environ["KUBERNETES_SERVICE_PORT"]),
            timeout=API_SECONDS,
            context=tls,
        )

    def pods(self) -> list[Pod]:
        """The pods that exist."""
        found = [self._call("GET", f"/pods/{name}", missing=True) for name in self._pods]
        return [_pod(answer["metadata"]) for answer in found if answer is not None]

    def record(self) -> Record:
        answer = self._call("GET", f"/configmaps/{self._record}")
        assert answer is not None
        data = answer.get("data") or {}
        term = data.get("term", "")
        return Record(
            answer["metadata"]["resourceVersion"],
            int(term) if term.isdigit() else -1,
            data.get("master", ""),
            tuple(data.items()),
        )

    def label(self, label: Label) -> None:
        """Label a pod. OSError when it is not as it was read any more."""
        metadata = {
            "resourceVersion": label.version,
            "labels": {ROLE: label.role},
            "annotations": {EPOCH: label.epoch},
        }
        self._call("PATCH", f"/pods/{label.pod}", {"metadata": metadata})

    def write(self, write: Write) -> None:
        """Change the record. OSError when it is not as it was read any more."""
        record = write.record
        data = {"term": str(record.term), "master": record.master, "why": write.why}
        self._call(
            "PATCH", f"/configmaps/{self._record}", {"metadata": {"resourceVersion": record.version}, "data": data}
        )

    def publish(self, data: dict[str, str]) -> None:
        """What people are told of the deployment, beside the record."""
        self._call("PATCH", f"/configmaps/{self._record}", {"data": data})

    def _call(self, method: str, path: str, body: Any = None, missing: bool = False) -> dict | None:
        # The token is replaced while this runs.
        headers = {
            "Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}",
            "Content-Type": "application/merge-patch+json",
        }
        try:
            self._connection.request(method, self._base + path, json.dumps(body) if body else None, headers)
            reply = self._connection.getresponse()
            answer = json.loads(reply.read())
        except (OSError, http.client.HTTPException, ValueError):
            # The next call opens another one.
            self._connection.close()
            raise
        if missing and reply.status == http.client.NOT_FOUND:
            return None
        if reply.status != http.client.OK:
            raise OSError(f"{method} {path}: {reply.status} {answer.get('message', '')}")
        return answer


def _pod(metadata: dict) -> Pod:
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return Pod(metadata["name"], metadata["resourceVersion"], labels.get(ROLE, ""), annotations.get(EPOCH, ""))
