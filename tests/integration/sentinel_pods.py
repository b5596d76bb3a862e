# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment with Sentinels on loopback, as its pods run it: scripts, servers, Sentinels, and the agents beside them.

Kubernetes is the only thing that is not real: an object in memory, with versions and refusals as the API has them.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from .farm import Flavor, free_ports
from .pods import ADDRESSES, ROLES, wait_for

FILES = ROLES / "redis_sentinel" / "files"

from agent.__main__ import SentinelShell
from agent.sentinel import Label, Pod, Record, Write

MASTER_NAME = "orders"


class Kubernetes:
    """Pods and the record. ``away`` makes every call fail."""

    def __init__(self, pods: list[str]) -> None:
        self._lock = threading.Lock()
        self._versions = itertools.count(1)
        self._pods = {name: Pod(name, str(next(self._versions)), "", "") for name in pods}
        self._record = Record(str(next(self._versions)))
        self.told: dict[str, str] = {}
        self.away = False
        self.most_masters = 0

    def pods(self) -> list[Pod]:
        with self._lock:
            self._answers()
            return list(self._pods.values())

    def record(self) -> Record:
        with self._lock:
            self._answers()
            return self._record

    def label(self, label: Label) -> None:
        with self._lock:
            self._answers()
            if self._pods[label.pod].version != label.version:
                raise OSError("409")
            self._pods[label.pod] = Pod(label.pod, str(next(self._versions)), label.role, label.epoch)
            self.most_masters = max(self.most_masters, len(self.masters()))

    def write(self, write: Write) -> None:
        with self._lock:
            self._answers()
            if self._record.version != write.record.version:
                raise OSError("409")
            self._record = Record(str(next(self._versions)), write.record.term, write.record.master)

    def publish(self, data: dict[str, str]) -> None:
        self.told = data

    def masters(self) -> list[str]:
        return [one.name for one in self._pods.values() if one.role == "master"]

    def _answers(self) -> None:
        if self.away:
            raise OSError("the API does not answer")


class SentinelAgentThread:
    """The agent beside a Sentinel, in this process, because it talks to the Kubernetes that is in it."""

    def __init__(self, pods: SentinelPods, host: str) -> None:
        self._over = threading.Event()
        self._shell = SentinelShell(pods.environment(host), pods.kubernetes)
        self._shell.log = (pods.root / host / "agent.log").open("a")
        self._shell.done = self._over.is_set  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._shell.run_rounds)
        self._thread.start()

    def end(self) -> None:
        """Between two rounds; its port is free then."""
        self._over.set()
        self._thread.join()
        self._shell.status.close()
        self._shell.log.close()


class SentinelPods:
    """Servers and Sentinels with their agents; a context manager that leaves nothing behind."""

    def __init__(
        self, flavor: Flavor, servers: int = 3, sentinels: int = 3, password: str = "secret", **settings: str
    ) -> None:
        self.flavor, self.password = flavor, password
        self.settings = {
            "ELECTION_SECONDS": "8",
            "PATIENT": "no",
            "KEPT_COPIES": "3",
            "PRESTOP_SECONDS": "30",
        } | settings
        self.directives: dict[str, str] = {
            "appendonly": "yes",
            "min-replicas-to-write": "0",
            "repl-diskless-sync-delay": "1",
        }
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="slotwise-sentinels-", dir="/dev/shm"))
        self.redis_port, self.sentinel_port, self.agent_port = free_ports(3)
        self.servers = [next(ADDRESSES) for _pod in range(servers)]
        self.sentinels = [next(ADDRESSES) for _pod in range(sentinels)]
        self.kubernetes = Kubernetes(list(self.servers))
        self.processes: dict[str, subprocess.Popen] = {}
        self.agents: dict[str, SentinelAgentThread] = {}
        self._write_programs()

    def _write_programs(self) -> None:
        programs, scripts = self.root / "bin", self.root / "scripts"
        programs.mkdir()
        scripts.mkdir()
        for name, words in (("redis-server", self.flavor.server), ("redis-cli", self.flavor.cli)):
            (programs / name).write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
            (programs / name).chmod(0o755)
        for role in ("common", "redis_sentinel"):
            for script in (ROLES / role / "files").glob("*.sh"):
                (scripts / script.name).symlink_to(script)
        (self.root / "password").write_text(self.password)

    def __enter__(self) -> SentinelPods:
        for host in self.servers:
            self.start(host)
        for host in self.sentinels:
            self.start(host)
        return self

    def __exit__(self, error: type[BaseException] | None, *unused: object) -> None:
        for name in list(self.agents):
            self.agents.pop(name).end()
        for name in list(self.processes):
            self._end(name, signal.SIGKILL)
        if error:
            for log in sorted(self.root.glob("*/*.log")):
                print(f"--- {log.parent.name} {log.name}\n{log.read_text(errors='replace')[-6000:]}")
        shutil.rmtree(self.root, ignore_errors=True)

    def environment(self, host: str, **more: str) -> dict[str, str]:
        directory = self.root / host
        return {
            "PATH": f"{self.root}/bin:{os.environ['PATH']}",
            "PYTHONPATH": str(FILES),
            "PYTHONDONTWRITEBYTECODE": "1",
            "POD_NAME": host,
            "POD_HOSTNAME": host,
            "POD_IP": host,
            "REDIS_HOST": host,
            "REDIS_SERVICE": "",
            "HOSTS": " ".join(self.servers),
            "SENTINEL_HOSTS": " ".join(self.sentinels),
            "MASTER_NAME": MASTER_NAME,
            "REDIS_PORT": str(self.redis_port),
            "SENTINEL_PORT": str(self.sentinel_port),
            "AGENT_PORT": str(self.agent_port),
            "REDIS_RUN": str(directory / "run"),
            "REDIS_DATA": str(directory / "data"),
            "REDIS_CONFIG": str(directory / "given.conf"),
            "REDIS_AUTH": "enabled" if self.password else "disabled",
            "REDIS_PASSWORD_FILE": str(self.root / "password"),
            "DECISION": str(self.root / "decided"),
            "NAMESPACE": "orders",
            "RECORD": "orders-record",
            "QUORUM": "2",
            "DOWN_AFTER": "2000",
            "FAILOVER_TIMEOUT": "10000",
            "PARALLEL_SYNCS": "1",
            **self.settings,
            **more,
        }

    # Pods

    def start(self, host: str) -> None:
        """A pod: its container, with what is on its volume, and its agent."""
        self.start_container(host)
        self.start_agent(host)

    def start_container(self, host: str) -> None:
        directory = self.root / host
        for path in (directory / "data", directory / "run"):
            path.mkdir(parents=True, exist_ok=True)
        server = host in self.servers
        lines = [f"port {self.redis_port}", f"bind {host}", f"dir {directory}/data", "protected-mode no"]
        lines += [f"{name} {value}" for name, value in self.directives.items()]
        (directory / "given.conf").write_text("".join(f"{line}\n" for line in lines))
        script = self.root / "scripts" / ("start.sh" if server else "sentinel.sh")
        self._spawn(f"{host} container", ["sh", str(script)], host, "container.log")

    def start_agent(self, host: str) -> None:
        if host in self.servers:
            self._spawn(f"{host} agent", [sys.executable, "-m", "agent", "server"], host, "agent.log")
        else:
            self.agents[host] = SentinelAgentThread(self, host)

    def _spawn(self, name: str, words: list[str], host: str, log: str) -> None:
        self.processes[name] = subprocess.Popen(
            words,
            env=self.environment(host),
            stdin=subprocess.DEVNULL,
            stdout=(self.root / host / log).open("a"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _end(self, name: str, number: int) -> None:
        process = self.processes.pop(name, None)
        if process is None:
            return
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=20)
        except ProcessLookupError:
            process.wait()
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def kill(self, host: str, number: int = signal.SIGKILL) -> None:
        """The pod is gone, without a word."""
        if host in self.agents:
            self.agents.pop(host).end()
        self._end(f"{host} container", number)
        self._end(f"{host} agent", signal.SIGKILL)
        shutil.rmtree(self.root / host / "run", ignore_errors=True)

    def stop(self, host: str) -> None:
        """The pod is deleted: its agent is told, its hook runs, then its server is told."""
        self.processes[f"{host} agent"].send_signal(signal.SIGTERM)
        subprocess.run(
            ["sh", str(self.root / "scripts" / "prestop.sh")], env=self.environment(host), check=False, timeout=120
        )
        self.kill(host, signal.SIGTERM)

    def wipe(self, host: str) -> None:
        shutil.rmtree(self.root / host / "data")

    # Questions

    def ask(self, host: str, *words: str, port: int = 0) -> str:
        argv = [*self.flavor.cli, "-h", host, "-p", str(port or self.redis_port), *words]
        environment = {**os.environ, **({"REDISCLI_AUTH": self.password} if self.password else {})}
        done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False, timeout=20)
        return done.stdout.strip()

    def state(self, host: str) -> dict:
        connection = http.client.HTTPConnection(host, self.agent_port, timeout=2)
        connection.request("GET", "/state")
        return json.loads(connection.getresponse().read())

    def ready(self, host: str) -> bool:
        try:
            connection = http.client.HTTPConnection(host, self.agent_port, timeout=2)
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def role(self, host: str) -> str:
        return next(
            (line[5:] for line in self.ask(host, "info", "replication").splitlines() if line.startswith("role:")), ""
        )

    def masters(self) -> list[str]:
        return [host for host in self.servers if self.role(host) == "master"]

    def whole(self, *without: str) -> bool:
        """One master that is labelled, and every pod ready."""
        masters = self.masters()
        hosts = [host for host in self.servers if host not in without]
        return len(masters) == 1 and self.kubernetes.masters() == masters and all(map(self.ready, hosts))

    def wait_whole(self, *without: str, seconds: float = 60) -> str:
        wait_for("one labelled master, all ready", lambda: self.whole(*without), seconds)
        return self.kubernetes.masters()[0]

    def log(self, host: str, name: str = "agent.log") -> str:
        return (self.root / host / name).read_text(errors="replace")
