# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers of every kind may have. A feature is a module that has any of these functions, and no others see it.

C(directives) of a deployment: lines of redis.conf that users may set otherwise.
C(environment), C(mounts) and C(volumes) of a deployment: what its servers and its pods get.
C(containers) and C(objects) of a Maker: beside the server, and beside the objects of servers.
C(clients) of a deployment: ports that are open, and for whom; for all where nobody is named.
C(input_problems) of a deployment and what is known of its password, C(live_problems) of it and what was found, and
C(changes) of it and the StatefulSet that runs: why a run is refused.
C(notes) of a deployment: lines for the end of a run.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import auth

FEATURES: list[ModuleType] = [auth]


def each(part: str, *given: Any) -> list[Any]:
    """What all features have of it, in their order."""
    return [item for feature in FEATURES if hasattr(feature, part) for item in getattr(feature, part)(*given)]


def merged(part: str, *given: Any) -> dict[Any, Any]:
    """The same of what is a mapping."""
    found: dict[Any, Any] = {}
    for feature in FEATURES:
        found.update(getattr(feature, part)(*given) if hasattr(feature, part) else {})
    return found
