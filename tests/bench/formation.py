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
import re
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "collections"))

from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import DirectDialer, Fleet
from ansible_collections.slotwise.redis.plugins.module_utils.redis.conditions import problems
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import SLOTS, Desired, Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils.redis.parse import parse_info
from ansible_collections.slotwise.redis.plugins.module_utils.redis.planner import TUNED_TIMEOUT, make_plan
from ansible_collections.slotwise.redis.plugins.module_utils.run.executor import observe
from ansible_collections.slotwise.redis.tests.integration import run, state
from ansible_collections.slotwise.redis.tests.integration.farm import HOST, Farm, Flavor, flavors

UNTUNED = pathlib.Path(__file__).with_name("untuned_init.py")
POLL_SECONDS = 0.02
LIMIT_SECONDS = 300
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
VARIANTS = {
    "a": "redis-cli, default settings",
    "b": "redis_cluster_init, temporary settings off",
    "c": "redis-cli, with the temporary settings of d set before",
    "d": "redis_cluster_init as shipped",
}
RATIOS = (("algorithm", "a", "b"), ("algorithm, tuned", "c", "d"), ("settings", "b", "d"), ("both", "a", "d"))


class Measured:
    """Everything that was measured, and what failed meanwhile."""

    def __init__(self) -> None:
        self.seconds: dict[int, dict[str, list[float]]] = {}
        self.checks: list[list[str]] = []
        self.failures: list[str] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What fails in it is told in a line and ends only this part: the rest took minutes and is not lost."""
        try:
            yield
        except Exception as error:
            self.failures.append(f"{name}: {short(f'{type(error).__name__}: {error}', 400)}")
            progress(self.failures[-1])


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
                found = problems(observe(self.fleet)) or ["not every node serves"]
                raise TimeoutError(f"no agreement after {LIMIT_SECONDS} s, {len(found)} problems: {short(found[0])}")
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
        try:
            seconds = monitor.seconds_until_agreed(begin)
        except Exception as error:
            process.kill()
            raise RuntimeError(f"{short(str(error))}; the command: {said(process.communicate()[0])}") from error
        output, _unused = process.communicate()
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {said(output)}")
    return seconds


def said(output: str) -> str:
    """What a command wrote, in short: the message of a module, or the last line, where redis-cli says what it does."""
    try:
        return short(json.loads(output)["msg"])
    except (ValueError, KeyError, TypeError):
        lines = [line for line in COLOUR.sub("", output).splitlines() if line.strip(" .")]
        return short(lines[-1]) if lines else "wrote nothing"


def short(text: str, width: int = 150) -> str:
    """One line. Of large clusters a single problem names a hundred nodes."""
    return textwrap.shorten(text, width, placeholder=" ...")


def formations(flavor: Flavor, count: int, repetitions: int, measured: Measured) -> None:
    seconds = measured.seconds[count] = {v: [] for v in VARIANTS}
    with Farm(flavor, count) as farm:
        monitor = Monitor(farm)
        for number in range(repetitions):
            order = list(VARIANTS)[number % len(VARIANTS) :] + list(VARIANTS)[: number % len(VARIANTS)]
            for variant in order:
                if len(seconds[variant]) < number:
                    continue  # it failed, and would take the longest time again
                name = f"{count} nodes, repetition {number + 1}, {variant}"
                with measured.part(name):
                    seconds[variant].append(form(farm, monitor, variant))
                    progress(f"{name}: {seconds[variant][-1]:.2f} s")
        monitor.fleet.close()


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


def row(count: int, seconds: Mapping[str, Sequence[float]]) -> list[str]:
    """Medians and ratios for a number of nodes, with a hyphen where nothing was measured."""
    medians = {v: statistics.median(s) for v, s in seconds.items() if s}
    ratios = [f"{medians[x] / medians[y]:.1f}" if {x, y} <= medians.keys() else "-" for _name, x, y in RATIOS]
    return [str(count), *(f"{medians[v]:.2f}" if v in medians else "-" for v in VARIANTS), *ratios]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[6, 30, 108])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--server", default="redis-7.0", help="start of a version in .lab/servers.json")
    parser.add_argument("--raw", type=pathlib.Path, help="also write every measured second to this file")
    options = parser.parse_args()
    flavor = next(f for f in flavors() if str(f).startswith(options.server))

    measured = Measured()
    for count in options.nodes:
        with measured.part(f"{count} nodes"):
            formations(flavor, count, options.repetitions, measured)
    for count in options.nodes:
        with measured.part(f"check of {count} nodes"):
            measured.checks.append(checks(flavor, count, max(5, options.repetitions)))
    if options.raw:
        options.raw.write_text(json.dumps(measured.seconds, indent=1))

    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    today = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    print(f"\n{today}, {flavor}, {os.cpu_count()} cores, load {load}, {options.repetitions} repetitions\n")
    for variant, text in VARIANTS.items():
        print(f"- {variant}: {text}")
    print("\nSeconds until every node agrees, medians, and ratios\n")
    head = ["nodes", *VARIANTS, *(f"{name} {x}/{y}" for name, x, y in RATIOS)]
    print(table(head, [row(count, seconds) for count, seconds in measured.seconds.items()]))
    print("\nCheck of a finished cluster, milliseconds, medians\n")
    head = [
        "nodes",
        "redis-cli --cluster check",
        "ours, connecting",
        "ours, connected",
        "ratio connecting",
        "connected",
    ]
    print(table(head, measured.checks))
    if measured.failures:
        print("\nFailed\n")
        print("\n".join(f"- {failure}" for failure in measured.failures))
    return 1 if measured.failures else 0


if __name__ == "__main__":
    sys.exit(main())
