# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A master with replicas, Sentinels that watch it, and an agent beside each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import (
    auth,
    network_policy,
    service,
    storage,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import servers
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
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

AGENT_PRESTOP_SPARE = servers.PRESTOP_SPARE + 2
"""The agent is done before the script that asked it gives up."""
SENTINEL_GRACE_SECONDS = 20
RBAC = "rbac.authorization.k8s.io"


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
        # The agent beside the server says it, which costs less than a process.
        readiness={"httpGet": {"path": "/ready", "port": AGENT_PORT}, "periodSeconds": 2, "failureThreshold": 3},
        services={"-master": {ROLE_LABEL: "master"}, "-slave": {ROLE_LABEL: "slave"}},
        hands_over=True,
        beside=(server_agent(make),),
        volumes=tuple(agent_volumes(deployment)),
        open_inside=(AGENT_PORT,),
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
