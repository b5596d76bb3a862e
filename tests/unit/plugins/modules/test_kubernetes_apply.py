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
        for ref in refs:
            self.live.pop(ref, None)


class FakeModule:
    def __init__(self, definitions, check_mode=False, state="present", only_missing=False):
        self.check_mode = check_mode
        self.no_log_values = set()
        self.warnings = []
        self.params = {
            "definitions": definitions,
            "owner_labels": OURS,
            "only_missing": only_missing,
            "field_manager": "slotwise.redis",
            "state": state,
            "timeout": 5,
        }

    def warn(self, text):
        self.warnings.append(text)


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


@pytest.mark.parametrize(("immutable", "shown"), [(True, "start.sh: (2 lines)"), (False, "set -eu"), (None, "set -eu")])
def test_files_that_never_change_are_not_shown(immutable, shown):
    """A first deployment brings thousands of lines of them."""
    more = {} if immutable is None else {"immutable": immutable}
    files = definition("ConfigMap", "orders-scripts-1a2b", "shop", data={"start.sh": "set -eu\nexec redis\n"}, **more)
    made = run(FakeStore(definition("Namespace", "shop")), [files], check_mode=True)["diff"][0]["after"]
    assert shown in made
    assert "exec redis" not in made if immutable else "exec redis" in made
    gone = run(FakeStore(files, definition("Namespace", "shop")), [files], check_mode=True, state="absent")["diff"][0]
    assert shown in gone["before"]


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


def going(item, *finalizers):
    """An object that somebody is deleting."""
    live = copy.deepcopy(item)
    live["metadata"].update(deletionTimestamp="2026-11-27T10:00:00Z", finalizers=list(finalizers))
    return live


MADE_ANEW = [
    definition("StatefulSet", "orders", "shop", spec={"replicas": 3, "template": {}}),
    definition("Service", "orders", "shop"),
    WANTED[0],
    definition("Role", "orders", "shop"),
]


@pytest.mark.parametrize("item", MADE_ANEW, ids=lambda item: item["kind"])
def test_an_object_that_goes_is_waited_for_and_made_anew(item):
    store = FakeStore(definition("Namespace", "shop"), going(item, "foregroundDeletion"))
    module = FakeModule([copy.deepcopy(item)])
    result = kubernetes_apply.run(module, store)
    ref = kubernetes_apply.Ref.of(item)
    assert store.waited == ([ref], 5)
    assert actions(result) == {str(ref): "created"}
    assert "deletionTimestamp" not in store.live[ref]["metadata"]
    (said,) = module.warnings
    assert said.startswith(f"{ref} is being deleted since 2026-11-27T10:00:00Z, held by finalizer foregroundDeletion")
    assert not run(store, [item])["changed"]


@pytest.mark.parametrize("item", MADE_ANEW, ids=lambda item: item["kind"])
def test_check_mode_says_that_an_object_goes(item):
    live = going(item, "example.org/never")
    store = FakeStore(definition("Namespace", "shop"), live)
    module = FakeModule([copy.deepcopy(item)], check_mode=True)
    result = kubernetes_apply.run(module, store)
    assert store.waited is None
    assert store.writes == 0
    assert actions(result) == {str(kubernetes_apply.Ref.of(item)): "created"}
    assert "example.org/never" not in result["diff"][0]["after"]
    assert "held by finalizer example.org/never. It is created anew when it is gone." in module.warnings[0]


@pytest.mark.parametrize(
    "item",
    [
        definition("PersistentVolumeClaim", "data-orders", "shop"),
        definition("PersistentVolume", "shop.orders-0"),
        definition("Secret", "orders-auth", "shop"),
        definition("Namespace", "shop"),
    ],
    ids=lambda item: item["kind"],
)
@pytest.mark.parametrize("only_missing", [False, True])
@pytest.mark.parametrize("check_mode", [False, True])
def test_what_is_lost_with_an_object_that_goes_is_refused_before_any_change(item, only_missing, check_mode):
    store = FakeStore(definition("Namespace", "shop"), going(item, "example.org/never"))
    with pytest.raises(EngineError) as error:
        run(store, [WANTED[0], item], only_missing=only_missing, check_mode=check_mode)
    text = str(error.value)
    assert text.startswith("Nothing was changed: objects that are needed are being deleted, with what they hold.")
    assert f"- {kubernetes_apply.Ref.of(item)} is being deleted since 2026-11-27T10:00:00Z, held by" in text
    assert store.writes == 0
    assert store.waited is None


def test_a_deletion_that_begins_during_the_run_is_noticed():
    store = FakeStore(definition("Namespace", "shop"), MADE_ANEW[0])
    store.apply = lambda wanted, _manager, _dry_run: going(wanted, "foregroundDeletion")
    with pytest.raises(EngineError, match=r"StatefulSet shop/orders is being deleted since .* Run again"):
        run(store, MADE_ANEW[:1])


def test_what_goes_already_is_only_waited_for_when_it_shall_go():
    store = FakeStore(going(definition("PersistentVolumeClaim", "data-orders-0", "shop"), "example.org/never"))
    store.delete = lambda _ref: None
    wanted = [definition("PersistentVolumeClaim", "data-orders-0", "shop")]
    assert actions(run(store, wanted, state="absent")) == {"PersistentVolumeClaim shop/data-orders-0": "removed"}
    assert store.waited[1] == 5


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


# Fields of others


class Server(FakeStore):
    """Also notes who applied spec.replicas, and removes it when nobody that applied it still wants it."""

    def __init__(self, *live):
        super().__init__(*live)
        self.applied = []

    def apply(self, wanted, manager, dry_run, force=True):
        ref = kubernetes_apply.Ref.of(wanted)
        live = copy.deepcopy(self.live.get(ref)) or {"metadata": {}, "spec": {"replicas": 1}}
        owners = {e["manager"] for e in live["metadata"].get("managedFields", [])}
        self.applied.append((manager, wanted.get("spec", {}).get("replicas"), dry_run))
        spec = {**live["spec"], **wanted.get("spec", {})}
        if "replicas" in wanted.get("spec", {}):
            owners.add(manager)
        elif owners == {manager}:
            owners, spec["replicas"] = set(), 1
        else:
            owners.discard(manager)
        labels = wanted["metadata"].get("labels") or live["metadata"].get("labels")
        fields = {"f:spec": {"f:replicas": {}}}
        entries = [{"manager": o, "operation": "Apply", "fieldsV1": fields} for o in sorted(owners)]
        metadata = {**wanted["metadata"], "labels": labels, "managedFields": entries, "resourceVersion": "7"}
        result = {"kind": "Deployment", "metadata": metadata, "spec": spec}
        if not dry_run:
            self.live[ref] = copy.deepcopy(result)
        return result

    def scale(self, number):
        """As an autoscaler does, whose number is then its own."""
        (live,) = self.live.values()
        live["spec"]["replicas"] = number
        live["metadata"]["managedFields"] = [{"manager": "autoscaler", "operation": "Update", "fieldsV1": {}}]

    @property
    def replicas(self):
        return next(iter(self.live.values()))["spec"]["replicas"]


PROXIES = definition("Deployment", "orders", "shop", spec={"replicas": 2, "paused": False})
LEFT = {"left_to_others": ["spec.replicas"]}


def run_left(store, check_mode=False, left=True):
    module = FakeModule([copy.deepcopy(PROXIES)], check_mode=check_mode)
    module.params.update(LEFT if left else {"left_to_others": []})
    return kubernetes_apply.run(module, store)


def test_a_number_that_an_autoscaler_has_set_is_left_alone():
    store = Server()
    run_left(store, left=False)
    assert store.replicas == 2
    store.scale(5)
    for _unused in range(2):
        assert run_left(store, check_mode=True)["changed"] is False
        assert run_left(store)["changed"] is False
        assert store.replicas == 5
    assert run_left(store, left=False)["changed"] is True
    assert store.replicas == 2


def test_a_number_that_this_module_set_stays_when_it_is_left_to_others():
    """The server would take it away with the last manager that applied it, and one proxy would be left of many."""
    store = Server()
    run_left(store, left=False)
    assert run_left(store, check_mode=True)["changed"] is False
    assert store.replicas == 2
    assert run_left(store)["changed"] is False
    assert store.replicas == 2
    assert run_left(store)["changed"] is False
    assert store.replicas == 2


def test_a_new_object_has_the_number_that_the_server_gives_it():
    store = Server()
    run_left(store)
    assert store.replicas == 1
    assert [number for _manager, number, _dry in store.applied] == [None]


@pytest.mark.parametrize(
    ("wanted", "path", "left"),
    [
        ({"spec": {"replicas": 2, "a": 1}}, "spec.replicas", {"spec": {"a": 1}}),
        ({"spec": {"a": 1}}, "spec.replicas", {"spec": {"a": 1}}),
        ({"data": {"a": 1}}, "spec.replicas", {"data": {"a": 1}}),
        (
            {"spec": {"template": {"spec": {"x": 1, "y": 2}}}},
            "spec.template.spec.x",
            {"spec": {"template": {"spec": {"y": 2}}}},
        ),
        ({"kind": "x", "data": {"a": 1}}, "data", {"kind": "x"}),
        ({"spec": None}, "spec.replicas", {"spec": None}),
    ],
)
def test_a_field_is_taken_out(wanted, path, left):
    assert kubernetes_apply.without_value(wanted, path) == left


class FakeLease:
    """Notes which objects there were when it was taken, and those at its end."""

    def __init__(self, store):
        self.store, self.seen = store, []

    def __enter__(self):
        self.seen.append(sorted(ref.kind for ref in self.store.live))

    def __exit__(self, *unused):
        self.seen.append(sorted(ref.kind for ref in self.store.live))


def test_the_lease_is_taken_when_its_namespace_exists_and_held_while_something_changes():
    store = FakeStore()
    lease = FakeLease(store)
    kubernetes_apply.run(FakeModule(copy.deepcopy(WANTED)), store, lease)
    assert lease.seen == [["Namespace"], ["ConfigMap", "Namespace"]]
    lease.seen.clear()
    kubernetes_apply.run(FakeModule(copy.deepcopy(WANTED[:1]), state="absent"), store, lease)
    assert lease.seen == [["ConfigMap", "Namespace"], ["Namespace"]]


@pytest.mark.parametrize(
    "options", [{"only_missing": True}, {"state": "absent"}], ids=["all of it exists", "nothing of it exists"]
)
def test_no_lease_is_taken_where_nothing_can_change(options):
    store = FakeStore(*(WANTED if "only_missing" in options else WANTED[1:]))
    lease = FakeLease(store)
    kubernetes_apply.run(FakeModule(copy.deepcopy(WANTED[:1]), **options), store, lease)
    assert lease.seen == []


def test_where_another_run_holds_it_nothing_is_changed():
    class Held:
        def __enter__(self):
            raise EngineError("Another run is changing shop/orders.")

        def __exit__(self, *unused):
            pytest.fail("it was never held")

    store = FakeStore(*WANTED)
    for state in ("present", "absent"):
        with pytest.raises(EngineError, match="Another run"):
            kubernetes_apply.run(FakeModule(copy.deepcopy(WANTED[:1]), state=state), store, Held())
    assert store.writes == 0
