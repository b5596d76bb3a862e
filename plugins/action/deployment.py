# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the objects of a deployment, or removes them."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment import parts, readiness
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import auth, storage
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import kind_of, servers
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live, Object
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import digest, owner_labels
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.queries import labelled
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.view import login
from ansible_collections.slotwise.redis.plugins.module_utils.redis.directives import persistence
from ansible_collections.slotwise.redis.plugins.plugin_utils.deployment_action import DeploymentAction, Failed
from ansible_collections.slotwise.redis.plugins.plugin_utils.pod_files import with_files

PASSWORD_LENGTH = 32
POLL_SECONDS = 1


class ActionModule(DeploymentAction):
    """See the documentation of the module of this name."""

    def work(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self._done: list[dict[str, Any]] = []
        deployment = self.described()
        live = self.looked(deployment, arguments)
        deployment = with_files(replace(deployment, observed=self.observed(deployment, live)))
        if deployment.state == "absent":
            self._remove(deployment, live)
        else:
            self._make(deployment, live)
        objects = [row for done in self._done for row in done.get("objects", ())]
        return {
            "changed": any(done["changed"] for done in self._done),
            "diff": [diff for done in self._done for diff in done.get("diff", ())],
            "objects": objects,
            # What check mode knows from the dry run alone.
            "restarts": [row["object"].rpartition("/")[2] for row in objects if row["restarts"]],
            "warnings": [warning for done in self._done for warning in done.get("warnings", ())],
        }

    def _make(self, deployment: Deployment, live: Live) -> None:
        objects = parts.objects(deployment)
        if deployment.kind != "twemproxy":
            self._make_first(deployment, live, [item for item in objects if item["kind"] == "Namespace"])
            # A server reads only the files that its settings name, and a pod refuses to start without them. With
            # appendonly yes the files are there before the ConfigMap says so. With appendonly no the ConfigMap comes
            # first: who starts meanwhile is refused, and would else read an append only file that lacks what came
            # after CONFIG SET.
            appends = persistence(deployment.config).appendonly
            if appends:
                self._switch_persistence(deployment, live)
            self._apply(deployment, objects)
            if not appends:
                self._switch_persistence(deployment, live)
            self._replace_stuck_pods(deployment)
        else:
            self._apply(deployment, objects)
        if not deployment.network_policy_enabled:
            ours = labelled(
                "found", "NetworkPolicy", kind_of(deployment).labels_of(deployment), deployment.namespace, []
            )
            self._take_away(deployment, self.find(deployment, [ours])["found"])

    def _make_first(self, deployment: Deployment, live: Live, namespace: Sequence[Object]) -> None:
        """What pods need before they start, and what is only ever created."""
        make = servers.maker(deployment, kind_of(deployment).describe(deployment))
        if auth.is_missing(deployment, live):
            password = self.password() or _new_password()
            self._create(deployment, [*namespace, auth.object_of(make, password)], secret=True)
        if claims := storage.shared_claim(make):
            self._create(deployment, [*namespace, *claims])

    def _switch_persistence(self, deployment: Deployment, live: Live) -> None:
        """Let running servers write what they are to read when they restart."""
        running = live.stateful_set
        if not readiness.restarting(running, digest(deployment.configuration["redis.conf"])):
            return
        wanted = persistence(deployment.config)
        secret, key = login(deployment)
        self._done.append(
            self.module(
                "redis_persistence",
                talks=True,
                **self.on(deployment),
                service=deployment.names.headless,
                cluster_domain=deployment.cluster_domain,
                transport=deployment.transport,
                **({"dns_server": deployment.dns_server} if deployment.dns_server else {}),
                **({"login_secret": secret, "login_secret_key": key} if secret else {}),
                servers=running["spec"]["replicas"],
                appendonly=wanted.appendonly,
                save=wanted.save_text,
                timeout=deployment.timeout,
            )
        )

    def _replace_stuck_pods(self, deployment: Deployment) -> None:
        """Where a server never began, Kubernetes goes on starting its pod with the settings that keep it from that."""
        found = self._settled(deployment)
        sets = [*found["statefulset"], *found.get("beside", ())]
        stuck = readiness.replaceable(found["pods"], sets)
        self._take_away(deployment, [pod for pod in found["pods"] if pod["metadata"]["name"] in stuck])

    def _settled(self, deployment: Deployment) -> dict[str, list[Object]]:
        """What runs, once Kubernetes has looked at what was applied: the revision in a status is of that then."""
        asked, deadline = kind_of(deployment).awaited(deployment), time.monotonic() + deployment.timeout
        while True:
            found = self.find(deployment, asked)
            late = [
                item for item in (*found["statefulset"], *found.get("beside", ())) if not readiness.is_observed(item)
            ]
            if not late or self._task.check_mode:
                return found
            if time.monotonic() > deadline:
                names = ", ".join(item["metadata"]["name"] for item in late)
                raise Failed(
                    f"Kubernetes has not looked at StatefulSet {names} of namespace {deployment.namespace} for "
                    f"{deployment.timeout} s. Does its controller manager run? Run again when it does."
                )
            time.sleep(POLL_SECONDS)

    def _remove(self, deployment: Deployment, live: Live) -> None:
        """Foreground deletion: gone means that its pods are gone too, and nothing writes to the volumes any more."""
        self._take_away(
            deployment, [*parts.removable(deployment), *parts.code_among(deployment, live.all("configmaps"))]
        )
        if deployment.kind != "twemproxy":
            self._remove_data(deployment, live)
        self.module("kubernetes_lease", **self.on(deployment))

    def _remove_data(self, deployment: Deployment, live: Live) -> None:
        owner = owner_labels(deployment.name)
        asked = labelled("claims", "PersistentVolumeClaim", owner, deployment.namespace)
        claims = self.find(deployment, [asked])["claims"]
        if deployment.delete_data:
            secret = live.all("secret") if auth.is_ours(deployment, live) else []
            self._take_away(deployment, [*claims, *secret])
            self.say(f"Kept: namespace {deployment.namespace}.")
            return
        names = ", ".join(claim["metadata"]["name"] for claim in claims)
        self.say(
            f"Kept: namespace {deployment.namespace}, Secret {auth.secret(deployment)}, and with their data the claims "
            f"{names}. Deploying {deployment.name} again finds them. Set {deployment.variable('delete_data')}=true to "
            "remove them for good."
        )

    def _create(self, deployment: Deployment, objects: Sequence[Object], secret: bool = False) -> None:
        ask = self.quietly if secret else self.module
        owner = kind_of(deployment).labels_of(deployment)
        given = self.on(deployment, definitions=objects, owner_labels=owner, only_missing=True)
        done = ask("kubernetes_apply", **given)
        self._done.append({"changed": done["changed"], "objects": done["objects"]} if secret else done)

    def _apply(self, deployment: Deployment, objects: Sequence[Object]) -> None:
        others = ["spec.replicas"] if deployment.options.get("autoscaled") else []
        given = self.on(
            deployment,
            definitions=objects,
            owner_labels=kind_of(deployment).labels_of(deployment),
            left_to_others=others,
            timeout=deployment.timeout,
        )
        self._done.append(self.module("kubernetes_apply", **given))

    def _take_away(self, deployment: Deployment, objects: Sequence[Object]) -> None:
        absent = deployment.state == "absent" and deployment.kind != "twemproxy"
        self._done.append(self.take_away(deployment, objects, owner_labels(deployment.name) if absent else None))


def _new_password() -> str:
    letters = string.ascii_letters + string.digits
    return "".join(secrets.choice(letters) for _place in range(PASSWORD_LENGTH))
