# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a deployment and refuses what cannot be done, before anything changes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.slotwise.redis.plugins.module_utils.deployment import problems, view
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import kind_of
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.parts import permissions
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.queries import password as password_query
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment
from ansible_collections.slotwise.redis.plugins.plugin_utils.deployment_action import DeploymentAction, known_of, refuse
from ansible_collections.slotwise.redis.plugins.plugin_utils.pod_files import with_files
from ansible_collections.slotwise.redis.plugins.plugin_utils.specs import spec_problems

LACKING = "Nothing was changed. The user of the kubeconfig lacks these permissions:"


class ActionModule(DeploymentAction):
    """See the documentation of the module of this name."""

    accepts = ("kind", "known", "look")

    def work(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        deployment, password = self.described(), self.password()
        look = boolean(arguments.get("look", True))
        refuse(self._wrong(deployment, password, look))
        known = arguments.get("known")
        if isinstance(known, Mapping) and known.get("key") == view.key_of(deployment):
            # What the end of a run does may be another thing.
            now = {"options": dict(deployment.options), "changed": False}
            return {**known, **now, "_ansible_verbose_override": True}
        if not look:
            return {**view.seen_without_looking(deployment), "changed": False}
        live = self._looked(deployment, password)
        self._warn(deployment, live)
        seen = {**view.seen(deployment, live), "look": secrets.token_hex(8)}
        return {**seen, "changed": False, "_ansible_verbose_override": True}

    def _wrong(self, deployment: Deployment, password: str, look: bool) -> list[str]:
        """Who removes or only verifies has to find it, and no more; proxies are verified by all of their pool."""
        if deployment.state == "absent" or not (look or deployment.kind == "twemproxy"):
            return problems.nameless(deployment)
        faults = [deployment.variable(option) for option in deployment.faults]
        read = {name: value for name, value in deployment.given.items() if name not in faults}
        return problems.input_problems(deployment, known_of(password)) + spec_problems(self.kind, read)

    def _looked(self, deployment: Deployment, password: str) -> Live:
        rules = permissions(with_files(deployment))
        refuse(self.module("kubernetes_access", **self.at(deployment), rules=rules)["missing"], LACKING)
        found = self.find(deployment, kind_of(deployment).queries(deployment))
        live = self.live(deployment, found, known_of(password, self._differs(deployment, password)))
        refuse(problems.live_problems(deployment, live))
        return live

    def _differs(self, deployment: Deployment, password: str) -> bool:
        """Whether the Secret has another password than the one that was given."""
        if not password:
            return False
        asked = [password_query(deployment, password)]
        found = self.quietly("kubernetes_objects_info", **self.at(deployment), queries=asked)["objects"]
        return any(same is False for item in found["secret"] for same in item["compare"].values())

    def _warn(self, deployment: Deployment, live: Live) -> None:
        if deployment.state != "present":
            return
        going = [item for query in live.found.values() for item in query if "leaving" in item]
        self.say_once(
            *(
                f"{item['leaving']['text']} It is waited for, and made anew when it is gone."
                for item in sorted(going, key=lambda item: str(item["leaving"]["text"]))
                if item["kind"] != "Node" and not item["leaving"]["loses"]
            ),
            *problems.warnings(deployment),
            *problems.spread_warnings(deployment, live),
            *filter(None, [view.storage_warning(deployment)]),
            *view.given_up(deployment, live),
        )
