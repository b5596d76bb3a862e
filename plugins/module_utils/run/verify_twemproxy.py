# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flow of twemproxy_verify: a short-lived key in each backend, written by one proxy and read by the next."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.io.servers import POLL_SECONDS, Servers
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import Fleet, Replies
from ansible_collections.slotwise.redis.plugins.module_utils.redis.answers import (
    answer_of,
    explained,
    hopeless,
    is_full,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.ketama import Pool, keys
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils.redis.placement import all_in_one
from ansible_collections.slotwise.redis.plugins.module_utils.run.verify_cluster import KEY_SECONDS

if TYPE_CHECKING:
    from kubernetes import client

READ_SECONDS = 15
MESSAGE = "Not every backend works through every proxy."
FULL = (
    "is full: it serves reads and refuses writes that need memory. Twemproxy passes no figures on, they are in INFO "
    "memory of the server and in its own verification. Raise its maxmemory, delete keys, or let a policy evict them."
)
UNKNOWN = "ERR Invalid argument"
"""What Twemproxy 0.5 makes of an answer that it does not know. OOM is the one that writes get and reads do not."""
STORED = b"OK"
ADVICE = "Look at the backends and at the log of the proxies, then run again."


class Proxies(Servers):
    """The pods of a Deployment: their names are not known beforehand, and DNS does not know them."""

    def __init__(self, module: AnsibleModule) -> None:
        # what the servers of a StatefulSet have and proxies have not
        module.params.setdefault("dns_server", None)
        super().__init__(module, module.params["replicas"])

    def endpoints(self) -> list[Endpoint]:
        return self._endpoints()[0]

    def _endpoints(self) -> tuple[list[Endpoint], list[str]]:
        if not self._kubernetes:
            return super()._endpoints()
        pods = [pod for pod in self._of_deployment() if not pod.metadata.deletion_timestamp]
        running = [pod for pod in pods if pod.status.pod_ip]
        found = [
            Endpoint(p.metadata.name, p.status.pod_ip, self._params["port"], p.spec.node_name, self._zone_of(p))
            for p in running
        ]
        reasons = [f"{pod.metadata.name}: has no address yet" for pod in pods if not pod.status.pod_ip]
        if len(pods) < self._count and not self._predicting:
            reasons.append(f"{len(pods)} of {self._count} pods exist")
        return sorted(found, key=lambda endpoint: endpoint.name), reasons

    def _zone_of(self, pod: client.V1Pod) -> str:
        return self._zones.get(pod.spec.node_name, "")

    def _of_deployment(self) -> list[client.V1Pod]:
        # only where Kubernetes is asked, see _servers.open_kubernetes
        from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import api_errors  # noqa: PLC0415

        namespace, name = self._params["namespace"], self._params["name"]
        labels = f"app.kubernetes.io/name=twemproxy,app.kubernetes.io/instance={name}"
        with api_errors(self.kubernetes.api, f"listing pods in {namespace}"):
            return self.kubernetes.core.list_namespaced_pod(
                namespace, label_selector=labels, _request_timeout=READ_SECONDS
            ).items


def run_verify(module: AnsibleModule, write: bool) -> dict[str, object]:
    """The result of the module: wait until every proxy answers, then reach every backend through each of them."""
    try:
        pool = Pool.of(module.params["pool"])
    except (KeyError, ValueError) as error:
        raise EngineError(f"pool: {error}.") from error
    if module.params["replicas"] < 1:
        raise EngineError(f"replicas is {module.params['replicas']}: give 1 or more.")
    proxies = Proxies(module)
    fleet = proxies.connect(module.debug)
    try:
        rows = _check_in_time(proxies, fleet, pool, write)
        full = sorted({backend for row in rows for backend in row["full"]})
        placement = all_in_one(fleet.endpoints, "stops all proxies", proxies.zones)
        warnings = [f"{backend} {FULL}" for backend in full]
        return {"changed": False, "proxies": rows, "placement": placement, "warnings": warnings}
    finally:
        fleet.close()


def _check_in_time(proxies: Proxies, fleet: Fleet, pool: Pool, write: bool) -> list[dict[str, Any]]:
    """Backends may be away for a while: a restart, a new address that DNS does not tell yet. Proxies may be others."""
    while True:
        try:
            return check_proxies(fleet, pool, write)
        except Unreachable:
            if time.monotonic() > proxies.deadline:
                raise
        time.sleep(POLL_SECONDS)
        fleet.follow(proxies.endpoints())


def check_proxies(fleet: Fleet, pool: Pool, write: bool) -> list[dict[str, Any]]:
    """A row for each proxy. Raises with each backend that does not work through one: Unreachable where it may later.

    Each proxy reads what the one before it wrote: a proxy that places keys by other settings does not find them.
    Backends that are full are not broken. They are C(full) in the row of the proxy, and have nothing to read.
    """
    names = [endpoint.name for endpoint in fleet.endpoints]
    token = secrets.token_hex(8)
    own = {name: keys(pool, f"slotwise.redis:{token}:{i}") for i, name in enumerate(names)}
    others = dict(zip(names, [own[name] for name in names[-1:] + names[:-1]]))
    wrong: list[tuple[str, bool]] = []
    full: dict[str, list[str]] = {name: [] for name in names}
    try:
        if write:
            stored = fleet.gather({n: _writes(own[n].values(), token) for n in names})
            full = {n: [b for b, reply in zip(own[n], stored[n]) if _is_full(reply)] for n in names}
            wrong += _wrong(stored, own, STORED, full)
        if not wrong:
            read = fleet.gather({n: [("GET", k) for k in others[n].values()] for n in names})
            wrong += _wrong(read, others, token.encode() if write else None, full)
    finally:
        if write:
            fleet.gather({n: [("DEL", key) for key in own[n].values()] for n in names})
    if wrong:
        final = any(answer for _text, answer in wrong)
        raise (EngineError if final else Unreachable)(MESSAGE, [text for text, _answer in wrong], ADVICE)
    return [
        {
            "pod": e.name,
            "machine": e.machine,
            "address": e.address,
            "backends": len(own[e.name]),
            "full": full[e.name],
        }
        for e in fleet.endpoints
    ]


def _is_full(reply: object) -> bool:
    return is_full(reply) or (isinstance(reply, Exception) and answer_of(reply) == UNKNOWN)


def _writes(given: Iterable[str], value: str) -> list[tuple[object, ...]]:
    return [("SET", key, value, "EX", KEY_SECONDS) for key in given]


def _wrong(
    answers: Mapping[str, Replies],
    asked: Mapping[str, Mapping[str, str]],
    expected: object,
    full: Mapping[str, Collection[str]],
) -> list[tuple[str, bool]]:
    """Proxy and backend of each reply that is not the expected one, and whether waiting would not change it."""
    skipped = {backend for backends in full.values() for backend in backends}
    return [
        (f"{proxy} to {backend}: {explained(reply) if hopeless(reply) else reply}", bool(hopeless(reply)))
        if isinstance(reply, Exception)
        else (f"{proxy} to {backend}: answered {reply!r}", True)
        for proxy, replies in answers.items()
        for backend, reply in zip(asked[proxy], replies)
        if reply != expected
        and not (backend in skipped and (reply is None or (expected == STORED and _is_full(reply))))
    ]
