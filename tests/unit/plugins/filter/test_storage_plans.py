# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A decision counts for the look that it was made after."""

from ansible_collections.slotwise.redis.plugins.filter.storage_plans import FilterModule

storage_plans = FilterModule().filters()["storage_plans"]
LOOKED = {"look": "second", "storage": {"name": "orders", "volumes": ["as planned"]}}
DECIDED = {"on_machines": "present", "volumes": ["as decided"]}


def test_plans_with_what_was_decided():
    hosts = [
        {},
        {"slotwise_deployment": {"failed": True}},
        {"slotwise_deployment": LOOKED},
        {"slotwise_deployment": LOOKED, "slotwise_storage_decision": {"look": "first", **DECIDED}},
        {"slotwise_deployment": LOOKED, "slotwise_storage_decision": {"look": "second", **DECIDED}},
    ]
    planned, decided = {**LOOKED["storage"]}, {**LOOKED["storage"], "look": "second", **DECIDED}
    assert storage_plans(hosts) == [planned, planned, decided]
    assert storage_plans(hosts, on_machines="present") == [decided]
    assert storage_plans(hosts, on_machines="removed") == []
