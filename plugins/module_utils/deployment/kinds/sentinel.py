# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A master with replicas, Sentinels that watch it, and an agent beside each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.checks import at_least, directives
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import (
    auth,
    network_policy,
    service,
    storage,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features.nodes import Spread
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import servers
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live, Password, has_labels
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import (
    AGENT_PORT,
    REDIS_PORT,
    ROLE_LABEL,
    SENTINEL_PORT,
    annotation,
    selector,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import (
    SCRATCH,
    Maker,
    Object,
    config_volume,
    container_ports,
    field,
    mounts,
    rule,
    runs,
    variables,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.options import FORMER, number
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.queries import Query, single
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

AGENT_PRESTOP_SPARE = servers.PRESTOP_SPARE + 2
"""The agent is done before the script that asked it gives up."""
SENTINEL_GRACE_SECONDS = 20
AGENT = (
    "__init__.py",
    "__main__.py",
    "disk.py",
    "evidence.py",
    "handover.py",
    "kube.py",
    "model.py",
    "neighbours.py",
    "redis_io.py",
    "sentinel.py",
    "server.py",
    "status.py",
)
"""Modules of the agent. Their order is part of their digest."""
RBAC = "rbac.authorization.k8s.io"

observed = servers.observed


def describe(deployment: Deployment) -> servers.Servers:
    make = Maker(deployment, selector(deployment.name, "sentinel"))
    return servers.Servers(
        component="sentinel",
        pods=deployment.servers,
        remembers={
            annotation("servers"): str(deployment.servers),
            annotation("sentinels"): str(deployment.sentinels),
            annotation("master-name"): deployment.master_name,
        },
        spread=(
            Spread("servers", deployment.servers, "can take a master and its replica"),
            Spread("Sentinels", 3, "can take most of them, and then no replica is promoted", anywhere=True),
        ),
        # The agent beside the server says it, which costs less than a process.
        readiness={"httpGet": {"path": "/ready", "port": AGENT_PORT}, "periodSeconds": 2, "failureThreshold": 3},
        services={"-master": {ROLE_LABEL: "master"}, "-slave": {ROLE_LABEL: "slave"}},
        hands_over=True,
        beside=(server_agent(make),),
        volumes=tuple(agent_volumes(deployment)),
        open_inside=(AGENT_PORT,),
        copies=deployment.servers,
        scripts=("prestop.sh", "sentinel.sh", "sentinel_probe.sh"),
        directives={
            # A master that nobody follows any more stops taking writes, which a failover would lose.
            "min-replicas-to-write": 1 if deployment.servers > 2 else 0,
            "min-replicas-max-lag": 10,
            # Replicas of a new master wait no longer than needed to be served together.
            "repl-diskless-sync-delay": 1,
        },
        emptydir_warning=(
            "Storage is emptydir: a pod gets the data anew from the master whenever it is deleted or moves to another "
            "machine. When all pods go at the same time the data is lost."
        ),
        other_set=deployment.names.sentinels.name,
    )


def objects(deployment: Deployment) -> list[Object]:
    names = deployment.names.sentinels
    make = maker(deployment)
    port = {"sentinel": SENTINEL_PORT}
    return [
        *servers.objects(deployment, describe(deployment)),
        make.files(agent_name(deployment), deployment.agent, immutable=True),
        # Who is the master, as the agents beside Sentinels write it. Of its data only this is ours.
        make.files(deployment.names.record, {"decided": deployment.decided_master}),
        *rights(make),
        make.headless(names.headless, port),
        service.service(make, names.name, port, first=False),
        # The others are still a majority.
        make.budget(names.name, 1),
        *network_policy.policy(make, names.name, [SENTINEL_PORT], {SENTINEL_PORT: deployment.network_policy_clients}),
        sentinels(make),
    ]


def labels_of(deployment: Deployment) -> dict[str, str]:
    return servers.labels_of(deployment, describe(deployment))


def configuration(deployment: Deployment) -> dict[str, str]:
    return servers.configuration(deployment, describe(deployment))


def awaited(deployment: Deployment) -> list[Query]:
    return servers.awaited(deployment, describe(deployment))


def settings(deployment: Deployment) -> dict[str, Any]:
    """What the module that restarts servers is told of redis.conf: what they run with when no failover holds writes."""
    given, standard = directives(deployment), describe(deployment).directives["min-replicas-to-write"]
    return {
        "min_replicas_to_write": given.get("min-replicas-to-write", given.get("min-slaves-to-write", standard)),
    }


def queries(deployment: Deployment) -> list[Query]:
    """Also the rights of agents, those that first releases named after the deployment included."""
    found, here = servers.queries(deployment, describe(deployment)), deployment.namespace
    if deployment.state != "present":
        return found
    return [
        *found,
        single("account", "ServiceAccount", deployment.service_account_name, here),
        single("role", "Role", deployment.role_name, here),
        single("binding", "RoleBinding", deployment.role_binding_name, here),
        single("earlier_role", "Role", deployment.name, here, []),
        single("earlier_binding", "RoleBinding", deployment.name, here, []),
    ]


def outdated(deployment: Deployment, live: Live) -> list[Mapping[str, Any]]:
    """Rights of first releases, whose labellers could change every pod of the namespace, where they are not needed."""
    ours = servers.labels_of(deployment, describe(deployment))
    return [
        item
        for query, option in (("earlier_binding", "role_binding"), ("earlier_role", "role"))
        if deployment.options[f"{option}_create"] and deployment.options[f"{option}_name"] != deployment.name
        for item in live.all(query)
        if has_labels(item, ours)
    ]


def earlier_objects(deployment: Deployment) -> list[Object]:
    """The first releases named the rights of agents after the deployment."""
    named = {"role_name": deployment.name, "role_binding_name": deployment.name}
    earlier = replace(deployment, options={**deployment.options, **named})
    return [item for item in rights(maker(earlier)) if item["kind"] != "ServiceAccount"]


def permissions(deployment: Deployment) -> list[Object]:
    """Who gives rights must have them; of those that are given it is seen that they are there."""
    rules, here = servers.permissions(deployment), deployment.namespace
    if deployment.state != "present":
        return rules
    if deployment.role_create or deployment.role_binding_create:
        rules.append(rule("", "pods", ("patch",), here))
    for group, resource, made in (
        ("", "serviceaccounts", deployment.service_account_create),
        (RBAC, "roles", deployment.role_create),
        (RBAC, "rolebindings", deployment.role_binding_create),
    ):
        if not made:
            rules.append(rule(group, resource, ("get",), here))
    return rules


def maker(deployment: Deployment) -> Maker:
    """Of Sentinels, and of what agents need."""
    return Maker(deployment, selector(deployment.name, "sentinel", program="redis-sentinel"))


def rights(make: Maker) -> list[Object]:
    """What agents beside Sentinels may do: label the pods of the servers, and write the record."""
    deployment = make.deployment
    made = []
    if deployment.service_account_create:
        account = make.make("v1", "ServiceAccount", deployment.service_account_name, automountServiceAccountToken=False)
        made.append(account)
    if deployment.role_create:
        rules = [
            {"apiGroups": [""], "resources": [resource], "resourceNames": which, "verbs": ["get", "patch"]}
            for resource, which in (
                ("pods", deployment.names.pods(deployment.servers)),
                ("configmaps", [deployment.names.record]),
            )
        ]
        made.append(make.make(f"{RBAC}/v1", "Role", deployment.role_name, rules=rules))
    if deployment.role_binding_create:
        subject = {
            "kind": "ServiceAccount",
            "name": deployment.service_account_name,
            "namespace": deployment.namespace,
        }
        role = {"apiGroup": RBAC, "kind": "Role", "name": deployment.role_name}
        made.append(
            make.make(f"{RBAC}/v1", "RoleBinding", deployment.role_binding_name, roleRef=role, subjects=[subject])
        )
    return made


def sentinels(make: Maker) -> Object:
    deployment, names = make.deployment, make.deployment.names.sentinels
    pod = {
        "terminationGracePeriodSeconds": SENTINEL_GRACE_SECONDS,
        "serviceAccountName": deployment.service_account_name,
        **make.pod(),
        "containers": [sentinel(make), sentinel_agent(make)],
        "volumes": [
            *agent_volumes(deployment),
            config_volume("scripts", servers.scripts_name(deployment)),
            SCRATCH,
            token_volume(),
            *auth.volumes(deployment),
        ],
    }
    spec = {
        "serviceName": names.headless,
        "replicas": deployment.sentinels,
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "OnDelete"},
        "selector": {"matchLabels": make.selector},
        "template": make.template(pod),
    }
    return make.make("apps/v1", "StatefulSet", names.name, spec=spec)


def sentinel(make: Maker) -> Object:
    deployment = make.deployment
    accepts = {"tcpSocket": {"port": "sentinel"}, "timeoutSeconds": 5}
    environment = {
        **auth.environment(deployment),
        "REDIS_SERVICE": f"{deployment.names.service}.",
        "DOMAIN_VARIABLE": f"{deployment.kind}_cluster_domain",
    }
    return make.container(
        "sentinel",
        deployment.image,
        ("sh", "/scripts/sentinel.sh"),
        deployment.sentinel_resources,
        env=variables(environment),
        ports=container_ports({"sentinel": SENTINEL_PORT}),
        # It waits until its agent knows a master, for as long as servers may load their data.
        startupProbe={**accepts, "periodSeconds": 2, "failureThreshold": servers.startup_failures(deployment)},
        livenessProbe={**servers.LIVENESS, **runs("sh", "/scripts/sentinel_probe.sh")},
        readinessProbe={**accepts, "periodSeconds": 5, "failureThreshold": 3},
        volumeMounts=[
            *mounts(("scripts", "/scripts")),
            {"name": "run", "mountPath": "/run/redis"},
            *auth.mounts(deployment),
        ],
    )


def sentinel_agent(make: Maker) -> Object:
    deployment = make.deployment
    environment = {
        "NAMESPACE": field("metadata.namespace"),
        "POD_NAME": field("metadata.name"),
        "POD_HOSTNAME": f"$(POD_NAME).{deployment.names.sentinels.service}",
        **agent_environment(deployment),
        "RECORD": deployment.names.record,
        "QUORUM": deployment.quorum,
        "DOWN_AFTER": deployment.down_after_milliseconds,
        "FAILOVER_TIMEOUT": deployment.failover_timeout_milliseconds,
        "PARALLEL_SYNCS": deployment.parallel_syncs,
    }
    volume_mounts = [
        *mounts(("agent", "/app/agent"), ("record", "/etc/record")),
        {"name": "run", "mountPath": "/run/redis"},
        *mounts(("token", "/var/run/secrets/kubernetes.io/serviceaccount")),
        *auth.mounts(deployment),
    ]
    return agent(make, "sentinel", environment, volume_mounts)


def server_agent(make: Maker) -> Object:
    deployment = make.deployment
    environment = {
        "POD_NAME": field("metadata.name"),
        "POD_HOSTNAME": f"$(POD_NAME).{deployment.names.service}",
        **agent_environment(deployment),
        "REDIS_DATA": storage.FOLDER,
        "REDIS_CONFIG": "/etc/redis-config/redis.conf",
        "KEPT_COPIES": deployment.kept_copies,
        "PRESTOP_SECONDS": max(deployment.termination_grace_period - AGENT_PRESTOP_SPARE, 1),
    }
    volume_mounts = [
        *storage.mounts(deployment),
        *mounts(("config", "/etc/redis-config"), ("agent", "/app/agent"), ("record", "/etc/record")),
        {"name": "run", "mountPath": "/run/redis"},
        *auth.mounts(deployment),
    ]
    return agent(make, "server", environment, volume_mounts)


def agent(make: Maker, beside: str, environment: dict[str, Any], volume_mounts: list[Object]) -> Object:
    deployment = make.deployment
    return make.container(
        "agent",
        deployment.agent_image,
        ("python3", "-B", "-m", "agent", beside),
        deployment.agent_resources,
        workingDir="/app",
        env=variables(environment),
        ports=container_ports({"agent": AGENT_PORT}),
        livenessProbe={
            "httpGet": {"path": "/live", "port": "agent"},
            "periodSeconds": 20,
            "timeoutSeconds": 10,
            "failureThreshold": 3,
        },
        volumeMounts=volume_mounts,
    )


def agent_environment(deployment: Deployment) -> dict[str, Any]:
    """What agents know of the deployment."""
    names = deployment.names
    return {
        "MASTER_NAME": deployment.master_name,
        "HOSTS": " ".join(names.hosts(deployment.servers)),
        "SENTINEL_HOSTS": " ".join(names.sentinels.hosts(deployment.sentinels)),
        "REDIS_PORT": REDIS_PORT,
        "SENTINEL_PORT": SENTINEL_PORT,
        "AGENT_PORT": AGENT_PORT,
        "REDIS_RUN": "/run/redis",
        **auth.environment(deployment),
        "REDIS_PASSWORD_FILE": f"{auth.FOLDER}/password",
        "DECISION": "/etc/record/decided",
        "ELECTION_SECONDS": deployment.election_seconds,
        "PATIENT": "yes" if deployment.unknown_master == "wait" else "no",
    }


def agent_name(deployment: Deployment) -> str:
    return deployment.names.of_files("agent", deployment.agent)


def agent_volumes(deployment: Deployment) -> list[Object]:
    """What agents read besides what servers and Sentinels read."""
    return [config_volume("agent", agent_name(deployment)), config_volume("record", deployment.names.record)]


def token_volume() -> Object:
    """Only the agent talks to Kubernetes."""
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]
    return {"name": "token", "projected": {"sources": sources}}


LONGEST_NAME = 43
"""Kubernetes gives pods of a StatefulSet a label of its name and ten characters more: kubernetes#64023."""
OF_AGENTS = ("masteruser", "primaryuser", "masterauth", "primaryauth")
OF_PODS = ("replica-priority", "slave-priority")


def input_problems(deployment: Deployment, password: Password) -> Iterator[str]:
    yield from servers.input_problems(deployment, password)
    yield from _numbers_and_names(deployment)
    for option, least in (
        ("down_after_milliseconds", 1000),
        ("failover_timeout_milliseconds", 5000),
        ("parallel_syncs", 1),
    ):
        yield from at_least(deployment, option, least)
    yield from _never_enough_replicas(deployment)
    yield from at_least(deployment, "election_seconds", 10)
    yield from at_least(deployment, "kept_copies", 1)
    yield from _decision(deployment)
    yield from _never_late(deployment)
    for former, name in FORMER[deployment.kind].items():
        if deployment.variable(former) in deployment.given:
            yield (
                f"{deployment.variable(former)} is called {deployment.variable(name)} now: the agents beside servers "
                "and Sentinels label the pods too."
            )
    yield from _not_for_users(deployment)


def live_problems(deployment: Deployment, live: Live) -> Iterator[str]:
    yield from servers.live_problems(deployment, live, describe(deployment))
    yield from rights_problems(deployment, live)
    for option in ("servers", "sentinels"):
        wanted, before = deployment.options[option], int(live.remembered.get(annotation(option), 0))
        if before > wanted:
            yield (
                f"redis_sentinel_{option} is {wanted} and the running deployment has {before}. It can be raised; the "
                f"Sentinels would go on counting those that are taken away. Set it back to {before}."
            )
    kept = servers.with_claims(deployment, live)
    if not live.remembered and kept > deployment.servers:
        yield (
            f"redis_sentinel_servers is {deployment.servers} and there are claims with the data of {kept} servers, of "
            f"which one may be the last master. Set it to {kept}, or delete the claims that are not needed."
        )
    name = live.remembered.get(annotation("master-name"), deployment.master_name)
    if name != deployment.master_name:
        yield (
            f"redis_sentinel_master_name is {deployment.master_name} and clients of the running deployment ask for "
            f"{name}. Set it back."
        )


def removal_problems(deployment: Deployment, live: Live) -> Iterator[str]:
    return servers.removal_problems(deployment, live, describe(deployment))


def rights_problems(deployment: Deployment, live: Live) -> Iterator[str]:
    """What speaks against the rights of the agents in what Kubernetes has of them."""
    given = [
        (option, kind, live.all(query))
        for option, kind, query in (
            ("service_account", "ServiceAccount", "account"),
            ("role", "Role", "role"),
            ("role_binding", "RoleBinding", "binding"),
        )
        if not deployment.options[f"{option}_create"]
    ]
    for option, kind, objects in given:
        if not objects:
            yield (
                f"redis_sentinel_{option}_create is false, and namespace {deployment.namespace} has no {kind} "
                f"{deployment.options[f'{option}_name']} (redis_sentinel_{option}_name)."
            )
    for option, _kind, objects in given:
        for item in objects:
            if "leaving" in item:
                yield (
                    f"redis_sentinel_{option}_create is false, and {item['leaving']['text']} Have it made again, or "
                    f"set redis_sentinel_{option}_name to one that stays."
                )
    for binding in live.all("binding") if deployment.role_binding_create else ():
        if binding["roleRef"]["name"] != deployment.role_name:
            yield (
                f"redis_sentinel_role_name is {deployment.role_name}, and RoleBinding {deployment.role_binding_name} "
                f"gives the role {binding['roleRef']['name']}, which Kubernetes never changes. Set it back, or choose "
                "another redis_sentinel_role_binding_name."
            )


def _numbers_and_names(deployment: Deployment) -> Iterator[str]:
    sentinels, name = deployment.sentinels, deployment.name
    if len(name) > LONGEST_NAME:
        yield (
            f"redis_sentinel_name is {name}, with {len(name)} characters. Allowed: up to {LONGEST_NAME}, as pods of "
            "<name>-sentinel have a label with ten characters more and 63 at most."
        )
    yield from at_least(
        deployment,
        "servers",
        2,
        ", a master and its replicas. For a single server use the role redis_standalone",
    )
    if sentinels < 3 or sentinels % 2 == 0:
        yield (
            f"redis_sentinel_sentinels is {deployment.shown('sentinels')}. Allowed: an odd number, 3 or more. A "
            "failover needs more than half of them, and an even number tolerates no more losses than the odd one below "
            "it."
        )
    if not 1 <= deployment.quorum <= sentinels:
        quorum = deployment.shown("quorum")
        yield f"redis_sentinel_quorum is {quorum}. Allowed: 1 to {sentinels}, the number of Sentinels."
    if not re.fullmatch("[A-Za-z0-9._-]+", deployment.master_name):
        yield (
            f"redis_sentinel_master_name is {deployment.master_name}. Allowed: letters, digits, dots, dashes and "
            "underscores."
        )


def _never_enough_replicas(deployment: Deployment) -> Iterator[str]:
    given = directives(deployment)
    for name in ("min-replicas-to-write", "min-slaves-to-write"):
        if name in given and number(given[name]) >= deployment.servers:
            yield (
                f"redis_sentinel_config: {name} is {given[name]} and there are {deployment.servers - 1} replicas, so "
                "no write would ever be taken. Allowed: fewer than redis_sentinel_servers."
            )


def _never_late(deployment: Deployment) -> Iterator[str]:
    """The fence of a hand-over counts on it, see files/agent/handover.py of the role."""
    given = directives(deployment)
    for name in ("min-replicas-max-lag", "min-slaves-max-lag"):
        if name in given and number(given[name]) < 1:
            yield (
                f"redis_sentinel_config: {name} is {given[name]}. Allowed: 1 or more; with 0 no write would ever be "
                "refused."
            )


def _decision(deployment: Deployment) -> Iterator[str]:
    pods, decided = deployment.names.pods(deployment.servers), deployment.decided_master
    pod, at, term = decided.rpartition("@")
    if decided and not (pod in pods and at and re.fullmatch("[0-9]+", term)):
        yield (
            f"redis_sentinel_decided_master is {decided}. Allowed: POD@TERM, with one of the pods {', '.join(pods)} "
            "and the term that the last run or redis_sentinel_info names."
        )


def _not_for_users(deployment: Deployment) -> Iterator[str]:
    for names, reason in (
        (OF_AGENTS, "agents decide by it who may get a link to a master"),
        (OF_PODS, "each pod sets its own, so that a server without the data of its master is never promoted"),
    ):
        for given in deployment.config:
            if str(given).lower() in names:
                yield f"redis_sentinel_config: {given} cannot be set here: {reason}."
