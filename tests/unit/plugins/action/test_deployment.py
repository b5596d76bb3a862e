# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions on a whole deployment read, ask and leave out."""

from __future__ import annotations

import hashlib
import json

import pytest

from ansible_collections.slotwise.redis.plugins.action import deployment, deployment_finish, deployment_info
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.names import owner_labels
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.options import OPTIONS
from ansible_collections.slotwise.redis.plugins.plugin_utils import deployment_action
from ansible_collections.slotwise.redis.plugins.plugin_utils.deployment_action import Failed
from ansible_collections.slotwise.redis.plugins.plugin_utils.variables import UnreadableVariable
from ansible_collections.slotwise.redis.tests.unit.deployments import (
    action,
    applied,
    look,
    objects,
    problems,
    without_looking,
)
from ansible_collections.slotwise.redis.tests.unit.given_proxies import GIVEN as PROXY
from ansible_collections.slotwise.redis.tests.unit.given_servers import ALONE, GIVEN, LABELS, NOTHING, WATCHED, running

KINDS = {"redis_cluster": GIVEN, "redis_sentinel": WATCHED, "redis_standalone": ALONE}
ALONE_LABELS = {**LABELS, "app.kubernetes.io/component": "standalone"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_password_is_in_nothing_that_is_returned(kind):
    looked = look(kind, {**KINDS[kind], f"{kind}_password": "hunter2"}, NOTHING)
    assert "hunter2" not in json.dumps(looked)


def test_a_password_is_compared_without_a_trace_in_a_log():
    made = action("redis_cluster", {**GIVEN, "redis_cluster_password": "hunter2"}, NOTHING)
    seen, ask = [], made.module
    made.module = lambda name, /, **given: (
        seen.append((made._task.no_log, "hunter2" in str(given))),
        ask(name, **given),
    )[1]
    made.work({})
    assert [no_log for no_log, has_it in seen if has_it] == [True]
    assert made._task.no_log is False


def test_what_cannot_be_read_is_named():
    with pytest.raises(UnreadableVariable, match=r"redis_cluster_shards cannot be read: .*nobody_knows"):
        look("redis_cluster", {**GIVEN, "redis_cluster_shards": "{{ nobody_knows }}"}, NOTHING)


def test_variables_may_be_templates_and_have_the_defaults_of_the_role():
    given = {"shards": 4, "redis_cluster_shards": "{{ shards }}", "redis_cluster_storage": {"hosts": ["node1"]}}
    told = without_looking("redis_cluster", {**given, "redis_image_registry": "registry.example.org"})
    assert (told["name"], told["namespace"], told["options"]["shards"]) == ("localhost", "localhost", 4)
    assert told["options"]["image"] == "registry.example.org/library/redis:8.0"


def test_another_deployment_is_read_as_its_own_role_reads_it():
    hosts = {"pool": {"redis_standalone_instances": "2", "redis_standalone_auth_enabled": "no"}}
    told = action("twemproxy", {**PROXY, "twemproxy_backends": "pool"}, hosts=hosts).described()
    assert told.backend == {
        "kinds": set(),
        "faults": [],
        "state": "present",
        "name": "pool",
        "namespace": "pool",
        "service": "pool-headless.pool.svc.cluster.local",
        "secret": "",
        "secret_key": "password",
        "instances": 2,
    }


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"redis_cluster_state": "gone"}, "Value of redis_cluster_state must be one of: present, absent, got: gone."),
        ({"redis_cluster_storage": {"siez": "1Gi", "hosts": ["node1"]}}, "redis_cluster_storage.siez is no option."),
        ({"redis_cluster_tolerations": ["all"]}, "redis_cluster_tolerations"),
    ],
)
def test_what_the_specification_of_the_role_does_not_allow(more, words):
    (said,) = problems("redis_cluster", {**GIVEN, **more}, NOTHING)
    assert words in said


def test_wrong_types_are_refused_before_a_removal_too():
    with pytest.raises(Failed, match="redis_cluster_shards is three"):
        look("redis_cluster", {**GIVEN, "redis_cluster_state": "absent", "redis_cluster_shards": "three"}, NOTHING)


def test_nobody_looks_twice_at_the_same():
    first = look("redis_cluster", GIVEN, NOTHING)
    asked = action("redis_cluster", {**GIVEN, "redis_cluster_verify_enabled": "false"}, NOTHING)
    again = asked.work({"known": first})
    assert (again["look"], asked.asked) == (first["look"], [])
    assert again["options"]["verify_enabled"] is False
    other = look("redis_cluster", {**GIVEN, "redis_cluster_shards": 4}, NOTHING, known=first)
    assert other["look"] != first["look"]
    assert other["options"]["shards"] == 4


def definitions(asked):
    """What is applied or removed, in order: state, kinds and names."""
    return [
        (given.get("state", "present"), [f"{item['kind']} {item['metadata']['name']}" for item in given["definitions"]])
        for name, given in asked
        if name == "kubernetes_apply"
    ]


def test_password_and_namespace_come_before_the_pods():
    first, rest = definitions(applied("redis_cluster", GIVEN, NOTHING))
    assert first == ("present", ["Namespace shop", "Secret orders-auth"])
    assert rest[1][-1] == "StatefulSet orders"
    shared = {"redis_cluster_storage": {"type": "nfs_shared", "server": "nfs1"}, "redis_cluster_auth_enabled": "no"}
    first, _rest = definitions(applied("redis_cluster", {**GIVEN, **shared}, NOTHING))
    assert first == ("present", ["Namespace shop", "PersistentVolumeClaim data-orders"])


def test_what_is_applied_is_bound_to_the_machines_that_are_named():
    on_nfs = {"redis_cluster_storage": {"type": "nfs", "server": "nfs1", "hosts": ["node1", "node3"]}}
    given = {**GIVEN, **on_nfs}
    _first, asked = [a for name, a in applied("redis_cluster", given, NOTHING) if name == "kubernetes_apply"]
    assert asked["definitions"] == objects("redis_cluster", given, NOTHING)
    spec = asked["definitions"][-1]["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    (term,) = spec["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["values"] == ["node1", "node3"]


@pytest.mark.parametrize("of", [deployment.ActionModule, deployment_finish.ActionModule])
def test_nothing_is_changed_without_a_look(of):
    made = action("redis_cluster", GIVEN, NOTHING, of=of)
    with pytest.raises(Failed, match="looked is not what deployment_info returns"):
        made.work({"looked": without_looking("redis_cluster", GIVEN)})
    assert made.asked == []


@pytest.mark.parametrize(("appendonly", "before"), [("yes", True), ("no", False)])
def test_servers_that_will_restart_write_what_they_are_to_read(appendonly, before):
    """With appendonly the files are there before the settings say so, and without they come after these."""
    given = {**ALONE, "redis_standalone_config": {"appendonly": appendonly}}
    template = {"metadata": {"annotations": {"slotwise.redis/config-checksum": "another"}}, "spec": {"volumes": []}}
    live = {
        "metadata": {"name": "orders", "generation": 1, "labels": ALONE_LABELS},
        "spec": {"replicas": 2, "template": template},
        "status": {"observedGeneration": 1, "updatedReplicas": 2},
    }
    found = {**NOTHING, "statefulset": [live], "secret": [{"metadata": {"name": "orders-auth"}}]}
    names = [name for name, _given in applied("redis_standalone", given, found) if name != "kubernetes_objects_info"]
    wanted = ["redis_persistence", "kubernetes_apply"]
    assert names[:2] == (wanted if before else wanted[::-1])


SECRET = {"kind": "Secret", "metadata": {"name": "orders-auth", "labels": owner_labels("orders")}}
CLAIM = {"kind": "PersistentVolumeClaim", "metadata": {"name": "data-orders-0"}}


@pytest.mark.parametrize(
    ("more", "data"),
    [
        ({}, []),
        ({"delete_data": "true"}, ["PersistentVolumeClaim data-orders-0", "Secret orders-auth"]),
        ({"delete_data": "true", "existing_secret": "given"}, ["PersistentVolumeClaim data-orders-0"]),
    ],
)
def test_a_removal_takes_data_and_password_only_where_it_is_told_to(more, data):
    given = {**GIVEN, "redis_cluster_state": "absent", **{f"redis_cluster_{k}": v for k, v in more.items()}}
    asked = applied("redis_cluster", given, running(claims=[CLAIM], secret=[SECRET]))
    removed = definitions(asked)
    assert {state for state, _objects in removed} == {"absent"}
    assert removed[1:] == ([("absent", data)] if data else [])
    assert asked[-1][0] == "kubernetes_lease"


def test_a_password_of_our_own_is_long_and_another_one_each_time():
    made = [
        next(
            item
            for _name, given in applied("redis_cluster", GIVEN, NOTHING)
            for item in given.get("definitions", ())
            if item["kind"] == "Secret"
        )["data"]["password"]
        for _time in range(2)
    ]
    assert len(made[0]) >= 32
    assert hashlib.sha256(made[0].encode()).digest() != hashlib.sha256(made[1].encode()).digest()


def test_a_secret_of_somebody_else_stays():
    given = {**GIVEN, "redis_cluster_state": "absent", "redis_cluster_delete_data": True}
    others = {"kind": "Secret", "metadata": {"name": "orders-auth", "labels": {"app.kubernetes.io/instance": "orders"}}}
    removed = definitions(applied("redis_cluster", given, running(claims=[CLAIM], secret=[others])))
    assert removed[1:] == [("absent", ["PersistentVolumeClaim data-orders-0"])]


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(
    ("kind", "given"), [("redis_cluster", GIVEN), ("redis_sentinel", WATCHED), ("redis_standalone", ALONE)]
)
def test_every_change_is_made_with_the_lease(kind, given, state):
    asked = applied(kind, {**given, f"{kind}_state": state}, NOTHING)
    changing = [arguments for name, arguments in asked if name != "kubernetes_objects_info"]
    assert changing
    for arguments in changing:
        assert (arguments["keep_lease"], arguments["namespace"], arguments["name"]) == (True, "shop", "orders")


def test_missing_permissions_are_all_named_before_anything_is_asked():
    made = action("redis_cluster", GIVEN, NOTHING)
    missing = ["create statefulsets.apps in namespace shop", "list nodes in the whole cluster"]
    asked = []

    def module(name, /, **_given):
        asked.append(name)
        return {"missing": missing}

    made.module = module
    with pytest.raises(Failed, match="lacks these permissions:\n- create statefulsets") as error:
        made.work({})
    assert error.value.problems == missing
    assert asked == ["kubernetes_access"]


def test_a_removal_plans_for_volumes_of_pods_that_are_not_asked_for_any_more():
    far = {"metadata": {"name": "shop.orders-11"}, "spec": {"local": {"path": "/srv/redis/shop.orders-11"}}}
    claim = {"claimRef": {"name": "data-orders-11", "namespace": "shop"}}
    on = {
        "nodeSelectorTerms": [
            {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node1"]}]}
        ]
    }
    far["spec"] = {**far["spec"], **claim, "nodeAffinity": {"required": on}}
    found = {**NOTHING, "volumes": [far]}
    going = look("redis_cluster", {**GIVEN, "redis_cluster_state": "absent"}, found)["storage"]["volumes"]
    staying = look("redis_cluster", GIVEN, found)["storage"]["volumes"]
    assert (len(going), going[-1]["exists"], len(staying)) == (12, True, 6)


@pytest.mark.parametrize(("storage", "read"), [({"type": "emptydir"}, "shop"), ({"hosts": ["node1"]}, "kube-system")])
def test_another_namespace_is_read_only_for_volumes_of_ours(storage, read):
    made = action("redis_cluster", {**GIVEN, "redis_cluster_storage": storage}, NOTHING)
    made.work({})
    queries = [query for name, given in made.asked if name == "kubernetes_objects_info" for query in given["queries"]]
    assert [query["name"] for query in queries if query["id"] == "kubernetes"] == [read]


ODD = ("abc", None, True, 7, [None], {"a": 1})


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("kind", [*KINDS, "twemproxy"])
def test_no_odd_value_of_an_option_is_a_traceback(kind, state):
    """Whatever it is, it is taken, or refused in words."""
    given = {**KINDS, "twemproxy": PROXY}[kind]
    for option in OPTIONS[kind]:
        for odd in ODD:
            variables = {f"{kind}_state": state, **given, f"{kind}_{option}": odd}
            done = action(kind, variables, NOTHING)
            result = done.outcome(done._task.args, done._variables)
            assert "failed" not in result or result["msg"].startswith("Nothing was changed."), (option, odd, result)


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(
    "option", ["type", "hosts", "server", "mount_options", "size", "path", "clients", "volumes_per_host", "nfs_version"]
)
@pytest.mark.parametrize("kind", ["local", "nfs", "emptydir"])
def test_no_odd_storage_is_a_traceback(kind, option, state):
    for odd in (*ODD, [["a"]], "node1"):
        storage = {"type": kind, "hosts": ["node1"], "server": "nfs1", option: odd}
        given = {**GIVEN, "redis_cluster_state": state, "redis_cluster_storage": storage}
        done = action("redis_cluster", given, NOTHING)
        result = done.outcome(done._task.args, done._variables)
        assert "failed" not in result or result["msg"].startswith("Nothing was changed."), (odd, result)


def test_text_is_no_list_of_hosts():
    (said,) = problems("redis_cluster", {**GIVEN, "redis_cluster_storage": {"hosts": "node1"}}, NOTHING)
    assert said == "redis_cluster_storage.hosts is 'node1'. Allowed: a list of inventory names."


def test_a_removal_needs_a_place():
    given = {**GIVEN, "redis_cluster_state": "absent", "redis_cluster_delete_data": True, "redis_cluster_namespace": ""}
    assert "redis_cluster_namespace is " in problems("redis_cluster", given, NOTHING)[0]


@pytest.mark.parametrize("backends", [None, [{}], ["x"], "nowhere", {"a": 1}])
@pytest.mark.parametrize("pool", [{}, {"listen": "abc"}, {"listen": 22121}])
def test_proxies_can_be_removed_whatever_their_pool_is(backends, pool):
    given = {**PROXY, "twemproxy_state": "absent", "twemproxy_backends": backends, "twemproxy_pool": pool}
    assert look("twemproxy", given, {})["settings"] == {}
    (removed,) = definitions(applied("twemproxy", given, {}))
    assert removed[0] == "absent"


def test_of_another_deployment_only_what_counts_is_read():
    """Its other variables may need what only its own plays have."""
    hosts = {"pool": {"redis_standalone_storage": "{{ nobody_knows }}", "redis_standalone_instances": 2}}
    told = action("twemproxy", {**PROXY, "twemproxy_backends": "pool"}, hosts=hosts).described()
    assert told.backend["instances"] == 2
    hosts["pool"]["redis_standalone_namespace"] = "{{ hostvars['other'].space }}"
    hosts["other"] = {"space": "shared"}
    told = action("twemproxy", {**PROXY, "twemproxy_backends": "pool"}, hosts=hosts).described()
    assert told.backend["namespace"] == "shared"
    hosts["pool"]["redis_standalone_namespace"] = "{{ nobody_knows }}"
    with pytest.raises(UnreadableVariable, match="redis_standalone_namespace of pool cannot be read"):
        action("twemproxy", {**PROXY, "twemproxy_backends": "pool"}, hosts=hosts).described()


@pytest.mark.parametrize("instances", ["abc", 0, -1, None])
def test_backends_that_are_none(instances):
    hosts = {"pool": {"redis_standalone_instances": instances, "redis_standalone_auth_enabled": False}}
    said = problems("twemproxy", {**PROXY, "twemproxy_backends": "pool"}, {}, hosts=hosts)
    assert said[0].startswith("twemproxy_backends is pool, and of it redis_standalone_instances is "), said


def test_a_password_that_cannot_be_read_shows_nothing_of_itself():
    with pytest.raises(UnreadableVariable) as error:
        look("redis_cluster", {**GIVEN, "redis_cluster_password": "{{ 'hunter2' | nofilter }}"}, NOTHING)
    assert str(error.value) == "redis_cluster_password cannot be read."


def test_who_only_verifies_is_not_asked_for_more_than_it_takes():
    found = look(
        "redis_cluster", {**GIVEN, "redis_cluster_replica": 1, "redis_cluster_shards": 2}, NOTHING, look="false"
    )
    assert "found" not in found
    assert found["options"]["shards"] == 2


def test_what_is_known_and_no_mapping_is_not_known():
    assert look("redis_cluster", GIVEN, NOTHING, known="prod")["look"]


def test_what_several_plays_would_say_is_said_once_in_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(deployment_action.constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    said = []
    for _play in range(2):
        made = action("redis_cluster", GIVEN, NOTHING)
        made.say = said.append
        deployment_info.ActionModule.say_once(made, "one", "two")
    made._variables["inventory_hostname"] = "other"
    deployment_info.ActionModule.say_once(made, "one")
    assert said == ["one", "two", "one"]


def test_an_option_that_is_none_is_refused():
    done = action("redis_cluster", GIVEN, NOTHING, lok=False)
    assert done.outcome(done._task.args, done._variables)["msg"] == (
        "Nothing was changed.\n- lok is no option. Allowed: kind, known, look."
    )
