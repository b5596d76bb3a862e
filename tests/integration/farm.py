# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Redis and Valkey servers in cluster mode on loopback, started and stopped for a test."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import redis

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVERS = ROOT / ".lab" / "servers.json"
HOST, OTHER_HOST = "127.0.0.1", "127.0.0.2"
START_SECONDS = 60
# below the range that the kernel gives to outgoing connections, and so that port + 10000 is too
PORTS = range(11000, 21000)
WORKERS = 10


@dataclass(frozen=True)
class Flavor:
    """One installed server version."""

    flavor: str
    version: str
    server: tuple[str, ...]
    cli: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.flavor}-{self.version}"


def flavors() -> list[Flavor]:
    """Server versions that ``python3 lab servers`` has put on this machine."""
    if not SERVERS.exists():
        raise FileNotFoundError(f"{SERVERS} is missing: run python3 lab servers")
    servers = json.loads(SERVERS.read_text())
    return [Flavor(s["flavor"], s["version"], tuple(s["server"]), tuple(s["cli"])) for s in servers]


def newest(family: str) -> Flavor:
    return max((f for f in flavors() if f.flavor == family), key=lambda f: [int(n) for n in f.version.split(".")])


def free_ports(count: int, avoid: Sequence[int] = ()) -> list[int]:
    """Ports whose bus ports are free as well."""
    found: list[int] = []
    for port in _ports_of_this_worker():
        if port not in avoid and all(_is_free(p) for p in (port, port + 10000)):
            found.append(port)
            if len(found) == count:
                return found
    raise RuntimeError(f"no {count} free ports in {_ports_of_this_worker()}")


def _ports_of_this_worker() -> range:
    """Parts of PORTS, so that workers of pytest-xdist do not take the same port at the same moment."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    part = 1 + int(worker[2:]) % (WORKERS - 1) if worker else 0
    return PORTS[part * len(PORTS) // WORKERS : (part + 1) * len(PORTS) // WORKERS]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex((HOST, port)) != 0 and _binds(probe.family, port)


def _binds(family: int, port: int) -> bool:
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))  # refused where a server of another address of loopback has it, too
        except OSError:
            return False
    return True


class Farm:
    """``count`` servers, each with its directory; a context manager that leaves nothing behind."""

    def __init__(
        self, flavor: Flavor, count: int, settings: Mapping[str, str] | None = None, password: str = ""
    ) -> None:
        self.flavor, self.password = flavor, password
        self.ports = free_ports(count)
        self.hosts = [HOST] * count
        self.settings = {"appendonly": "no", "save": "", **(settings or {})}
        self._root = pathlib.Path(tempfile.mkdtemp(prefix="slotwise-farm-", dir="/dev/shm"))
        self._processes: dict[int, subprocess.Popen] = {}

    @property
    def nodes(self) -> list[str]:
        return [f"{host}:{port}" for host, port in zip(self.hosts, self.ports)]

    def __enter__(self) -> Farm:
        try:
            self._start(range(len(self.ports)))
        except BaseException:
            self.stop_all()
            raise
        return self

    def __exit__(self, *unused: object) -> None:
        self.stop_all()

    def _start(self, indexes: Sequence[int]) -> None:
        for index in indexes:
            self.start(index)
        for index in indexes:
            self.wait_answers(index)

    def grow(self, count: int) -> None:
        """Start further servers."""
        before = len(self.ports)
        self.ports = [*self.ports, *free_ports(count, avoid=self.ports)]
        self.hosts += [HOST] * count
        self._start(range(before, before + count))

    def directory(self, index: int) -> pathlib.Path:
        return self._root / f"{self.hosts[index]}-{self.ports[index]}"

    def start(self, index: int, **settings: str) -> None:
        directory = self.directory(index)
        directory.mkdir(exist_ok=True)
        config = {
            "port": str(self.ports[index]),
            "bind": self.hosts[index],
            # Only where it differs from what the kernel takes anyway: each connection of a bound source occupies a
            # port of its own, and 108 servers have 23,000 of them.
            **({"bind-source-addr": self.hosts[index]} if self.hosts[index] != HOST else {}),
            "dir": str(directory),
            "cluster-enabled": "yes",
            "logfile": str(directory / "log"),
            "daemonize": "no",
            **self.settings,
            **settings,
        }
        if self.password:
            config.update(requirepass=_quoted(self.password), masterauth=_quoted(self.password))
        lines = [f"{k} {v or chr(34) * 2}\n" for k, v in config.items()]
        (directory / "redis.conf").write_text("".join(lines))
        self._processes[index] = subprocess.Popen(
            [*self.flavor.server, str(directory / "redis.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(directory / "stderr").open("w"),
        )

    def wait_answers(self, index: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with self.client(index) as client:
                    if client.ping():
                        return
            except redis.exceptions.MasterDownError:
                return
            except redis.exceptions.RedisError as error:
                if self._processes[index].poll() is not None or time.monotonic() > deadline:
                    log = self.log(index)[-2000:]
                    raise RuntimeError(f"server {self.nodes[index]} does not start: {log}") from error
            time.sleep(0.02)

    def stop(self, index: int) -> None:
        process = self._processes.pop(index)
        process.kill()
        process.wait()

    def restart(self, index: int, **settings: str) -> None:
        self.stop(index)
        self.start(index, **settings)
        self.wait_answers(index)

    def move(self, *indexes: int, ports: Sequence[int] = ()) -> None:
        """Start these servers, or all, again with their directories, at addresses that no other server knows.

        As a pod does, a server keeps its port and gets another address; with ``ports`` it is the other way.
        """
        indexes = indexes or tuple(range(len(self.ports)))
        directories = {index: self.directory(index) for index in indexes}
        for index in indexes:
            self.stop(index)
        self.ports = list(self.ports)
        for index, port in zip(indexes, ports):
            self.ports[index] = port
        if not ports:
            for index in indexes:
                self.hosts[index] = OTHER_HOST if self.hosts[index] == HOST else HOST
        for index in indexes:
            directories[index].rename(self.directory(index))
        self._start(indexes)

    def pause(self, index: int) -> None:
        """The server keeps its port and its connections, and answers nothing."""
        self._processes[index].send_signal(signal.SIGSTOP)

    def resume(self, index: int) -> None:
        self._processes[index].send_signal(signal.SIGCONT)

    def wipe(self, index: int) -> None:
        """Stop the server and lose its volume."""
        self.stop(index)
        shutil.rmtree(self.directory(index))

    def stop_all(self) -> None:
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
        self._processes.clear()
        shutil.rmtree(self._root, ignore_errors=True)

    def log(self, index: int) -> str:
        return "".join(p.read_text(errors="replace") for p in sorted(self.directory(index).glob("log")))

    def client(self, index: int) -> redis.Redis:
        return redis.Redis(
            host=self.hosts[index],
            port=self.ports[index],
            password=self.password or None,
            protocol=2,
            decode_responses=True,
        )

    def cluster(self) -> redis.RedisCluster:
        return redis.RedisCluster(
            host=self.hosts[0], port=self.ports[0], password=self.password or None, protocol=2, decode_responses=True
        )

    def ask(self, index: int, *command: object) -> object:
        with self.client(index) as client:
            return client.execute_command(*command)

    def topology_writes(self) -> list[str]:
        """Topology commands that any server was sent, as its own statistics count them."""
        found = []
        for index, node in enumerate(self.nodes):
            stats = self.ask(index, "INFO", "commandstats")
            lines = stats if isinstance(stats, dict) else {}
            for name in ("meet", "addslotsrange", "replicate", "forget", "set-config-epoch", "reset"):
                calls = lines.get(f"cmdstat_cluster|{name}", {}).get("calls", 0)
                if calls:
                    found.append(f"{node} {name} {calls}")
        return found


def _quoted(value: str) -> str:
    """A configuration value in which every byte is escaped, so that nothing in it has a meaning."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in value.encode()) + '"'


def cli(farm: Farm, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The redis-cli (or valkey-cli) of the farm's version."""
    environment = {**os.environ, **({"REDISCLI_AUTH": farm.password} if farm.password else {})}
    return subprocess.run([*farm.flavor.cli, *arguments], capture_output=True, text=True, env=environment, check=False)


def spread(nodes: Sequence[str], machines: int) -> dict[str, dict[str, str]]:
    """Placement as the role gives it: node i on machine i mod n."""
    return {node: {"machine": f"m{i % machines}", "zone": ""} for i, node in enumerate(nodes)}
