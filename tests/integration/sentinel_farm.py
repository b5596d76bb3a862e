# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A master, its replicas and Sentinels on loopback: each at an address of its own, so that its host is its identity."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .farm import START_SECONDS, Flavor, _quoted, free_ports
from .pods import ADDRESSES, wait_for

MASTER_NAME = "orders"
ANSWER_SECONDS = 3.0
DOWN_AFTER, FAILOVER_TIMEOUT = 2000, 20000


class Process:
    """One server or Sentinel; it keeps its address and its directory when it is started again."""

    def __init__(self, flavor: Flavor, root: pathlib.Path, name: str, port: int, password: str) -> None:
        self.flavor, self.name, self.port, self.password = flavor, name, port, password
        self.host = next(ADDRESSES)
        self.directory = root / name
        self.directory.mkdir()
        self.config = self.directory / "redis.conf"
        self._process: subprocess.Popen | None = None
        self._arguments: tuple[str, ...] = ()
        self.client = self.connect()

    def connect(self, seconds: float = ANSWER_SECONDS) -> redis.Redis:
        """Another client, which waits this long for an answer."""
        client = redis.Redis(
            host=self.host,
            port=self.port,
            password=self.password or None,
            protocol=2,
            decode_responses=True,
            socket_timeout=seconds,
            # What one try says is what a test wants to know.
            retry=Retry(NoBackoff(), 0),
        )
        # And so are answers as the server gives them, not what redis-py makes of them.
        client.response_callbacks.clear()
        return client

    def __repr__(self) -> str:
        return f"{self.name} at {self.host}:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process, f"{self} does not run"
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def configure(self, lines: Iterable[str]) -> None:
        """What its configuration file says; it may have rewritten the file since."""
        self.config.write_text("".join(f"{line}\n" for line in lines))

    def start(self, *arguments: str) -> None:
        """``arguments`` of the command line, such as --sentinel, are kept for later starts."""
        self._arguments = arguments or self._arguments
        self._process = subprocess.Popen(
            [*self.flavor.server, str(self.config), *self._arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.directory / "stderr").open("a"),
        )

    def end(self, number: int = signal.SIGKILL) -> None:
        """Send this signal until it has gone: a server that writes its first append only file has to be told twice."""
        if self._process is None:
            return
        while self.runs:
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=2)
        self._process = None
        self.client.connection_pool.disconnect()

    def restart(self, number: int = signal.SIGKILL) -> None:
        self.end(number)
        self.start()
        self.wait_answers()

    def freeze(self) -> None:
        """It keeps its port and its connections, and answers nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def wait_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.client.ping()
                return
            except redis.exceptions.MasterDownError:
                return
            except redis.exceptions.RedisError as error:
                if not self.runs or time.monotonic() > deadline:
                    raise RuntimeError(f"{self} does not start: {self.log()[-2000:]}") from error
            time.sleep(0.02)

    def ask(self, *command: object) -> object:
        try:
            return self.client.execute_command(*command)
        except redis.exceptions.ConnectionError:
            if not self.runs:
                raise
            # A Sentinel closes all connections of a server that it gives another role.
            return self.client.execute_command(*command)

    def info(self, section: str = "replication") -> dict[str, str]:
        lines = str(self.ask("INFO", section)).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    @property
    def role(self) -> str:
        return self.info()["role"]

    def set(self, **settings: object) -> None:
        """CONFIG SET, all in one; names with _ for -."""
        words = [word for name, value in settings.items() for word in (name.replace("_", "-"), value)]
        self.ask("CONFIG", "SET", *words)

    def log(self) -> str:
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""


class Sentinel(Process):
    """A Sentinel that watches MASTER_NAME."""

    def sentinel(self, *command: object) -> object:
        return self.ask("SENTINEL", *command, MASTER_NAME)

    def master(self) -> dict[str, str]:
        """SENTINEL MASTER."""
        return _words(self.sentinel("MASTER"))

    def address(self) -> str:
        """The host of SENTINEL GET-MASTER-ADDR-BY-NAME."""
        return str(self.sentinel("GET-MASTER-ADDR-BY-NAME")[0])  # type: ignore[index]

    def replicas(self) -> dict[str, dict[str, str]]:
        """SENTINEL REPLICAS, by their hosts."""
        return {row["ip"]: row for row in map(_words, self.sentinel("REPLICAS"))}  # type: ignore[call-overload]


class SentinelFarm:
    """``servers[0]`` is the first master; a context manager that leaves nothing behind.

    ``settings`` are directives of all servers, ``sentinel_settings`` directives of all Sentinels: those that begin with
    ``sentinel`` have the name of the master put behind their own name.
    """

    def __init__(
        self,
        flavor: Flavor,
        *,
        servers: int = 3,
        sentinels: int = 3,
        password: str = "",
        settings: Mapping[str, str] | None = None,
        sentinel_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.flavor, self.password = flavor, password
        self.settings = {"appendonly": "no", "save": "", "repl-diskless-sync-delay": "0", **(settings or {})}
        self.sentinel_settings = {
            "sentinel down-after-milliseconds": str(DOWN_AFTER),
            "sentinel failover-timeout": str(FAILOVER_TIMEOUT),
            "sentinel parallel-syncs": "1",
            **(sentinel_settings or {}),
        }
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="slotwise-sentinels-", dir="/dev/shm"))
        self.port, self.sentinel_port = free_ports(2)
        self.servers = [Process(flavor, self.root, f"server-{n}", self.port, password) for n in range(servers)]
        self.sentinels = [
            Sentinel(flavor, self.root, f"sentinel-{n}", self.sentinel_port, password) for n in range(sentinels)
        ]

    def __enter__(self) -> SentinelFarm:
        try:
            self.start()
        except BaseException as error:
            self.__exit__(type(error))
            raise
        return self

    def __exit__(self, error: type[BaseException] | None, *unused: object) -> None:
        for process in (*self.servers, *self.sentinels):
            if error:
                print(f"--- {process}\n{process.log()}")
            process.end()
        shutil.rmtree(self.root, ignore_errors=True)

    def start(self) -> None:
        """All servers, and when replication runs all Sentinels, until they know each other and every replica."""
        for server in self.servers:
            server.configure(self.server_lines(server))
            server.start()
        for server in self.servers:
            server.wait_answers()
        wait_for("replication runs", self.in_sync)
        for sentinel in self.sentinels:
            sentinel.configure(self.sentinel_lines(sentinel, self.servers[0].host))
            sentinel.start("--sentinel")
        for sentinel in self.sentinels:
            sentinel.wait_answers()
        wait_for("Sentinels know each other and all replicas", self.acquainted)

    def server_lines(self, server: Process) -> list[str]:
        password = _quoted(self.password)
        return [
            *self._common_lines(server),
            f"replica-announce-ip {server.host}",
            *(f"{name} {value or chr(34) * 2}" for name, value in self.settings.items()),
            *([f"requirepass {password}", f"masterauth {password}"] if self.password else []),
            *([f"replicaof {self.servers[0].host} {self.port}"] if server is not self.servers[0] else []),
        ]

    def sentinel_lines(self, sentinel: Process, master: str) -> list[str]:
        password = _quoted(self.password)
        quorum = len(self.sentinels) // 2 + 1
        return [
            *self._common_lines(sentinel),
            f"sentinel announce-ip {sentinel.host}",
            f"sentinel monitor {MASTER_NAME} {master} {self.port} {quorum}",
            *(
                f"{name} {MASTER_NAME} {value}" if name.startswith("sentinel ") else f"{name} {value}"
                for name, value in self.sentinel_settings.items()
            ),
            *(
                [
                    f"sentinel auth-pass {MASTER_NAME} {password}",
                    f"requirepass {password}",
                    f"sentinel sentinel-pass {password}",
                ]
                if self.password
                else []
            ),
        ]

    @staticmethod
    def _common_lines(process: Process) -> list[str]:
        return [
            f"port {process.port}",
            f"bind {process.host}",
            "protected-mode no",
            f"dir {process.directory}",
            f"logfile {process.directory}/log",
        ]

    def in_sync(self) -> bool:
        """Every server that runs and is a replica has its link to its master."""
        states = [server.info() for server in self.servers if server.runs]
        return all(s["role"] == "master" or s["master_link_status"] == "up" for s in states)

    def acquainted(self) -> bool:
        others, replicas = str(len(self.sentinels) - 1), len(self.servers) - 1
        return all(
            s.master()["num-other-sentinels"] == others
            and s.master()["flags"] == "master"
            # What it has heard of each replica itself.
            and [r["master-link-status"] for r in s.replicas().values()] == ["ok"] * replicas
            for s in self.sentinels
        )

    def agreed(self) -> str | None:
        """The host that more than half of all Sentinels name as the master."""
        named: list[str] = []
        for sentinel in self.sentinels:
            try:
                named.append(sentinel.address())
            except redis.exceptions.RedisError:
                continue
        return next((host for host in named if named.count(host) > len(self.sentinels) // 2), None)

    def server(self, host: object) -> Process:
        return next(server for server in self.servers if server.host == host)

    def master(self) -> Process:
        """The server that most Sentinels name as the master."""
        return self.server(self.agreed())


def _words(reply: object) -> dict[str, str]:
    """A flat list of names and values as a dictionary."""
    assert isinstance(reply, list)
    return dict(zip(reply[::2], reply[1::2]))
