# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time: a Kubernetes Lease for each deployment."""

from __future__ import annotations

import getpass
import os
import socket
import threading
import time
from contextlib import suppress
from datetime import datetime, timezone

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError
from ansible_collections.slotwise.redis.plugins.module_utils._kubernetes import ApiException, api_errors, client

LEASE_SECONDS = 15
"""A holder that did not renew for so long is gone."""
POLL_SECONDS = 1.0


class Lease:
    """Context manager. Raises EngineError with the holder's name where another run is under way."""

    def __init__(self, api, namespace: str, name: str) -> None:
        self._api, self._coordination = api, client.CoordinationV1Api(api)
        self._namespace, self._name = namespace, name
        self._host = f"{getpass.getuser()}@{socket.gethostname()}"
        self.identity = f"{self._host}:{os.getpid()}"
        self._stop = threading.Event()
        self._renewer = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> Lease:
        with api_errors(self._api, f"taking Lease {self._namespace}/{self._name}"):
            self._acquire()
        self._renewer.start()
        return self

    def __exit__(self, *unused) -> None:
        self._stop.set()
        self._renewer.join()
        with suppress(ApiException):  # it expires by itself
            self._coordination.delete_namespaced_lease(self._name, self._namespace)

    def _acquire(self) -> None:
        seen, since = None, time.monotonic()
        while True:
            try:
                self._coordination.create_namespaced_lease(self._namespace, self._body())
                return
            except ApiException as error:
                if error.status != 409:
                    raise
            held = self._read()
            if held is None:
                continue
            if held.spec.renew_time != seen:
                if seen is not None:
                    raise self._busy(held)
                seen, since = held.spec.renew_time, time.monotonic()
            # the clocks of two controllers may differ, so a holder counts as gone only when it is watched
            # not to renew; on this host its process id tells at once
            gone = self._dead_here(held.spec.holder_identity) or time.monotonic() - since > LEASE_SECONDS
            if gone and self._replace(held):
                return
            time.sleep(POLL_SECONDS)

    def _read(self):
        try:
            return self._coordination.read_namespaced_lease(self._name, self._namespace)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def _replace(self, held) -> bool:
        body = self._body()
        body.metadata.resource_version = held.metadata.resource_version
        try:
            self._coordination.replace_namespaced_lease(self._name, self._namespace, body)
            return True
        except ApiException as error:
            if error.status in (404, 409):
                return False
            raise

    def _dead_here(self, holder: str) -> bool:
        host, _separator, pid = (holder or "").rpartition(":")
        return host == self._host and pid.isdigit() and not os.path.exists(f"/proc/{pid}")

    def _busy(self, held) -> EngineError:
        return EngineError(
            f"Another run is changing {self._namespace}/{self._name}.",
            [f"holder: {held.spec.holder_identity}", f"last renewed: {held.spec.renew_time}"],
            "Wait until it has ended and run again.",
        )

    def _body(self):
        now = datetime.now(timezone.utc)
        labels = {"name": "redis", "instance": self._name, "component": "cluster", "managed-by": "slotwise.redis"}
        return client.V1Lease(
            metadata=client.V1ObjectMeta(
                name=self._name, labels={f"app.kubernetes.io/{k}": v for k, v in labels.items()}
            ),
            spec=client.V1LeaseSpec(
                holder_identity=self.identity, lease_duration_seconds=LEASE_SECONDS, acquire_time=now, renew_time=now
            ),
        )

    def _renew(self) -> None:
        while not self._stop.wait(LEASE_SECONDS / 3):
            now = datetime.now(timezone.utc)
            try:
                self._coordination.patch_namespaced_lease(
                    self._name, self._namespace, {"spec": {"renewTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}}
                )
            except Exception:  # pylint: disable=broad-except
                continue  # a lost renewal is tried again; the lease outlasts two of them
