# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection asks of the Kubernetes API, with errors that name the server and the fix."""

from __future__ import annotations

import base64
import os
import socket
import time
import traceback
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.redis.passwords import fault_of, without_line_end

try:
    from kubernetes import client, config
    from kubernetes.client.exceptions import ApiException
    from kubernetes.config.config_exception import ConfigException
    from kubernetes.stream import portforward
    from urllib3.exceptions import HTTPError as HttpError

    KUBERNETES_TRACEBACK = None
except ImportError:
    client = None  # type: ignore[assignment]
    KUBERNETES_TRACEBACK = traceback.format_exc()

    class ApiException(Exception):  # type: ignore[no-redef]
        """Never raised: every user calls require_kubernetes first."""

    class HttpError(Exception):  # type: ignore[no-redef]
        """Never raised, as above."""


KUBECONFIG = "~/.kube/config"
READ_SECONDS = 15
MACHINES_SECONDS = 5.0
REFUSED = 78
"""Exit code of a container that its settings keep from starting."""
SERVER_CONTAINERS = ("redis", "sentinel")
ZONE_LABEL = "topology.kubernetes.io/zone"


def require_kubernetes(module: AnsibleModule) -> None:
    """Fail with Ansible's usual text where the kubernetes library is missing."""
    if KUBERNETES_TRACEBACK:
        module.fail_json(msg=missing_required_lib("kubernetes"), exception=KUBERNETES_TRACEBACK)


@dataclass(frozen=True)
class Pod:
    """The part of a pod that finding its Redis node needs.

    ``waiting`` says why it does not run yet, ``stuck`` why Kubernetes itself does not expect that it will soon.
    ``lasts`` is whether no data goes with it: it is on a volume, or the server never ran.
    """

    name: str
    address: str = ""
    machine: str = ""
    waiting: str = ""
    stuck: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    uid: str = ""
    ready: bool = False
    lasts: bool = True

    @property
    def revision(self) -> str:
        """The template of the StatefulSet that the pod was made from."""
        return self.labels.get("controller-revision-hash", "")


@dataclass(frozen=True)
class StatefulSet:
    """The part of a StatefulSet that restarts need. ``revision`` is that of its present template."""

    name: str
    replicas: int
    revision: str
    observed: bool
    """Whether its status, and so the revision, belongs to what it is told now."""


def uses_own_account(kubeconfig: str | None, context: str | None) -> bool:
    """Whether the API is that of the cluster in whose pod this runs: only there no kubeconfig says which one it is."""
    given = kubeconfig or context or os.environ.get("KUBECONFIG") or os.path.exists(os.path.expanduser(KUBECONFIG))
    return not given and "KUBERNETES_SERVICE_HOST" in os.environ


def api_client(kubeconfig: str | None = None, context: str | None = None) -> client.ApiClient:
    """A client as kubectl would choose it: the given file, C(KUBECONFIG), ~/.kube/config, or the pod's own account."""
    explicit = kubeconfig or os.environ.get("KUBECONFIG")
    try:
        if uses_own_account(kubeconfig, context):
            settings = client.Configuration()
            config.load_incluster_config(client_configuration=settings)
            made = client.ApiClient(settings)
        else:
            made = config.new_client_from_config(config_file=kubeconfig or None, context=context or None)
    except (ConfigException, OSError) as error:
        raise Unreachable(
            f"No usable Kubernetes configuration: {error}",
            [f"kubeconfig: {explicit or KUBECONFIG}", f"context: {context or 'the current one'}"],
            "Set redis_kubeconfig (and redis_context) to a kubeconfig file that kubectl can use.",
        ) from error
    made.configuration.retries = False
    made.rest_client.pool_manager.connection_pool_kw["retries"] = False
    return made


def passes(error: ApiException | HttpError) -> bool:
    """Whether the API may answer the same request differently in a while."""
    if isinstance(error, HttpError):
        return True
    # one that has just started knows not every group of its API yet; a namespace that is away stays away
    unknown = error.status == 404 and "namespaces" not in str(error.body)
    return unknown or error.status in (408, 429) or error.status >= 500


@contextmanager
def api_errors(api: client.ApiClient, doing: str) -> Iterator[None]:
    """Turn an unanswered or refused request into an error that says what was asked of whom."""
    server = api.configuration.host
    try:
        yield
    except HttpError as error:
        raise Unreachable(
            f"The Kubernetes API at {server} does not answer ({doing}).",
            [str(error)],
            "Check the server address in the kubeconfig, and that this machine may reach it.",
        ) from error
    except ApiException as error:
        advice = ""
        if error.status == 401:
            advice = "The credentials in the kubeconfig are not accepted; renew them."
        elif error.status == 403 and "being terminated" in str(error.body):
            advice = "The namespace is being deleted. Run again when it is gone."
        elif error.status == 403:
            advice = (
                "Grant the missing verb to the user of the kubeconfig; playbooks/preflight.yml lists what is needed."
            )
        elif error.status == 404 and "namespaces" in str(error.body):
            advice = "The namespace does not exist, or not any more."
        raise EngineError(
            f"The Kubernetes API at {server} refused ({doing}): {error.status} {error.reason}",
            [error.body.strip() if isinstance(error.body, str) else str(error.body)],
            advice,
        ) from error


class Kubernetes:
    """What the engine reads, port-forwards to pods, and the end of a pod."""

    def __init__(self, api: client.ApiClient, around_us: bool = False) -> None:
        """``around_us``: this runs in a pod of the cluster whose API it is."""
        self.api, self.around_us = api, around_us
        self.core = client.CoreV1Api(api)
        self._looked = float("-inf")
        self._lost: set[str] = set()

    def pods(self, namespace: str, name: str, instance: str) -> dict[str, Pod]:
        """Pods of the StatefulSet ``name`` of the deployment ``instance``, by their names."""
        with api_errors(self.api, f"listing pods in {namespace}"):
            listed = self.core.list_namespaced_pod(
                namespace, label_selector=f"app.kubernetes.io/instance={instance}", _request_timeout=READ_SECONDS
            )
        ours = [
            p
            for p in listed.items
            if any(o.kind == "StatefulSet" and o.name == name for o in p.metadata.owner_references or [])
        ]
        lost = self._lost_machines() if not all(map(_is_ready, ours)) else set()
        return {
            p.metadata.name: Pod(
                p.metadata.name,
                p.status.pod_ip or "",
                p.spec.node_name or "",
                _waiting(p),
                _stuck(p, lost),
                p.metadata.labels or {},
                p.metadata.uid,
                any(c.type == "Ready" and c.status == "True" for c in p.status.conditions or []),
                not (_has_run(p) and any(v.name == "data" and v.empty_dir for v in p.spec.volumes or [])),
            )
            for p in ours
        }

    def stateful_set(self, namespace: str, name: str) -> StatefulSet | None:
        """None where it does not exist."""
        with api_errors(self.api, f"reading StatefulSet {namespace}/{name}"):
            try:
                found = client.AppsV1Api(self.api).read_namespaced_stateful_set(
                    name, namespace, _request_timeout=READ_SECONDS
                )
            except ApiException as error:
                if error.status == 404:
                    return None
                raise
        return StatefulSet(
            name,
            found.spec.replicas,
            found.status.update_revision or "",
            (found.status.observed_generation or 0) >= found.metadata.generation,
        )

    def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        """Ask for the end of this very pod; one that has gone meanwhile, or is another of its name, is left alone."""
        with api_errors(self.api, f"deleting Pod {namespace}/{name}"):
            try:
                self.core.delete_namespaced_pod(
                    name,
                    namespace,
                    body=client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=uid)),
                    _request_timeout=READ_SECONDS,
                )
            except ApiException as error:
                if error.status not in (404, 409):
                    raise

    def warnings(self, namespace: str, name: str) -> list[str]:
        """The newest warnings about objects of this name, the latest first. No text where events may not be read."""
        return [text for _kind, _name, text in self._warnings(namespace, f"involvedObject.name={name},type=Warning")]

    def all_warnings(self, namespace: str) -> list[tuple[str, str, str]]:
        """The same about all objects of a namespace: kind, name and text."""
        return self._warnings(namespace, "type=Warning")

    def _warnings(self, namespace: str, selector: str) -> list[tuple[str, str, str]]:
        with api_errors(self.api, f"listing events in {namespace}"):
            try:
                listed = self.core.list_namespaced_event(
                    namespace, field_selector=selector, _request_timeout=READ_SECONDS
                )
            except ApiException as error:
                if error.status == 403:
                    return []
                raise
        newest = sorted(listed.items, key=lambda e: str(e.last_timestamp or e.event_time or ""), reverse=True)
        return [(e.involved_object.kind, e.involved_object.name, f"{e.reason}: {e.message}") for e in newest]

    def bound_claims(self, namespace: str) -> set[str]:
        """Names of the claims that have a volume, which may hold data."""
        with api_errors(self.api, f"listing persistentvolumeclaims in {namespace}"):
            listed = self.core.list_namespaced_persistent_volume_claim(namespace, _request_timeout=READ_SECONDS)
        return {claim.metadata.name for claim in listed.items if claim.status.phase == "Bound"}

    def zones(self) -> dict[str, str]:
        """Kubernetes node -> zone. Empty where nodes may not be listed: zones are then unknown."""
        return {n.metadata.name: (n.metadata.labels or {}).get(ZONE_LABEL, "") for n in self._machines()}

    def _lost_machines(self) -> set[str]:
        """Kubernetes nodes that are not ready, as of a few seconds ago. A machine of many pods is asked for often."""
        if time.monotonic() > self._looked + MACHINES_SECONDS:
            self._lost = {n.metadata.name for n in self._machines() if not _is_ready(n)}
            self._looked = time.monotonic()
        return self._lost

    def _machines(self) -> list[client.V1Node]:
        with api_errors(self.api, "listing nodes"):
            try:
                return self.core.list_node(_request_timeout=READ_SECONDS).items
            except ApiException as error:
                if error.status == 403:
                    return []
                raise

    def secret_value(self, namespace: str, name: str, key: str) -> str:
        with api_errors(self.api, f"reading Secret {namespace}/{name}"):
            secret = self.core.read_namespaced_secret(name, namespace, _request_timeout=READ_SECONDS)
        if key not in (secret.data or {}):
            raise EngineError(
                f"Secret {namespace}/{name} has no key {key}.",
                [f"its keys: {', '.join(sorted(secret.data or {})) or 'none'}"],
            )
        value = base64.b64decode(secret.data[key] or "")
        if fault := fault_of(value):
            raise EngineError(f"The password in key {key} of Secret {namespace}/{name} {fault}", [])
        return without_line_end(value).decode()

    def config_map(self, namespace: str, name: str) -> dict[str, str]:
        """Its data; nothing where it does not exist."""
        with api_errors(self.api, f"reading ConfigMap {namespace}/{name}"):
            try:
                found = self.core.read_namespaced_config_map(name, namespace, _request_timeout=READ_SECONDS)
            except ApiException as error:
                if error.status == 404:
                    return {}
                raise
        return found.data or {}

    def port_forward(self, namespace: str, pod: str, port: int, timeout: float) -> socket.socket:
        """An open connection to a port of a pod. Raises OSError where it cannot be had."""
        # the stream helpers patch their client for the call, so each call has its own
        core = client.CoreV1Api(client.ApiClient(self.api.configuration))
        try:
            forward = portforward(core.connect_get_namespaced_pod_portforward, pod, namespace, ports=str(port))
        except ApiException as error:
            raise OSError(f"port-forward to {namespace}/{pod}: {error.reason}") from error
        opened = forward.socket(port)
        opened.setblocking(True)
        opened.settimeout(timeout)
        return opened


def _is_ready(item: client.V1Pod | client.V1Node) -> bool:
    """Whether a pod or a Kubernetes node is."""
    return any(c.type == "Ready" and c.status == "True" for c in item.status.conditions or [])


def _stuck(pod: client.V1Pod, lost: Collection[str]) -> str:
    """Why a pod will not run soon: its machine is away, or it has none."""
    if pod.spec.node_name in lost:
        return f"its machine {pod.spec.node_name} is not ready"
    # what is left to see where the machines may not be listed
    if pod.status.reason == "NodeLost":
        return "its machine is lost"
    unschedulable = any(c.type == "PodScheduled" and c.reason == "Unschedulable" for c in pod.status.conditions or [])
    return "cannot be scheduled" if unschedulable else ""


def _refusal(container: client.V1ContainerStatus) -> str:
    """What a container said that ended because of its settings: see names.sh."""
    last = container.last_state.terminated if container.last_state else None
    ended = container.state.terminated or (last if container.state.waiting else None)
    return f"refuses to start: {(ended.message or '').strip()}" if ended and ended.exit_code == REFUSED else ""


def _has_run(pod: client.V1Pod) -> bool:
    servers = [c for c in pod.status.container_statuses or [] if c.name in SERVER_CONTAINERS]
    return any(c.restart_count or c.state.running or c.state.terminated for c in servers)


def _waiting(pod: client.V1Pod) -> str:
    """Why the server of a pod does not run: scheduling, image, crash; empty when it runs."""
    if pod.metadata.deletion_timestamp:
        held = ", ".join(pod.metadata.finalizers or [])
        return f"is terminating, held by {held}" if held else "is terminating"
    for condition in pod.status.conditions or []:
        if condition.type == "PodScheduled" and condition.status != "True":
            return f"cannot be scheduled: {condition.message or condition.reason}"
    for container in pod.status.container_statuses or []:
        if refusal := _refusal(container):
            return refusal
        state = container.state if container.name in SERVER_CONTAINERS else None
        if state and state.waiting:
            return f"{container.name} waits: {state.waiting.reason} {state.waiting.message or ''}".strip()
        if state and state.terminated:
            return f"{container.name} ended with exit code {state.terminated.exit_code}"
    return "" if pod.status.pod_ip else f"has no address yet (phase {pod.status.phase})"
