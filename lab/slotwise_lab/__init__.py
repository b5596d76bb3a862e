# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test lab: a real Kubernetes on real machines, built from package registries."""
