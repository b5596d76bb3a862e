# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twemproxy in front of many servers."""

from __future__ import annotations

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import auth, network_policy, service
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import (
    PROXY_PORT,
    STATS_PORT,
    annotation,
    digest,
    selector,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import (
    READ,
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
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

FOLDER = "/run/twemproxy"
GRACE_SPARE = 10
"""Seconds that a proxy has to end in, after it has drained."""
OPTIONS = {
    "listen": f"0.0.0.0:{PROXY_PORT}",
    "hash": "fnv1a_64",
    "hash_tag": "{}",
    "distribution": "ketama",
    "auto_eject_hosts": False,
    "timeout": 400,
    "backlog": 512,
    "preconnect": False,
    "server_connections": 1,
    "server_retry_timeout": 30000,
    "server_failure_limit": 2,
}
"""Of nutcracker.yml, with the defaults of the role."""


def port(deployment: Deployment) -> int:
    """Where proxies listen."""
    return int({**OPTIONS, **deployment.pool}["listen"].rpartition(":")[2])


def secret(deployment: Deployment) -> str:
    """The Secret with the password of the servers; empty where they have none."""
    return deployment.existing_secret or deployment.backend.get("secret", "")


def secret_key(deployment: Deployment) -> str:
    if deployment.existing_secret:
        return deployment.existing_secret_key
    return deployment.backend.get("secret_key", "password")


def objects(deployment: Deployment) -> list[Object]:
    make, names = Maker(deployment, selector(deployment.name, "twemproxy", program="twemproxy")), deployment.names
    inner = make.make(
        "v1",
        "Service",
        stats_name(deployment),
        spec={
            "type": "ClusterIP",
            "selector": make.selector,
            "ports": [{"name": "stats", "port": STATS_PORT, "targetPort": "stats", "protocol": "TCP"}],
        },
    )
    clients = {
        port(deployment): deployment.network_policy_clients,
        STATS_PORT: deployment.network_policy_stats_clients,
    }
    return [
        *make.namespace(),
        make.files(names.config, deployment.config),
        make.files(scripts_name(deployment), deployment.scripts, immutable=True),
        service.service(make, names.name, {"redis": PROXY_PORT}),
        inner,
        make.budget(names.name, deployment.max_unavailable),
        *network_policy.policy(make, names.name, (), clients),
        proxies(make),
    ]


def earlier_objects(_deployment: Deployment) -> list[Object]:
    """Earlier releases made nothing else."""
    return []


def permissions(deployment: Deployment) -> list[Object]:
    """What a run does beside making and removing objects."""
    here = deployment.namespace
    rules = [rule("", "configmaps", ("list", "delete"), here)]
    if deployment.state == "present":
        rules.append(rule("", "pods", READ, here))
        if secret(deployment):
            rules.append(rule("", "secrets", ("get",), here))
    return rules


def stats_name(deployment: Deployment) -> str:
    return f"{deployment.name}-stats"


def scripts_name(deployment: Deployment) -> str:
    return deployment.names.of_files("scripts", deployment.scripts)


def proxies(make: Maker) -> Object:
    deployment = make.deployment
    pod = {
        "terminationGracePeriodSeconds": deployment.drain_seconds + GRACE_SPARE,
        # The whole proxy waits while it resolves a name: not for long where a DNS server does not answer.
        "dnsConfig": {"options": [{"name": "timeout", "value": "1"}, {"name": "attempts", "value": "2"}]},
        **make.pod(),
        "containers": [container(make)],
        "volumes": volumes(deployment),
    }
    spec = {
        **({} if deployment.autoscaled else {"replicas": deployment.replicas}),
        # No proxy goes before another one has taken its place.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "selector": {"matchLabels": make.selector},
        # nutcracker reads its configuration at its start only.
        "template": make.template(pod, {annotation("config-checksum"): digest(deployment.config)}),
    }
    return make.make("apps/v1", "Deployment", deployment.name, spec=spec)


def container(make: Maker) -> Object:
    deployment = make.deployment
    environment = {"TWEMPROXY_PORT": port(deployment), "TWEMPROXY_DRAIN_SECONDS": deployment.drain_seconds}
    if deployment.backend:
        environment["REDIS_SERVICE"] = f"{deployment.backend['service']}."
        environment["DOMAIN_VARIABLE"] = f"redis_standalone_cluster_domain of {deployment.backends}"
    folder = "/etc/twemproxy-auth"
    return make.container(
        "twemproxy",
        # It has no default, and what is removed needs none.
        deployment.options.get("image", ""),
        ("bash", "/scripts/start.sh"),
        deployment.resources,
        env=variables(environment),
        ports=container_ports({"redis": port(deployment), "stats": STATS_PORT}),
        livenessProbe={
            **runs("bash", "/scripts/probe.sh", "liveness"),
            "periodSeconds": 20,
            "timeoutSeconds": 20,
            "failureThreshold": 3,
        },
        readinessProbe={
            **runs("bash", "/scripts/probe.sh", "readiness"),
            "periodSeconds": 5,
            "timeoutSeconds": 5,
            "failureThreshold": 2,
        },
        volumeMounts=[
            *mounts(("config", "/etc/twemproxy-config"), ("scripts", "/scripts")),
            {"name": "run", "mountPath": FOLDER},
            *(mounts(("auth", folder)) if secret(deployment) else []),
        ],
    )


def volumes(deployment: Deployment) -> list[Object]:
    password = [auth.volume(secret(deployment), secret_key(deployment))] if secret(deployment) else []
    return [
        config_volume("config", deployment.names.config),
        config_volume("scripts", scripts_name(deployment)),
        SCRATCH,
        *password,
    ]
