# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether pods have proved the DNS domain that they will need when all of them have new addresses: see names.sh."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.io.servers import POLL_SECONDS, Servers
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import Fleet, Replies
from ansible_collections.slotwise.redis.plugins.module_utils.redis.parse import text

QUESTION = ("CONFIG", "GET", "proc-title-template")
MARK = "cluster-domain="
NONE = "none"


def told(replies: Mapping[str, Replies]) -> dict[str, str]:
    """Pod -> the domain whose names its DNS knows, ``none`` before it knows any. Pods of older roles say nothing."""
    found = {}
    for pod, (reply,) in replies.items():
        title = text(reply[1]) if isinstance(reply, list) and len(reply) == 2 else ""
        if MARK in title:
            found[pod] = title.rpartition(MARK)[2]
    return found


def check_domain(fleet: Fleet, servers: Servers) -> None:
    """Raise unless every pod has proved the domain of the module, at the latest at the deadline."""
    given = servers.cluster_domain
    if not given:
        return
    while True:
        found = told(fleet.ask_all(QUESTION))
        others = sorted(set(found.values()) - {given, NONE})
        if others:
            raise EngineError(
                f"cluster_domain is {given}, and names of this Kubernetes cluster end with {' or '.join(others)}. Pods "
                "would not find each other any more as soon as all of them have new addresses.",
                [f"{pod} knows names of {domain}" for pod, domain in found.items() if domain in others],
                f"Set cluster_domain (of the roles <role>_cluster_domain, such as redis_cluster_cluster_domain) to "
                f"{others[0]}, and run site.yml again.",
            )
        unproved = [pod for pod, domain in found.items() if domain == NONE]
        if not unproved:
            return
        if time.monotonic() > servers.deadline:
            raise Unreachable(
                f"cluster_domain is {given}, and pods find no name of it.",
                [f"{pod} does not resolve kubernetes.default.svc.{given}" for pod in unproved],
                "Look at the DNS of the Kubernetes cluster (kubectl -n kube-system get pods) and at /etc/resolv.conf in"
                " these pods. Correct cluster_domain if it is another one.",
            )
        time.sleep(POLL_SECONDS)
