# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time until every node agrees: redis_cluster_init against `redis-cli --cluster create`, on the same servers.

Usage: make bench, or .venv/bin/python tests/bench/formation.py --nodes 6 30 --repetitions 5
README.md in this directory says what is measured and holds results.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "collections"))

from ansible_collections.slotwise.redis.plugins.module_utils._executor import observe
from ansible_collections.slotwise.redis.plugins.module_utils._parse import parse_info
from ansible_collections.slotwise.redis.plugins.module_utils._planner import TUNED_TIMEOUT, make_plan
from ansible_collections.slotwise.redis.plugins.module_utils._topology import SLOTS, Desired, Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils._transport import DirectDialer, Fleet
from ansible_collections.slotwise.redis.plugins.module_utils._waiter import problems
from ansible_collections.slotwise.redis.tests.integration import run, state
from ansible_collections.slotwise.redis.tests.integration.farm import HOST, Farm, Flavor, flavors

UNTUNED = pathlib.Path(__file__).with_name("untuned_init.py")
POLL_SECONDS = 0.02
LIMIT_SECONDS = 300
VARIANTS = {
    "a": "redis-cli, default settings",
    "b": "redis_cluster_init, temporary settings off",
    "c": "redis-cli, with the temporary settings of d set before",
    "d": "redis_cluster_init as shipped",
}
RATIOS = (("algorithm", "a", "b"), ("algorithm, tuned", "c", "d"), ("settings", "b", "d"), ("both", "a", "d"))


class Monitor:
    """Looks at all servers from outside, in the same way for every variant."""

    def __init__(self, farm: Farm) -> None:
        self.endpoints = [Endpoint(node, HOST, port) for node, port in zip(farm.nodes, farm.ports)]
        self.fleet = Fleet(DirectDialer(), self.endpoints)

    def serving(self) -> bool:
        """Every node says ok, knows all nodes and all slots, half are replicas, and all their links are up."""
        replicas = 0
        for cluster_reply, replication_reply in self.fleet.ask_all(
            ("CLUSTER", "INFO"), ("INFO", "replication")
        ).values():
            cluster, replication = parse_info(cluster_reply), parse_info(replication_reply)
            if (
                cluster["cluster_state"] != "ok"
                or cluster["cluster_slots_ok"] != str(SLOTS)
                or cluster["cluster_known_nodes"] != str(len(self.endpoints))
                or replication.get("master_link_status", "up") != "up"
            ):
                return False
            replicas += replication["role"] == "slave"
        return replicas == len(self.endpoints) // 2

    def agreed(self) -> bool:
        return self.serving() and not problems(observe(self.fleet))

    def seconds_until_agreed(self, begin: float) -> float:
        while not self.agreed():
            if time.monotonic() - begin > LIMIT_SECONDS:
                raise TimeoutError(f"no agreement after {LIMIT_SECONDS} s: {problems(observe(self.fleet))[:5]}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - begin


def tuned_timeout(count: int) -> str | None:
    return next((str(ms) for limit, ms in TUNED_TIMEOUT if count <= limit), None)


def command(variant: str, farm: Farm) -> tuple[list[str], str]:
    """Command line and standard input of one formation."""
    if variant in "ac":
        create = ["--cluster", "create", *farm.nodes, "--cluster-replicas", "1", "--cluster-yes"]
        return [*farm.flavor.cli, *create], ""
    options = {"nodes": farm.nodes, "shards": len(farm.ports) // 2, "replicas": 1, "timeout": LIMIT_SECONDS}
    script = run.init_command() if variant == "d" else [str(UNTUNED)]
    return [sys.executable, *script], run.arguments(options)


def prepare(farm: Farm, variant: str) -> None:
    state.empty_again(farm)
    settings = dict(state.SETTINGS)
    timeout = tuned_timeout(len(farm.ports))
    if variant == "c" and timeout:
        settings = {"cluster-node-timeout": timeout, "repl-diskless-sync-delay": "0"}
    for index in range(len(farm.ports)):
        with farm.client(index) as client:
            client.config_set(*[word for pair in settings.items() for word in pair])


def form(farm: Farm, monitor: Monitor, variant: str) -> float:
    """Seconds from the start of the command until every node agrees."""
    prepare(farm, variant)
    argv, text = command(variant, farm)
    begin = time.monotonic()
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=run.environment()
    ) as process:
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
        seconds = monitor.seconds_until_agreed(begin)
        output, _unused = process.communicate()
    if process.returncode:
        raise RuntimeError(f"variant {variant} failed: {output}")
    return seconds


def formations(flavor: Flavor, count: int, repetitions: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {v: [] for v in VARIANTS}
    with Farm(flavor, count) as farm:
        monitor = Monitor(farm)
        for number in range(repetitions):
            order = list(VARIANTS)[number % len(VARIANTS) :] + list(VARIANTS)[: number % len(VARIANTS)]
            for variant in order:
                seconds[variant].append(form(farm, monitor, variant))
                progress(f"{count} nodes, repetition {number + 1}, {variant}: {seconds[variant][-1]:.2f} s")
        monitor.fleet.close()
    return seconds


def milliseconds(work: Callable[[], object], repetitions: int) -> float:
    times = []
    for _unused in range(repetitions):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times)


def checks(flavor: Flavor, count: int, repetitions: int) -> list[str]:
    """A row: redis-cli's check, ours with new connections, ours with open ones, and its ratios to these."""
    with Farm(flavor, count) as farm:
        run.init(farm.nodes, shards=count // 2, timeout=LIMIT_SECONDS).ok()
        monitor, desired = Monitor(farm), Desired(count // 2, 1, state.SETTINGS)

        def cli() -> None:
            done = subprocess.run(
                [*farm.flavor.cli, "--cluster", "check", farm.nodes[0]], capture_output=True, text=True, check=True
            )
            assert "[OK] All 16384 slots covered." in done.stdout

        def ours(fleet: Fleet) -> None:
            nodes = observe(fleet)
            assert not make_plan(desired, nodes) and not problems(nodes)

        def ours_connecting() -> None:
            fleet = Fleet(DirectDialer(), monitor.endpoints)
            ours(fleet)
            fleet.close()

        times = [milliseconds(w, repetitions) for w in (cli, ours_connecting, lambda: ours(monitor.fleet))]
        monitor.fleet.close()
    return [str(count), *(f"{t:.1f}" for t in times), *(f"{times[0] / t:.1f}" for t in times[1:])]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[6, 30, 108])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--server", default="redis-7.0", help="start of a version in .lab/servers.json")
    parser.add_argument("--raw", type=pathlib.Path, help="also write every measured second to this file")
    options = parser.parse_args()
    flavor = next(f for f in flavors() if str(f).startswith(options.server))

    seconds = {count: formations(flavor, count, options.repetitions) for count in options.nodes}
    checked = [checks(flavor, count, max(5, options.repetitions)) for count in options.nodes]
    if options.raw:
        options.raw.write_text(json.dumps(seconds, indent=1))

    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    today = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    print(f"\n{today}, {flavor}, {os.cpu_count()} cores, load {load}, {options.repetitions} repetitions\n")
    for variant, text in VARIANTS.items():
        print(f"- {variant}: {text}")
    medians = {count: {v: statistics.median(s) for v, s in by.items()} for count, by in seconds.items()}
    print("\nSeconds until every node agrees, medians, and ratios\n")
    print(
        table(
            ["nodes", *VARIANTS, *(f"{name} {x}/{y}" for name, x, y in RATIOS)],
            [
                [str(n), *(f"{m[v]:.2f}" for v in VARIANTS), *(f"{m[x] / m[y]:.1f}" for _name, x, y in RATIOS)]
                for n, m in medians.items()
            ],
        )
    )
    print("\nCheck of a finished cluster, milliseconds, medians\n")
    head = [
        "nodes",
        "redis-cli --cluster check",
        "ours, connecting",
        "ours, connected",
        "ratio connecting",
        "connected",
    ]
    print(table(head, checked))


if __name__ == "__main__":
    main()
