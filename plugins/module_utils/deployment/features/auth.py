# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password of servers and proxies, from a Secret that is ours or given. Containers read it from a file only."""

from __future__ import annotations

from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

FOLDER = "/etc/redis-auth"


def secret(deployment: Deployment) -> str:
    """Name of the Secret."""
    return deployment.existing_secret or deployment.names.secret


def key(deployment: Deployment) -> str:
    return deployment.existing_secret_key if deployment.existing_secret else "password"


def environment(deployment: Deployment) -> dict[str, str]:
    return {"REDIS_AUTH": "enabled" if deployment.auth_enabled else "disabled"}


def mounts(deployment: Deployment) -> list[dict[str, Any]]:
    return [{"name": "auth", "mountPath": FOLDER, "readOnly": True}] if deployment.auth_enabled else []


def volumes(deployment: Deployment) -> list[dict[str, Any]]:
    return [volume(secret(deployment), key(deployment))] if deployment.auth_enabled else []


def volume(name: str, at: str) -> dict[str, Any]:
    return {"name": "auth", "secret": {"secretName": name, "items": [{"key": at, "path": "password"}]}}
