# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of deployments, a module each.

What each has: C(labels_of) its objects, C(configuration) files of its pods, C(queries) before a change, what is
C(awaited), C(settings) for its modules, C(objects), C(earlier_objects) and C(outdated) ones, C(permissions) of a
Deployment; and what is refused: C(input_problems), C(live_problems), and C(removal_problems) where it shall go.
"""

from __future__ import annotations

from types import ModuleType

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.kinds import (
    cluster,
    sentinel,
    standalone,
    twemproxy,
)
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment

KINDS = {
    "redis_cluster": cluster,
    "redis_sentinel": sentinel,
    "redis_standalone": standalone,
    "twemproxy": twemproxy,
}


def kind_of(deployment: Deployment) -> ModuleType:
    return KINDS[deployment.kind]
