# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent of Sentinel deployments: decides beside each server and each Sentinel what those two leave open.

``evidence``, ``server``, ``handover`` and ``sentinel`` are pure: what is seen and remembered goes in, actions come
out, and the simulator of the tests runs them as they are. The others talk to sockets, Kubernetes and the disk. Python
3.9, standard library.
"""
