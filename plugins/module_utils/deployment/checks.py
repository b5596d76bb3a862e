# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several kinds and features refuse. All checks yield sentences: variable, value, what is allowed, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment


def at_least(deployment: Deployment, option: str, least: int, words: str = "") -> Iterator[str]:
    """C(words) go on with the sentence after C(or more)."""
    if deployment.options[option] < least:
        yield f"{deployment.variable(option)} is {deployment.shown(option)}. Allowed: {least} or more{words}."


def directives(deployment: Deployment) -> dict[str, Any]:
    """What users set in redis.conf, by names in lower case, as servers read them."""
    return {str(name).lower(): value for name, value in deployment.config.items()}


def namespace_missing(deployment: Deployment, live: Live) -> Iterator[str]:
    if not live.one("namespace") and not deployment.create_namespace:
        yield (
            f"Namespace {deployment.namespace} does not exist, and {deployment.variable('create_namespace')} is false."
        )


def losses(live: Live) -> Iterator[str]:
    """Of what others are deleting, that whose content nobody could make anew."""
    going = [item for item in live.all(*live.found) if (item.get("leaving") or {}).get("loses")]
    for item in sorted(going, key=lambda item: str(item["leaving"]["text"])):
        yield (
            f"{item['leaving']['text']} A deletion cannot be taken back, and a new {item['kind']} would lack what it "
            "holds: save what you need of it, and run again when it is gone."
        )
