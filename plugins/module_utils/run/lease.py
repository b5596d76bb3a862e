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
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime, timezone
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import (
    ApiException,
    HttpError,
    api_errors,
    client,
    passes,
)

LEASE_SECONDS = 15
"""A holder that did not renew for so long is gone."""
KEPT_SECONDS = 60
"""The same where it is kept between the tasks of a run, in which nobody renews it."""
RENEW_SECONDS = LEASE_SECONDS / 3
REQUEST_SECONDS = 4
"""Two renewals, each lasting this long, fit into the life of a Lease."""
POLL_SECONDS = 1.0
SUFFIX = ".slotwise.redis"
"""Applications name the Leases of their leader elections as they like, most often as themselves."""


class Lease:
    """Context manager. Raises EngineError with the holder's name where another run is under way."""

    def __init__(
        self,
        api: client.ApiClient,
        namespace: str,
        deployment: str,
        timeout: float,
        report: Callable[[str], None] = lambda text: None,
        *,
        keep: int = 0,
    ) -> None:
        """``timeout`` is the longest time to wait for an API that does not answer or a holder that may be gone.

        ``keep`` is the process of a run with further tasks, which finds the Lease its own until it gives it back.
        """
        self._api, self._coordination = api, client.CoordinationV1Api(api)
        self._namespace, self._deployment, self._name = namespace, deployment, f"{deployment}{SUFFIX}"
        self._timeout, self._report = timeout, report
        self._keep = keep
        # A worker may outlive a run that was killed.
        self.identity = f"{_here()}:{f'{keep}+' if keep else ''}{os.getpid()}"
        self._labels = {"app.kubernetes.io/instance": deployment, "app.kubernetes.io/managed-by": "slotwise.redis"}
        # Until this name there was one without the suffix, and a run of that version may be under way.
        self._holders = {name: _Holder() for name in (deployment, self._name)}
        self._held: client.V1Lease | None = None
        self._renewed = 0.0
        self._taken_by, self._holder = "", ""
        self._stop = threading.Event()
        self._renewer = threading.Thread(target=self._renew_until_stopped, daemon=True)

    def __enter__(self) -> Lease:
        with api_errors(self._api, f"taking Lease {self._namespace}/{self._name}"):
            self._acquire()
        self._renewer.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._stop.set()
        self._renewer.join(timeout=2 * REQUEST_SECONDS)
        if self._keep:
            return
        with suppress(ApiException, HttpError):  # it expires by itself
            self._delete(self._held)

    def while_ours(self) -> AbstractContextManager[Any]:
        """Goes on holding the Lease where this run has it already, and takes none."""
        with api_errors(self._api, f"reading Lease {self._namespace}/{self._name}"):
            held = self._read(self._name)
        return self if held and self._is_mine(held.spec.holder_identity) else nullcontext()

    def give_back(self) -> None:
        """Delete it where it is that of this run, or of one that has ended here."""
        with api_errors(self._api, f"deleting Lease {self._namespace}/{self._name}"):
            held = self._read(self._name)
            if held and self._is_ours(held):
                holder = held.spec.holder_identity
                if self._is_mine(holder) or _dead_here(holder):
                    self._delete(held)

    def check(self) -> None:
        """Raise EngineError where the Lease may be somebody else's by now."""
        silent = time.monotonic() - self._renewed
        if self._taken_by or silent > LEASE_SECONDS - POLL_SECONDS:
            raise EngineError(
                f"This run has lost the Lease {self._namespace}/{self._name} and stops before the next step.",
                [self._taken_by or f"not renewed for {silent:.0f} s"],
                "Another run may go on from here. Run again: what is done stays done.",
            )

    def renew(self) -> None:
        """Raises what the API answers; check() tells when it has been too long."""
        if self._write("replace", self._body(self._held)):
            return
        held = self._read(self._name)
        if held and held.spec.holder_identity == self.identity:
            # an earlier renewal came through and its answer did not
            self._write("replace", self._body(held))
        else:
            self._taken_by = f"it belongs to {held.spec.holder_identity} now" if held else "it was deleted"

    def _renew_until_stopped(self) -> None:
        while not self._taken_by and not self._stop.wait(RENEW_SECONDS):
            with suppress(ApiException, HttpError):
                self.renew()

    def _acquire(self) -> None:
        deadline, said = time.monotonic() + self._timeout, ""
        while True:
            try:
                if self._try():
                    return
                why = f"{self._holder or 'another run'} holds it, or did until it was killed"
            except (ApiException, HttpError) as error:
                if not passes(error) or time.monotonic() > deadline:
                    raise
                why = f"the Kubernetes API answers: {getattr(error, 'reason', None) or error}"
            if time.monotonic() > deadline:
                raise Unreachable(
                    f"The Lease {self._namespace}/{self._name} could not be taken within {self._timeout:.0f} s.",
                    [why],
                    f"Look at it with: kubectl -n {self._namespace} get lease {self._name} -o yaml. Run again.",
                )
            if why != said:
                said = why
                self._report(f"waiting for the Lease {self._namespace}/{self._name}: {why}")
            time.sleep(POLL_SECONDS)

    def _try(self) -> bool:
        """Whether the Lease is ours now. What it takes to find out who holds it may need several tries."""
        former = self._read(self._deployment)
        if former and self._is_ours(former):
            if not self._gone(former):
                return False
            self._delete(former)
        if self._write("create", self._body()):
            return True
        held = self._read(self._name)
        if held is None:
            return False
        if not self._is_ours(held):
            raise EngineError(
                "This run stops before its next step: the Lease that it needs exists and belongs to someone else.",
                [f"Lease {self._namespace}/{self._name} has labels {held.metadata.labels or {}}"],
                "Find out whose it is. Delete it where nobody uses it, and run again.",
            )
        return self._gone(held) and self._write("replace", self._body(held))

    def _is_ours(self, held: client.V1Lease) -> bool:
        return self._labels.items() <= (held.metadata.labels or {}).items()

    def _is_mine(self, holder: str | None) -> bool:
        return holder == self.identity or bool(self._keep and holder and holder.startswith(f"{_here()}:{self._keep}+"))

    def _gone(self, held: client.V1Lease) -> bool:
        """Whether nobody holds it any more. Raises EngineError where the holder is seen to renew it."""
        holder = self._holder = held.spec.holder_identity
        # this run itself holds what it wrote when the answer was lost, or in an earlier task
        if self._is_mine(holder) or _dead_here(holder):
            return True
        if self._holders[held.metadata.name].renewed(held.spec.renew_time):
            raise EngineError(
                f"Another run is changing {self._namespace}/{self._deployment}.",
                [f"holder: {holder}", f"last renewed: {held.spec.renew_time}"],
                "Wait until it has ended and run again.",
            )
        return self._holders[held.metadata.name].silent() > (held.spec.lease_duration_seconds or LEASE_SECONDS)

    def _call(self, verb: str, *arguments: str, body: object = None) -> Any:
        method = getattr(self._coordination, f"{verb}_namespaced_lease")
        return method(*arguments, **({} if body is None else {"body": body}), _request_timeout=REQUEST_SECONDS)

    def _write(self, verb: str, body: client.V1Lease) -> bool:
        """Whether the Lease is ours now; another's write that came first is no error."""
        begin = time.monotonic()
        try:
            names = (self._namespace,) if verb == "create" else (self._name, self._namespace)
            self._held = self._call(verb, *names, body=body)
        except ApiException as error:
            if error.status == 409 or (error.status == 404 and verb == "replace"):
                return False
            raise
        self._renewed = begin
        return True

    def _read(self, name: str) -> client.V1Lease | None:
        try:
            return self._call("read", name, self._namespace)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def _delete(self, held: client.V1Lease) -> None:
        """Only as it was read or written last: one that another run has taken over is not ours to delete."""
        same = client.V1Preconditions(uid=held.metadata.uid, resource_version=held.metadata.resource_version)
        try:
            self._call("delete", held.metadata.name, self._namespace, body=client.V1DeleteOptions(preconditions=same))
        except ApiException as error:
            if error.status not in (404, 409):
                raise

    def _body(self, held: client.V1Lease | None = None) -> client.V1Lease:
        now = datetime.now(timezone.utc)
        return client.V1Lease(
            metadata=client.V1ObjectMeta(
                name=self._name,
                labels=self._labels,
                resource_version=held.metadata.resource_version if held else None,
            ),
            spec=client.V1LeaseSpec(
                holder_identity=self.identity,
                lease_duration_seconds=KEPT_SECONDS if self._keep else LEASE_SECONDS,
                acquire_time=now,
                renew_time=now,
            ),
        )


def lease_of(
    api: client.ApiClient, params: Mapping[str, Any], timeout: float, report: Callable[[str], None] = lambda text: None
) -> Lease:
    """By the options of a module, see C(LEASE) of _argspec."""
    return Lease(api, params["namespace"], params["name"], timeout, report, keep=params["keep_lease_for"] or 0)


class _Holder:
    """What is seen of the holder of a Lease.

    The clocks of two controllers may differ and step, so its times are only compared with each other: a holder counts
    as gone when it was watched not to renew.
    """

    def __init__(self) -> None:
        self._seen: object = None
        self._since: float | None = None

    def renewed(self, renew_time: object) -> bool:
        """Whether it has renewed while it was watched."""
        if self._since is None:
            self._seen, self._since = renew_time, time.monotonic()
        return renew_time != self._seen

    def silent(self) -> float:
        """Since when it was watched, for how long. It is by ``renewed``."""
        return 0.0 if self._since is None else time.monotonic() - self._since


def _here() -> str:
    """This host as far as its process ids are its own: containers may share the host's name, and hosts may too."""
    return f"{_user()}@{socket.gethostname()}/{_process_ids()}"


def _user() -> str:
    """Containers may run as a user that has no name there."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _process_ids() -> str:
    """What tells one set of process ids from every other: the namespace, and the start of its kernel."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
            return f"{boot.read(8)}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def _dead_here(holder: str | None) -> bool:
    """On this host the process ids tell at once: of the module, or of the run and the last worker that had it."""
    host, _colon, processes = (holder or "").rpartition(":")
    if not _process_ids() or host != _here():
        return False
    return all(number.isdigit() and not os.path.exists(f"/proc/{number}") for number in processes.split("+"))
