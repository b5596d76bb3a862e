# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, labels, ports and paths of what a deployment is made of, each in this place only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REDIS_PORT, BUS_PORT, SENTINEL_PORT, AGENT_PORT = 6379, 16379, 26379, 16380
PROXY_PORT, STATS_PORT = 22121, 22222
USER = 999
"""User and group of every container: that of redis in the official images."""
MANAGER = "slotwise.redis"
PREFIX = "app.kubernetes.io"
HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
ROLE_LABEL = "redis-role"


def annotation(name: str) -> str:
    """What later runs compare with, or remember, in an object of ours."""
    return f"{MANAGER}/{name}"


@dataclass(frozen=True)
class Names:
    """Of one deployment."""

    name: str
    namespace: str
    domain: str

    @property
    def headless(self) -> str:
        return f"{self.name}-headless"

    @property
    def service(self) -> str:
        """The DNS name whose addresses are the pods; without the dot at its end."""
        return f"{self.headless}.{self.namespace}.svc.{self.domain}"

    @property
    def config(self) -> str:
        return f"{self.name}-config"

    @property
    def secret(self) -> str:
        return f"{self.name}-auth"

    @property
    def shared_claim(self) -> str:
        """Where all pods use one volume."""
        return f"data-{self.name}"

    @property
    def record(self) -> str:
        """Who is the master, as the agents beside Sentinels write it."""
        return f"{self.name}-record"

    @property
    def sentinels(self) -> Names:
        """Of the Sentinels beside its servers."""
        return Names(f"{self.name}-sentinel", self.namespace, self.domain)

    def pods(self, count: int) -> list[str]:
        return [f"{self.name}-{ordinal}" for ordinal in range(count)]

    def hosts(self, count: int) -> list[str]:
        return [f"{pod}.{self.service}" for pod in self.pods(count)]

    def of_files(self, what: str, files: Mapping[str, str]) -> str:
        """Name of an immutable ConfigMap: other files have another name, so that pods keep those they began with."""
        return f"{self.name}-{what}-{digest(files)[:10]}"


def digest(value: Any) -> str:
    """SHA-256 of a text, or of the JSON of anything else. Pods restart when it changes: it must not."""
    text = value if isinstance(value, str) else json.dumps(value)
    return hashlib.sha256(text.encode()).hexdigest()


def owner_labels(name: str) -> dict[str, str]:
    """They tell objects of ours from those of others."""
    return {f"{PREFIX}/instance": name, f"{PREFIX}/managed-by": MANAGER}


def selector(name: str, component: str, program: str = "redis") -> dict[str, str]:
    """Of pods."""
    return {f"{PREFIX}/name": program, f"{PREFIX}/instance": name, f"{PREFIX}/component": component}
