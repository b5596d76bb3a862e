# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which passwords work everywhere: in the shell of the pods, in files of servers and proxies, in Python. Pure.

The only place with this rule; whoever reads a password or is given one asks here.
"""

from __future__ import annotations

import re

LONGEST = 4096
"""Servers take 16384 bytes from a client that has no password yet, and proxies need some of that for themselves."""
ALLOWED = (
    f"Allowed: one line of UTF-8 text without control characters, up to {LONGEST} bytes. Line breaks at its end do "
    "not count."
)

# Besides the control characters those that YAML, which proxies read, takes for line breaks, or refuses.
UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def without_line_end(value: bytes) -> bytes:
    """Line breaks at the end, as editors and echo leave them, are no part of a password: the shell takes them away."""
    return value.rstrip(b"\n")


def fault_of(value: bytes) -> str:
    """Why this is no password, and what is one, without saying anything of it. Empty where it is one."""
    fault = _fault_of(without_line_end(value))
    return f"{fault}. {ALLOWED}" if fault else ""


def _fault_of(password: bytes) -> str:
    if not password:
        return "is empty"
    if len(password) > LONGEST:
        return f"has {len(password)} bytes"
    try:
        text = password.decode()
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    return "has control characters or line breaks" if UNUSABLE.search(text) else ""
