# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What adding a feature touches: a module, a line of the catalog, and its options. Here it exports metrics."""

from __future__ import annotations

from types import ModuleType

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.features import catalog
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.options import OPTIONS
from ansible_collections.slotwise.redis.tests.unit.deployments import objects, permissions, problems, without_looking
from ansible_collections.slotwise.redis.tests.unit.given_servers import ALONE, GIVEN, NOTHING, WATCHED

KINDS = {"redis_cluster": GIVEN, "redis_sentinel": WATCHED, "redis_standalone": ALONE}
PORT = 9121


def exporter() -> ModuleType:
    """As its file in features/ would be."""
    made = ModuleType("exporter")

    def containers(make):
        image = make.deployment.exporter_image
        ports = [{"name": "metrics", "containerPort": PORT}]
        return [make.container("exporter", image, ["/exporter"], {}, ports=ports)] if image else []

    def clients(deployment):
        return {PORT: [{"podSelector": {"matchLabels": {"app": "prometheus"}}}]} if deployment.exporter_image else {}

    def input_problems(deployment, _password):
        if deployment.exporter_image.endswith(":latest"):
            name = deployment.variable("exporter_image")
            yield f"{name} is {deployment.exporter_image}. Allowed: an image with a version."

    made.containers, made.clients, made.input_problems = containers, clients, input_problems
    made.directives = lambda deployment: {"latency-tracking": True} if deployment.exporter_image else {}
    made.volumes = lambda deployment: [{"name": "exporter", "emptyDir": {}}] if deployment.exporter_image else []
    made.notes = lambda deployment: [f"Metrics are at port {PORT} of each pod."] if deployment.exporter_image else []
    return made


@pytest.fixture(params=KINDS)
def kind(request, monkeypatch):
    """A kind of deployment that has it."""
    monkeypatch.setattr(catalog, "FEATURES", [*catalog.FEATURES, exporter()])
    monkeypatch.setitem(OPTIONS, request.param, {**OPTIONS[request.param], "exporter_image": str})
    return request.param


def given(kind: str, image: str) -> dict:
    return {**KINDS[kind], f"{kind}_exporter_image": image}


def one(found: list[dict], kind: str) -> dict:
    return next(item for item in found if (item["kind"], item["metadata"]["name"]) == (kind, "orders"))


def test_a_feature_is_in_everything_that_it_touches(kind):
    made = objects(kind, given(kind, "exporter:1.2"), NOTHING)
    pod = one(made, "StatefulSet")["spec"]["template"]["spec"]
    assert pod["containers"][-1]["name"] == "exporter"
    assert pod["containers"][-1]["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["volumes"][-1]["name"] == "exporter"
    opened = {
        port["port"]: rule.get("from")
        for rule in one(made, "NetworkPolicy")["spec"]["ingress"]
        for port in rule["ports"]
    }
    assert opened[PORT][0]["podSelector"] == {"matchLabels": {"app": "prometheus"}}
    conf = next(item["data"]["redis.conf"] for item in made if "redis.conf" in item.get("data", {}))
    assert "latency-tracking yes" in conf.splitlines()
    assert without_looking(kind, given(kind, "exporter:1.2"))["notes"] == ["Metrics are at port 9121 of each pod."]


def test_a_user_may_set_its_directives_otherwise(kind):
    more = {f"{kind}_config": {"Latency-Tracking": False}}
    made = objects(kind, {**given(kind, "exporter:1.2"), **more}, NOTHING)
    conf = next(item["data"]["redis.conf"] for item in made if "redis.conf" in item.get("data", {}))
    assert "latency-tracking no" in conf.splitlines()
    assert "latency-tracking yes" not in conf


def test_a_deployment_without_it_is_as_it_was(kind, monkeypatch):
    without = objects(kind, given(kind, ""), NOTHING), permissions(kind, given(kind, ""), NOTHING)
    monkeypatch.undo()
    assert without == (objects(kind, KINDS[kind], NOTHING), permissions(kind, KINDS[kind], NOTHING))


def test_what_a_feature_refuses_is_refused_beside_everything_else(kind):
    said = problems(kind, {**given(kind, "exporter:latest"), f"{kind}_timeout": "soon"}, NOTHING)
    assert [sentence.partition(" is ")[0] for sentence in said] == [f"{kind}_exporter_image", f"{kind}_timeout"]
