# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: password_fault
short_description: Why a value cannot be the password of a deployment
version_added: 0.1.0
description:
  - Tells why a value is not a password that servers, Sentinels, proxies and this collection all read the same way. It
    says nothing of the value itself.
  - Line breaks at the end do not count.
author:
  - slotwise.redis contributors (@slotwise)
options:
  _input:
    description: The value.
    type: str
    required: true
"""

EXAMPLES = r"""
- ansible.builtin.assert:
    that: redis_cluster_password | slotwise.redis.password_fault == ''
"""

RETURN = r"""
_value:
  description: The reason and what is allowed. Empty where nothing is wrong.
  type: str
"""

from ansible_collections.slotwise.redis.plugins.module_utils._passwords import fault_of


def password_fault(value):
    # Bytes that are not UTF-8 come as surrogates out of files and environments.
    return fault_of(str(value).encode(errors="surrogateescape"))


class FilterModule:
    def filters(self):
        return {"password_fault": password_fault}
