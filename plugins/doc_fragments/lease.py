# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  keep_lease:
    description:
      - Keep the Lease C(NAME.slotwise.redis) of the deployment for the further tasks of this run, until
        M(slotwise.redis.kubernetes_lease) gives it back.
      - Where the run ends without that, as a killed one does, others count the Lease as free at once on the same host,
        and elsewhere when it was not renewed for 60 seconds.
    type: bool
    default: false
  keep_lease_for:
    description: Process that is the run. The action plugin of this module sets it where O(keep_lease=true).
    type: int
"""
