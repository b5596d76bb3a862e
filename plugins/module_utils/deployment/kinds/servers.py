# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Redis servers of a deployment, whatever their kind: a StatefulSet and what belongs to it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.checks import (
    at_least,
    losses,
    namespace_missing,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import (
    network_policy,
    nodes,
    service,
    storage,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features.catalog import each, merged
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live, Password, has_labels, labels
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import (
    HOSTNAME,
    PREFIX,
    REDIS_PORT,
    annotation,
    digest,
    owner_labels,
    selector,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import (
    LEASE,
    MAKE,
    READ,
    REMOVE,
    SCRATCH,
    Maker,
    Object,
    config_volume,
    container_ports,
    mounts,
    rule,
    runs,
    variables,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import (
    field as pod_field,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.queries import (
    Query,
    labelled,
    of_servers,
    single,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.redis_conf import redis_conf
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.storage import PLANNED
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment, Observed
from ansible_collections.slotwise.redis.plugins.module_utils.redis.directives import config_problems


@dataclass(frozen=True)
class Servers:
    """What a kind says of its servers."""

    component: str
    """The label that tells its pods from those of other kinds."""
    pods: int
    remembers: Mapping[str, str]
    """Annotations of the StatefulSet that a later run compares its variables with."""
    spread: tuple[nodes.Spread, ...]
    ports: Mapping[str, int] = field(default_factory=lambda: {"redis": REDIS_PORT})
    readiness: Object = field(default_factory=dict)
    """The probe."""
    services: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: {"": {}})
    """Suffix of each service for clients, and the labels that narrow its pods down."""
    hands_over: bool = False
    """Whether a container is asked to hand over before it ends."""
    remembers_node: bool = False
    """Whether a pod remembers which node it is, as long as it exists."""
    beside: tuple[Object, ...] = ()
    """Containers beside the server, and their volumes."""
    volumes: tuple[Object, ...] = ()
    open_inside: tuple[int, ...] = ()
    """Ports beside those of the server that pods of the deployment connect to."""
    copies: int = 1
    """How many servers have the same data."""
    scripts: tuple[str, ...] = ()
    """Files of its role that pods run, beside those of all kinds."""
    directives: Mapping[str, Any] = field(default_factory=dict)
    """Lines of redis.conf, as long as a user sets no other value."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Lines of redis.conf that no user sets."""
    emptydir_warning: str = ""
    """What an emptyDir does not keep."""
    other_set: str = ""
    """Name of the StatefulSet beside that of its servers."""


ACCEPTS = {"tcpSocket": {"port": "redis"}}
"""That it takes connections is seen without starting a process."""
STARTUP = runs("sh", "/scripts/probe.sh", "startup")
READINESS = runs("sh", "/scripts/probe.sh", "readiness")
LIVENESS = {
    **runs("sh", "/scripts/probe.sh", "liveness"),
    # A process started in a container costs far more than the question, and a machine may have dozens of servers.
    "periodSeconds": 30,
    # A machine that is busy is no reason for a restart, which would keep it busy.
    "timeoutSeconds": 20,
    "failureThreshold": 3,
}
ANSWER_SECONDS = 8
"""How long the answer to a readiness probe may take."""
PRESTOP_SPARE = 15
"""Seconds of the grace period that are left for the end of the server after the hand-over."""


COMPONENT = f"{PREFIX}/component"
SCRIPTS = ("common.sh", "names.sh", "start.sh", "persistence.sh", "supervise.sh", "probe.sh", "topology.sh")
"""Files that the pods of servers run. Their order is part of their digest, and so of what pods restart for."""


def labels_of(deployment: Deployment, servers: Servers) -> dict[str, str]:
    """Of all objects. They also tell a deployment from one of another kind with the same name."""
    return {**owner_labels(deployment.name), COMPONENT: servers.component}


def configuration(deployment: Deployment, servers: Servers) -> dict[str, str]:
    standard = {**servers.directives, **merged("directives", deployment)}
    return {"redis.conf": redis_conf(deployment, standard, servers.fixed)}


def awaited(deployment: Deployment, servers: Servers) -> list[Query]:
    """What is ready when the deployment is."""
    name, here = deployment.name, deployment.namespace
    others = [single("beside", "StatefulSet", servers.other_set, here)] if servers.other_set else []
    return [
        single("statefulset", "StatefulSet", name, here),
        labelled("pods", "Pod", labels_of(deployment, servers), here),
        single("service", "Service", name, here),
        *others,
    ]


def queries(deployment: Deployment, servers: Servers) -> list[Query]:
    return of_servers(deployment, labels_of(deployment, servers))


def observed(deployment: Deployment, live: Live) -> Observed:
    """What its objects depend on beside its options."""
    nodes_here = nodes.mounting(deployment, live) if deployment.on_nfs else []
    return Observed(
        claimed_size=live.remembered.get(annotation("storage-claimed"), ""),
        hostnames=tuple(labels(node)[HOSTNAME] for node in nodes_here if labels(node).get(HOSTNAME)),
    )


def maker(deployment: Deployment, servers: Servers) -> Maker:
    return Maker(deployment, selector(deployment.name, servers.component))


def objects(deployment: Deployment, servers: Servers) -> list[Object]:
    """Everything but the Secret."""
    make, names = maker(deployment, servers), deployment.names
    return [
        *make.namespace(),
        make.files(names.config, deployment.configuration),
        make.files(scripts_name(deployment), deployment.scripts, immutable=True),
        make.headless(names.headless, servers.ports),
        *(
            service.service(make, f"{names.name}{suffix}", {"redis": REDIS_PORT}, role, first=number == 0)
            for number, (suffix, role) in enumerate(servers.services.items())
        ),
        make.budget(names.name, deployment.max_unavailable),
        *network_policy.policy(
            make,
            names.name,
            [*servers.ports.values(), *servers.open_inside],
            {REDIS_PORT: deployment.network_policy_clients, **merged("clients", deployment)},
        ),
        *each("objects", make),
        stateful_set(make, servers),
    ]


def scripts_name(deployment: Deployment) -> str:
    return deployment.names.of_files("scripts", deployment.scripts)


def stateful_set(make: Maker, servers: Servers) -> Object:
    deployment = make.deployment
    pod = {
        "terminationGracePeriodSeconds": deployment.termination_grace_period,
        **make.pod(storage.node_affinity(deployment), storage.of_a_provisioner(deployment)),
        "containers": [container(make, servers), *servers.beside, *each("containers", make)],
        "volumes": volumes(deployment, servers),
    }
    checksum = digest(deployment.configuration.get("redis.conf", ""))
    claims = storage.claims(deployment, {**make.selector, **make.owner})
    spec = {
        "serviceName": deployment.names.headless,
        "replicas": servers.pods,
        "podManagementPolicy": "Parallel",
        # Runs restart servers themselves, in an order that loses nothing.
        "updateStrategy": {"type": "OnDelete"},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "selector": {"matchLabels": make.selector},
        "template": make.template(pod, {annotation("config-checksum"): checksum}),
        **({"volumeClaimTemplates": claims} if claims else {}),
    }
    remembered = {**servers.remembers, **storage.remembers(deployment)}
    return make.make("apps/v1", "StatefulSet", deployment.names.name, remembered, spec=spec)


def container(make: Maker, servers: Servers) -> Object:
    deployment = make.deployment
    environment = {
        "POD_IP": pod_field("status.podIP"),
        "POD_NAME": pod_field("metadata.name"),
        "POD_HOSTNAME": f"$(POD_NAME).{deployment.names.service}",
        # The dot at the end keeps the resolver from trying its search domains first.
        "REDIS_SERVICE": f"{deployment.names.service}.",
        **merged("environment", deployment),
        "DOMAIN_VARIABLE": f"{deployment.kind}_cluster_domain",
    }
    lifecycle = {}
    if servers.hands_over:
        environment["PRESTOP_SECONDS"] = max(deployment.termination_grace_period - PRESTOP_SPARE, 1)
        lifecycle = {"lifecycle": {"preStop": runs("sh", "/scripts/prestop.sh")}}
    # One of the two asks the server whether its data is loaded: this one, or the readiness probe all the time.
    startup = STARTUP if "tcpSocket" in servers.readiness else ACCEPTS
    return make.container(
        "redis",
        deployment.image,
        ("sh", "/scripts/start.sh"),
        deployment.resources,
        env=variables(environment),
        ports=container_ports(servers.ports),
        **lifecycle,
        startupProbe={
            **startup,
            "periodSeconds": 2,
            "timeoutSeconds": 5,
            "failureThreshold": startup_failures(deployment),
        },
        livenessProbe=LIVENESS,
        readinessProbe={**servers.readiness, "timeoutSeconds": ANSWER_SECONDS},
        volumeMounts=[
            *storage.mounts(deployment),
            *mounts(("config", "/etc/redis-config"), ("scripts", "/scripts")),
            {"name": "run", "mountPath": "/run/redis"},
            *([{"name": "pod", "mountPath": "/run/pod"}] if servers.remembers_node else []),
            *each("mounts", deployment),
        ],
    )


def startup_failures(deployment: Deployment) -> int:
    """A probe every two seconds."""
    return math.ceil(deployment.startup_seconds / 2)


def volumes(deployment: Deployment, servers: Servers) -> list[Object]:
    # What neither a restart of the container nor one of the machine may lose, and the deletion of the pod must.
    node = [{"name": "pod", "emptyDir": {"sizeLimit": "1Mi"}}] if servers.remembers_node else []
    return [
        *servers.volumes,
        *storage.volumes(deployment),
        config_volume("config", deployment.names.config),
        config_volume("scripts", scripts_name(deployment)),
        SCRATCH,
        *node,
        *each("volumes", deployment),
    ]


def permissions(deployment: Deployment) -> list[Object]:
    """What a run does beside making and removing objects."""
    present, here, stored = deployment.state == "present", deployment.namespace, deployment.stored
    keep = MAKE if present else REMOVE if deployment.delete_data else ("get",)
    ours = stored["type"] in PLANNED
    rules = [
        rule("", "nodes", ("list",)),
        rule("", "persistentvolumes", (*keep, "list") if ours else ("list",)),
        rule("storage.k8s.io", "storageclasses", keep if ours else ("get" if stored["storage_class"] else "list",)),
        rule("", "configmaps", ("list", "delete"), here),
        rule("", "secrets", keep, here),
        rule("", "pods", (*READ, "delete") if present else READ, here),
        rule("coordination.k8s.io", "leases", LEASE, here),
        rule(
            "", "persistentvolumeclaims", (*keep, "list") if not present and deployment.delete_data else ("list",), here
        ),
    ]
    if present and stored["type"] == "nfs_shared":
        rules.append(rule("", "persistentvolumeclaims", MAKE, here))
    return rules


def earlier_objects(_deployment: Deployment) -> list[Object]:
    """None of these kinds had other objects in earlier releases."""
    return []


def outdated(_deployment: Deployment, _live: Live) -> list[Mapping[str, Any]]:
    """Nor is there anything else that earlier releases made and that is not wanted any more."""
    return []


DOMAIN = re.compile("[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?([.][A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*")


def input_problems(deployment: Deployment, password: Password, replicated: bool = True) -> Iterator[str]:
    """What is wrong with the variables; C(replicated) servers are copies of each other."""
    if not DOMAIN.fullmatch(deployment.cluster_domain):
        yield (
            f"{deployment.variable('cluster_domain')} is {json.dumps(deployment.cluster_domain)}. Allowed: a DNS "
            "domain without a dot at its beginning or end, such as cluster.local."
        )
    yield from at_least(deployment, "termination_grace_period", 20, " seconds, in which a server hands over and saves")
    yield from at_least(deployment, "max_unavailable", 1, "; with 0 no machine could ever be drained")
    yield from storage.two_places(deployment)
    yield from service.input_problems(deployment)
    if replicated:
        yield from storage.nothing_lasts(deployment)
    yield from each("input_problems", deployment, password)
    yield from config_problems(deployment.config, deployment.variable("config"), deployment.config_known)


def live_problems(deployment: Deployment, live: Live, servers: Servers) -> Iterator[str]:
    """What speaks against a run in what Kubernetes has."""
    running = live.stateful_set
    yield from other_kind(deployment, live, servers)
    yield from storage.no_such_class(deployment, live)
    yield from storage.no_such_nodes(deployment, live)
    yield from namespace_missing(deployment, live)
    yield from losses(live)
    if running and not has_labels(running, owner_labels(deployment.name)):
        yield (
            f"StatefulSet {deployment.place} exists and was not made by this collection. Choose another "
            f"{deployment.variable('name')} or {deployment.variable('namespace')}."
        )
    elif labels(running).get(COMPONENT) == servers.component:
        yield from storage.changes(deployment, running)
        yield from each("changes", deployment, running)
    yield from each("live_problems", deployment, live)
    yield from storage.no_plan(deployment, live, servers.pods)


def removal_problems(deployment: Deployment, live: Live, servers: Servers) -> Iterator[str]:
    """What speaks against the removal of a deployment."""
    yield from other_kind(deployment, live, servers)
    yield from (volume["fault"] for volume in live.volumes if volume["fault"])


def other_kind(deployment: Deployment, live: Live, servers: Servers) -> Iterator[str]:
    """Objects and data of another kind with the same name are neither changed nor removed."""
    name, ours, allowed = deployment.name, servers.component, ("", servers.component)
    running = labels(live.stateful_set)
    foreign = [claim for claim in live.all("claims") if labels(claim).get(COMPONENT, "") not in allowed]
    if has_labels(live.stateful_set, owner_labels(name)) and running.get(COMPONENT, "") not in allowed:
        yield (
            f"StatefulSet {deployment.place} exists as a deployment of topology {running[COMPONENT]}, and {name} is of "
            f"topology {ours} in this inventory. One cannot become the other: choose another name."
        )
    elif foreign:
        yield (
            f"The claims {', '.join(claim['metadata']['name'] for claim in foreign)} in namespace "
            f"{deployment.namespace} hold data of a deployment {name} of topology {labels(foreign[0])[COMPONENT]}, and "
            f"it is of topology {ours} in this inventory. Choose another name, or remove the data with its former "
            "inventory."
        )


def with_claims(deployment: Deployment, live: Live) -> int:
    """How many servers the claims are of, whether these run or not."""
    matches = (re.fullmatch(f"data-{re.escape(deployment.name)}-([0-9]+)", name) for name in live.names("claims"))
    return max((int(match[1]) + 1 for match in matches if match), default=0)
