# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments as the roles describe them to filter C(deployment), without Ansible."""

from __future__ import annotations

from pathlib import Path

import jinja2
import yaml

from ansible_collections.slotwise.redis.plugins.filter.deployment import deployment
from ansible_collections.slotwise.redis.plugins.filter.password_fault import password_fault
from ansible_collections.slotwise.redis.plugins.filter.twemproxy_ring_change import twemproxy_ring_change
from ansible_collections.slotwise.redis.plugins.module_utils._live_volumes import existing_volumes
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds.twemproxy import OPTIONS

ROOT = Path(__file__).resolve().parents[5]
INVENTORY_NAME = "localhost"


def variables(kind: str, given: dict) -> dict:
    """Those that are given, and the defaults of the role for the others."""
    found = {**yaml.safe_load((ROOT / "roles" / kind / "defaults" / "main.yml").read_text()), **given}

    def resolve(value):
        while isinstance(value, str) and "{{" in value:
            value = jinja2.Template(value, undefined=jinja2.StrictUndefined).render(
                inventory_hostname=INVENTORY_NAME, **found
            )
        return value

    return {name: resolve(value) for name, value in found.items() if not name.endswith("_password")}


def of_servers(kind: str, given: dict, options: dict, found: dict) -> dict:
    """What role common knows beside: the password, machines, and volumes."""
    name, namespace = options[f"{kind}_name"], options[f"{kind}_namespace"]
    password, storage = given.get(f"{kind}_password", ""), options[f"{kind}_storage"]
    storage = storage if isinstance(storage, dict) else {}
    volumes = existing_volumes(found.get("volumes", []), found.get("nodes", []), name, namespace)
    return {
        "password": {
            "given": password != "",
            "fault": password_fault(password) if password else "",
            "differs": given.get("differs", False),
        },
        "machines": [{"name": host, "node": host, "zone": ""} for host in storage.get("hosts", [])],
        "server": {"name": "", "address": storage.get("server", "")},
        "volumes": [{**row, "machine": ""} for row in volumes],
    }


def of_proxies(options: dict, found: dict) -> dict:
    """What role twemproxy knows beside: the deployment that it names, and what another pool does to the keys."""
    given = options["twemproxy_backends"]
    backend = {
        "service": f"{given}-headless.{given}.svc.cluster.local",
        "secret": f"{given}-auth",
        "secret_key": "password",
        "namespace": given,
        "state": "present" if given == INVENTORY_NAME else "",
    }
    change = {"share": 0, "text": "", "table": ""}
    if found.get("config"):
        pools = yaml.safe_load(found["config"][0]["data"]["nutcracker.yml"]).values()
        running = next((pool for pool in pools if isinstance(pool, dict)), None)
        lines = [f"{row['host']}:{row.get('port', 6379)}:{row.get('weight', 1)} {row['name']}" for row in given]
        if running:
            change = twemproxy_ring_change(running, {**OPTIONS, **options["twemproxy_pool"], "servers": lines})
    return {"backend": backend if isinstance(given, str) else {}, "change": change}


def told(part: str, kind: str, given: dict, found: dict | None = None) -> list:
    """What a part of a deployment is, as the filter tells it: its role, variables, and what Kubernetes has.

    C(differs) among the variables says that the password is not the one in the Secret.
    """
    options, found = variables(kind, {name: value for name, value in given.items() if name != "differs"}), found or {}
    known = of_proxies(options, found) if kind == "twemproxy" else of_servers(kind, given, options, found)
    return deployment({"kind": kind, "options": options, "found": found, **known}, part)
