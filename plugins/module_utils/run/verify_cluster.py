# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flow of redis_cluster_verify: one short-lived key in each shard, seen by all its nodes, then deleted."""

from __future__ import annotations

import binascii
import secrets
import time
from collections.abc import Collection, Mapping, Sequence

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.io.domains import check_domain
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import Command, Fleet, Replies, is_lost
from ansible_collections.slotwise.redis.plugins.module_utils.redis.answers import explained, hopeless, is_full
from ansible_collections.slotwise.redis.plugins.module_utils.redis.conditions import shape_problems
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import SLOTS, Node
from ansible_collections.slotwise.redis.plugins.module_utils.redis.parse import parse_info
from ansible_collections.slotwise.redis.plugins.module_utils.redis.report import placement_problems, shards_of, topology
from ansible_collections.slotwise.redis.plugins.module_utils.run.cluster import Cluster
from ansible_collections.slotwise.redis.plugins.module_utils.run.executor import Executor

POLL_SECONDS = 0.25
KEY_SECONDS = 60
"""A key expires by itself where the run is killed before it is deleted."""
WAIT_MS = 5000
"""Less than the time that a round of replies may take."""


def key_slot(tag: str) -> int:
    """Hash slot of a key with this hash tag: CRC16 (XMODEM) mod 16384 (Redis Cluster specification)."""
    return binascii.crc_hqx(tag.encode(), 0) % SLOTS


def canary_key(master: Node, token: str) -> str:
    """A key that belongs to this master."""
    tag = next(t for t in map(str, range(10 * SLOTS)) if any(a <= key_slot(t) <= b for a, b in master.slots))
    return f"slotwise.redis:canary:{token}:{{{tag}}}"


def run_verify(
    deployment: Cluster, fleet: Fleet, nodes: Sequence[Node], reasons: Sequence[str], write: bool
) -> dict[str, object]:
    """The result of the module: wait until the cluster serves, then go through every shard."""
    if reasons:
        raise Unreachable(
            "Not every Redis node answers.", reasons, "Run playbooks/redis_cluster.yml, or look at the pods."
        )
    check_domain(fleet, deployment)
    timeout = max(1.0, deployment.deadline - time.monotonic())
    nodes = Executor(fleet, nodes, timeout, lambda text: None).converge()
    found = shape_problems(deployment.desired, nodes)
    if found:
        raise EngineError("The cluster is not of the wanted size.", found, "Run playbooks/redis_cluster.yml.")
    checks = check_shards(fleet, nodes, deployment.deadline) if write else []
    return {
        "checks": checks,
        "topology": topology(nodes),
        "placement": placement_problems(nodes, deployment.zones),
        "warnings": [check["full"] for check in checks if check["full"]],
    }


def ask_again(
    fleet: Fleet, writes: Mapping[str, Sequence[Command]], replies: dict[str, Replies], deadline: float
) -> dict[str, Replies]:
    """The replies to writes, of which those that pass by themselves, as in a failover, were asked for again."""
    while time.monotonic() < deadline:
        again = {name: writes[name] for name, (reply, *_others) in replies.items() if _passes(reply)}
        if not again:
            break
        time.sleep(POLL_SECONDS)
        replies = {**replies, **fleet.gather(again)}
    return replies


def _passes(reply: object) -> bool:
    return isinstance(reply, Exception) and not is_lost(reply) and not hopeless(reply)


def fullness(fleet: Fleet, names: Collection[str]) -> dict[str, str]:
    """What is said of servers that refused a write because they are full, with their figures."""
    found = {}
    for name, (reply,) in fleet.gather({name: [("INFO", "memory")] for name in names}).items():
        info = {} if isinstance(reply, Exception) else parse_info(reply)
        found[name] = (
            f"{name} is full: {info.get('used_memory', '?')} bytes are used, maxmemory is "
            f"{info.get('maxmemory', '?')}, maxmemory-policy is {info.get('maxmemory_policy', '?')}. It serves reads "
            "and refuses writes that need memory. Raise maxmemory, delete keys, or let a policy evict them."
        )
    return found


def _unserved(
    written: Sequence[object], master: Node, replicas: Sequence[Node], read: Mapping[str, object], token: str
) -> list[str]:
    """What did not work in one shard; what follows from it is left out."""
    stored, acknowledged = written
    if is_full(stored):
        return []
    if stored != b"OK":
        return [f"{master.name} did not store a key: {explained(stored)}"]
    if acknowledged != len(replicas):
        return [f"{master.name}: {acknowledged} of {len(replicas)} replicas acknowledged a write in {WAIT_MS} ms"]
    return [
        f"{node.name} does not return the key written to {master.name}: {read[node.name]}"
        for node in (master, *replicas)
        if read[node.name] != token.encode()
    ]


def check_shards(fleet: Fleet, nodes: Sequence[Node], deadline: float = 0.0) -> list[dict[str, object]]:
    """Write, replicate, read and delete a key in every shard. Raises EngineError with what failed where.

    A shard that is full is not broken: what is said of it is C(full) in its row.
    """
    token = secrets.token_hex(8)
    shards = [shard for shard in shards_of(nodes) if shard[0].slots]
    keys = {shard[0].name: canary_key(shard[0], token) for shard in shards}
    failed = []
    try:
        writes: dict[str, list[Command]] = {
            master.name: [("SET", keys[master.name], token, "NX", "EX", KEY_SECONDS), ("WAIT", len(replicas), WAIT_MS)]
            for master, *replicas in shards
        }
        written = ask_again(fleet, writes, fleet.gather(writes), deadline)
        reads: dict[str, list[Command]] = {}
        for shard in shards:
            for node in shard:
                reads[node.name] = [("READONLY",), ("GET", keys[shard[0].name]), ("READWRITE",)]
        read = fleet.gather(reads)
        for master, *replicas in shards:
            failed += _unserved(written[master.name], master, replicas, {n: r[1] for n, r in read.items()}, token)
    finally:
        fleet.gather({name: [("DEL", key)] for name, key in keys.items()})
    if failed:
        raise EngineError("Reading and writing through the cluster failed.", failed, "Look at redis_cluster_info.")
    names = [name for name, (stored, *_others) in written.items() if is_full(stored)]
    full = fullness(fleet, names) if names else {}
    return [
        {
            "shard": number,
            "master": master.name,
            "replicas": [r.name for r in replicas],
            "key": keys[master.name],
            "full": full.get(master.name, ""),
        }
        for number, (master, *replicas) in enumerate(shards)
    ]
