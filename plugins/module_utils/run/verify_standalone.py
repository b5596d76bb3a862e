# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flow of redis_standalone_verify: one short-lived key in each server, read and deleted."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError
from ansible_collections.slotwise.redis.plugins.module_utils.io.domains import check_domain
from ansible_collections.slotwise.redis.plugins.module_utils.io.servers import Servers
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import Fleet, first_error
from ansible_collections.slotwise.redis.plugins.module_utils.redis.answers import explained, is_full
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils.redis.parse import parse_info
from ansible_collections.slotwise.redis.plugins.module_utils.redis.placement import all_in_one
from ansible_collections.slotwise.redis.plugins.module_utils.run.verify_cluster import KEY_SECONDS, ask_again, fullness

LOOK = ("INFO",)


def run_verify(module: AnsibleModule, write: bool) -> dict[str, object]:
    """The result of the module: wait until every server answers, then go through all of them."""
    if module.params["instances"] < 1:
        raise EngineError(f"instances is {module.params['instances']}: give 1 or more.")
    servers = Servers(module, module.params["instances"])
    fleet = servers.connect(module.debug)
    try:
        check_domain(fleet, servers)
        rows = look(fleet)
        warnings = check_servers(fleet, servers.deadline) if write else []
    finally:
        fleet.close()
    placement = all_in_one(fleet.endpoints, "stops all of them", servers.zones)
    return {"changed": False, "servers": rows, "placement": placement, "warnings": warnings}


def look(fleet: Fleet) -> list[dict[str, object]]:
    """A row for each server. Raises EngineError where one is not standalone."""
    replies = fleet.ask_all(LOOK)
    rows, wrong = [], []
    for endpoint in fleet.endpoints:
        (reply,) = replies[endpoint.name]
        if isinstance(reply, Exception):
            wrong.append(f"{endpoint.name} does not answer: {reply}")
            continue
        info = parse_info(reply)
        wrong += [f"{endpoint.name} {fault}" for fault in _faults(info)]
        rows.append(row_of(endpoint, info))
    if wrong:
        raise EngineError(
            "Not every server is a standalone one that works.", wrong, "Look at these servers, then run again."
        )
    return rows


def _faults(info: Mapping[str, str]) -> list[str]:
    faults = []
    if info.get("cluster_enabled") == "1":
        faults.append("is a node of a Redis Cluster")
    if info.get("role") != "master":
        faults.append(f"is a replica of {info.get('master_host')}:{info.get('master_port')}")
    return faults


def row_of(endpoint: Endpoint, info: Mapping[str, str]) -> dict[str, object]:
    """What is shown of a server, whatever it is part of."""
    return {
        "pod": endpoint.name,
        "machine": endpoint.machine,
        "address": endpoint.address,
        "version": info.get("valkey_version") or info.get("redis_version", ""),
        "keys": key_count(info),
        "memory": int(info.get("used_memory", 0)),
    }


def key_count(info: Mapping[str, str]) -> int:
    """Keys in all databases."""
    return sum(int(value.split(",")[0].removeprefix("keys=")) for name, value in info.items() if _is_database(name))


def _is_database(name: str) -> bool:
    return name.startswith("db") and name[2:].isdigit()


def check_servers(fleet: Fleet, deadline: float = 0.0) -> list[str]:
    """Write, read and delete a key in every server. Raises EngineError with what failed where.

    Returns what is said of servers that are full.
    """
    key, value = f"slotwise.redis:canary:{secrets.token_hex(8)}", secrets.token_hex(8)
    try:
        commands = (("SET", key, value, "NX", "EX", KEY_SECONDS), ("GET", key))
        writes = {endpoint.name: commands for endpoint in fleet.endpoints}
        replies = ask_again(fleet, writes, fleet.ask_all(*commands), deadline)
    finally:
        fleet.ask_all(("DEL", key))
    failed = [
        f"{name}: {explained(first_error(answer) or 'it returned another value than was written')}"
        for name, answer in replies.items()
        if answer != [b"OK", value.encode()] and not is_full(answer[0])
    ]
    if failed:
        raise EngineError("Writing and reading a key failed.", failed, "Look at these servers, then run again.")
    full = [name for name, answer in replies.items() if is_full(answer[0])]
    return list(fullness(fleet, full).values()) if full else []
