# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password of servers and proxies, from a Secret that is ours or given. Containers read it from a file only."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live, Password, has_labels
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import owner_labels
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.objects import Maker, Object
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

FOLDER = "/etc/redis-auth"


def secret(deployment: Deployment) -> str:
    """Name of the Secret."""
    return deployment.existing_secret or deployment.names.secret


def key(deployment: Deployment) -> str:
    return deployment.existing_secret_key if deployment.existing_secret else "password"


def object_of(make: Maker, password: str) -> Object:
    """The Secret, where it is ours to make. Servers keep the password that they were started with."""
    data = {"password": base64.b64encode(password.encode(errors="surrogateescape")).decode()}
    return make.make("v1", "Secret", secret(make.deployment), type="Opaque", data=data)


def is_missing(deployment: Deployment, live: Live) -> bool:
    """Whether a Secret has to be made."""
    return deployment.auth_enabled and not deployment.existing_secret and not live.one("secret")


def is_ours(deployment: Deployment, live: Live) -> bool:
    """One that somebody else made may be used, and is neither changed nor removed."""
    found = live.one("secret")
    return not deployment.existing_secret and has_labels(found, owner_labels(deployment.name))


def environment(deployment: Deployment) -> dict[str, str]:
    return {"REDIS_AUTH": "enabled" if deployment.auth_enabled else "disabled"}


def mounts(deployment: Deployment) -> list[dict[str, Any]]:
    return [{"name": "auth", "mountPath": FOLDER, "readOnly": True}] if deployment.auth_enabled else []


def volumes(deployment: Deployment) -> list[dict[str, Any]]:
    return [volume(secret(deployment), key(deployment))] if deployment.auth_enabled else []


def volume(name: str, at: str) -> dict[str, Any]:
    return {"name": "auth", "secret": {"secretName": name, "items": [{"key": at, "path": "password"}]}}


def input_problems(deployment: Deployment, password: Password) -> Iterator[str]:
    named, existing = deployment.variable("password"), deployment.variable("existing_secret")
    if password.given and deployment.existing_secret:
        yield f"{named} and {existing} are both set. Give one of them."
    if not deployment.auth_enabled and (password.given or deployment.existing_secret):
        yield f"{deployment.variable('auth_enabled')} is false, and a password is given. Leave one of them out."
    if password.given and password.fault:
        yield f"{named} {password.fault}"


def changes(deployment: Deployment, running: Mapping[str, Any]) -> Iterator[str]:
    """What a running deployment has of it, and cannot get otherwise. C(running) is its StatefulSet."""
    sources = (item.get("secret") for item in running["spec"]["template"]["spec"]["volumes"] if item["name"] == "auth")
    source = next(sources, None) or {}
    before, key_before = source.get("secretName", ""), (source.get("items") or [{}])[0].get("key", key(deployment))
    here, there = _place(deployment, secret(deployment)), _place(deployment, before)
    if bool(before) != deployment.auth_enabled:
        yield (
            f"{deployment.variable('auth_enabled')} is {deployment.shown('auth_enabled')} and the running deployment "
            f"{'has a' if before else 'has no'} password. Servers with and without one cannot work together while they "
            "restart one by one. Set it back."
        )
    elif before and here != there:
        yield (
            f"The password would come from Secret {here} and the running deployment uses Secret {there}. Changing "
            f"passwords is an operation of its own. Set {deployment.variable('existing_secret')} back."
        )
    elif before and key_before != key(deployment):
        yield (
            f"{deployment.variable('existing_secret_key')} is {key(deployment)} and the running deployment uses key "
            f"{key_before} of Secret {here}. Changing passwords is an operation of its own. Set it back."
        )


def live_problems(deployment: Deployment, live: Live) -> Iterator[str]:
    """What is wrong with the Secret that servers have their password from, as it is."""
    if not deployment.auth_enabled:
        return
    found, here, at = live.one("secret"), _place(deployment, secret(deployment)), key(deployment)
    named, existing = deployment.variable("password"), deployment.variable("existing_secret")
    if deployment.existing_secret and not found:
        yield f"{existing} is {deployment.existing_secret}, and there is no Secret {here}."
    elif found and at not in (found.get("data") or {}):
        yield (
            f"The password is to be key {at} ({existing}_key) of Secret {here}, which has the keys "
            f"{', '.join(sorted(found.get('data') or {}))}."
        )
    elif at in found.get("faults", {}):
        yield f"The password in key {at} of Secret {here} {found['faults'][at]}"
    elif live.password.differs:
        yield (
            f"{named} is not the password in Secret {here}, which the servers use. Changing passwords is an operation "
            f"of its own: leave {named} out, or give the one in the Secret."
        )
    elif not found and live.stateful_set and not live.password.given:
        yield (
            f"Secret {here} is gone and the deployment is running. A new random password would not be that of its "
            f"servers: give the one that they use as {named} for one run."
        )


def _place(deployment: Deployment, name: str) -> str:
    return f"{deployment.namespace}/{name}"
