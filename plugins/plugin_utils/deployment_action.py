# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What actions on a whole deployment have in common: its value, the modules that they ask, and how they fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.utils.display import Display

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import storage
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import KINDS, kind_of, twemproxy
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live, Password
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import digest
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment, Observed
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.volume_plan import VolumePlanError
from ansible_collections.slotwise.redis.plugins.module_utils.redis.passwords import fault_of
from ansible_collections.slotwise.redis.plugins.plugin_utils.local_module import LocalModule
from ansible_collections.slotwise.redis.plugins.plugin_utils.variables import Inventory, UnreadableVariable, Variables

COLLECTION = "slotwise.redis"
display = Display()


class Failed(Exception):
    """What the task returns instead."""

    def __init__(self, message: str, problems: Sequence[str] = (), **result: Any) -> None:
        super().__init__(message)
        self.problems = list(problems)
        self.result = {**result, "failed": True, "msg": message}

    @classmethod
    def because(cls, problems: Sequence[str], head: str = "Nothing was changed.") -> Failed:
        """All problems at once."""
        return cls("\n- ".join([head, *problems]), problems)


def refuse(problems: Sequence[str], head: str = "Nothing was changed.") -> None:
    if problems:
        raise Failed.because(problems, head)


class DeploymentAction(LocalModule):
    """An action on the deployment that the variables of the host describe."""

    _supports_async = False
    accepts: tuple[str, ...] = ("kind", "looked")
    """Its options."""
    modules = (
        "kubernetes_access",
        "kubernetes_apply",
        "kubernetes_lease",
        "kubernetes_objects_info",
        "redis_persistence",
    )

    def outcome(self, arguments: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        self._variables = task_vars
        self._inventory = Inventory(task_vars["hostvars"])
        try:
            refuse(
                [f"{name} is no option. Allowed: {', '.join(self.accepts)}." for name in {*arguments} - {*self.accepts}]
            )
            return self.work(arguments)
        except Failed as error:
            return error.result
        except UnreadableVariable as error:
            return Failed(f"Nothing was changed. {error}").result
        except VolumePlanError as error:
            return Failed.because(error.problems).result

    def work(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the task returns. C(Failed) is one way for it to end."""
        raise NotImplementedError

    @property
    def kind(self) -> str:
        kind = str(self._task.args.get("kind", ""))
        if kind not in KINDS:
            raise Failed(f"kind is {kind or 'not set'}. Allowed: {', '.join(KINDS)}.")
        return kind

    def module(self, name: str, /, talks: bool = False, **arguments: Any) -> dict[str, Any]:
        """What a module of this collection returns; its failure is that of the task."""
        result = self.ask(f"{COLLECTION}.{name}", arguments, self._variables, talks)
        if result.get("failed"):
            raise Failed(
                result.get("msg", f"{name} failed"),
                **{key: result[key] for key in ("found", "advice", "exception", "module_stderr") if key in result},
            )
        return result

    def quietly(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """The same with nothing of it in any log: it has a password."""
        before, self._task.no_log = self._task.no_log, True
        try:
            return self.module(name, **arguments)
        finally:
            self._task.no_log = before

    def on(self, deployment: Deployment, **more: Any) -> dict[str, Any]:
        """Options of modules that change something of a deployment, with its Lease."""
        return {
            **self.at(deployment),
            "namespace": deployment.namespace,
            "name": deployment.name,
            "keep_lease": True,
            **more,
        }

    def at(self, deployment: Deployment) -> dict[str, Any]:
        """Which Kubernetes it is."""
        given = {"kubeconfig": deployment.kubeconfig, "context": deployment.context}
        return {name: value for name, value in given.items() if value}

    def take_away(
        self, deployment: Deployment, objects: Sequence[Mapping[str, Any]], owner: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Remove objects that have the labels of C(owner), else those of all objects of the deployment."""
        if not objects:
            return {"changed": False, "diff": [], "objects": []}
        labels = owner or kind_of(deployment).labels_of(deployment)
        given = self.on(deployment, definitions=objects, owner_labels=labels, timeout=deployment.timeout)
        return self.module("kubernetes_apply", **given, state="absent")

    def find(self, deployment: Deployment, queries: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
        return self.module("kubernetes_objects_info", **self.at(deployment), queries=list(queries))["objects"]

    def say(self, *lines: str) -> None:
        """At once, as a long run is watched, also in AWX."""
        for line in lines:
            display.display(f"  [{self._variables['inventory_hostname']}] {line}")

    def say_once(self, *lines: str) -> None:
        """What several plays of a run would say: each worker is another process, and the folder is that of the run."""
        for line in lines:
            seen = Path(constants.DEFAULT_LOCAL_TMP) / f"said-{digest([self._variables['inventory_hostname'], line])}"
            if not seen.exists():
                seen.touch()
                self.say(line)

    def password(self) -> str:
        return Variables(self._templar, self._variables).password(self.kind)

    def described(self) -> Deployment:
        """By the variables alone."""
        given = Variables(self._templar, self._variables)
        options = given.options(self.kind)
        # What goes needs none, and its backends may be gone.
        going = options.get("twemproxy_state") == "absent"
        backend = {} if going else self._backend(options.get("twemproxy_backends"))
        return Deployment.read(self.kind, options, variables=given.names(self.kind), backend=backend)

    def observed(self, deployment: Deployment, live: Live) -> Observed:
        """What its objects depend on beside."""
        return Observed() if deployment.kind == "twemproxy" else kind_of(deployment).observed(deployment, live)

    def live(self, deployment: Deployment, found: Mapping[str, Any], password: Password | None = None) -> Live:
        """What was found, with what the inventory says of it."""
        return Live(found, password or Password(), **self._places(deployment, found))

    def looked(self, deployment: Deployment, arguments: Mapping[str, Any]) -> Live:
        """The same of what C(deployment_info) returned."""
        found = (arguments.get("looked") or {}).get("found")
        if found is None:
            raise Failed("looked is not what deployment_info returns when it looks. Allowed: that.")
        return self.live(deployment, found)

    def _places(self, deployment: Deployment, found: Mapping[str, Any]) -> dict[str, Any]:
        """Machines and volumes, as the inventory and Kubernetes have them. Proxies have none."""
        if deployment.kind == "twemproxy":
            return {}
        machines = storage.machines(deployment, self._inventory, found.get("nodes", ()))
        server = deployment.stored["server"]
        host = self._inventory.get(server, {})
        return {
            "machines": machines,
            "volumes": storage.existing(deployment, found, machines, self._inventory),
            # A host of the inventory is reached by SSH at one address and may serve files at another.
            "server": {
                "name": server if server in self._inventory else "",
                "address": str(host.get("nfs_address") or host.get("ansible_host") or server),
            },
        }

    def _backend(self, name: Any) -> dict[str, Any]:
        if self.kind != "twemproxy" or not isinstance(name, str):
            return {}
        if name not in self._inventory:
            return twemproxy.backend_of(name, None)
        others = self._inventory.variables(self._templar, name).options("redis_standalone", twemproxy.OF_BACKENDS)
        kinds = [kind for kind in KINDS if name in self._variables["groups"].get(kind, ())]
        return twemproxy.backend_of(name, Deployment.read("redis_standalone", others), kinds)


def known_of(password: str, differs: bool = False) -> Password:
    """What may be told of a password. Bytes that are not UTF-8 come as surrogates out of files and environments."""
    fault = fault_of(password.encode(errors="surrogateescape")) if password else ""
    return Password(given=bool(password), fault=fault, differs=differs)
