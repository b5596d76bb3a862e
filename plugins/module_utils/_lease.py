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
from ansible_collections.slotwise.redis.plugins.module_utils._kubernetes import (
    ApiException,
    HttpError,
    api_errors,
    client,
)

LEASE_SECONDS = 15
"""A holder that did not renew for so long is gone."""
REQUEST_SECONDS = 4
"""Two renewals, each lasting this long, fit into the life of a Lease."""
POLL_SECONDS = 1.0


class Lease:
    """Context manager. Raises EngineError with the holder's name where another run is under way."""

    def __init__(self, api, namespace: str, name: str) -> None:
        self._api, self._coordination = api, client.CoordinationV1Api(api)
        self._namespace, self._name = namespace, name
        self.identity = f"{_here()}:{os.getpid()}"
        self._held = None
        self._renewed = 0.0
        self._stop = threading.Event()
        self._renewer = threading.Thread(target=self._renew_until_stopped, daemon=True)

    def __enter__(self) -> Lease:
        with api_errors(self._api, f"taking Lease {self._namespace}/{self._name}"):
            self._acquire()
        self._renewer.start()
        return self

    def __exit__(self, *unused) -> None:
        self._stop.set()
        self._renewer.join(timeout=2 * REQUEST_SECONDS)
        # only the Lease as we wrote it last: one that another run has taken over is not ours to delete
        mine = client.V1Preconditions(
            uid=self._held.metadata.uid, resource_version=self._held.metadata.resource_version
        )
        with suppress(ApiException, HttpError):  # it expires by itself
            self._call("delete", body=client.V1DeleteOptions(preconditions=mine))

    def check(self) -> None:
        """Raise EngineError where the Lease may be somebody else's by now."""
        if time.monotonic() - self._renewed > LEASE_SECONDS - POLL_SECONDS:
            raise EngineError(
                f"This run has lost the Lease {self._namespace}/{self._name} and stops before the next step.",
                [f"not renewed for {time.monotonic() - self._renewed:.0f} s"],
                "Another run may go on from here. Run again: what is done stays done.",
            )

    def _call(self, verb: str, *, body=None):
        method = getattr(self._coordination, f"{verb}_namespaced_lease")
        arguments = (self._namespace,) if verb == "create" else (self._name, self._namespace)
        return method(*arguments, **({} if body is None else {"body": body}), _request_timeout=REQUEST_SECONDS)

    def _acquire(self) -> None:
        seen, since = None, time.monotonic()
        while True:
            if self._write("create", self._body()):
                return
            held = self._read()
            if held is None:
                continue
            if held.spec.renew_time != seen:
                if seen is not None:
                    raise self._busy(held)
                seen, since = held.spec.renew_time, time.monotonic()
            # the clocks of two controllers may differ, so a holder counts as gone only when it is watched
            # not to renew; on this host its process id tells at once
            gone = _dead_here(held.spec.holder_identity) or time.monotonic() - since > LEASE_SECONDS
            if gone and self._write("replace", self._body(held)):
                return
            time.sleep(POLL_SECONDS)

    def _write(self, verb: str, body) -> bool:
        """Whether the Lease is ours now; another's write that came first is no error."""
        begin = time.monotonic()
        try:
            self._held = self._call(verb, body=body)
        except ApiException as error:
            if error.status in (404, 409):
                return False
            raise
        self._renewed = begin
        return True

    def _read(self):
        try:
            return self._call("read")
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def _busy(self, held) -> EngineError:
        return EngineError(
            f"Another run is changing {self._namespace}/{self._name}.",
            [f"holder: {held.spec.holder_identity}", f"last renewed: {held.spec.renew_time}"],
            "Wait until it has ended and run again.",
        )

    def _body(self, held=None):
        now = datetime.now(timezone.utc)
        labels = {"name": "redis", "instance": self._name, "component": "cluster", "managed-by": "slotwise.redis"}
        return client.V1Lease(
            metadata=client.V1ObjectMeta(
                name=self._name,
                labels={f"app.kubernetes.io/{k}": v for k, v in labels.items()},
                resource_version=held.metadata.resource_version if held else None,
            ),
            spec=client.V1LeaseSpec(
                holder_identity=self.identity, lease_duration_seconds=LEASE_SECONDS, acquire_time=now, renew_time=now
            ),
        )

    def _renew_until_stopped(self) -> None:
        while not self._stop.wait(LEASE_SECONDS / 3):
            with suppress(ApiException, HttpError):  # tried again; check() tells when it has been too long
                self._write("replace", self._body(self._held))


def _here() -> str:
    """This host as far as its process ids are its own: containers may share the host's name."""
    return f"{getpass.getuser()}@{socket.gethostname()}/{_process_ids()}"


def _process_ids() -> str:
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return ""


def _dead_here(holder: str | None) -> bool:
    host, _colon, pid = (holder or "").rpartition(":")
    return bool(_process_ids()) and host == _here() and pid.isdigit() and not os.path.exists(f"/proc/{pid}")
