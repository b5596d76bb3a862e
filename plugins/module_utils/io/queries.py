# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to Kubernetes that one module answers together, and what of the answers may be shown."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.leaving import leaving
from ansible_collections.slotwise.redis.plugins.module_utils.io.objects import KINDS, Objects, Ref, in_parallel
from ansible_collections.slotwise.redis.plugins.module_utils.redis.passwords import fault_of, without_line_end

QUERIES = {
    "queries": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "id": {"type": "str", "required": True},
            "kind": {"type": "str", "required": True, "choices": sorted(KINDS)},
            "name": {"type": "str"},
            "namespace": {"type": "str"},
            "labels": {"type": "dict", "default": {}},
            "parts": {"type": "list", "elements": "str"},
            "compare": {"type": "dict", "default": {}, "no_log": True},
        },
    },
}
"""The option of modules that take questions."""


def answers(objects: Objects, queries: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The objects of each query, by its id."""
    found = in_parallel(lambda query: answer(objects, query), queries)
    return {query["id"]: items for query, items in zip(queries, found)}


def only_parts(found: dict[str, Any], parts: list[str]) -> dict[str, Any]:
    """An object with these parts of it, each a path of keys."""
    kept: dict[str, Any] = {key: found[key] for key in ("apiVersion", "kind") if key in found}
    for part in parts:
        value, here = found, kept
        *outer, last = part.split(".")
        for key in outer:
            value, here = value.get(key) or {}, here.setdefault(key, {})
        if last in value:
            here[last] = value[last]
    return kept


def shown(found: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    """An object as it may be returned."""
    metadata = {key: value for key, value in found["metadata"].items() if key != "managedFields"}
    kept = found if query["parts"] is None else only_parts(found, query["parts"])
    result = {**kept, "metadata": metadata}
    if going := leaving(found):
        result["leaving"] = going
    if found["kind"] == "Secret":
        data = found.get("data") or {}
        # kubectl apply leaves a copy of the values in an annotation.
        metadata.pop("annotations", None)
        result["data"] = dict.fromkeys(data)
        values = {key: base64.b64decode(value or "") for key, value in data.items()}
        result["faults"] = {key: fault for key, value in values.items() if (fault := fault_of(value))}
        result["compare"] = {
            key: key in values and without_line_end(values[key]) == without_line_end(str(expected).encode())
            for key, expected in query["compare"].items()
        }
    return result


def answer(objects: Objects, query: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of one query."""
    namespace = query["namespace"] or ""
    if query["name"]:
        metadata = {"name": query["name"], "namespace": namespace}
        single = objects.read(Ref.of({"kind": query["kind"], "metadata": metadata}))
        found = [] if single is None else [single]
    else:
        found = objects.find(query["kind"], namespace, query["labels"])
    return [shown(item, query) for item in found]
