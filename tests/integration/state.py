# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the servers of a farm say, read without the code under test."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import redis

from ansible_collections.slotwise.redis.tests.integration.farm import Farm

SETTINGS = {"cluster-node-timeout": "15000", "repl-diskless-sync-delay": "5"}
"""Settings that redis_cluster_init ends with when it is told nothing else."""
QUICK = {"cluster-node-timeout": "1000", "repl-diskless-sync-delay": "0"}
"""Settings of servers that notice a loss and copy to a replica within a second."""
QUICK_RUN = {"cluster_node_timeout": 1000, "repl_diskless_sync_delay": 0}
"""The same as options of redis_cluster_init."""
WRITES = "meet addslots addslotsrange delslots delslotsrange setslot replicate forget set-config-epoch reset failover"


def eventually(what: Callable[[], object], seconds: float, why: str) -> object:
    """The first true value; errors of servers that are still starting count as false."""
    deadline, last = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        try:
            last = what()
        except redis.exceptions.RedisError as error:
            last = error
        else:
            if last:
                return last
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {why} (last: {last!r})")


def view(farm: Farm, index: int) -> dict[str, list[str]]:
    """CLUSTER NODES of one server: node id -> words. A MEET that came to nothing leaves a handshake for a while."""
    with farm.client(index) as client:
        client.response_callbacks.clear()
        lines = client.execute_command("CLUSTER", "NODES").splitlines()
    return {line.split()[0]: line.split() for line in lines if "handshake" not in line.split()[2]}


def ids(farm: Farm) -> list[str]:
    return [str(farm.ask(index, "CLUSTER", "MYID")) for index in range(len(farm.ports))]


def section(farm: Farm, index: int, *command: str) -> dict[str, str]:
    with farm.client(index) as client:
        client.response_callbacks.clear()
        lines = client.execute_command(*command).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def unserving(farm: Farm, replicas: int = 1) -> list[str]:
    """Why the farm is not one complete cluster in which every master has so many replicas."""
    found, known = [], set(ids(farm))
    pictures = []
    for index, node in enumerate(farm.nodes):
        cluster, seen = section(farm, index, "CLUSTER", "INFO"), view(farm, index)
        if (cluster["cluster_state"], cluster["cluster_slots_ok"]) != ("ok", "16384"):
            found.append(f"{node}: {cluster['cluster_state']}, {cluster['cluster_slots_ok']} slots ok")
        if set(seen) != known:
            found.append(f"{node} lists {len(seen)} nodes, {len(set(seen) - known)} of them strangers")
        replication = section(farm, index, "INFO", "replication")
        if replication.get("master_link_status", "up") != "up":
            found.append(f"{node}: link to its master down")
        pictures.append({i: (w[2].replace("myself,", ""), w[3], tuple(w[8:])) for i, w in seen.items()})
    found += [f"{farm.nodes[i]} has another view" for i, p in enumerate(pictures) if p != pictures[0]]
    masters = [i for i, (flags, _master, slots) in pictures[0].items() if flags == "master" and slots]
    attached = Counter(master for _flags, master, _slots in pictures[0].values())
    found += [f"{m} has {attached[m]} replicas" for m in masters if attached[m] != replicas]
    if len(masters) * (replicas + 1) != len(farm.ports):
        found.append(f"{len(masters)} masters")
    return found


def settings(farm: Farm) -> list[dict[str, str]]:
    with_all = []
    for index in range(len(farm.ports)):
        with farm.client(index) as client:
            with_all.append(client.config_get(*SETTINGS))
    return with_all


def writes(farm: Farm) -> dict[str, int]:
    """How often the servers were sent a command that changes topology, settings or keys."""
    names = [f"cluster|{name}" for name in WRITES.split()] + ["config|set", "flushall", "flushdb", "set", "del"]
    total: Counter = Counter()
    for index in range(len(farm.ports)):
        stats = section(farm, index, "INFO", "commandstats")
        for name in names:
            line = stats.get(f"cmdstat_{name}")
            if line:
                total[name] += int(line.split(",")[0].partition("=")[2])
    return dict(total)


def empty_again(farm: Farm) -> None:
    """Make the servers of a farm empty and strangers to each other, as if they had just been started."""

    def alone() -> bool:
        for index in range(len(farm.ports)):
            if section(farm, index, "INFO", "replication")["role"] == "master":
                farm.ask(index, "FLUSHALL")
            farm.ask(index, "CLUSTER", "RESET", "HARD")
        return all(len(view(farm, index)) == 1 for index in range(len(farm.ports)))

    eventually(alone, 30, "no server knows another")


def fill(farm: Farm, count: int) -> dict[str, str]:
    """Write keys; every replica has them when this returns."""
    keys = {f"key:{i}": f"value {i}" for i in range(count)}
    with farm.cluster() as cluster:
        for key, value in keys.items():
            cluster.set(key, value)
    settled(farm)
    return keys


def settled(farm: Farm) -> None:
    """Every replica has all that its master has written."""

    def caught_up() -> bool:
        for index in range(len(farm.ports)):
            own = section(farm, index, "INFO", "replication")
            if own["role"] == "slave":
                if own["master_link_status"] != "up":
                    return False
                master = farm.ports.index(int(own["master_port"]))
                if section(farm, master, "INFO", "replication")["master_repl_offset"] != own["slave_repl_offset"]:
                    return False
        return True

    eventually(caught_up, 30, "replicas have the offset of their masters")


def missing(farm: Farm, keys: dict[str, str]) -> list[str]:
    """Keys that a client of the cluster does not read as they were written."""
    with farm.cluster() as cluster:
        return [key for key, value in keys.items() if cluster.get(key) != value]


def counts(farm: Farm) -> list[int]:
    return [int(farm.ask(index, "DBSIZE")) for index in range(len(farm.ports))]
