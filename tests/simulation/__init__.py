# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulator of servers, Sentinels, network, disks and Kubernetes, in which the real agent runs. See README.md."""

import pathlib
import sys

# The agent is a package of its own in the pods.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "roles/redis_sentinel/files"))
