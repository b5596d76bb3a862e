# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers started as pods start them: by the pod scripts, each at a loopback address of its own, all at one port."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable

from . import run
from .farm import ROOT, Flavor, free_ports

ROLES = ROOT / "roles"
# The namespace has flags of nodes in its name, which is in the table of a cluster as well.
SERVICE = "orders-headless.fail-myself-handshake.svc.cluster.local"
# Each address is used once, as a pod that comes back has a new one.
ADDRESSES = (f"127.{64 + os.getpid() % 128}.{n // 250}.{1 + n % 250}" for n in itertools.count())


def wait_for(what: str, condition: Callable[[], object], seconds: float = 40) -> float:
    """How long it took until the condition held."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - started


class Pods:
    """``count`` pods of one StatefulSet; a context manager that leaves nothing behind."""

    def __init__(
        self,
        flavor: Flavor,
        count: int,
        password: str = "",
        directives: str = "",
        role: str = "redis_cluster",
        *,
        port: int = 0,
    ) -> None:
        self.flavor, self.password, self.directives = flavor, password, directives
        self.clustered = "cluster-enabled yes\ncluster-node-timeout 5000\n" if role == "redis_cluster" else ""
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="slotwise-pods-", dir="/dev/shm"))
        self.port = port or free_ports(1)[0]
        self.addresses = [next(ADDRESSES) for _pod in range(count)]
        self.extra_addresses: list[str] = []
        self.processes: dict[int, subprocess.Popen] = {}
        self._write_programs()
        self.scripts = self.root / "scripts"
        self.scripts.mkdir()
        # As in the ConfigMap that the pods mount.
        for part in ("common", role):
            for script in (ROLES / part / "files").glob("*.sh"):
                (self.scripts / script.name).symlink_to(script)

    def _write_programs(self) -> None:
        programs = self.root / "bin"
        programs.mkdir()
        # Each pod proves its domain by a name that every Kubernetes cluster has.
        answer = (
            f'case "$1 $2" in "ahosts {SERVICE}") cat {self.root}/service ;; '
            f'"hosts kubernetes.default.svc.cluster.local.") ;; *) exit 2 ;; esac'
        )
        for name, line in (
            ("redis-server", f'exec {shlex.join(self.flavor.server)} "$@"'),
            ("redis-cli", f'exec {shlex.join(self.flavor.cli)} "$@"'),
            ("getent", answer),
        ):
            (programs / name).write_text(f"#!/bin/sh\n{line}\n")
            (programs / name).chmod(0o755)

    def __enter__(self) -> Pods:
        try:
            self.start_all()
        except BaseException as error:
            self.__exit__(type(error))
            raise
        return self

    def __exit__(self, error: type[BaseException] | None, *unused: object) -> None:
        if error:
            for pod in range(len(self.addresses)):
                print(f"--- pod {pod} at {self.addresses[pod]}:{self.port}\n{self.log(pod)}")
        for pod in list(self.processes):
            self.stop(pod)
        shutil.rmtree(self.root, ignore_errors=True)

    def directory(self, pod: int) -> pathlib.Path:
        return self.root / f"pod-{pod}"

    def environment(self, pod: int, **more: str) -> dict[str, str]:
        directory = self.directory(pod)
        return {
            "PATH": f"{self.root}/bin:{os.environ['PATH']}",
            "POD_IP": self.addresses[pod],
            "POD_HOSTNAME": f"orders-{pod}.{SERVICE}",
            "REDIS_SERVICE": SERVICE,
            "REDIS_HOST": self.addresses[pod],
            "REDIS_PORT": str(self.port),
            "REDIS_PASSWORD_FILE": str(self.root / "password"),
            "REDIS_CONFIG": str(directory / "given.conf"),
            "REDIS_RUN": str(directory / "run"),
            "REDIS_DATA": str(directory / "data"),
            "REDIS_POD": str(directory / "pod"),
            "REDIS_AUTH": "enabled" if self.password else "disabled",
            **more,
        }

    def start(self, pod: int) -> None:
        directory = self.directory(pod)
        for path in (directory / "data", directory / "run", directory / "pod"):
            path.mkdir(parents=True, exist_ok=True)
        (directory / "given.conf").write_text(
            f"port {self.port}\nbind {self.addresses[pod]}\ndir {directory}/data\nprotected-mode no\n"
            f"{self.clustered}appendonly yes\n{self.directives}"
        )
        if self.password:
            (self.root / "password").write_bytes(os.fsencode(self.password))
        self.processes[pod] = subprocess.Popen(
            ["sh", str(self.scripts / "start.sh")],
            env=self.environment(pod),
            stdin=subprocess.DEVNULL,
            stdout=(directory / "log").open("a"),
            stderr=subprocess.STDOUT,
            # A pod's processes go with it.
            start_new_session=True,
        )

    def publish(self) -> None:
        """Let the service name every pod that runs."""
        addresses = [self.addresses[pod] for pod in sorted(self.processes)] + self.extra_addresses
        lines = "".join(f"{a} STREAM {SERVICE}\n{a} DGRAM\n" for a in addresses)
        (self.root / "service").write_text(lines)

    def start_all(self) -> None:
        for pod in range(len(self.addresses)):
            self.start(pod)
        self.publish()
        for pod in range(len(self.addresses)):
            wait_for(f"pod {pod} answers", lambda pod=pod: self.ask(pod, "ping") == "PONG")

    def stop(self, pod: int, how: int = signal.SIGTERM) -> None:
        """Its container ends, with everything in it; what belongs to the pod stays."""
        process = self.processes.pop(pod)
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, how)
            process.wait(timeout=20)
        # What the end of the first process of a container does to the others.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def delete(self, pod: int, how: int = signal.SIGTERM) -> None:
        """The pod goes. The next one of its name has the same volume, another address and nothing else."""
        self.stop(pod, how)
        for path in ("run", "pod"):
            shutil.rmtree(self.directory(pod) / path)
        self.addresses[pod] = next(ADDRESSES)

    def come_back(self) -> None:
        """All pods deleted at once; all come back with their volumes and new addresses."""
        for pod in list(self.processes):
            self.delete(pod)
        self.start_all()

    def ask(self, pod: int, *command: str) -> str:
        argv = [*self.flavor.cli, "-h", self.addresses[pod], "-p", str(self.port), *command]
        environment = {**os.environ, **({"REDISCLI_AUTH": self.password} if self.password else {})}
        done = subprocess.run(argv, capture_output=True, env=environment, check=False)
        return os.fsdecode(done.stdout).strip()

    def script(self, pod: int, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(self.scripts / name), *arguments],
            env=self.environment(pod, **environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def log(self, pod: int) -> str:
        return (self.directory(pod) / "log").read_text(errors="replace")

    def form(self, replicas: int) -> None:
        nodes = [f"{address}:{self.port}" for address in self.addresses]
        run.init(nodes, replicas=replicas, login_password=self.password or None).ok()
        wait_for("the cluster is formed", self.settled)

    def settled(self) -> bool:
        """Every node serves, and every replica is in sync with its master."""
        for pod in range(len(self.addresses)):
            if "cluster_state:ok" not in self.ask(pod, "cluster", "info"):
                return False
            replication = self.ask(pod, "info", "replication")
            if "role:slave" in replication and "master_link_status:up" not in replication:
                return False
        return True

    def ids(self) -> dict[str, int]:
        return {self.ask(pod, "cluster", "myid"): pod for pod in range(len(self.addresses))}

    def masters(self) -> list[int]:
        return [pod for pod in range(len(self.addresses)) if "role:master" in self.ask(pod, "info", "replication")]
