# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of surveys and INI files becomes what is meant, or is refused."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.options import convert, strangers


@pytest.mark.parametrize(
    ("option", "given", "value"),
    [
        ("shards", "4", 4),
        ("shards", " 4\n", 4),
        ("shards", 4, 4),
        ("auth_enabled", "no", False),
        ("auth_enabled", "True", True),
        ("auth_enabled", "off", False),
        ("auth_enabled", "", False),
        ("auth_enabled", 1, True),
        ("auth_enabled", False, False),
        ("name", 7, "7"),
        ("priority_class", None, ""),
        ("tolerations", None, []),
        ("labels", None, {}),
        ("tolerations", ({"key": "a"},), [{"key": "a"}]),
        ("config", {"maxmemory": "1gb"}, {"maxmemory": "1gb"}),
    ],
)
def test_what_is_meant(option, given, value):
    found, faults = convert("redis_cluster", {f"redis_cluster_{option}": given})
    assert found == {option: value}
    assert faults == {}
    assert type(found[option]) is type(value)


@pytest.mark.parametrize(
    ("option", "given", "allowed", "nearest"),
    [
        ("shards", "three", "a whole number", 0),
        ("shards", "3.5", "a whole number", 3),
        ("shards", None, "a whole number", 0),
        ("shards", True, "a whole number", 1),
        ("shards", float("inf"), "a whole number", 0),
        ("tolerations", "none", "a list", []),
        ("labels", ["a"], "a mapping", {}),
        ("auth_enabled", "maybe", "true or false", False),
        ("auth_enabled", None, "true or false", False),
        ("auth_enabled", 2, "true or false", False),
    ],
)
def test_what_cannot_be_meant(option, given, allowed, nearest):
    found, faults = convert("redis_cluster", {f"redis_cluster_{option}": given})
    (fault,) = faults.values()
    assert fault.startswith(f"redis_cluster_{option} is {given}. Allowed: {allowed}")
    assert found == {option: nearest}
    assert type(found[option]) is type(nearest)


def test_all_of_it_is_said():
    given = {"redis_cluster_shards": "x", "redis_cluster_timeout": "y", "redis_cluster_name": "orders"}
    found, faults = convert("redis_cluster", given)
    assert list(faults) == ["timeout", "shards"]
    assert found["name"] == "orders"


def test_variables_of_others_are_not_looked_at():
    assert convert("redis_cluster", {"redis_cluster_team_contact": "x", "redis_sentinel_name": "y"}) == ({}, {})


@pytest.mark.parametrize(
    ("kind", "variable", "meant"),
    [
        ("redis_cluster", "redis_cluster_replica", "redis_cluster_replicas"),
        ("redis_cluster", "redis_cluster_shard", "redis_cluster_shards"),
        ("redis_cluster", "redis_cluster_storge", "redis_cluster_storage"),
        ("redis_cluster", "redis_cluster_Shards", "redis_cluster_shards"),
        ("redis_cluster", "redis_cluster_passwort", "redis_cluster_password"),
        ("redis_cluster", "redis_cluster_max_unavailible", "redis_cluster_max_unavailable"),
        ("redis_sentinel", "redis_sentinel_sentinel", "redis_sentinel_sentinels"),
        ("twemproxy", "twemproxy_backend", "twemproxy_backends"),
        ("redis_standalone", "redis_standalone_instance", "redis_standalone_instances"),
    ],
)
def test_what_is_nearly_an_option_is_taken_for_it_misspelt(kind, variable, meant):
    assert strangers(kind, [variable]) == ({variable: meant}, [])


@pytest.mark.parametrize(
    "variable",
    ["redis_cluster_team_contact", "redis_cluster_backup_bucket", "redis_cluster_", "redis_cluster_tier"],
)
def test_other_variables_with_the_prefix_are_named(variable):
    assert strangers("redis_cluster", [variable]) == ({}, [variable])


@pytest.mark.parametrize(
    "variable",
    [
        "redis_cluster_replicas",
        "redis_cluster_password",
        "redis_cluster_custom_replica",
        "redis_sentinel_replica",
        "team_contact",
    ],
)
def test_options_and_what_is_free_are_no_strangers(variable):
    assert strangers("redis_cluster", [variable]) == ({}, [])


def test_former_names_have_their_own_sentence():
    assert strangers("redis_sentinel", ["redis_sentinel_labeller_image"]) == ({}, [])
