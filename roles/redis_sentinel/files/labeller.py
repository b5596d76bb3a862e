# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the label redis-role of the servers' pods true: master on the one that most Sentinels agree on, else slave.

One runs beside each Sentinel, with nothing but Python's standard library. Several may be at work at the same time, and
one may be slow or cut off, so no pod becomes the master by a view that is outdated:

- A pod is changed only if it is still as it was listed.
- A master is labelled only where a list that was made after the Sentinels were asked has every other pod stamped as a
  slave of the same epoch. Stamping changes the pod, so a labeller that still believes in an older epoch, or has not
  seen the pod, cannot label it any more.

While the Sentinels do not agree no pod becomes the master, and one that says itself that it is none loses the label.
"""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import queue
import socket
import ssl
import sys
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

ROLE, EPOCH = "redis-role", "slotwise.redis/epoch"
ASK_SECONDS = 0.5
LIST_SECONDS = 2.0
REPLY_SECONDS = 1.0
API_SECONDS = 5.0
ACCOUNT = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
PASSWORD = pathlib.Path("/etc/redis-auth/password")


class View(NamedTuple):
    """Who is the master, as a Sentinel sees it."""

    epoch: int
    master: str


class Pod(NamedTuple):
    """What matters of a pod, as it was listed."""

    name: str
    version: str
    role: str
    epoch: str


class Change(NamedTuple):
    """A label to be written, to a pod that is still at this version."""

    pod: str
    version: str
    role: str
    epoch: str


def agreed(views: Iterable[View | None], sentinels: int) -> View | None:
    """The view of more than half of all Sentinels, those that do not answer included."""
    counted = Counter(view for view in views if view is not None).most_common(1)
    return counted[0][0] if counted and counted[0][1] > sentinels // 2 else None


def changes(pods: Sequence[Pod], view: View) -> list[Change]:
    """What to write in a round: the slaves first, and the master only when all of them are as they must be."""
    epoch = str(view.epoch)
    leader = view.master.partition(".")[0]
    slaves = [
        Change(pod.name, pod.version, "slave", epoch)
        for pod in pods
        if pod.name != leader and (pod.role, pod.epoch) != ("slave", epoch)
    ]
    if slaves:
        return slaves
    return [
        Change(pod.name, pod.version, "master", epoch)
        for pod in pods
        if pod.name == leader and (pod.role, pod.epoch) != ("master", epoch)
    ]


def words(reply: object) -> dict[str, str]:
    """A flat list of names and values as a dictionary."""
    items = reply if isinstance(reply, list) else []
    return {str(name): str(value) for name, value in zip(items[::2], items[1::2])}


class Connection:
    """Just enough of the Redis protocol to ask a few questions (RESP2, redis.io/docs/reference/protocol-spec)."""

    def __init__(self, host: str, port: int, password: str) -> None:
        self._socket = socket.create_connection((host, port), REPLY_SECONDS)
        self._file = self._socket.makefile("rb")
        if password:
            self.ask("AUTH", password)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *unused: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, *command: str) -> object:
        """The reply to a command. An error reply is raised as OSError."""
        parts = [part.encode() for part in command]
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        return self._reply()

    def _reply(self) -> object:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("the connection was closed")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise OSError(rest)
        if kind == b"*":
            return [self._reply() for _item in range(int(rest))] if int(rest) >= 0 else None
        if kind == b"$":
            return self._file.read(int(rest) + 2)[:-2].decode(errors="replace") if int(rest) >= 0 else None
        return rest


def view_of(host: str, port: int, password: str, name: str) -> View | None:
    """The view of one Sentinel; None when it does not answer or watches nothing.

    During a failover the address already is that of the new master (Redis Sentinel, SENTINEL get-master-addr-by-name).
    """
    try:
        with Connection(host, port, password) as sentinel:
            address = sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
            if not address:
                return None
            return View(int(words(sentinel.ask("SENTINEL", "MASTER", name))["config-epoch"]), address[0])
    except (OSError, ValueError, KeyError):
        return None


def role_of(host: str, port: int, password: str) -> str:
    """What a server says of itself: master or slave; empty when it does not answer."""
    try:
        with Connection(host, port, password) as server:
            return str(server.ask("ROLE")[0])
    except (OSError, TypeError, IndexError):
        return ""


class Pods:
    """The pods of the servers, through the Kubernetes API, with the service account of this pod."""

    def __init__(self, namespace: str, selector: str) -> None:
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._selector = urllib.parse.quote(selector)
        self._tls = ssl.create_default_context(cafile=ACCOUNT / "ca.crt")
        # Python 3.13 also asks of authorities what those of many Kubernetes clusters lack.
        self._tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        # Kept open: a failover is no time to greet each other.
        self._connection = http.client.HTTPSConnection(
            os.environ["KUBERNETES_SERVICE_HOST"],
            int(os.environ["KUBERNETES_SERVICE_PORT"]),
            timeout=API_SECONDS,
            context=self._tls,
        )

    def _call(self, method: str, path: str, body: object = None) -> tuple[int, dict]:
        # The token is replaced while this runs.
        headers = {
            "Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}",
            "Content-Type": "application/merge-patch+json",
        }
        try:
            self._connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            # The next call opens another one.
            self._connection.close()
            raise

    def listed(self) -> list[Pod]:
        status, answer = self._call("GET", f"{self._path}?labelSelector={self._selector}")
        if status != http.client.OK:
            raise OSError(f"listing pods: {status} {answer.get('message', '')}")
        return [_pod(item["metadata"]) for item in answer["items"]]

    def write(self, change: Change) -> None:
        """Write a label. Raises OSError when the pod is not as it was listed any more."""
        metadata = {
            "resourceVersion": change.version,
            "labels": {ROLE: change.role},
            "annotations": {EPOCH: change.epoch},
        }
        status, answer = self._call("PATCH", f"{self._path}/{change.pod}", {"metadata": metadata})
        if status != http.client.OK:
            raise OSError(f"labelling {change.pod}: {status} {answer.get('message', '')}")
        say(f"{change.pod} is {change.role} in epoch {change.epoch}")


def _pod(metadata: Mapping) -> Pod:
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return Pod(metadata["name"], metadata["resourceVersion"], labels.get(ROLE, ""), annotations.get(EPOCH, ""))


def say(text: str) -> None:
    print(f"labeller: {text}", file=sys.stderr, flush=True)


def ask_all(question: Callable[[str], View | None], hosts: Sequence[str]) -> View | None:
    """What more than half of the hosts agree on, as soon as they do: one that is dead takes its time to be silent."""
    answers: queue.SimpleQueue[View | None] = queue.SimpleQueue()
    for host in hosts:
        threading.Thread(target=lambda host=host: answers.put(question(host)), daemon=True).start()
    views: list[View | None] = []
    deadline = time.monotonic() + 2 * REPLY_SECONDS
    while len(views) < len(hosts):
        try:
            views.append(answers.get(timeout=max(0.0, deadline - time.monotonic())))
        except queue.Empty:
            break
        view = agreed(views, len(hosts))
        if view is not None:
            return view
    return None


class Labeller:
    """Rounds until the labels are what the Sentinels say, again and again."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._name = environment["MASTER_NAME"]
        base, service = environment["REDIS_NAME"], environment["SENTINEL_SERVICE"].rstrip(".")
        self._servers = environment["REDIS_SERVICE"].rstrip(".")
        self._sentinels = [f"{base}-sentinel-{n}.{service}" for n in range(int(environment["SENTINELS"]))]
        self._pods = Pods(environment["NAMESPACE"], environment["POD_SELECTOR"])
        self._listed: list[Pod] = []
        self._looked = 0.0

    @property
    def _password(self) -> str:
        # As the shell of the servers takes it.
        return PASSWORD.read_text().rstrip("\n") if PASSWORD.exists() else ""

    def _ask(self) -> View | None:
        password = self._password
        return ask_all(lambda host: view_of(host, 26379, password, self._name), self._sentinels)

    def _list(self) -> list[Pod]:
        # What is written by an older list is refused, or the same as by a newer one.
        self._listed, self._looked = self._pods.listed(), time.monotonic()
        return self._listed

    def look(self) -> None:
        """One look at pods and Sentinels, and what follows from it."""
        if time.monotonic() - self._looked > LIST_SECONDS:
            self._list()
        view = self._ask()
        if view is None:
            self._doubt()
            return
        wanted = changes(self._listed, view)
        if wanted:
            # What is written has another version then: should this fail, the next look begins with a new list.
            self._looked = 0.0
            self._write(change for change in wanted if change.role == "slave")
            self._write(changes(self._list(), view))

    def _write(self, wanted: Iterable[Change]) -> None:
        for change in wanted:
            self._looked = 0.0
            self._pods.write(change)

    def _doubt(self) -> None:
        for pod in self._listed:
            if pod.role == "master" and role_of(f"{pod.name}.{self._servers}", 6379, self._password) == "slave":
                self._write([Change(pod.name, pod.version, "slave", pod.epoch)])


def main() -> None:
    labeller = Labeller(os.environ)
    said = ""
    while True:
        try:
            labeller.look()
            said = ""
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            # Another labeller was faster, or Kubernetes does not answer: the next round looks again.
            if str(error) != said:
                said = str(error)
                say(said)
        time.sleep(ASK_SECONDS)


if __name__ == "__main__":
    main()
