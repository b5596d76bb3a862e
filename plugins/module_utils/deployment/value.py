# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment as a value: its kind, options, the files of its pods, and what of Kubernetes its objects depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import Names
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.options import convert
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.storage import (
    ON_MACHINES,
    ON_NFS,
    storage_settings,
    well_formed,
)


@dataclass(frozen=True)
class Observed:
    """What of the running deployment, and of Kubernetes, its objects depend on."""

    claimed_size: str = ""
    """What claims ask for; empty where there are none. A StatefulSet cannot change it: volumes grow, claims do not."""
    hostnames: tuple[str, ...] = ()
    """Labels C(kubernetes.io/hostname) of the Kubernetes nodes that may mount its storage, where these are named."""


@dataclass(frozen=True)
class Deployment:
    """One deployment. Two that are equal come to the same objects."""

    kind: str
    """The role that makes it, such as C(redis_cluster); the prefix of its variables."""
    options: Mapping[str, Any]
    """Every option by its name without the prefix, of the type that it has."""
    scripts: Mapping[str, str] = field(default_factory=dict)
    """What its pods run: name and content of each file, in the order that decides their digest."""
    configuration: Mapping[str, str] = field(default_factory=dict)
    """Configuration files of the servers: C(redis.conf), or those of Twemproxy."""
    agent: Mapping[str, str] = field(default_factory=dict)
    """Modules of the agent, where it has one."""
    backend: Mapping[str, Any] = field(default_factory=dict)
    """Of Twemproxy: where the servers are that it is in front of, see C(kinds/twemproxy.py)."""
    observed: Observed = Observed()
    given: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The variables as a user gave them, for messages."""
    variables: Sequence[str] = field(default=(), compare=False)
    """Names of all variables that a user gave it, to tell those that nobody reads."""
    faults: Mapping[str, str] = field(default_factory=dict, compare=False)
    """A sentence for each option of another type than it has. C(options) has what comes nearest."""

    @classmethod
    def read(cls, kind: str, given: Mapping[str, Any], **parts: Any) -> Deployment:
        """The value of what a user gave, with text of surveys and INI files converted. Look at C(faults) first."""
        options, faults = convert(kind, given)
        return cls(kind, options, given=given, faults=faults, **parts)

    def __getattr__(self, name: str) -> Any:
        """Options are attributes."""
        try:
            return self.__dict__["options"][name]
        except KeyError:
            raise AttributeError(f"{self.__dict__.get('kind')} has no option {name}") from None

    def variable(self, option: str) -> str:
        return f"{self.kind}_{option}"

    def shown(self, option: str) -> str:
        """The value of an option as it was given."""
        return str(self.given[self.variable(option)])

    @property
    def place(self) -> str:
        """Namespace and name, as people write them."""
        return f"{self.options['namespace']}/{self.options['name']}"

    @property
    def names(self) -> Names:
        return Names(self.options["name"], self.options["namespace"], self.options.get("cluster_domain", ""))

    @property
    def stored(self) -> Mapping[str, Any]:
        """Its storage with nothing left out."""
        return storage_settings(well_formed(self.options["storage"]), self.options["name"], self.options["namespace"])

    @property
    def on_machines(self) -> bool:
        return self.stored["type"] in ON_MACHINES

    @property
    def on_nfs(self) -> bool:
        return self.stored["type"] in ON_NFS
