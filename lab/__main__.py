# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the lab's program: python3 lab COMMAND."""

import sys

from slotwise_lab.cli import main

sys.exit(main())
