# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is built, and what the lab can do without."""

import json

import pytest
from slotwise_lab.recipes import COREDNS_IMAGE, PAUSE_IMAGE, UML_LOADER, UML_OWN_LOADER, Recipes
from slotwise_lab.servers import describe
from slotwise_lab.steps import everything


@pytest.fixture
def recipes(tmp_path):
    return Recipes(tmp_path)


def test_only_what_comes_from_the_unstable_suite_may_fail(recipes):
    assert {step.name for step in everything(recipes.with_nfs) if step.optional} == {"base-sid", "valkey-sid"}


def test_only_machines_with_nfs_need_another_kernel(recipes):
    more = {step.name for step in everything(recipes.with_nfs)} - {step.name for step in everything(recipes.all)}
    assert more == {"uml", "uml-disk"}


def test_the_loader_of_the_kernel_fits_in_the_place_of_the_other():
    assert len(UML_OWN_LOADER) < len(UML_LOADER)


def test_servers_need_no_kubernetes(recipes):
    names = {step.name for step in everything([*recipes.servers.values(), *recipes.tools.values()])}
    assert names.isdisjoint({"kube", "coredns", "pause", "machine", "machine-image"})


def test_keys_are_the_same_in_every_checkout(recipes, tmp_path):
    other = Recipes(tmp_path / "other")
    assert [(step.name, step.key) for step in everything(recipes.all)] == [
        (step.name, step.key) for step in everything(other.all)
    ]


def test_a_server_that_could_not_be_built_is_left_out(recipes):
    servers = [step for server, step in recipes.servers.items() if server.suite != "sid"]
    named = {step: step.name for step in (*servers, *recipes.tools.values())}
    images = {recipes.pause: PAUSE_IMAGE, recipes.coredns: COREDNS_IMAGE, **named}
    for step, name in images.items():
        result = step.result(recipes.cache)
        result.mkdir(parents=True)
        (result / "image.json").write_text(json.dumps({"name": name, "digest": "sha256:0"}))
    assert recipes.built_servers() == [step.result(recipes.cache) for step in servers]
    assert [image.name for image in recipes.images()] == list(images.values())


def test_a_server_runs_with_the_loader_of_its_own_suite(tmp_path):
    libraries = tmp_path / "root/usr/lib/x86_64-linux-gnu"
    libraries.mkdir(parents=True)
    (libraries / "ld-linux-x86-64.so.2").touch()
    programs = tmp_path / "root/usr/bin"
    programs.mkdir()
    for program in ("valkey-server", "valkey-cli"):
        (programs / program).touch()
    (tmp_path / "server.json").write_text(json.dumps({"flavor": "valkey", "version": "9.1.2"}))
    loader = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)]
    assert describe(tmp_path) == {
        "flavor": "valkey",
        "version": "9.1.2",
        "server": [*loader, str(tmp_path / "root/usr/bin/valkey-server")],
        "cli": [*loader, str(tmp_path / "root/usr/bin/valkey-cli")],
    }
