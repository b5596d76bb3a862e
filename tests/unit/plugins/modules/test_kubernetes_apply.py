# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubernetes_apply over an object store in memory."""

from __future__ import annotations

import base64
import copy

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError
from ansible_collections.slotwise.redis.plugins.modules import kubernetes_apply

OURS = {"app.kubernetes.io/instance": "orders"}


def definition(kind, name, namespace="", **more):
    metadata = {"name": name, "labels": dict(OURS), **({"namespace": namespace} if namespace else {})}
    return {"kind": kind, "metadata": metadata, **more}


class FakeStore:
    """The part of the object layer that the module uses, with the server's behaviour that matters here."""

    def __init__(self, *live):
        self.live = {kubernetes_apply.Ref.of(item): copy.deepcopy(item) for item in live}
        self.writes = 0
        self.waited = None

    def read(self, ref):
        return copy.deepcopy(self.live.get(ref))

    def apply(self, wanted, _manager, dry_run):
        ref = kubernetes_apply.Ref.of(wanted)
        if ref.namespace and kubernetes_apply.Ref("Namespace", ref.namespace) not in self.live:
            return None
        result = {**copy.deepcopy(wanted), "defaulted": True}
        result["metadata"]["resourceVersion"] = "7"
        if not dry_run:
            self.writes += 1
            self.live[ref] = result
        return copy.deepcopy(result)

    def merge(self, ref, changes):
        self.merged = changes
        self.live[ref]["spec"]["updateStrategy"] = {"type": changes["spec"]["updateStrategy"]["type"]}

    def delete(self, ref):
        self.writes += 1
        del self.live[ref]

    def wait_gone(self, refs, timeout):
        self.waited = (list(refs), timeout)


class FakeModule:
    def __init__(self, definitions, check_mode=False, state="present", only_missing=False):
        self.check_mode = check_mode
        self.no_log_values = set()
        self.params = {
            "definitions": definitions,
            "owner_labels": OURS,
            "only_missing": only_missing,
            "field_manager": "slotwise.redis",
            "state": state,
            "timeout": 5,
        }


WANTED = [
    definition("ConfigMap", "orders", "shop", data={"a": "1"}),
    definition("Namespace", "shop"),
]


def run(store, definitions, **options):
    return kubernetes_apply.run(FakeModule(copy.deepcopy(definitions), **options), store)


def actions(result):
    return {row["object"]: row["action"] for row in result["objects"]}


def test_ladder():
    store = FakeStore()
    predicted = run(store, WANTED, check_mode=True)
    assert store.writes == 0
    assert actions(predicted) == {"ConfigMap shop/orders": "created", "Namespace shop": "created"}

    made = run(store, WANTED)
    assert actions(made) == actions(predicted)
    assert made["changed"]

    again = run(store, WANTED)
    assert not again["changed"]
    assert again["diff"] == []

    changed = copy.deepcopy(WANTED)
    changed[0]["data"]["a"] = "2"
    writes = store.writes
    predicted = run(store, changed, check_mode=True)
    assert store.writes == writes
    assert actions(predicted) == {"ConfigMap shop/orders": "changed", "Namespace shop": "unchanged"}
    assert run(store, changed) == predicted

    predicted = run(store, WANTED[:1], check_mode=True, state="absent")
    assert actions(predicted) == {"ConfigMap shop/orders": "removed"}
    assert len(store.live) == 2
    assert run(store, WANTED[:1], state="absent") == predicted
    assert len(store.live) == 1
    assert len(store.waited[0]) == 1
    assert not run(store, WANTED[:1], state="absent")["changed"]


ROLLS = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}


class Rolling(FakeStore):
    """As the server: what it gave to a rolling by default stays until it is taken away, and is refused without one."""

    def apply(self, wanted, manager, dry_run):
        live = self.live.get(kubernetes_apply.Ref.of(wanted))
        if live and "rollingUpdate" in live["spec"]["updateStrategy"]:
            assert wanted["spec"]["updateStrategy"]["type"] == "RollingUpdate", "422 only allowed for RollingUpdate"
        return super().apply(wanted, manager, dry_run)


@pytest.mark.parametrize(("image", "restarts"), [("redis:8.0", False), ("redis:8.2", True)])
def test_a_statefulset_that_rolled_stops_to(image, restarts):
    def made(strategy, image):
        spec = {"updateStrategy": strategy, "template": {"image": image}}
        return definition("StatefulSet", "orders", "shop", spec=spec)

    store = Rolling(made(ROLLS, "redis:8.0"), definition("Namespace", "shop"))
    wanted = made({"type": "OnDelete"}, image)
    predicted = run(store, [wanted], check_mode=True)
    (row,) = predicted["objects"]
    assert (row["action"], row["restarts"], store.writes) == ("changed", restarts, 0)
    assert "type: OnDelete" in predicted["diff"][0]["after"]
    assert run(store, [wanted]) == predicted
    assert store.merged == {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}}
    assert not run(store, [wanted])["changed"]


def test_a_namespace_belongs_to_all_who_live_in_it():
    theirs = definition("Namespace", "shop")
    theirs["metadata"]["labels"] = {"owner": "them"}
    store = FakeStore(theirs)
    assert actions(run(store, WANTED)) == {"ConfigMap shop/orders": "created", "Namespace shop": "unchanged"}
    assert store.live[kubernetes_apply.Ref("Namespace", "shop")] == theirs
    with pytest.raises(EngineError, match="A Namespace is not removed"):
        run(store, WANTED, state="absent")
    assert len(store.live) == 2


def test_diff_has_one_entry_for_each_object_that_changes():
    diff = run(FakeStore(), WANTED, check_mode=True)["diff"]
    assert [entry["after_header"] for entry in diff] == ["ConfigMap shop/orders", "Namespace shop"]
    assert diff[0]["before"] == ""
    assert "a: '1'" in diff[0]["after"]
    assert "resourceVersion" not in diff[1]["after"]


def test_someone_elses_object_stops_everything():
    foreign = definition("ConfigMap", "orders", "shop")
    foreign["metadata"]["labels"] = {"owner": "them"}
    store = FakeStore(foreign, definition("Namespace", "shop"))
    for state in ("present", "absent"):
        with pytest.raises(EngineError) as error:
            run(store, [definition("Service", "orders", "shop"), WANTED[0]], state=state)
        assert "ConfigMap shop/orders has labels {'owner': 'them'}" in str(error.value)
        assert "app.kubernetes.io/instance=orders" in str(error.value)
        assert store.writes == 0


def test_a_missing_namespace_outside_of_check_mode_is_an_error():
    with pytest.raises(EngineError, match="ConfigMap shop/orders cannot be created: its namespace"):
        run(FakeStore(), WANTED[:1])


def test_only_missing_leaves_what_exists():
    store = FakeStore(definition("Namespace", "shop"))
    assert run(store, WANTED[:1], only_missing=True)["changed"]
    changed = copy.deepcopy(WANTED[:1])
    changed[0]["data"]["a"] = "2"
    assert actions(run(store, changed, only_missing=True)) == {"ConfigMap shop/orders": "unchanged"}
    assert store.live[kubernetes_apply.Ref("ConfigMap", "orders", "shop")]["data"] == {"a": "1"}


def test_secret_values_are_hidden_in_diff_and_in_everything_printed():
    encoded = base64.b64encode(b"hunter2").decode()
    secret = definition(
        "Secret", "orders-auth", "shop", data={"password": encoded, "odd": "not base64!", "unread": None}
    )
    module = FakeModule([secret], check_mode=True)
    kubernetes_apply.hide_secret_values(module)
    assert module.no_log_values == {encoded, "hunter2", "not base64!"}
    result = kubernetes_apply.run(module, FakeStore())
    assert encoded not in str(result)
    assert "(secret, not shown, differs)" in result["diff"][0]["after"]
