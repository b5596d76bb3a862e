# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: PYTHONPATH=collections .venv/bin/python tests/tools/capture_fixtures.py

Writes what every server version really answers to tests/unit/plugins/module_utils/redis/fixtures/<version>/, for the
tests of the parser. Needs the servers of `python3 lab servers`.
"""

from __future__ import annotations

import pathlib

from ansible_collections.slotwise.redis.tests.integration import run, state
from ansible_collections.slotwise.redis.tests.integration.farm import HOST, ROOT, Farm, Flavor, flavors, free_ports

FIXTURES = ROOT / "tests/unit/plugins/module_utils/redis/fixtures"
KEYS = 60
PATHS = ("executable:", "config_file:")


def raw(farm: Farm, index: int, *command: object) -> str:
    """The answer without lines that name a directory of this machine."""
    with farm.client(index) as client:
        client.response_callbacks.clear()
        answer = client.execute_command(*command)
    return "".join(line for line in answer.splitlines(keepends=True) if not line.startswith(PATHS))


def capture(flavor: Flavor, folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with Farm(flavor, 6, {"cluster-node-timeout": "1000"}) as farm:
        farm.ask(2, "CONFIG", "SET", "cluster-announce-hostname", "third.example.net")
        run.init(farm.nodes, cluster_node_timeout=1000).ok()
        state.fill(farm, KEYS)
        state.eventually(
            lambda: all("third" in raw(farm, i, "CLUSTER", "NODES") for i in range(6)), 30, "name is known"
        )
        replica = next(i for i in range(6) if "role:slave" in raw(farm, i, "INFO", "replication"))
        for name, index in (("master", 0), ("replica", replica)):
            (folder / f"{name}_nodes.txt").write_text(raw(farm, index, "CLUSTER", "NODES"))
            (folder / f"{name}_cluster_info.txt").write_text(raw(farm, index, "CLUSTER", "INFO"))
            (folder / f"{name}_info.txt").write_text(raw(farm, index, "INFO", "server", "replication", "keyspace"))
            (folder / f"{name}_myid.txt").write_text(raw(farm, index, "CLUSTER", "MYID"))

        # an open slot, a node that is gone, one that lost its volume, and one that was never there
        replicas = [i for i in range(6) if "role:slave" in raw(farm, i, "INFO", "replication")]
        known = state.ids(farm)
        farm.ask(0, "CLUSTER", "SETSLOT", 5, "MIGRATING", known[1])
        farm.stop(replicas[0])
        farm.wipe(replicas[1])
        farm.start(replicas[1])
        farm.wait_answers(replicas[1])
        gone = known[replicas[0]]
        state.eventually(lambda: state.view(farm, 0)[gone][2] == "slave,fail", 30, "marked failing")
        state.eventually(lambda: "noaddr" in raw(farm, 0, "CLUSTER", "NODES"), 30, "an address is lost")
        (closed,) = free_ports(1, avoid=farm.ports)
        farm.ask(0, "CLUSTER", "MEET", HOST, closed)
        (folder / "troubled_nodes.txt").write_text(raw(farm, 0, "CLUSTER", "NODES"))


for one in flavors():
    capture(one, FIXTURES / str(one))
    print(FIXTURES / str(one))
