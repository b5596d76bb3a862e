# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twemproxy in front of many servers."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment import ring
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.checks import losses, namespace_missing
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import auth, network_policy, service
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live, Password, has_labels
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import (
    PROXY_PORT,
    REDIS_PORT,
    STATS_PORT,
    annotation,
    digest,
    owner_labels,
    selector,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import (
    LEASE,
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
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.options import number, truth
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.queries import Query, labelled, single
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

try:
    import yaml
except ImportError:
    # Ansible itself has it where this is used; a module does not need it.
    yaml = None  # type: ignore[assignment]

FOLDER = "/run/twemproxy"
NUTCRACKER = "# Managed by slotwise.redis. The password is added when the pod starts."
SCRIPTS = ("start.sh", "probe.sh", "names.sh")
OF_BACKENDS = (
    "state",
    "name",
    "namespace",
    "cluster_domain",
    "auth_enabled",
    "existing_secret",
    "existing_secret_key",
    "instances",
)
"""Options of the deployment that has the servers, as far as proxies depend on them."""
DRAIN_MOST_SECONDS = 60
"""How long a proxy goes on at most for clients that still connect, beside twemproxy_drain_seconds."""
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
    return number(str({**OPTIONS, **deployment.pool}["listen"]).rpartition(":")[2])


def backend_of(name: str, source: Deployment | None, kinds: Collection[str] = ()) -> dict[str, Any]:
    """Where the deployment called C(name) has its servers and password.

    C(source) is that deployment, if the inventory has it, and C(kinds) those that the inventory calls it.
    """
    known = {"kinds": set(kinds), "name": name}
    if source is None:
        return {**known, "faults": [], "state": "", "namespace": name, "service": "", "secret": "", "instances": 1}
    return {
        **known,
        "faults": list(source.faults.values()),
        "state": source.state,
        "name": source.name,
        "namespace": source.namespace,
        "service": source.names.service,
        "secret": auth.secret(source) if source.auth_enabled else "",
        "secret_key": auth.key(source),
        "instances": source.instances,
    }


def pool(deployment: Deployment) -> dict[str, Any]:
    """Its options of nutcracker.yml but the password, which is added in the pod. Names decide where keys are."""
    return {**OPTIONS, **deployment.pool, "redis": True, "servers": _lines(deployment)}


def _lines(deployment: Deployment) -> list[str]:
    source = deployment.backend
    if not source:
        return [
            f"{one['host']}:{one.get('port', REDIS_PORT)}:{one.get('weight', 1)} {one['name']}"
            for one in deployment.backends
        ]
    pods = [f"{source['name']}-{ordinal}" for ordinal in range(source["instances"])]
    # The dot at the end keeps the resolver from trying its search domains, during which the whole proxy waits.
    return [f"{pod}.{source['service']}.:{REDIS_PORT}:1 {pod}" for pod in pods]


def configuration(deployment: Deployment) -> dict[str, str]:
    """What goes has none: its backends may be gone."""
    if deployment.state != "present":
        return {}
    options = pool(deployment)
    text = yaml.safe_dump({deployment.name: options}, width=1000, sort_keys=False, allow_unicode=True)
    return {"nutcracker.yml": f"{NUTCRACKER}\n{text}", "probe.keys": ring.probe_keys(options)}


def change(deployment: Deployment, live: Live) -> Mapping[str, Any]:
    """What its pool does to the keys of the one that runs."""
    text = (live.one("config").get("data") or {}).get("nutcracker.yml") or "{}"
    try:
        options = yaml.safe_load(text)
        before = [item for item in dict(options).values() if isinstance(item, Mapping)]
        return ring.change(before[0], pool(deployment)) if before and live.one("deployment") else ring.SAME
    except (yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        return {"share": 1, "text": f"That of the running proxies cannot be read: {error}", "table": ""}


def labels_of(deployment: Deployment) -> dict[str, str]:
    """Of all objects."""
    return {**selects(deployment), **owner_labels(deployment.name)}


def queries(deployment: Deployment) -> list[Query]:
    name, here = deployment.name, deployment.namespace
    scripts = labelled("configmaps", "ConfigMap", labels_of(deployment), here, [])
    if deployment.state != "present":
        return [scripts]
    return [
        scripts,
        single("namespace", "Namespace", here),
        single("deployment", "Deployment", name, here),
        single("service", "Service", name, here),
        single("config", "ConfigMap", deployment.names.config, here),
        *([single("secret", "Secret", secret(deployment), here)] if secret(deployment) else []),
    ]


def awaited(deployment: Deployment) -> list[Query]:
    name, here = deployment.name, deployment.namespace
    return [
        single("deployment", "Deployment", name, here),
        labelled("pods", "Pod", selects(deployment), here),
        single("service", "Service", name, here),
    ]


def settings(deployment: Deployment) -> dict[str, Any]:
    """What the module that verifies proxies is told of nutcracker.yml. What goes has none."""
    if deployment.state != "present":
        return {}
    return {"port": port(deployment), "pool": pool(deployment)}


def secret(deployment: Deployment) -> str:
    """The Secret with the password of the servers; empty where they have none."""
    return deployment.existing_secret or deployment.backend.get("secret", "")


def secret_key(deployment: Deployment) -> str:
    if deployment.existing_secret:
        return deployment.existing_secret_key
    return deployment.backend.get("secret_key", "password")


def selects(deployment: Deployment) -> dict[str, str]:
    """Labels of its pods."""
    return selector(deployment.name, "twemproxy", program="twemproxy")


def objects(deployment: Deployment) -> list[Object]:
    make, names = Maker(deployment, selects(deployment)), deployment.names
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
        make.files(names.config, deployment.configuration),
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


def outdated(_deployment: Deployment, _live: Live) -> list[Mapping[str, Any]]:
    return []


def permissions(deployment: Deployment) -> list[Object]:
    """What a run does beside making and removing objects."""
    here = deployment.namespace
    rules = [
        rule("", "configmaps", ("list", "delete"), here),
        rule("coordination.k8s.io", "leases", LEASE, here),
    ]
    if deployment.state == "present":
        rules.append(rule("", "pods", READ, here))
        if secret(deployment):
            rules.append(rule("", "secrets", ("get",), here))
    return rules


def drain_most(deployment: Deployment) -> int:
    """Seconds after which a proxy ends though clients still connect to it."""
    return deployment.drain_seconds + (DRAIN_MOST_SECONDS if deployment.drain_seconds else 0)


def stats_name(deployment: Deployment) -> str:
    return f"{deployment.name}-stats"


def scripts_name(deployment: Deployment) -> str:
    return deployment.names.of_files("scripts", deployment.scripts)


def proxies(make: Maker) -> Object:
    deployment = make.deployment
    pod = {
        "terminationGracePeriodSeconds": drain_most(deployment) + GRACE_SPARE,
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
        "template": make.template(pod, {annotation("config-checksum"): digest(deployment.configuration)}),
    }
    return make.make("apps/v1", "Deployment", deployment.name, spec=spec)


def container(make: Maker) -> Object:
    deployment = make.deployment
    environment = {
        "TWEMPROXY_PORT": port(deployment),
        "TWEMPROXY_DRAIN_SECONDS": deployment.drain_seconds,
        "TWEMPROXY_DRAIN_MOST_SECONDS": drain_most(deployment),
    }
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


LEAST = {
    "replicas": 1,
    "max_unavailable": 1,
    "drain_seconds": 0,
    "pool.timeout": 1,
    "pool.backlog": 1,
    "pool.server_connections": 1,
    "pool.server_retry_timeout": 0,
    "pool.server_failure_limit": 1,
}
"""Numbers, and the smallest that is allowed."""
SOURCES = "Allowed: the name of a deployment of redis_standalone, or a list of servers."
BACKEND = {
    "name": (
        r"[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?",
        "up to 63 letters, digits, dashes, dots and underscores",
    ),
    "host": (r"[A-Za-z0-9]([-._A-Za-z0-9]{0,252})", "a host name or an IPv4 address"),
}
"""Of a server in a list: what its texts look like, and the words for it."""
BACKEND_NUMBERS = {"port": (REDIS_PORT, 65535), "weight": (1, 1000)}
"""Of a server in a list: its numbers, what they are when left out, and the largest. The smallest is 1."""


def input_problems(deployment: Deployment, _password: Password) -> Iterator[str]:
    if not deployment.options.get("image"):
        yield (
            "twemproxy_image is not set. There is no official image of Twemproxy: build one from files/Containerfile "
            "of this role, as its README says, and give its name."
        )
    yield from _numbers(deployment)
    yield from _pool(deployment)
    yield from _backends(deployment)
    yield from service.input_problems(deployment)


def live_problems(deployment: Deployment, live: Live) -> Iterator[str]:
    yield from namespace_missing(deployment, live)
    yield from losses(live)
    ours = labels_of(deployment)
    foreign = [item for item in live.all("deployment", "config", "service") if not has_labels(item, ours)]
    if foreign:
        where = ", ".join(f"{item['kind']} {deployment.namespace}/{item['metadata']['name']}" for item in foreign)
        yield (
            f"{where}: of this name, and not made as a Twemproxy deployment of this collection. Choose another "
            "twemproxy_name or twemproxy_namespace."
        )
    else:
        yield from _moves_keys(deployment, live)
    yield from _secret_problems(deployment, live)


def _moves_keys(deployment: Deployment, live: Live) -> Iterator[str]:
    moved = change(deployment, live)
    if moved["share"] > 0 and not deployment.allow_remapping:
        yield (
            f"The pool of {deployment.place} would change: {moved['text']} Move these keys first, or set "
            f"twemproxy_allow_remapping to true when they may be lost, as in a cache.\n{moved['table']}"
        )


def removal_problems(_deployment: Deployment, _live: Live) -> Iterator[str]:
    """It holds no data, and what is of others stays."""
    return iter(())


def _numbers(deployment: Deployment) -> Iterator[str]:
    pool = {f"pool.{name}": value for name, value in {**OPTIONS, **deployment.pool}.items()}
    for name, least in LEAST.items():
        value = pool[name] if name in pool else deployment.given[deployment.variable(name)]
        if not re.fullmatch("-?[0-9]+", str(value).strip()) or int(value) < least:
            yield f"twemproxy_{name} is {value}. Allowed: {least} or more."


def _pool(deployment: Deployment) -> Iterator[str]:
    pool = {**OPTIONS, **deployment.pool}
    listen, tag = str(pool["listen"]), pool["hash_tag"]
    at = number(listen.rpartition(":")[2])
    if not re.fullmatch("[0-9.]+:[0-9]+", listen) or not 1024 <= at <= 65535 or at == STATS_PORT:
        yield (
            f"twemproxy_pool.listen is {listen}. Allowed: an IPv4 address and a port from 1024 to 65535, such as "
            f"0.0.0.0:{PROXY_PORT}, but {STATS_PORT}, which is that of the statistics."
        )
    if not re.fullmatch(r"([!-/:-@\[-`{-~]{2})?", str(tag)):
        yield (
            f"twemproxy_pool.hash_tag is {json.dumps(tag)}. Allowed: two characters that are neither letters nor "
            "digits nor spaces, such as {}, or nothing."
        )
    if truth(pool["auto_eject_hosts"]) and not deployment.allow_remapping:
        yield (
            "twemproxy_pool.auto_eject_hosts is true: while a server is away its keys would be looked for, and "
            "written, on others, and what was written there is lost when it comes back. Allowed for caches only: set "
            "twemproxy_allow_remapping to true as well."
        )


def _backends(deployment: Deployment) -> Iterator[str]:
    given = deployment.backends
    if isinstance(given, str) and given:
        yield from _deployment_of_backends(deployment)
    elif not isinstance(given, Sequence):
        yield f"twemproxy_backends is {json.dumps(given)}. {SOURCES}"
    elif not given:
        yield f"twemproxy_backends is empty. {SOURCES}"
    else:
        for index, backend in enumerate(given):
            yield from _backend(f"twemproxy_backends[{index}]", backend)
        names = Counter(str(backend.get("name", "")) for backend in given if isinstance(backend, Mapping))
        for name, times in names.items():
            if times > 1:
                yield (
                    f"twemproxy_backends has the name {name} {times} times. Names must differ: keys are placed by them."
                )


def _deployment_of_backends(deployment: Deployment) -> Iterator[str]:
    given, source, here = deployment.backends, deployment.backend, deployment.namespace
    own = deployment.existing_secret
    yield from (f"twemproxy_backends is {given}, and of it {fault}" for fault in source["faults"])
    if source["instances"] < 1 and not source["faults"]:
        yield (
            f"twemproxy_backends is {given}, and of it redis_standalone_instances is {source['instances']}. Allowed: 1 "
            "or more."
        )
    if source["kinds"] - {"redis_standalone"} and "redis_standalone" not in source["kinds"]:
        yield (
            f"twemproxy_backends is {given}, which is no deployment of redis_standalone. A proxy spreads keys over "
            "servers that know nothing of each other; replicas would refuse writes and nodes of a cluster send "
            f"clients elsewhere. {SOURCES}"
        )
    elif not source["state"]:
        yield f"twemproxy_backends is {given}, and no host of the inventory has this name. {SOURCES}"
    elif source["state"] == "absent":
        yield (
            f"twemproxy_backends is {given}, and redis_standalone_state of it is absent. Allowed: a deployment that is "
            "present."
        )
    elif source["secret"] and not own and source["namespace"] != here:
        yield (
            f"twemproxy_namespace is {here} and the backends with their password are in namespace "
            f"{source['namespace']}. Pods mount Secrets of their own namespace only, and this role copies none. Set "
            f"twemproxy_namespace to {source['namespace']}, or twemproxy_existing_secret to a Secret in {here}."
        )
    elif not source["secret"] and own:
        yield (
            f"twemproxy_existing_secret is {own}, and redis_standalone_auth_enabled of {given} is false. Leave it out, "
            "or protect the backends too."
        )


def _backend(here: str, backend: Any) -> Iterator[str]:
    """A server in a list."""
    if not isinstance(backend, Mapping):
        yield f"{here} is {json.dumps(backend)}. Allowed: a dictionary with name, host, port, weight."
        return
    for key in backend:
        if key not in {**BACKEND, **BACKEND_NUMBERS}:
            yield f"{here} has {key}. Allowed: name, host, port, weight."
    for key, (pattern, words) in BACKEND.items():
        value = backend.get(key, "")
        if not re.fullmatch(pattern, str(value)):
            yield f"{here}.{key} is {json.dumps(value)}. Allowed: {words}."
    for key, (standard, most) in BACKEND_NUMBERS.items():
        value = backend.get(key, standard)
        if not 1 <= number(value) <= most:
            yield f"{here}.{key} is {value}. Allowed: 1 to {most}."


def _secret_problems(deployment: Deployment, live: Live) -> Iterator[str]:
    found, at = live.one("secret"), secret_key(deployment)
    where = f"{deployment.namespace}/{secret(deployment)}"
    if deployment.existing_secret and not found:
        yield f"twemproxy_existing_secret is {deployment.existing_secret}, and there is no Secret {where}."
    elif found and at not in (found.get("data") or {}):
        yield (
            f"The password is to be key {at} of Secret {where}, which has the keys "
            f"{', '.join(sorted(found.get('data') or {}))}. Set twemproxy_existing_secret and "
            "twemproxy_existing_secret_key."
        )
    elif at in found.get("faults", {}):
        yield f"The password in key {at} of Secret {where} {found['faults'][at]}"
