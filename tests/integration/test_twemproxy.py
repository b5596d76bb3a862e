# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running Twemproxy: keys go where _ketama says, the start script and the probes of the pods, twemproxy_verify."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import random
import selectors
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
import redis
import yaml
from redis.backoff import NoBackoff
from redis.retry import Retry

# in single quotes of YAML, in RESP, in the shell: everything that may mean something there
PASSWORD = r"""a'b"c\d#e: f%s $HOME `id` {}[]&*!|>,?-@ €ü '' \n"""


def tool() -> list[str]:
    from ansible_collections.slotwise.redis.tests.integration.farm import ROOT  # noqa: PLC0415

    tools = json.loads((ROOT / ".lab" / "tools.json").read_text())
    return next(t["command"] for t in tools if t["name"] == "nutcracker")


class Proxy:
    """One proxy, started by start.sh as in a pod; a context manager that leaves nothing behind."""

    def __init__(
        self, servers: Sequence[str], password: str = "", drain: tuple[int, int] = (0, 0), **options: object
    ) -> None:
        from ansible_collections.slotwise.redis.tests.integration.farm import ROOT, free_ports  # noqa: PLC0415

        self.root = pathlib.Path(tempfile.mkdtemp(prefix="slotwise-proxy-", dir="/dev/shm"))
        self.port, self.stats_port = free_ports(2)
        self.password, self.drain = password, drain
        self.pool = {
            "listen": f"127.0.0.1:{self.port}",
            "hash": "fnv1a_64",
            "hash_tag": "{}",
            "distribution": "ketama",
            "timeout": 400,
            "redis": True,
            **options,
            "servers": list(servers),
        }
        self.files, self.roles = self.root / "scripts", ROOT / "roles"

    def __enter__(self) -> Proxy:
        for name in ("bin", "config", "run", "scripts"):
            (self.root / name).mkdir()
        # As in the ConfigMap that the pods mount.
        for script in ("twemproxy/files/start.sh", "twemproxy/files/probe.sh", "common/files/names.sh"):
            (self.files / script.rpartition("/")[2]).symlink_to(self.roles / script)
        program = self.root / "bin" / "nutcracker"
        program.write_text(f'#!/bin/sh\nexec {shlex.join(tool())} "$@"\n')
        program.chmod(0o755)
        (self.root / "config" / "nutcracker.yml").write_text(yaml.safe_dump({"pool": self.pool}, sort_keys=False))
        (self.root / "config" / "probe.keys").write_text("".join(f"{key}\n" for key in self.keys().values()))
        if self.password:
            (self.root / "password").write_text(self.password + "\n")
        self.process = subprocess.Popen(
            ["bash", str(self.files / "start.sh")],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stderr=(self.root / "log").open("w"),
        )
        deadline = time.monotonic() + 20
        while self.probe("liveness") != 0:
            assert self.process.poll() is None, (self.root / "log").read_text()
            assert time.monotonic() < deadline, (self.root / "log").read_text()
        return self

    def __exit__(self, *unused: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)
        shutil.rmtree(self.root)

    def keys(self) -> dict[str, str]:
        from ansible_collections.slotwise.redis.plugins.module_utils.redis.ketama import Pool, keys  # noqa: PLC0415

        return keys(Pool.of(self.pool), "probe")

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{self.root}/bin:{os.environ['PATH']}",
            "TWEMPROXY_PORT": str(self.port),
            "TWEMPROXY_STATS_PORT": str(self.stats_port),
            "TWEMPROXY_CONFIG": str(self.root / "config"),
            "TWEMPROXY_RUN": str(self.root / "run"),
            "TWEMPROXY_PASSWORD_FILE": str(self.root / "password"),
            "TWEMPROXY_DRAIN_SECONDS": str(self.drain[0]),
            "TWEMPROXY_DRAIN_MOST_SECONDS": str(self.drain[1]),
        }

    def probe(self, name: str) -> int:
        command = ["bash", str(self.files / "probe.sh"), name]
        return subprocess.run(command, env=self.environment, stderr=subprocess.DEVNULL, check=False).returncode

    def client(self, **options: object) -> redis.Redis:
        """Without the greeting of redis-py, which Twemproxy answers by closing the connection."""
        given = {"password": self.password or None, "retry": Retry(NoBackoff(), 0), **options}
        return redis.Redis(port=self.port, protocol=2, driver_info=None, **given)


@contextlib.contextmanager
def standalone(flavor, count: int, password: str = "") -> Iterator:
    from ansible_collections.slotwise.redis.tests.integration.farm import Farm  # noqa: PLC0415

    with Farm(flavor, count, {"cluster-enabled": "no"}, password) as farm:
        yield farm


def lines(farm, weights: Sequence[int]) -> list[str]:
    return [f"{node}:{weight} pool-{i}" for i, (node, weight) in enumerate(zip(farm.nodes, weights, strict=True))]


def names(count: int) -> list[str]:
    """Keys of all kinds: short, long, with and without a hash tag, outside of ASCII. Always the same ones."""
    chosen = random.Random(7)
    letters = "abcXYZ019:_-. äß€漢字🂡"
    made = set()
    while len(made) < count:
        text = "".join(chosen.choices(letters, k=chosen.randint(1, 24)))
        made.add(
            chosen.choice([text, f"{{{text}}}:x", f"user:{{{text[:3]}}}", f"{{}}{text}", f"{text}{{", f"}}{text}"])
        )
    return sorted(made)


def predicted(pool: dict, keys: Sequence[str]) -> dict[str, str]:
    from ansible_collections.slotwise.redis.plugins.module_utils.redis.ketama import Pool, Router  # noqa: PLC0415

    router = Router(Pool.of(pool))
    return {key: router.server(key.encode()) for key in keys}


@pytest.mark.parametrize("weights", [[1, 1, 1, 1], [1, 2, 3, 10]], ids=str)
def test_keys_are_on_the_predicted_servers(newest_redis, weights):
    keys = names(2000)
    with standalone(newest_redis, len(weights), PASSWORD) as farm, Proxy(lines(farm, weights), PASSWORD) as proxy:
        with proxy.client() as client:
            pipeline = client.pipeline(transaction=False)
            for key in keys:
                pipeline.set(key, "1")
            assert all(pipeline.execute())
        found = {}
        for index in range(len(weights)):
            with farm.client(index) as client:
                found.update(dict.fromkeys(client.scan_iter(count=1000), f"pool-{index}"))
        assert found == predicted(proxy.pool, keys)
        assert len(set(found.values())) == len(weights)


class Names:
    """A server at each of many ports that answers every GET with its own number. A context manager."""

    def __init__(self, count: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._stop, self._stopped = socket.socketpair()
        self._selector.register(self._stopped, selectors.EVENT_READ, None)
        self._sockets = []
        for index in range(count):
            listener = socket.create_server(("127.0.0.1", 0))
            self._sockets.append(listener)
            self._selector.register(listener, selectors.EVENT_READ, (index, True))
        self.lines = [f"127.0.0.1:{s.getsockname()[1]}:1 pool-{i}" for i, s in enumerate(self._sockets)]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Names:
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._stop.send(b"x")
        self._thread.join()
        for opened in [*self._sockets, self._stop, self._stopped]:
            opened.close()

    def _serve(self) -> None:
        while True:
            for key, _events in self._selector.select():
                if key.data is None:
                    return
                index, listening = key.data
                if listening:
                    accepted, _address = key.fileobj.accept()
                    self._sockets.append(accepted)
                    self._selector.register(accepted, selectors.EVENT_READ, (index, False))
                    continue
                asked = key.fileobj.recv(65536).upper().count(b"\r\nGET\r\n")
                if asked:
                    key.fileobj.sendall(f":{index}\r\n".encode() * asked)
                else:
                    self._selector.unregister(key.fileobj)


@pytest.mark.parametrize("distribution", ["ketama", "modula"])
@pytest.mark.parametrize("hash_name", ["fnv1a_64", "fnv1_64", "fnv1a_32", "fnv1_32", "md5", "one_at_a_time", "crc32a"])
def test_every_hash_and_distribution(hash_name, distribution):
    asked = names(200)
    with Names(5) as servers, Proxy(servers.lines, hash=hash_name, distribution=distribution) as proxy:
        assert answers(proxy, asked) == predicted(proxy.pool, asked)


@pytest.mark.parametrize("count", [1, 108, 109])
def test_many_servers(count):
    """With 109 each server has 156 points instead of 160: C rounds so."""
    asked = names(1000)
    with Names(count) as servers, Proxy(servers.lines) as proxy:
        assert answers(proxy, asked) == predicted(proxy.pool, asked)


def answers(proxy: Proxy, keys: Sequence[str]) -> dict[str, str]:
    with proxy.client() as client:
        pipeline = client.pipeline(transaction=False)
        for key in keys:
            pipeline.get(key)
        return {key: f"pool-{index}" for key, index in zip(keys, pipeline.execute(), strict=True)}


def test_the_password_is_nowhere_to_be_seen(newest_redis):
    with standalone(newest_redis, 2, PASSWORD) as farm, Proxy(lines(farm, [1, 1]), PASSWORD) as proxy:
        with proxy.client() as client:
            assert client.set("key", "1")
        with pytest.raises(redis.AuthenticationError), proxy.client(password="x") as client:
            client.get("key")
        assert (proxy.root / "run" / "nutcracker.yml").stat().st_mode & 0o777 == 0o600
        listed = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
        assert PASSWORD[:12] not in listed
        assert PASSWORD[:12] not in (proxy.root / "log").read_text()


REFUSED = """
    KEYS *|SCAN 0|MULTI|WATCH a|MIGRATE h 1 a 0 1|RENAME a b|PUBLISH a b|SUBSCRIBE a|SELECT 0|BLPOP a 1|MSETNX a 1 b 2
    DBSIZE|FLUSHALL|INFO|CONFIG GET x|CLIENT SETINFO LIB-NAME x|HELLO 3|SCRIPT LOAD x|RANDOMKEY|OBJECT ENCODING a
    BITOP AND a b|XADD a * b c|WAIT 0 0
"""
ALLOWED = """
    MSET a 1 b 2 c 3|MGET a b c|DEL a b c|UNLINK a|TOUCH a|EXISTS a|EXPIRE a 1|DUMP a|SORT l|HSCAN h 0|GETDEL a
    EVAL return(1) 1 a|SUNION {x}a {x}b|ZADD z 1 a|GEOADD g 1 1 x|PFADD p a|SET a 1 NX EX 10
"""


def commands(text: str) -> list[list[str]]:
    return [command.split() for line in text.split("\n") if line.strip() for command in line.split("|")]


def test_which_commands_are_refused(newest_redis):
    """What the README of the role says. A refused command costs the connection."""
    with standalone(newest_redis, 3) as farm, Proxy(lines(farm, [1, 1, 1])) as proxy, proxy.client() as client:
        for command in commands(ALLOWED):
            client.execute_command(*command)
        for command in commands(REFUSED):
            with pytest.raises(redis.ConnectionError):
                client.execute_command(*command)


def test_probes(newest_redis):
    with standalone(newest_redis, 3, PASSWORD) as farm, Proxy(lines(farm, [1, 1, 1]), PASSWORD) as proxy:
        assert (proxy.probe("liveness"), proxy.probe("readiness")) == (0, 0)
        farm.stop(0)
        farm.pause(1)
        assert (proxy.probe("liveness"), proxy.probe("readiness")) == (0, 0)
        farm.pause(2)
        assert (proxy.probe("liveness"), proxy.probe("readiness")) == (0, 1)
        farm.resume(2)
        assert proxy.probe("readiness") == 0
        farm.resume(1)
        proxy.process.terminate()
        proxy.process.wait(timeout=20)
        assert (proxy.probe("liveness"), proxy.probe("readiness")) == (1, 1)


def test_it_ends_when_nobody_connects_any_more(newest_redis):
    """However late the machines notice that it ends. Its own probes, which go on, do not count."""
    drain = 2
    with standalone(newest_redis, 1) as farm, Proxy(lines(farm, [1]), drain=(drain, 60)) as proxy:
        lasting = proxy.client(single_connection_client=True)
        lasting.ping()
        proxy.process.terminate()
        asked = time.monotonic()
        while time.monotonic() < asked + 4 * drain:
            proxy.client().set("connected anew", "1")
            last = time.monotonic()
            lasting.get("connected anew")
            assert proxy.probe("readiness") == 0
            time.sleep(0.2)
        while proxy.process.poll() is None:
            assert time.monotonic() < last + 3 * drain
            proxy.probe("readiness")
            time.sleep(0.2)
        # It looks once a second.
        assert last + drain - 1 < time.monotonic() < last + 3 * drain
        assert proxy.process.returncode == 0


def test_it_ends_at_last_though_clients_connect(newest_redis):
    with standalone(newest_redis, 1) as farm, Proxy(lines(farm, [1]), drain=(2, 5)) as proxy:
        proxy.process.terminate()
        asked = time.monotonic()
        while proxy.process.poll() is None:
            assert time.monotonic() < asked + 20
            with contextlib.suppress(redis.ConnectionError):
                proxy.client().ping()
            time.sleep(0.2)
        assert time.monotonic() > asked + 4


def verify(proxies: Sequence[Proxy], check: bool = False, pool: dict | None = None, **options: object):
    from ansible_collections.slotwise.redis.tests.integration.run import MODULES, finish, start  # noqa: PLC0415

    given = {
        "nodes": [f"127.0.0.1:{proxy.port}" for proxy in proxies],
        "pool": pool or proxies[0].pool,
        "login_password": proxies[0].password or None,
        "timeout": 5,
        **options,
    }
    return finish(start(["-m", f"{MODULES}.twemproxy_verify"], given, check))


def test_verify(newest_redis):
    with standalone(newest_redis, 4, PASSWORD) as farm:
        servers = lines(farm, [1, 1, 1, 5])
        with Proxy(servers, PASSWORD) as first, Proxy(servers, PASSWORD) as second:
            for check in (True, False):
                result = verify([first, second], check).ok()
                assert [row["backends"] for row in result["proxies"]] == [4, 4]
                assert result["changed"] is False
            assert all(not farm.client(index).keys() for index in range(4))
            writes = [farm.client(index).info("commandstats").get("cmdstat_set", {}).get("calls") for index in range(4)]
            assert writes == [2, 2, 2, 2]
            farm.stop(3)
            failed = verify([first, second]).failed()
            assert any(line.endswith("to pool-3: Connection refused") for line in failed["found"]), failed


def test_a_full_backend_is_a_warning(newest_flavor):
    with standalone(newest_flavor, 3, PASSWORD) as farm:
        servers = lines(farm, [1, 1, 1])
        with Proxy(servers, PASSWORD) as first, Proxy(servers, PASSWORD) as second:
            farm.client(1).config_set("maxmemory", 1000)
            done = verify([first, second]).ok()
            assert [(row["backends"], row["full"]) for row in done["proxies"]] == [(3, ["pool-1"])] * 2
            (warning,) = done["warnings"]
            assert "pool-1 is full: " in str(warning)
            assert all(not farm.client(index).keys() for index in range(3))


def test_a_backend_that_may_not_be_written_to_ends_the_run_at_once(newest_flavor):
    with standalone(newest_flavor, 2) as farm, Proxy(lines(farm, [1, 1])) as proxy:
        farm.ask(1, "ACL", "SETUSER", "default", "-set")
        begin = time.monotonic()
        failed = verify([proxy], timeout=60).failed()
        assert time.monotonic() - begin < 20
        assert "to pool-1: NOPERM" in failed["found"][0]


def test_verify_finds_a_proxy_that_places_keys_by_other_settings(newest_redis):
    with standalone(newest_redis, 4) as farm:
        servers = lines(farm, [1, 1, 1, 1])
        with Proxy(servers) as first, Proxy(servers, hash="md5") as second:
            failed = verify([first, second]).failed()
            assert any("answered None" in line for line in failed["found"]), failed


def test_verify_refusals(newest_redis):
    with standalone(newest_redis, 1, PASSWORD) as farm, Proxy(lines(farm, [1]), PASSWORD) as proxy:
        assert "does not accept the password" in verify([proxy], login_password="x").failed()["msg"]
        assert "pool: 'a' is not host:port:weight name" in verify([proxy], pool={"servers": ["a"]}).failed()["msg"]
        assert "replicas is 0" in verify([proxy], replicas=0).failed()["msg"]
