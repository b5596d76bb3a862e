# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file that says whose a directory is.

PRIVATE, may change at any time.
"""

from __future__ import annotations

import os

MARKER = ".slotwise-owner.json"


def read_marker(path: str) -> str | None:
    """The marker of a directory as it is, or None."""
    try:
        with open(os.path.join(path, MARKER), encoding="utf-8") as marker:
            return marker.read()
    except FileNotFoundError:
        return None
