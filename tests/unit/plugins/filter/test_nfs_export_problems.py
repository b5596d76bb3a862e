# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter around the export check."""

from __future__ import annotations

from ansible_collections.slotwise.redis.plugins.filter.nfs_export_problems import FilterModule


def test_filter_passes_its_arguments_on():
    nfs_export_problems = FilterModule().filters()["nfs_export_problems"]
    deployment = {"name": "orders", "namespace": "shop", "clients": ["*"], "volumes": []}
    (problem,) = nfs_export_problems([deployment], ["rw"], variable="x")
    assert problem.startswith("x_deployments[0].clients holds '*', which is everybody.")
    assert nfs_export_problems([deployment], ["async"], exporting=False) == []
