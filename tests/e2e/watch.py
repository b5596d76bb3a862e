# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens while pods come and go: who is labelled and served as the master, and which writes are lost."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import redis
import urllib3
from deployment import handle
from kubernetes import client, config

LOOK_SECONDS = 0.1


def longest_pause(times: Iterable[float]) -> float:
    """The longest time between one and the next, in seconds."""
    ordered = list(times)
    return max(after - before for before, after in zip(ordered, ordered[1:]))


@dataclass
class Look:
    """One look at a deployment: the pods with the label, and the addresses behind the service of the master."""

    at: float
    masters: list[str]
    endpoints: list[str]


class Background(threading.Thread):
    """A thread that runs until it is told to end; a context manager that starts it and waits for its end."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._done = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._done.set()
        self.join()


class Watcher(Background):
    """Looks at labels and endpoints every 100 ms."""

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__()
        self._namespace, self._name = namespace, name
        api = config.new_client_from_config(str(handle.lab().kubeconfig))
        self._core, self._discovery = client.CoreV1Api(api), client.DiscoveryV1Api(api)
        self.looks: list[Look] = []
        self.began = self.ended = time.monotonic()

    def run(self) -> None:
        while not self._done.wait(LOOK_SECONDS):
            at = time.monotonic()
            try:
                pods = self._core.list_namespaced_pod(
                    self._namespace, label_selector=f"app.kubernetes.io/instance={self._name},redis-role=master"
                )
                slices = self._discovery.list_namespaced_endpoint_slice(
                    self._namespace, label_selector=f"kubernetes.io/service-name={self._name}-master"
                )
            except (client.ApiException, urllib3.exceptions.HTTPError):
                continue
            ready = [
                address
                for item in slices.items
                for endpoint in item.endpoints or []
                if endpoint.conditions.ready
                for address in endpoint.addresses
            ]
            self.looks.append(Look(at, [pod.metadata.name for pod in pods.items], ready))

    def __enter__(self) -> Self:
        self.began = time.monotonic()
        return super().__enter__()

    def __exit__(self, *unused: object) -> None:
        super().__exit__()
        self.ended = time.monotonic()

    @property
    def without_master(self) -> float:
        """The longest time in which no pod was seen with the label of the master, in seconds.

        From the look before to the look after, so a watcher that saw nothing for a while says so too.
        """
        return longest_pause([self.began, *(look.at for look in self.looks if look.masters), self.ended])

    @property
    def without_endpoint(self) -> float:
        """The same for the service of the master: no address behind it was ready."""
        return longest_pause([self.began, *(look.at for look in self.looks if look.endpoints), self.ended])

    def never_two(self) -> bool:
        assert self.looks, "nobody looked"
        return all(len(look.masters) < 2 and len(look.endpoints) < 2 for look in self.looks)

    def labelled_at(self, pod: str) -> float:
        """When the pod was first seen with the label of the master."""
        return next(look.at for look in self.looks if look.masters == [pod])


class Promotions(Background):
    """Asks servers themselves, every 50 ms, since when each is a master."""

    def __init__(self, addresses: dict[str, str], password: str) -> None:
        super().__init__()
        self._clients = {
            pod: redis.Redis(address, password=password, socket_timeout=0.3, socket_connect_timeout=0.3)
            for pod, address in addresses.items()
        }
        self.since: dict[str, float] = {}

    def run(self) -> None:
        while not self._done.wait(LOOK_SECONDS / 2):
            for pod, connection in self._clients.items():
                if pod in self.since:
                    continue
                with contextlib.suppress(redis.RedisError):
                    if connection.execute_command("ROLE")[0] in (b"master", "master"):
                        self.since[pod] = time.monotonic()


@dataclass
class Writer(Background):
    """Writes one key after the other through a service and notes which were acknowledged."""

    host: str
    password: str
    prefix: str
    acknowledged: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    # a thread is told apart by what it is, not by what it wrote
    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        number, connection = 0, None
        while not self._done.wait(0.005):
            number += 1
            try:
                if connection is None:
                    connection = redis.Redis(
                        self.host, password=self.password, socket_timeout=1, socket_connect_timeout=1
                    )
                connection.set(f"{self.prefix}:{number}", number)
                self.acknowledged.append((time.monotonic(), number))
            except redis.RedisError:
                # As a client that opens a new connection, which the service gives to the master of then.
                if connection is not None:
                    connection.close()
                connection = None

    @property
    def gap(self) -> float:
        """The longest time without an acknowledged write, in seconds."""
        return longest_pause(at for at, _number in self.acknowledged)

    def lost(self, connection: redis.Redis) -> list[int]:
        """Numbers that were acknowledged and are not there."""
        numbers = [number for _at, number in self.acknowledged]
        values = connection.mget([f"{self.prefix}:{number}" for number in numbers])
        return [number for number, value in zip(numbers, values) if value is None]
