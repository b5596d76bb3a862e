# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubernetes_objects_info: answers by query, and Secrets without their values."""

from __future__ import annotations

from types import SimpleNamespace

from ansible_collections.slotwise.redis.plugins.modules import kubernetes_objects_info


class FakeObjects:
    def __init__(self, **single):
        self.single = single

    def read(self, ref):
        return self.single.get(ref.name)

    def find(self, kind, namespace, labels):
        return [{"kind": kind, "metadata": {"name": f"{kind}-{namespace}-{labels.get('a')}", "managedFields": [1]}}]


def query(**options):
    return {"name": None, "namespace": None, "labels": {}, "parts": None, "compare": {}, **options}


def ask(objects, *queries):
    module = SimpleNamespace(params={"queries": list(queries)})
    return kubernetes_objects_info.run(module, objects)["objects"]


def test_single_objects_and_lists():
    objects = FakeObjects(w1={"kind": "Node", "metadata": {"name": "w1"}})
    assert ask(
        objects,
        query(id="one", kind="Node", name="w1"),
        query(id="none", kind="Node", name="w2"),
        query(id="pods", kind="Pod", namespace="n", labels={"a": "b"}),
    ) == {
        "one": [{"kind": "Node", "metadata": {"name": "w1"}}],
        "none": [],
        "pods": [{"kind": "Pod", "metadata": {"name": "Pod-n-b"}}],
    }


def test_only_the_parts_that_are_asked_for():
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "w1"}, "spec": {"a": 1}, "status": {"b": 2}}
    objects = FakeObjects(w1=node)
    assert ask(objects, query(id="n", kind="Node", name="w1"))["n"] == [node]
    named = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "w1"}}
    assert ask(objects, query(id="n", kind="Node", name="w1", parts=[]))["n"] == [named]
    assert ask(objects, query(id="n", kind="Node", name="w1", parts=["spec", "x"]))["n"] == [
        {**named, "spec": {"a": 1}}
    ]


def test_what_is_being_deleted_is_told_whatever_parts_are_asked_for():
    live = {
        "kind": "StatefulSet",
        "metadata": {
            "name": "s",
            "namespace": "n",
            "deletionTimestamp": "2026-11-27T10:00:00Z",
            "finalizers": ["example.org/never"],
        },
        "status": {"readyReplicas": 3},
    }
    for parts in (None, [], ["status"]):
        wanted = query(id="set", kind="StatefulSet", name="s", namespace="n", parts=parts)
        (answer,) = ask(FakeObjects(s=live), wanted)["set"]
        assert answer["leaving"] == {
            "text": "StatefulSet n/s is being deleted since 2026-11-27T10:00:00Z, held by finalizer example.org/never.",
            "loses": False,
        }


def test_secret_values_are_compared_and_never_returned():
    secret = {
        "kind": "Secret",
        "metadata": {"name": "s", "annotations": {"copy": "aHVudGVyMg=="}},
        "data": {"password": "aHVudGVyMg==", "other": "eA=="},
    }
    expected = {"password": "hunter2", "other": "wrong", "absent": "x"}
    answer = ask(FakeObjects(s=secret), query(id="auth", kind="Secret", name="s", namespace="n", compare=expected))[
        "auth"
    ][0]
    assert answer["compare"] == {"password": True, "other": False, "absent": False}
    assert answer["data"] == {"password": None, "other": None}
    assert "aHVudGVyMg" not in str(answer)
