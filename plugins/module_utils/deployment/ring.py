# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the keys of a Twemproxy pool are, and what another pool does to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils._table import table
from ansible_collections.slotwise.redis.plugins.module_utils.redis.ketama import Pool, keys, ring_change

COLUMNS = ("server", "keys now", "keys then")
INEXACT = ", as far as that can be told: hash, hash tag or distribution is another one."
SAME: Mapping[str, Any] = {"share": 0, "text": "", "table": ""}
"""No key moves."""


def change(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """C(share) of the keys that are looked for elsewhere, from 0 to 1, in words, and as a table of the servers.

    Both are options of nutcracker.yml. ValueError and KeyError tell of one that makes no pool.
    """
    found = ring_change(Pool.of(before), Pool.of(after))
    names = [*found.after, *(name for name in found.before if name not in found.after)]
    rows = [[name, _percent(found.before.get(name)), _percent(found.after.get(name))] for name in names]
    text = f"{found.share * 100:.1f} % of the keys would be looked for on another server and not found any more"
    text += "." if found.exact else INEXACT
    return {"share": found.share, "text": text, "table": table(COLUMNS, rows)}


def probe_keys(pool: Mapping[str, Any]) -> str:
    """A key of each server, a line each, for the readiness probe."""
    return "\n".join(keys(Pool.of(pool), "slotwise.redis:probe").values()) + "\n"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
