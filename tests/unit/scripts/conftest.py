# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shells of the official images that this machine has: dash is that of Debian, busybox that of Alpine."""

from __future__ import annotations

import shutil

import pytest

FOUND = [shell for shell in (("dash",), ("busybox", "sh")) if shutil.which(shell[0])]


@pytest.fixture(params=FOUND or [("sh",)], ids=" ".join)
def shell(request) -> tuple[str, ...]:
    return request.param
