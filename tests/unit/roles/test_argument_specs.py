# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's defaults, argument_specs and README say the same; nothing else checks that.

Roles are found by listing roles/, so a new one is covered from its first commit.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.options import OPTIONS

ROOT = Path(__file__).resolve().parents[3]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
SHARED_VARIABLES = ("redis_kubeconfig", "redis_context", "redis_dns_server", "redis_image_registry")
MAIN_LINES = 40
# Variables that only one topology has, or whose description or limits differ.
OWN = {
    "redis_cluster": {"shards", "replicas"},
    "redis_sentinel": {
        "servers",
        "sentinels",
        "master_name",
        "quorum",
        "down_after_milliseconds",
        "failover_timeout_milliseconds",
        "parallel_syncs",
        "election_seconds",
        "unknown_master",
        "decided_master",
        "kept_copies",
        "agent_image",
        "sentinel_resources",
        "agent_resources",
        *(f"{kind}_{what}" for kind in ("service_account", "role", "role_binding") for what in ("create", "name")),
    },
    "redis_standalone": {"instances", "allow_data_loss"},
}


def load(role: str, path: str) -> dict:
    """Return a YAML file of a role; an absent or empty one is an empty mapping."""
    file = ROOT / "roles" / role / path
    return (yaml.safe_load(file.read_text()) if file.exists() else None) or {}


def specs(role: str) -> dict:
    """Return the entry points of a role."""
    return load(role, "meta/argument_specs.yml")["argument_specs"]


def options(role: str) -> dict:
    """Return the options of the main entry point."""
    return specs(role)["main"].get("options") or {}


def is_literal(value) -> bool:
    """Tell whether a default is known without templating."""
    if isinstance(value, dict):
        return all(is_literal(item) for item in value.values())
    if isinstance(value, list):
        return all(is_literal(item) for item in value)
    return not (isinstance(value, str) and "{{" in value)


def described(name: str, option: dict):
    """Yield every option below and including this one that lacks a type or description."""
    if not option.get("description") or not option.get("type"):
        yield name
    for child, spec in (option.get("options") or {}).items():
        yield from described(f"{name}.{child}", spec)


def sources(*parts: str):
    """Yield the YAML files below some folders of the repository."""
    for part in parts:
        yield from sorted((ROOT / part).rglob("*.yml"))


def role_calls():
    """Yield (file, role, tasks_from) for every use of one of our roles."""

    def walk(node, file):
        if isinstance(node, list):
            for item in node:
                yield from walk(item, file)
        elif isinstance(node, dict):
            for key in ("ansible.builtin.include_role", "ansible.builtin.import_role"):
                if isinstance(node.get(key), dict):
                    yield file, node[key].get("name", ""), node[key].get("tasks_from", "main")
            for item in node.get("roles") or []:
                yield file, item["role"] if isinstance(item, dict) else item, "main"
            for value in node.values():
                yield from walk(value, file)

    for file in sources("playbooks", "roles", "molecule"):
        if "defaults" not in file.parts and "meta" not in file.parts:
            yield from walk(yaml.safe_load(file.read_text()), file)


def test_there_are_roles():
    assert ROLES


@pytest.mark.parametrize("role", ROLES)
def test_shape(role):
    base = ROOT / "roles" / role
    for path in ("tasks/main.yml", "defaults/main.yml", "meta/main.yml", "meta/argument_specs.yml", "README.md"):
        assert (base / path).is_file(), f"roles/{role}/{path} is missing"
    lines = (base / "tasks/main.yml").read_text().splitlines()
    assert len(lines) <= MAIN_LINES, f"roles/{role}/tasks/main.yml is a table of contents, not {len(lines)} lines"


@pytest.mark.parametrize("role", ROLES)
def test_same_variables(role):
    defaults = load(role, "defaults/main.yml")
    commented = set(re.findall(r"^#\s*(\w+):", (ROOT / "roles" / role / "defaults/main.yml").read_text(), re.M))
    assert set(defaults) <= set(options(role)), "in defaults/main.yml, not in argument_specs.yml"
    for name in set(options(role)) - set(defaults):
        assert "default" not in options(role)[name], f"{name}: default in argument_specs.yml only"
        assert name in commented, f"{name}: defaults/main.yml names a variable without default in a comment"


@pytest.mark.parametrize("role", ROLES)
def test_same_literal_defaults(role):
    for name, value in load(role, "defaults/main.yml").items():
        option = options(role)[name]
        if not is_literal(value):
            assert option.get("default", value) == value, f"{name}: argument_specs.yml has another default"
            continue
        assert "default" in option, f"{name}: argument_specs.yml has no default, defaults/main.yml has {value!r}"
        assert (type(option["default"]), option["default"]) == (type(value), value), name


@pytest.mark.parametrize("role", ROLES)
def test_prefix(role):
    for name in options(role):
        assert name.startswith(f"{role}_"), f"{name}: public variables begin with {role}_"
    for file in ("vars/main.yml", *(f"vars/{path.name}" for path in (ROOT / "roles" / role / "vars").glob("*.yml"))):
        for name in load(role, file):
            assert name.startswith(f"__{role}_"), f"{name}: internal variables begin with __{role}_"


@pytest.mark.parametrize("role", ROLES)
def test_readme_table(role):
    table = re.findall(r"^\|\s*`(\w+)`", (ROOT / "roles" / role / "README.md").read_text(), re.M)
    assert sorted(set(options(role)) - set(table)) == [], "not in the README table"
    assert sorted({name for name in table if name.startswith(f"{role}_")} - set(options(role))) == [], (
        "in the README table only"
    )


@pytest.mark.parametrize("role", ROLES)
def test_entry_points(role):
    main = options(role)
    for entry, spec in specs(role).items():
        assert (ROOT / "roles" / role / "tasks" / f"{entry}.yml").is_file(), f"{role}: no tasks/{entry}.yml"
        assert spec.get("short_description"), f"{role}/{entry}: short_description"
        for name, option in (spec.get("options") or {}).items():
            assert option == main.get(name, option), f"{role}/{entry}: {name} differs from the main entry point"
            assert list(described(name, option)) == [], f"{role}/{entry}: no type or description"


@pytest.mark.parametrize("role", ROLES)
def test_shared_variables_and_groups_stay_outside_of_tasks(role):
    for folder in ("tasks", "handlers", "templates", "vars"):
        for file in (ROOT / "roles" / role / folder).rglob("*"):
            text = file.read_text() if file.is_file() else ""
            found = [name for name in SHARED_VARIABLES if re.search(rf"\b{name}\b", text)]
            assert found == [], f"{file.relative_to(ROOT)} reads a collection-wide variable: only defaults may"
            assert not re.search(r"\bgroups(\[|\.|\s*\|)", text), f"{file.relative_to(ROOT)} knows inventory groups"


def test_every_entry_point_in_use_is_specified():
    used = [(file, role, entry) for file, role, entry in role_calls() if role.startswith("slotwise.redis.")]
    for file, name, entry in used:
        role = name.rpartition(".")[2]
        if "{{" in role or "{{" in entry:
            continue
        assert role in ROLES, f"{file.relative_to(ROOT)}: no role {name}"
        assert entry.removesuffix(".yml") in specs(role), f"{file.relative_to(ROOT)}: {name} has no spec for {entry}"


def test_roles_are_used_by_their_full_name():
    short = [(str(file.relative_to(ROOT)), role) for file, role, _entry in role_calls() if role in ROLES]
    assert short == []


def shared(role: str) -> dict[str, tuple]:
    """Variable without prefix -> type, choices and default, of what role common reads."""
    return {
        name.removeprefix(f"{role}_"): (
            option["type"],
            option.get("choices"),
            str(load(role, "defaults/main.yml").get(name)).replace(role, "ROLE"),
        )
        for name, option in options(role).items()
        if name.removeprefix(f"{role}_") not in OWN[role]
    }


def test_topologies_share_their_variables():
    first, *others = OWN
    for role in others:
        assert shared(role) == shared(first)


# Secrets are in no value that is shown, and what is raw is taken as it is.
SECRET = {"password"}
TYPES = {"str": str, "bool": bool, "int": int, "list": list, "dict": dict, "raw": object}


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_deployment_reads_every_option_by_its_type(kind):
    documented = {name.removeprefix(f"{kind}_"): TYPES[option["type"]] for name, option in options(kind).items()}
    assert OPTIONS[kind] == {name: kind_of for name, kind_of in documented.items() if name not in SECRET}
