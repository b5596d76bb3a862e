# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What roles and playbooks are told of a deployment: never a password, and nothing that they would have to compute."""

from __future__ import annotations

import os
import shlex
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import auth, nodes, storage
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features.catalog import each
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import kind_of, twemproxy
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import digest
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

CONNECTION = ("kubeconfig", "context", "transport", "timeout")
NO_PART_OF_IT = ("verify_enabled", "notes_enabled")
"""Options that say what the end of a run does: with others the deployment is the same."""


def seen_without_looking(deployment: Deployment) -> dict[str, Any]:
    """What the variables alone say."""
    options = deployment.options
    secret, key = login(deployment)
    return {
        "key": key_of(deployment),
        "kind": deployment.kind,
        "name": deployment.name,
        "namespace": deployment.namespace,
        "state": deployment.state,
        **{name: options[name] for name in CONNECTION},
        "dns_server": options.get("dns_server", ""),
        "cluster_domain": options.get("cluster_domain", ""),
        "service": deployment.names.headless,
        "options": dict(options),
        "settings": kind_of(deployment).settings(deployment),
        "login_secret": secret,
        "login_secret_key": key,
        "awaited": kind_of(deployment).awaited(deployment),
        "warning": storage_warning(deployment),
        "commands": commands(deployment),
        "notes": [] if deployment.kind == "twemproxy" else each("notes", deployment),
    }


def seen(deployment: Deployment, live: Live) -> dict[str, Any]:
    """The same with what was found, and with the plan of its volumes."""
    found = {**seen_without_looking(deployment), "found": dict(live.found), "runs": bool(live.stateful_set)}
    if deployment.kind == "twemproxy":
        return found
    plan = plan_of(deployment, live)
    return {**found, "storage": plan, "placement": storage.placement(plan["volumes"])}


def key_of(deployment: Deployment) -> str:
    """Two that are equal are of the same deployment, with the same options."""
    return digest([deployment.kind, {k: v for k, v in deployment.options.items() if k not in NO_PART_OF_IT}])


def login(deployment: Deployment) -> tuple[str, str]:
    """The Secret that has the password of its servers, and the key in it; two empty texts where there is none."""
    if deployment.kind == "twemproxy":
        return twemproxy.secret(deployment), twemproxy.secret_key(deployment)
    return (auth.secret(deployment), auth.key(deployment)) if deployment.auth_enabled else ("", "")


def storage_warning(deployment: Deployment) -> str:
    """What its storage does not keep. Proxies have none."""
    if deployment.kind == "twemproxy":
        return ""
    return storage.warning(deployment, kind_of(deployment).describe(deployment).emptydir_warning)


def given_up(deployment: Deployment, live: Live) -> list[str]:
    """Keys of a Twemproxy pool that another one looks for elsewhere: refused, unless the variables allow it."""
    if deployment.kind != "twemproxy" or not deployment.allow_remapping:
        return []
    moved = twemproxy.change(deployment, live)
    return [moved["text"], *moved["table"].splitlines()] if moved["share"] > 0 else []


def plan_of(deployment: Deployment, live: Live) -> dict[str, Any]:
    """What machines and the role of the volumes are told."""
    stored, servers = deployment.stored, kind_of(deployment).describe(deployment)
    clients = stored["clients"] or sorted(
        {
            address["address"]
            for node in nodes.mounting(deployment, live)
            for address in (node.get("status") or {}).get("addresses") or []
            if address["type"] == "InternalIP"
        }
    )
    return {
        "name": deployment.name,
        "namespace": deployment.namespace,
        "kubeconfig": deployment.kubeconfig,
        "context": deployment.context,
        **{name: stored[name] for name in ("type", "storage_class", "reclaim_policy", "access_mode", "mount_options")},
        "hosts": stored["hosts"],
        # Who mounts the exports of an NFS server, and where pods that do may run.
        "clients": clients if deployment.on_nfs else [],
        "nodes": nodes.of_servers(deployment, live) if deployment.on_nfs else [],
        "state": deployment.state,
        "delete_data": deployment.delete_data,
        # Whether Kubernetes has anything of it besides its volumes.
        "deployed": bool(live.all("statefulset", "claims")) or auth.is_ours(deployment, live),
        "found": {query: live.all(query) for query in ("nodes", "volumes", "class")},
        "volumes": storage.plan(deployment, live, servers.pods, servers.copies),
    }


def commands(deployment: Deployment) -> dict[str, str]:
    """What people paste: C(kubectl), C(password) to read it, and C(cli), which goes before redis-cli in a pod."""
    file = os.path.realpath(os.path.expanduser(deployment.kubeconfig))
    options = [f"--kubeconfig {shlex.quote(file)}"] if deployment.kubeconfig else []
    options += [f"--context {shlex.quote(deployment.context)}"] if deployment.context else []
    kubectl = " ".join(["kubectl", *options, "-n", deployment.namespace])
    secret, key = login(deployment)
    path = key.replace(".", "\\.")
    return {
        "kubectl": kubectl,
        "password": f"{kubectl} get secret {secret} -o jsonpath='{{.data.{path}}}' | base64 -d",
        "cli": 'REDISCLI_AUTH="$(cat /etc/redis-auth/password)" ' if secret else "",
    }
