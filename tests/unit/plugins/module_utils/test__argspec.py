# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that modules share are specified once and documented once, and both say the same."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from ansible_collections.slotwise.redis.plugins.doc_fragments import cluster, kubernetes, servers
from ansible_collections.slotwise.redis.plugins.module_utils._argspec import CLUSTER, KUBERNETES, SERVERS

MODULES = sorted((Path(__file__).resolve().parents[4] / "plugins/modules").glob("*.py"))
SPECIFIED = ("type", "default", "choices", "elements")


def documented(fragment) -> dict[str, dict]:
    return yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]


def documentation(path: Path) -> dict:
    """The DOCUMENTATION of a module, without its fragments."""
    texts = [
        node.value.value
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "DOCUMENTATION"
    ]
    return yaml.safe_load(texts[0])


def without_text(options: dict[str, dict]) -> dict[str, dict]:
    return {name: {key: option[key] for key in SPECIFIED if key in option} for name, option in options.items()}


@pytest.mark.parametrize(
    ("spec", "fragments"),
    [(KUBERNETES, [kubernetes]), (SERVERS, [kubernetes, servers]), (CLUSTER, [kubernetes, servers, cluster])],
    ids=["kubernetes", "servers", "cluster"],
)
def test_the_fragments_document_the_specification(spec, fragments):
    options = [documented(fragment) for fragment in fragments]
    assert without_text({name: option for part in options for name, option in part.items()}) == without_text(spec)
    assert sum(map(len, options)) == len(spec), "an option is documented in two fragments"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_module_repeats_how_kubernetes_is_reached(path):
    document = documentation(path)
    assert not set(KUBERNETES) & set(document.get("options", {}))
    if path.stem.startswith(("kubernetes_", "redis_")):
        assert "slotwise.redis.kubernetes" in document["extends_documentation_fragment"]
