# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(storage_incarnation)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: storage_incarnation
short_description: Tell the data of a deployment from that of an earlier one of the same name
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Gives each volume of a plan its incarnation.
  - Data in a directory whose volume Kubernetes does not have is only used where Kubernetes has nothing of the
    deployment and all of its directories hold data of one incarnation, or when asked.
positional: _input
options:
  _input:
    description: Rows of the plan, C(storage.volumes) of M(slotwise.redis.deployment_info).
    type: list
    elements: dict
    required: true
  seen:
    description: Directories as M(slotwise.redis.node_directories_info) returns them, each with its C(machine).
    type: list
    elements: dict
    required: true
  deployed:
    description: Whether Kubernetes has anything of the deployment besides volumes.
    type: bool
    required: true
  fresh:
    description: Incarnation of a deployment that has none yet.
    type: str
    required: true
  adopt:
    description: Use the data in directories whatever speaks against it.
    type: bool
    required: true
"""

EXAMPLES = r"""
- name: Show what would be decided
  ansible.builtin.debug:
    msg: >-
      {{ plan | slotwise.redis.storage_incarnation(seen=seen, deployed=false, fresh='20261127t170000z-ab12cd',
                                                   adopt=false) }}
"""

RETURN = r"""
_value:
  description: C(volumes), the rows with C(incarnation) and C(adopt), C(problems) and C(notes).
  type: dict
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.incarnation import decide


def storage_incarnation(
    rows: Iterable[Mapping[str, Any]],
    seen: Iterable[Mapping[str, Any]],
    deployed: bool,
    fresh: str,
    adopt: bool,
) -> dict[str, Any]:
    """See C(incarnation.decide)."""
    return asdict(decide(rows, seen, deployed=deployed, fresh=fresh, adopt=adopt))


class FilterModule:
    """Incarnation filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"storage_incarnation": storage_incarnation}
