# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From module options to a connected deployment: pods, addresses, password, open connections."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ansible_collections.slotwise.redis.plugins.module_utils._deps import AuthenticationError, require_redis
from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Unreachable, end
from ansible_collections.slotwise.redis.plugins.module_utils._executor import observe
from ansible_collections.slotwise.redis.plugins.module_utils._resolver import Resolver, disagreements, require_dns
from ansible_collections.slotwise.redis.plugins.module_utils._topology import (
    BUS_PORT_OFFSET,
    MIN_SHARDS,
    Desired,
    Endpoint,
    Node,
)
from ansible_collections.slotwise.redis.plugins.module_utils._transport import (
    REPLY_SECONDS,
    DirectDialer,
    Fleet,
    PortForwardDialer,
)

if TYPE_CHECKING:
    from ansible_collections.slotwise.redis.plugins.module_utils._kubernetes import Kubernetes, Pod

POLL_SECONDS = 0.25
REDIS_PORT = 6379
CLAIM = "data"
"""A pod's claim is named so, a hyphen and the pod's name, or the deployment's where all pods share one volume."""
MAX_PORT = 65535 - BUS_PORT_OFFSET
"""The cluster bus has to fit above the client port."""


class Deployment:
    """The Redis nodes that a module is asked about."""

    def __init__(self, module) -> None:
        require_redis(module)
        self._params = module.params
        self._check_counts()
        self.desired = Desired(self._params["shards"], self._params["replicas"])
        self.deadline = time.monotonic() + self._params["timeout"]
        self._predicting = module.check_mode
        self._absent: list[str] = []
        self._zones: Mapping[str, str] = {}
        self._kubernetes = self._resolver = None
        if self._params["name"]:
            self._kubernetes = _kubernetes(module)
            if self._transport == "direct" or self._params["dns_server"]:
                require_dns(module)
                self._resolver = Resolver(self._params["dns_server"])

    def _check_counts(self) -> None:
        shards, replicas, nodes = (self._params[k] for k in ("shards", "replicas", "nodes"))
        if shards < MIN_SHARDS:
            raise EngineError(
                f"shards is {shards}: a Redis Cluster needs {MIN_SHARDS} or more, a smaller one has no majority."
            )
        if replicas < 0:
            raise EngineError(f"replicas is {replicas}: give 0 or more.")
        if nodes is not None and len(nodes) != shards * (replicas + 1):
            raise EngineError(
                f"nodes has {len(nodes)} entries, {shards} shards with {replicas} replicas each need "
                f"{shards * (replicas + 1)}."
            )

    @property
    def api(self):
        """The Kubernetes API client, None for nodes given as host and port."""
        return self._kubernetes.api if self._kubernetes else None

    @property
    def _transport(self) -> str:
        """``auto`` never guesses by connecting: a pod address may be somebody else's machine out here."""
        if self._params["transport"] == "auto":
            return "direct" if "KUBERNETES_SERVICE_HOST" in os.environ else "port_forward"
        return self._params["transport"]

    def look(self, fleet: Fleet) -> list[Node]:
        """Observe all nodes where they are now, in the order of their ordinals.

        In check mode a pod that does not exist yet has a place in it, with the machine that the volume plan gives it.
        """
        fleet.pin({})
        endpoints, reasons = self._endpoints()
        if reasons:
            raise Unreachable("Redis nodes are not to be reached.", reasons, self._advice())
        fleet.follow(endpoints)
        nodes = {n.name: n for n in observe(fleet)}
        nodes.update({name: Node(self._placeholder(name)) for name in self._absent})
        return [nodes[name] for name in self._names()]

    def kept(self) -> list[str]:
        """Pods that do not exist (check mode), although volumes are there that they will find again.

        Such a volume may hold a node of a cluster, as after an uninstall, or when a pod is just being replaced.
        """
        if not self._absent:
            return []
        bound = self._kubernetes.bound_claims(self._params["namespace"])
        if f"{CLAIM}-{self._params['name']}" in bound:
            return self._absent
        return [name for name in self._absent if f"{CLAIM}-{name}" in bound]

    def _placeholder(self, name: str) -> Endpoint:
        place = (self._params.get("placement") or {}).get(name, {})
        return Endpoint(name, "", REDIS_PORT, place.get("machine", ""), place.get("zone", ""))

    def connect(self, report: Callable[[str], None]) -> Fleet:
        """Wait until every node answers with the password; raise Unreachable with the reasons at the deadline."""
        fleet, reasons = self.reach(report)
        if reasons:
            fleet.close()
            raise Unreachable(
                f"Not every Redis node answered within {self._params['timeout']} s.", reasons, self._advice()
            )
        return fleet

    def reach(self, report: Callable[[str], None]) -> tuple[Fleet, list[str]]:
        """The nodes that answer, at the latest at the deadline, and why the others do not."""
        if self._kubernetes:
            self._zones = self._kubernetes.zones()
        endpoints, reasons = self._endpoints()
        password = self._password() if endpoints or reasons else None
        fleet = Fleet(self._dialer(), (), password, min(REPLY_SECONDS, float(self._params["timeout"])))
        said: list[str] = []
        while True:
            fleet.follow(endpoints)
            silent = _silent(fleet)
            reasons += [f"{name}: {reply}" for name, reply in silent.items()]
            if not reasons:
                return fleet, []
            if time.monotonic() > self.deadline:
                fleet.follow(e for e in endpoints if e.name not in silent)
                return fleet, reasons
            if reasons != said:
                said = reasons
                report(f"waiting for {len(reasons)} nodes: {reasons[0]}")
            time.sleep(POLL_SECONDS)
            try:
                endpoints, reasons = self._endpoints()
            except Unreachable as error:
                reasons = [error.message]

    def _advice(self) -> str:
        if not self._kubernetes:
            return "Start the servers, or correct nodes."
        return (
            f"Look at them with: kubectl -n {self._params['namespace']} get pods,pvc,events. "
            "Run again after that: nothing was changed."
        )

    def _dialer(self):
        if self._kubernetes and self._transport == "port_forward":
            return PortForwardDialer(self._kubernetes, self._params["namespace"])
        return DirectDialer()

    def _password(self) -> str | None:
        if self._params["login_secret"]:
            return self._kubernetes.secret_value(
                self._params["namespace"], self._params["login_secret"], self._params["login_secret_key"]
            )
        return self._params["login_password"]

    def _names(self) -> list[str]:
        return self._params["nodes"] or [f"{self._params['name']}-{i}" for i in range(self.desired.nodes)]

    def _endpoints(self) -> tuple[list[Endpoint], list[str]]:
        """Endpoints that can be tried now, and why the others cannot."""
        if not self._kubernetes:
            return _given(self._params["nodes"]), []
        pods = self._kubernetes.pods(self._params["namespace"], self._params["name"])
        absent = [name for name in self._names() if name not in pods]
        self._absent = absent if self._predicting else []
        reasons = [] if self._predicting else [f"{name}: does not exist" for name in absent]
        found = [pods[name] for name in self._names() if name in pods]
        reasons += [f"{pod.name}: {pod.waiting}" for pod in found if pod.waiting]
        running = [pod for pod in found if not pod.waiting]
        if self._resolver:
            reasons += self._dns_problems(running)
        places = [(p, self._zones.get(p.machine, "")) for p in running]
        return [Endpoint(p.name, p.address, REDIS_PORT, p.machine, zone) for p, zone in places], reasons

    def _dns_problems(self, pods: Sequence[Pod]) -> list[str]:
        service = self._params["service"] or f"{self._params['name']}-headless"
        suffix = f"{service}.{self._params['namespace']}.svc.{self._params['cluster_domain']}"
        expected = {f"{p.name}.{suffix}": p.address for p in pods}
        found = disagreements(self._resolver.addresses(list(expected)), expected)
        return [f"{problem} (DNS server {self._resolver.server})" for problem in found]


def _kubernetes(module) -> Kubernetes:
    # half of the time that a module takes to start, which nodes given as host and port do not need
    from ansible_collections.slotwise.redis.plugins.module_utils._kubernetes import (  # noqa: PLC0415
        Kubernetes,
        api_client,
        require_kubernetes,
    )

    require_kubernetes(module)
    return Kubernetes(api_client(module.params["kubeconfig"], module.params["context"]))


def _given(nodes: Sequence[str]) -> list[Endpoint]:
    """host:port -> endpoint. MEET takes addresses only, so host names are resolved here (redis#10433)."""
    endpoints: dict[tuple[str, int], Endpoint] = {}
    for node in nodes:
        host, port = _host_and_port(node)
        try:
            address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
        except OSError as error:
            raise Unreachable(f"nodes has the entry {node!r}: {host} does not resolve: {error.strerror}.") from error
        if (address, port) in endpoints:
            raise EngineError(f"nodes has {endpoints[address, port].name!r} and {node!r}, which are the same server.")
        endpoints[address, port] = Endpoint(node, address, port)
    return list(endpoints.values())


def _host_and_port(node: str) -> tuple[str, int]:
    host, colon, port = node.rpartition(":")
    if not host or not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) <= MAX_PORT:
        raise EngineError(
            f"nodes has the entry {node!r}: write host:port with a port from 1 to {MAX_PORT}, such as 127.0.0.1:7000."
        )
    return host.strip("[]"), int(port)


def _silent(fleet: Fleet) -> dict[str, Exception]:
    """Nodes that do not answer, and what came instead.

    Not asked by PING: a replica without its master may refuse that (replica-serve-stale-data no).
    """
    answers = fleet.ask_all(("CLUSTER", "MYID"))
    silent = {name: reply for name, (reply,) in answers.items() if isinstance(reply, Exception)}
    for name, reply in silent.items():
        try:
            _refuse_login(name, reply)
        except EngineError:
            fleet.close()
            raise
    return silent


def _refuse_login(name: str, reply: Exception) -> None:
    """A wrong password does not become right by waiting."""
    if not isinstance(reply, AuthenticationError):
        return
    if "without any password configured" in str(reply):
        raise EngineError(
            f"{name} has no password, but one was given.",
            [f"answer: {reply}"],
            "Check that this is the right deployment.",
        )
    raise EngineError(
        f"{name} does not accept the password.",
        [f"answer: {reply}"],
        "Set login_password, or login_secret to the Secret that the pods mount. Pods keep the password that they "
        "started with.",
    )


def with_nodes(module, read: Callable[[Deployment, Fleet, list[Node], list[str]], dict]) -> None:
    """Entry of the modules that change nothing: observe what answers, return what ``read`` makes of it.

    ``read`` also gets the reasons why some nodes do not answer.
    """

    def work() -> dict:
        deployment = Deployment(module)
        fleet, reasons = deployment.reach(module.debug)
        try:
            return {"changed": False, **read(deployment, fleet, observe(fleet), reasons)}
        finally:
            fleet.close()

    end(module, work)
