# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends a run on a deployment: removes what only earlier pods ran, and lets other runs change it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment import parts
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import kind_of
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import owner_labels
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.queries import labelled
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment
from ansible_collections.slotwise.redis.plugins.plugin_utils.deployment_action import DeploymentAction
from ansible_collections.slotwise.redis.plugins.plugin_utils.pod_files import with_files


class ActionModule(DeploymentAction):
    """See the documentation of the module of this name."""

    def work(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        deployment = with_files(self.described())
        live = self.looked(deployment, arguments)
        unused = [*self._unused_code(deployment, live), *kind_of(deployment).outdated(deployment, live)]
        done = self.take_away(deployment, unused)
        self.module("kubernetes_lease", **self.on(deployment))
        return {"changed": done["changed"], "diff": done["diff"]}

    def _unused_code(self, deployment: Deployment, live: Live) -> list[Mapping[str, Any]]:
        """Earlier files that no pod has any more."""
        now = parts.code(deployment)
        code = parts.code_among(deployment, live.all("configmaps"))
        earlier = [item for item in code if item["metadata"]["name"] not in now]
        if not earlier:
            return []
        pods = labelled("pods", "Pod", owner_labels(deployment.name), deployment.namespace, ["spec.volumes"])
        used = {
            volume["configMap"]["name"]
            for pod in self.find(deployment, [pods])["pods"]
            for volume in (pod.get("spec") or {}).get("volumes") or []
            if "configMap" in volume
        }
        return [item for item in earlier if item["metadata"]["name"] not in used]
