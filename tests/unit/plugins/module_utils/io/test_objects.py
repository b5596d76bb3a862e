# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests that the object layer sends, and what it makes of the answers."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from kubernetes.client.exceptions import ApiException

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Stalled
from ansible_collections.slotwise.redis.plugins.module_utils.io import objects as _objects
from ansible_collections.slotwise.redis.plugins.module_utils.io.objects import Objects, Ref


class FakeClient:
    """Answers from a script and records what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def request(self, method, path, **options):
        self.asked.append((method, path, options))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(data=json.dumps(answer).encode())


@pytest.fixture
def make(monkeypatch):
    def made(*answers):
        client = FakeClient(*answers)
        monkeypatch.setattr(_objects, "DynamicClient", lambda _api, discoverer: client)
        api = SimpleNamespace(configuration=SimpleNamespace(host="https://api.example"))
        return Objects(api), client

    return made


CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}, "data": {}}


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "path"),
    [
        ("ConfigMap", "n", "a", "/api/v1/namespaces/n/configmaps/a"),
        ("StatefulSet", "n", "a", "/apis/apps/v1/namespaces/n/statefulsets/a"),
        ("PersistentVolume", "", "a", "/api/v1/persistentvolumes/a"),
        ("StorageClass", "", "", "/apis/storage.k8s.io/v1/storageclasses"),
        ("Pod", "", "", "/api/v1/pods"),
    ],
)
def test_paths(kind, namespace, name, path):
    assert _objects.path_of(kind, namespace, name) == path


def test_read(make):
    objects, client = make(CONFIG, ApiException(status=404))
    assert objects.read(Ref("ConfigMap", "a", "n")) == CONFIG
    assert objects.read(Ref("ConfigMap", "a", "n")) is None
    assert client.asked[0][:2] == ("get", "/api/v1/namespaces/n/configmaps/a")


def test_find_names_kind_and_version_of_each_item(make):
    objects, client = make({"items": [{"metadata": {"name": "x"}}]})
    found = objects.find("StatefulSet", "n", {"b": "2", "a": "1"})
    assert found == [{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "x"}}]
    assert client.asked[0][2]["label_selector"] == "a=1,b=2"


@pytest.mark.parametrize(("dry_run", "sent"), [(False, None), (True, "All")])
def test_apply_is_server_side(make, dry_run, sent):
    objects, client = make(CONFIG)
    assert objects.apply(CONFIG, "manager", dry_run) == CONFIG
    method, path, options = client.asked[0]
    assert (method, path) == ("patch", "/api/v1/namespaces/n/configmaps/a")
    assert options["content_type"] == "application/apply-patch+yaml"
    assert options["field_manager"] == "manager"
    assert options["force_conflicts"] is True
    assert options.get("dry_run") == sent


def test_apply_in_a_missing_namespace_is_none(make):
    objects, _client = make(ApiException(status=404))
    assert objects.apply(CONFIG, "manager", True) is None


def test_delete_takes_what_it_owns_along(make):
    objects, client = make({})
    objects.delete(Ref("StatefulSet", "a", "n"))
    assert client.asked[0][0] == "delete"
    assert client.asked[0][2]["body"] == {"propagationPolicy": "Foreground"}


def test_refusals_of_the_server_name_the_object(make):
    error = ApiException(status=403, reason="Forbidden")
    error.body = "no"
    objects, _client = make(error)
    with pytest.raises(EngineError, match=r"https://api\.example.*reading ConfigMap n/a.*403"):
        objects.read(Ref("ConfigMap", "a", "n"))


def test_wait_gone(make, monkeypatch):
    monkeypatch.setattr(_objects, "POLL_SECONDS", 0)
    objects, _client = make(CONFIG, ApiException(status=404))
    ref = Ref("ConfigMap", "a", "n")
    objects.wait_gone({ref: CONFIG}, 10)
    # Made anew by others, as a StatefulSet does with its pods.
    objects, _client = make({**CONFIG, "metadata": {**CONFIG["metadata"], "uid": "new"}})
    objects.wait_gone({ref: {**CONFIG, "metadata": {**CONFIG["metadata"], "uid": "old"}}}, 10)
    held = {"deletionTimestamp": "2026-11-27T10:00:00Z", "finalizers": ["example.org/never"]}
    objects, _client = make({**CONFIG, "metadata": {**CONFIG["metadata"], **held}})
    with pytest.raises(Stalled) as error:
        objects.wait_gone({ref: CONFIG}, -1)
    assert error.value.found == (
        "ConfigMap n/a is being deleted since 2026-11-27T10:00:00Z, held by finalizer example.org/never.",
    )


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"kind": "Gadget", "metadata": {"name": "a"}}, "kind 'Gadget'"),
        ({"metadata": {"name": "a"}}, "kind None"),
        ({"kind": "ConfigMap", "metadata": {"name": "a"}}, "a namespace"),
        ({"kind": "Node", "metadata": {"name": "a", "namespace": "n"}}, "no namespace"),
        ({"kind": "Node", "metadata": {}}, "needs a name"),
        ({"kind": "StatefulSet", "apiVersion": "apps/v2", "metadata": {"name": "a", "namespace": "n"}}, "apps/v1"),
    ],
)
def test_bad_definitions(definition, words):
    with pytest.raises(EngineError, match=words):
        Ref.of(definition)


def test_meaning_leaves_out_what_the_server_notes():
    live = {
        "kind": "ConfigMap",
        "metadata": {"name": "a", "uid": "1", "resourceVersion": "2", "managedFields": [], "labels": {"x": "y"}},
        "data": {"k": "v"},
        "status": {},
    }
    assert _objects.meaning(live) == {
        "kind": "ConfigMap",
        "metadata": {"name": "a", "labels": {"x": "y"}},
        "data": {"k": "v"},
    }
    assert live["metadata"]["uid"] == "1"
    assert _objects.meaning(None) is None


def test_secrets_show_only_whether_they_differ():
    def secret(**data):
        return {"kind": "Secret", "metadata": {"name": "s", "annotations": {"copy": "c2VjcmV0"}}, "data": data}

    shown = _objects.without_secrets(secret(same="c2VjcmV0", new="bmV3"), secret(same="c2VjcmV0"))
    assert shown["data"] == {"same": "(secret)", "new": "(secret, not shown, differs)"}
    assert "c2VjcmV0" not in str(shown)
    assert _objects.without_secrets(CONFIG, None) is CONFIG


def test_in_parallel_keeps_the_order_and_raises():
    assert _objects.in_parallel(lambda x: x * 2, list(range(50))) == [x * 2 for x in range(50)]
    assert _objects.in_parallel(str, []) == []
    with pytest.raises(ZeroDivisionError):
        _objects.in_parallel(lambda x: 1 / x, [1, 0])
