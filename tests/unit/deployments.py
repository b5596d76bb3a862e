# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments as the actions read them, with real variables, defaults and files, and a Kubernetes that is given."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace as Some
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.slotwise.redis.plugins.action import deployment, deployment_finish, deployment_info
from ansible_collections.slotwise.redis.plugins.module_utils.deployment import parts, view
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment
from ansible_collections.slotwise.redis.plugins.plugin_utils.deployment_action import DeploymentAction, Failed
from ansible_collections.slotwise.redis.plugins.plugin_utils.pod_files import with_files
from ansible_collections.slotwise.redis.plugins.plugin_utils.variables import Inventory, trusted

HOST = "localhost"


class HostVars(dict):
    """Variables of hosts, as Ansible has them."""

    def raw_get(self, host: str) -> dict[str, Any]:
        return {**self[host], "inventory_hostname": host}


def loaded(value: Any) -> Any:
    """As Ansible loads it from a file: text may be a template."""
    if isinstance(value, dict):
        return {key: loaded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [loaded(item) for item in value]
    return trusted(value) if isinstance(value, str) else value


def action(
    kind: str,
    given: dict[str, Any],
    found: dict[str, list] | None = None,
    *,
    of: type[DeploymentAction] = deployment_info.ActionModule,
    hosts: dict[str, dict] | None = None,
    groups: dict[str, list[str]] | None = None,
    **arguments: Any,
) -> Any:
    """An action on a deployment; C(asked) lists what it asked of modules, C(said) what it said.

    C(found) is what Kubernetes has, by the ids of queries. C(differs) among the variables says that the password is
    not the one in the Secret.
    """
    made = of.__new__(of)
    variables = {name: value for name, value in given.items() if name != "differs"}
    variables = loaded(variables)
    hostvars = HostVars({HOST: variables, **loaded(hosts or {})})
    made._variables = {
        **variables,
        "inventory_hostname": HOST,
        "hostvars": hostvars,
        "groups": groups or {},
    }
    made._inventory = Inventory(hostvars)
    made._templar = Templar(loader=DataLoader(), variables=made._variables)
    made._task = Some(args={"kind": kind, **arguments}, check_mode=False, no_log=False)
    made.asked, made.said = [], []
    made.say = made.say_once = lambda *lines: made.said.extend(lines)

    def module(name: str, /, talks: bool = False, **given_to: Any) -> dict[str, Any]:
        made.asked.append((name, given_to))
        if name == "kubernetes_access":
            return {"missing": []}
        if name != "kubernetes_objects_info":
            return {"changed": False, "objects": [], "diff": []}
        queries = given_to["queries"]
        if any("compare" in query for query in queries):
            return {"objects": {"secret": [{"compare": {"password": not given.get("differs", False)}}]}}
        return {"objects": {query["id"]: (found or {}).get(query["id"], []) for query in queries}}

    made.module = module
    return made


def look(kind: str, given: dict[str, Any], found: dict[str, list] | None = None, **more: Any) -> dict[str, Any]:
    """What C(deployment_info) returns."""
    looked = action(kind, given, found, **more)
    return looked.work(looked._task.args)


def without_looking(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """What the variables alone say, wrong ones too."""
    return view.seen_without_looking(action(kind, given).described())


def problems(kind: str, given: dict[str, Any], found: dict[str, list] | None = None, **more: Any) -> list[str]:
    """Why it is refused."""
    try:
        look(kind, given, found, **more)
    except Failed as error:
        return error.problems
    return []


def value(
    kind: str, given: dict[str, Any], found: dict[str, list] | None = None, **more: Any
) -> tuple[Deployment, Live]:
    """The deployment with all that its objects depend on."""
    looked = action(kind, given, found, **more)
    described = looked.described()
    live = looked.live(described, found or {})
    return with_files(replace(described, observed=looked.observed(described, live))), live


def objects(kind: str, given: dict[str, Any], found: dict[str, list] | None = None) -> list[dict[str, Any]]:
    return parts.objects(value(kind, given, found)[0])


def permissions(kind: str, given: dict[str, Any], found: dict[str, list] | None = None) -> list[dict[str, Any]]:
    return parts.permissions(value(kind, given, found)[0])


def removable(kind: str, given: dict[str, Any], found: dict[str, list] | None = None) -> list[dict[str, Any]]:
    """What a removal takes away first."""
    made, live = value(kind, given, found)
    return [*parts.removable(made), *parts.code_among(made, live.all("configmaps"))]


def taken_away_at_the_end(kind: str, given: dict[str, Any], found: dict[str, list]) -> list[str]:
    """Names of what C(deployment_finish) removes."""
    done = action(kind, given, found, of=deployment_finish.ActionModule, looked={"found": found})
    done.work(done._task.args)
    removed = [given["definitions"] for name, given in done.asked if name == "kubernetes_apply"]
    return [item["metadata"]["name"] for items in removed for item in items]


def applied(kind: str, given: dict[str, Any], found: dict[str, list]) -> list[tuple[str, dict[str, Any]]]:
    """What C(deployment) asks of modules, in order."""
    done = action(kind, given, found, of=deployment.ActionModule, looked={"found": found})
    done.work(done._task.args)
    return done.asked
