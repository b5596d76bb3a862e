# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From module options to connected Redis servers, whatever their topology: pods, addresses, password, connections."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._deps import require_redis
from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.io.resolver import Resolver, disagreements, require_dns
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import (
    REPLY_SECONDS,
    Command,
    Dialer,
    DirectDialer,
    Fleet,
    PortForwardDialer,
)
from ansible_collections.slotwise.redis.plugins.module_utils.redis.answers import refuse_hopeless
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint

if TYPE_CHECKING:
    from kubernetes import client

    from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import Kubernetes, Pod

POLL_SECONDS = 0.25
STUCK_SECONDS = 10.0
"""So long a pod is waited for that Kubernetes says cannot run."""
REFUSES = "refuses to start: "
"""So the reason begins of a pod that will not start however long it is waited for."""
REDIS_PORT = 6379


class Servers:
    """The Redis servers that a module is asked about. Its options are those of SERVERS of C(_argspec.py)."""

    ping: Command = ("PING",)
    """What a server answers when it can be worked with."""
    port = REDIS_PORT
    max_port = 65535
    _zones: Mapping[str, str] = MappingProxyType({})

    def __init__(self, module: AnsibleModule, count: int) -> None:
        """``count`` is that of the pods, where servers are not given as host and port."""
        require_redis(module)
        _check_whom(module.params)
        self._params = module.params
        self._instance = self._params["name"]
        self._count = count
        self.deadline = time.monotonic() + self._params["timeout"]
        self._predicting = module.check_mode
        self._absent: list[str] = []
        self._stuck: Mapping[str, str] = {}
        self._stuck_since: dict[str, float] = {}
        self._zones: Mapping[str, str] = {}
        self._kubernetes: Kubernetes | None = None
        self._resolver: Resolver | None = None
        if self._params["name"]:
            self._kubernetes = open_kubernetes(module)
            if self._transport == "direct" or self._params["dns_server"]:
                require_dns(module)
                self._resolver = Resolver(self._params["dns_server"])

    @property
    def api(self) -> client.ApiClient | None:
        """The Kubernetes API client, None for nodes given as host and port."""
        return self._kubernetes.api if self._kubernetes else None

    @property
    def kubernetes(self) -> Kubernetes:
        """Of servers that are pods: those that a name is given for."""
        if self._kubernetes is None:
            raise AssertionError("these servers are given by address, not as pods")
        return self._kubernetes

    @property
    def names(self) -> list[str]:
        return self._names()

    @property
    def _transport(self) -> str:
        """``auto`` never guesses by connecting: a pod address may be somebody else's machine out here.

        Nor does it take the cluster that this runs in for the one that it was told of.
        """
        if self._params["transport"] == "auto":
            return "direct" if self._kubernetes and self._kubernetes.around_us else "port_forward"
        return self._params["transport"]

    @property
    def cluster_domain(self) -> str:
        """The domain of the names of pods; empty for servers given as host and port."""
        return self._params["cluster_domain"] if self._kubernetes else ""

    @property
    def zones(self) -> int:
        """How many zones the Kubernetes nodes are in, as far as their labels say."""
        return len(set(filter(None, self._zones.values())))

    def labels(self, label: str) -> dict[str, str]:
        """Pod -> its value of a label; nothing for servers given as host and port."""
        if not self._kubernetes:
            return {}
        return {name: pod.labels.get(label, "") for name, pod in self._pods().items()}

    def fleet(self, reply_seconds: float) -> Fleet:
        """Connections to nobody yet: see ``follow``."""
        return Fleet(self._dialer(), (), self._password(), reply_seconds)

    def follow(self, fleet: Fleet) -> dict[str, Pod]:
        """The pods as they are now, of which those that run are in the fleet from now on."""
        pods = self._pods()
        found = {name: pods[name] for name in self._names() if name in pods}
        fleet.follow(Endpoint(p.name, p.address, self.port, p.machine) for p in found.values() if not p.waiting)
        return found

    def connect(self, report: Callable[[str], None]) -> Fleet:
        """Wait until every node answers with the password; raise Unreachable with the reasons at the deadline."""
        fleet, reasons = self.reach(report)
        if reasons:
            fleet.close()
            refusals = [reason for reason in reasons if REFUSES in reason]
            if refusals:
                raise EngineError(
                    "Pods do not start with the settings that they have.",
                    refusals,
                    "Change it and run playbooks/site.yml again: these pods are then replaced.",
                )
            raise Unreachable(
                f"Not every Redis node answered within {self._params['timeout']} s.", reasons, self._advice()
            )
        return fleet

    def reach(self, report: Callable[[str], None]) -> tuple[Fleet, list[str]]:
        """The nodes that answer, and why the others do not when they are not waited for any more."""
        if self._kubernetes:
            self._zones = self._kubernetes.zones()
        endpoints, reasons = self._endpoints()
        password = self._password() if endpoints or reasons else None
        fleet = Fleet(self._dialer(), (), password, min(REPLY_SECONDS, float(self._params["timeout"])))
        said: list[str] = []
        while True:
            fleet.follow(endpoints)
            silent = self._silent(fleet)
            reasons += silent.values()
            answering = [e for e in endpoints if e.name not in silent]
            refused = any(REFUSES in reason for reason in reasons)
            if not reasons or refused or self._given_up(answering):
                fleet.follow(answering)
                return fleet, reasons
            if reasons != said:
                said = reasons
                report(f"waiting for {len(reasons)} nodes: {reasons[0]}")
            time.sleep(POLL_SECONDS)
            try:
                endpoints, reasons = self._endpoints()
            except Unreachable as error:
                reasons = [error.message]

    def _silent(self, fleet: Fleet) -> dict[str, str]:
        """Servers that do not answer, and what came instead. Raises where it makes no sense to ask again."""
        answers = fleet.ask_all(self.ping)
        errors = {name: reply for name, (reply,) in answers.items() if isinstance(reply, Exception)}
        try:
            refuse_hopeless(errors)
        except EngineError:
            fleet.close()
            raise
        return {name: self._reason(name, str(error)) for name, error in errors.items()}

    def _reason(self, name: str, why: str) -> str:
        stuck = self._stuck.get(name, "")
        return f"{name}: {why}" + (f" ({stuck})" if stuck and stuck not in why else "")

    def _given_up(self, answering: Sequence[Endpoint]) -> bool:
        """Whether none of the other nodes is waited for any more.

        Not for long where Kubernetes says that a pod cannot come: for a moment a new pod has no machine either.
        """
        now, missing = time.monotonic(), {*self._names()} - {*self._absent} - {e.name for e in answering}
        self._stuck_since = {name: self._stuck_since.get(name, now) for name in self._stuck if name in missing}
        stuck = {name for name, since in self._stuck_since.items() if now - since >= STUCK_SECONDS}
        return now > self.deadline or (bool(missing) and missing == stuck)

    def _advice(self) -> str:
        if not self._kubernetes:
            return "Start the servers, or correct nodes."
        return (
            f"Look at them with: kubectl -n {self._params['namespace']} get pods,pvc,events. "
            "Run again after that: nothing was changed."
        )

    def config_map(self, name: str) -> dict[str, str]:
        """Data of a ConfigMap beside the pods."""
        return self.kubernetes.config_map(self._params["namespace"], name)

    def _dialer(self) -> Dialer:
        if self._kubernetes and self._transport == "port_forward":
            return PortForwardDialer(self._kubernetes, self._params["namespace"])
        return DirectDialer()

    def _password(self) -> str | None:
        if self._params["login_secret"]:
            return self.kubernetes.secret_value(
                self._params["namespace"], self._params["login_secret"], self._params["login_secret_key"]
            )
        return self._params["login_password"]

    def _names(self) -> list[str]:
        return self._params["nodes"] or [f"{self._params['name']}-{i}" for i in range(self._count)]

    def _pods(self) -> Mapping[str, Pod]:
        return self.kubernetes.pods(self._params["namespace"], self._params["name"], self._instance)

    def _endpoints(self) -> tuple[list[Endpoint], list[str]]:
        """Endpoints that can be tried now, and why the others cannot."""
        if not self._kubernetes:
            return _given(self._params["nodes"], self.max_port), []
        pods = self._pods()
        absent = [name for name in self._names() if name not in pods]
        self._absent = absent if self._predicting else []
        reasons = [] if self._predicting else [f"{name}: does not exist" for name in absent]
        found = [pods[name] for name in self._names() if name in pods]
        self._stuck = {pod.name: pod.stuck for pod in found if pod.stuck}
        reasons += [self._reason(pod.name, pod.waiting) for pod in found if pod.waiting]
        running = [pod for pod in found if not pod.waiting]
        if self._resolver:
            wrong = self._dns_problems(self._resolver, running)
            reasons += wrong.values()
            if self._transport == "direct":
                # where DNS knows other pods than the API, an address may be somebody else's, who is told no password
                running = [pod for pod in running if pod.name not in wrong]
        return [Endpoint(p.name, p.address, self.port, p.machine, self._zone(p)) for p in running], reasons

    def _zone(self, pod: Pod) -> str:
        """As in the volume plan, which check mode knows alone: what the inventory says, else the label of the node."""
        planned = (self._params.get("placement") or {}).get(pod.name, {})
        given = planned.get("zone", "") if planned.get("machine") == pod.machine else ""
        return given or self._zones.get(pod.machine, "")

    def _dns_problems(self, resolver: Resolver, pods: Sequence[Pod]) -> dict[str, str]:
        service = self._params["service"] or f"{self._params['name']}-headless"
        suffix = f"{service}.{self._params['namespace']}.svc.{self._params['cluster_domain']}"
        expected = {f"{p.name}.{suffix}": p.address for p in pods}
        found = disagreements(resolver.addresses(list(expected)), expected)
        return {problem.partition(".")[0]: f"{problem} (DNS server {resolver.server})" for problem in found}


def _check_whom(params: Mapping[str, Any]) -> None:
    """An option that is empty is there for Ansible, and names nobody."""
    if not params["name"] and not params["nodes"]:
        raise EngineError("Neither name nor nodes says which servers are meant: both are empty.")
    if params["name"] and not params["namespace"]:
        raise EngineError(f"namespace is {params['namespace']!r}: give the namespace of {params['name']}.")


def open_kubernetes(module: AnsibleModule) -> Kubernetes:
    # half of the time that a module takes to start, which nodes given as host and port do not need
    from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import (  # noqa: PLC0415
        Kubernetes,
        api_client,
        require_kubernetes,
        uses_own_account,
    )

    require_kubernetes(module)
    given = module.params["kubeconfig"], module.params["context"]
    return Kubernetes(api_client(*given), around_us=uses_own_account(*given))


def _given(nodes: Sequence[str], max_port: int) -> list[Endpoint]:
    """host:port -> endpoint. MEET takes addresses only, so host names are resolved here (redis#10433)."""
    endpoints: dict[tuple[str, int], Endpoint] = {}
    for node in nodes:
        host, port = _host_and_port(node, max_port)
        try:
            address = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
        except OSError as error:
            raise Unreachable(f"nodes has the entry {node!r}: {host} does not resolve: {error.strerror}.") from error
        if (address, port) in endpoints:
            raise EngineError(f"nodes has {endpoints[address, port].name!r} and {node!r}, which are the same server.")
        endpoints[address, port] = Endpoint(node, address, port)
    return list(endpoints.values())


def _host_and_port(node: str, max_port: int) -> tuple[str, int]:
    host, colon, port = node.rpartition(":")
    if not host or not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) <= max_port:
        raise EngineError(
            f"nodes has the entry {node!r}: write host:port with a port from 1 to {max_port}, such as 127.0.0.1:7000."
        )
    return host.strip("[]"), int(port)
