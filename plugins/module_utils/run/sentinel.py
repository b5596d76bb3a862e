# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flow of redis_sentinel_info and redis_sentinel_verify: Sentinels and servers, asked in one round each."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Stalled, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.io.domains import check_domain
from ansible_collections.slotwise.redis.plugins.module_utils.io.servers import POLL_SECONDS, Servers
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import Fleet
from ansible_collections.slotwise.redis.plugins.module_utils.redis.answers import explained, is_full
from ansible_collections.slotwise.redis.plugins.module_utils.redis.parse import parse_info
from ansible_collections.slotwise.redis.plugins.module_utils.redis.placement import watched_warnings
from ansible_collections.slotwise.redis.plugins.module_utils.redis.sentinels import (
    Server,
    View,
    agreed,
    no_view,
    parse_server,
    parse_view,
    pod_of,
    questions,
    server_problems,
    view_problems,
)
from ansible_collections.slotwise.redis.plugins.module_utils.run.verify_cluster import (
    KEY_SECONDS,
    WAIT_MS,
    ask_again,
    fullness,
)
from ansible_collections.slotwise.redis.plugins.module_utils.run.verify_standalone import row_of

SENTINEL_PORT = 26379
ROLE_LABEL = "redis-role"


class Sentinels(Servers):
    """The Sentinels of a deployment: pods of the StatefulSet C(<name>-sentinel), or those given as host and port."""

    port = SENTINEL_PORT

    def __init__(self, module: AnsibleModule, count: int) -> None:
        super().__init__(module, count)
        if module.params["name"]:
            self._params = {**module.params, "name": f"{module.params['name']}-sentinel", "service": None}


class Watch:
    """Sentinels, and the servers where they are pods, with open connections. A context manager."""

    def __init__(self, module: AnsibleModule) -> None:
        self._params = module.params
        for option in ("sentinels", "servers"):
            if self._params[option] < 1:
                raise EngineError(f"{option} is {self._params[option]}: give 1 or more.")
        self._master_name = self._params["master_name"] or self._params["name"]
        if not self._master_name:
            raise EngineError("master_name is needed with nodes: the name that the Sentinels have for the master.")
        self._sentinels = Sentinels(module, self._params["sentinels"])
        self._servers = Servers(module, self._params["servers"]) if self._params["name"] else None
        self.deadline = self._sentinels.deadline
        self.silent: list[str] = []
        self._fleets: list[Fleet] = []

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *unused: object) -> None:
        for fleet in self._fleets:
            fleet.close()

    def reach(self, report: Callable[[str], None]) -> None:
        """Connect to all that answer, at the latest at the deadline."""
        for group in filter(None, (self._servers, self._sentinels)):
            fleet, reasons = group.reach(report)
            self._fleets.append(fleet)
            self.silent += reasons

    def check_domain(self) -> None:
        """Raise unless the servers have proved the domain by which they and the Sentinels find each other."""
        if self._servers:
            check_domain(self.servers, self._servers)

    @property
    def servers(self) -> Fleet:
        return self._fleets[0]

    def look(self) -> dict[str, Any]:
        """The result of redis_sentinel_info, as things are now."""
        found = [f"does not answer: {reason}" for reason in self.silent]
        views = {}
        for name, replies in self._fleets[-1].ask_all(*questions(self._master_name)).items():
            if error := no_view(replies):
                found.append(f"{name} does not answer: {error}")
            else:
                views[name] = parse_view(name, replies)
        view = agreed(views.values(), self._params["sentinels"])
        found += view_problems(views, self._params["sentinels"], self._params["servers"], self._master_name)
        rows = self._rows(self._servers, found, view) if self._servers else []
        record = self._servers.config_map(f"{self._params['name']}-record") if self._servers else {}
        told = {key: record.get(key, "").splitlines() for key in ("kept", "waiting", "election")}
        found += told["waiting"]
        if view is None:
            found += told["election"]
        return {
            "changed": False,
            "healthy": not found,
            "problems": found,
            "master": pod_of(view.master) if view else "",
            "address": view.master if view else "",
            "epoch": view.epoch if view else -1,
            "quorum": view.quorum if view else 0,
            "placement": self._placement(view),
            **told,
            "servers": rows,
            "sentinels": [
                {"pod": e.name, "machine": e.machine, "address": e.address, "master": pod_of(v.master) if v else ""}
                for e in self._fleets[-1].endpoints
                for v in [views.get(e.name)]
            ],
        }

    def _placement(self, view: View | None) -> list[str]:
        """What one failure would take. It keeps nothing from being healthy, and is no matter while some are away."""
        if self.silent:
            return []
        servers = self.servers.endpoints if self._servers else []
        quorum = view.quorum if view else 0
        return watched_warnings(servers, self._fleets[-1].endpoints, quorum, self._sentinels.zones)

    def _rows(self, servers: Servers, found: list[str], view: View | None) -> list[dict[str, Any]]:
        labels = servers.labels(ROLE_LABEL)
        described: list[Server] = []
        rows: list[dict[str, Any]] = []
        replies = self.servers.ask_all(("INFO",))
        for endpoint in self.servers.endpoints:
            (reply,) = replies[endpoint.name]
            if isinstance(reply, Exception):
                found.append(f"{endpoint.name} does not answer: {reply}")
                continue
            info = parse_info(reply)
            server = parse_server(endpoint.name, info, labels.get(endpoint.name, ""))
            described.append(server)
            rows.append(
                {**row_of(endpoint, info), "role": server.role, "link_up": server.link_up, "label": server.label}
            )
        most = max((server.offset for server in described if server.role == "master"), default=0)
        for row, server in zip(rows, described):
            row["lag"] = max(0, most - server.offset)
        found += server_problems(described, view)
        return sorted(rows, key=lambda row: (row["role"] != "master", row["pod"]))


def run_info(module: AnsibleModule) -> dict[str, object]:
    """The result of redis_sentinel_info."""
    with Watch(module) as watch:
        watch.reach(module.debug)
        return watch.look()


def run_verify(module: AnsibleModule, write: bool) -> dict[str, object]:
    """The result of redis_sentinel_verify: wait until all is as it must be, then go through all servers."""
    with Watch(module) as watch:
        watch.reach(module.debug)
        if watch.silent:
            raise Unreachable(
                "Not every server and Sentinel answers.", watch.silent, "Look at these pods and their logs, run again."
            )
        watch.check_domain()
        seen = watch.look()
        while not seen["healthy"]:
            if time.monotonic() > watch.deadline:
                raise Stalled(
                    f"Servers and Sentinels did not agree within {module.params['timeout']} s.",
                    seen["problems"],
                    "Look at the logs of the pods named here, then run again.",
                )
            time.sleep(POLL_SECONDS)
            seen = watch.look()
        warnings = check(watch.servers, seen, watch.deadline) if write else []
        return {**seen, "warnings": warnings}


def check(fleet: Fleet, seen: Mapping, deadline: float = 0.0) -> list[str]:
    """Write a key to the master, see it on every replica, delete it. Raises EngineError with what failed where.

    Returns what is said of a master that is full.
    """
    key, value = f"slotwise.redis:canary:{secrets.token_hex(8)}", secrets.token_hex(8)
    master, replicas = seen["master"], [row["pod"] for row in seen["servers"] if row["role"] != "master"]
    failed = []
    try:
        writes = {master: [("SET", key, value, "NX", "EX", KEY_SECONDS), ("WAIT", len(replicas), WAIT_MS)]}
        stored, acknowledged = ask_again(fleet, writes, fleet.gather(writes), deadline)[master]
        if is_full(stored):
            return list(fullness(fleet, [master]).values())
        if stored != b"OK":
            failed.append(f"{master} did not store a key: {explained(stored)}")
        elif acknowledged != len(replicas):
            failed.append(
                f"{acknowledged} of {len(replicas)} replicas acknowledged a write to {master} in {WAIT_MS} ms"
            )
        else:
            read = fleet.ask_all(("GET", key))
            failed += [
                f"{name} does not return the key: {got}" for name, (got,) in read.items() if got != value.encode()
            ]
    finally:
        fleet.gather({master: [("DEL", key)]})
    if failed:
        raise EngineError("Writing and reading a key failed.", failed, "Look at these servers, then run again.")
    return []
