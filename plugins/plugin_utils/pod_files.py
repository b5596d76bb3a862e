# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of pods: scripts and agents from the roles of this collection, and configuration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import (
    kind_of,
    sentinel,
    servers,
    twemproxy,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment
from ansible_collections.slotwise.redis.plugins.plugin_utils.variables import ROLES

SHARED = "common"
"""The role with files that several kinds have."""


def with_files(deployment: Deployment) -> Deployment:
    """The deployment with all that its pods mount."""
    agent = ROLES / deployment.kind / "files" / "agent"
    names = sentinel.AGENT if deployment.kind == "redis_sentinel" else ()
    return replace(
        deployment,
        scripts=_read(deployment.kind, _scripts(deployment)),
        agent={name: (agent / name).read_text(encoding="utf-8") for name in names},
        configuration=kind_of(deployment).configuration(deployment),
    )


def _scripts(deployment: Deployment) -> tuple[str, ...]:
    if deployment.kind == "twemproxy":
        return twemproxy.SCRIPTS
    return servers.SCRIPTS + tuple(kind_of(deployment).describe(deployment).scripts)


def _read(kind: str, names: Iterable[str]) -> dict[str, str]:
    """In this order. What a kind has itself goes before what it shares."""
    folders = [ROLES / role / "files" for role in (kind, SHARED)]
    files = {name: next(f / name for f in folders if (f / name).is_file()) for name in names}
    return {name: Path(file).read_text(encoding="utf-8") for name, file in files.items()}
