# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter C(nfs_export_problems)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nfs_export_problems
short_description: Say why exports of an NFS server are refused
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Checks what the role P(slotwise.redis.node_nfs_server#role) shall export before anything is written. Refused are
    exports to everybody, options that cost data or give root of the clients power over it, and unusual paths.
positional: _input
options:
  _input:
    description: Deployments with their volumes and clients, as in the role.
    type: list
    elements: dict
    required: true
  options:
    description: Options of the exports.
    type: list
    elements: str
    required: true
  variable:
    description: How the variables begin that messages name.
    type: str
    default: node_nfs_server
  exporting:
    description: Whether there shall be exports. Otherwise clients and options do not matter.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Refuse bad exports
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\n') }}"
  vars:
    problems: "{{ deployments | slotwise.redis.nfs_export_problems(options=['rw', 'sync', 'root_squash']) }}"
    deployments:
      - name: orders
        namespace: shop
        clients: [192.0.2.0/24]
        volumes: []
"""

RETURN = r"""
_value:
  description: One message for each problem, empty when there is none.
  type: list
  elements: str
  sample:
    - "node_nfs_server_deployments[0].clients holds '*', which is everybody."
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.machines.nfs_exports import export_problems


def nfs_export_problems(
    deployments: Iterable[Mapping[str, Any]],
    options: Sequence[str],
    variable: str = "node_nfs_server",
    exporting: bool = True,
) -> list[str]:
    """Messages about exports; see C(nfs_exports.export_problems)."""
    return export_problems(deployments, options, variable, exporting)


class FilterModule:
    """Export check filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"nfs_export_problems": nfs_export_problems}
