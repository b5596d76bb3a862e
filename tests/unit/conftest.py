# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Property tests count examples and not seconds: the machine has other things to do."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
