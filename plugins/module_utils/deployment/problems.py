# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before the first change, all of it at once, and what is warned of. Never with a password.

Here is what all kinds have in common; C(kinds/) and C(features/) have the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import nodes
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import kind_of
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.live import Live, Password
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.options import FREE, strangers
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.storage import shape_problems
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

NAME = re.compile("[a-z]([-a-z0-9]{0,48}[a-z0-9])?")
NAMESPACE = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def nameless(deployment: Deployment) -> list[str]:
    """What keeps a deployment from being found, or its variables from being understood: enough for a removal."""
    return [*_names(deployment), *_shapes(deployment), *deployment.faults.values()]


def input_problems(deployment: Deployment, password: Password) -> list[str]:
    """What is wrong with the variables."""
    found = [*_names(deployment), *_shapes(deployment), *kind_of(deployment).input_problems(deployment, password)]
    return [*found, *_wrong_types(deployment, found), *_misspelt(deployment)]


def live_problems(deployment: Deployment, live: Live) -> list[str]:
    """What in Kubernetes speaks against this run."""
    kind = kind_of(deployment)
    check = kind.live_problems if deployment.state == "present" else kind.removal_problems
    return list(check(deployment, live))


def spread_warnings(deployment: Deployment, live: Live) -> list[str]:
    """What the failure of one machine could take because too few may run the pods. Proxies keep nothing."""
    if deployment.kind == "twemproxy":
        return []
    return list(nodes.too_few(deployment, live, kind_of(deployment).describe(deployment).spread))


def warnings(deployment: Deployment) -> list[str]:
    """Variables that nobody reads."""
    _misspelt_ones, others = strangers(deployment.kind, deployment.variables)
    return [
        f"{variable} is no option of role {deployment.kind} and is ignored. Names that begin with "
        f"{deployment.variable(FREE)} are yours."
        for variable in others
    ]


def _shapes(deployment: Deployment) -> list[str]:
    return shape_problems(deployment.options.get("storage", {}), deployment.variable("storage"))


def _misspelt(deployment: Deployment) -> Iterator[str]:
    for variable, meant in strangers(deployment.kind, deployment.variables)[0].items():
        yield (
            f"{variable} is no option of role {deployment.kind}. Did you mean {meant}? Names that begin with "
            f"{deployment.variable(FREE)} are yours."
        )


def _names(deployment: Deployment) -> Iterator[str]:
    if not NAME.fullmatch(deployment.name):
        yield (
            f"{deployment.variable('name')} is {deployment.shown('name')}. Allowed: up to 50 lower case letters, "
            "digits and dashes, beginning with a letter and not ending with a dash. It comes from the inventory name "
            "unless it is set."
        )
    if not NAMESPACE.fullmatch(deployment.namespace):
        yield (
            f"{deployment.variable('namespace')} is {deployment.shown('namespace')}. Allowed: up to 63 lower case "
            "letters, digits and dashes, neither beginning nor ending with a dash."
        )


def _wrong_types(deployment: Deployment, found: Iterable[str]) -> Iterator[str]:
    """Of options that no other sentence is about."""
    told = list(found)
    for option, fault in deployment.faults.items():
        if not any(text.startswith(f"{deployment.variable(option)} is ") for text in told):
            yield fault
