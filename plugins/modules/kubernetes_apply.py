#!/usr/bin/python
# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All Kubernetes objects of a deployment in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_apply
short_description: Apply or remove the Kubernetes objects of a deployment in one call
version_added: 0.1.0
author:
  - slotwise.redis contributors (@slotwise)
description:
  - Server-side apply of a list of objects. What others set in the same objects stays; fields that this collection set
    before and no longer wants are removed.
  - In diffs the values of Secrets are hidden, and of the files of immutable ConfigMaps only the length is shown.
  - Check mode asks the server for a dry run, and predicts objects of a namespace that does not exist yet from their
    definitions.
  - An object that exists and does not carry the labels of O(owner_labels) belongs to someone else. It is neither
    changed nor removed; the module fails before the first change and names it.
  - An object that is being deleted is not changed, as a deletion cannot be taken back. The module waits until it is
    gone and creates it anew; check mode says so in a warning. Where something would be lost with it (claims, volumes,
    Secrets, namespaces) the module fails before the first change and says what holds the object.
  - With O(name), the Lease C(NAME.slotwise.redis) keeps other runs out while this one changes something. It is taken
    when the Namespace exists.
  - A Namespace is created when it is missing and otherwise left as it is, because others may live in it. It is never
    removed.
options:
  definitions:
    description:
      - The objects. With O(state=absent) only kind, name and namespace count.
      - Kinds are those that the roles of this collection use.
    type: list
    elements: dict
    required: true
  namespace:
    description: Namespace of the deployment whose Lease is taken.
    type: str
  name:
    description: Name of the deployment whose Lease is taken. Without it none is.
    type: str
  owner_labels:
    description: Labels that tell our objects from those of others.
    type: dict
    default: {}
  only_missing:
    description: Create what does not exist, and leave what exists as it is.
    type: bool
    default: false
  left_to_others:
    description:
      - Fields such as C(spec.replicas) that somebody else sets, as an autoscaler does. They are taken out of
        O(definitions) and keep the value that they have, also where an earlier run of this module has set it.
    type: list
    elements: str
    default: []
  field_manager:
    description: Name under which the server records who set a field.
    type: str
    default: slotwise.redis
  state:
    description: Whether the objects shall exist. V(absent) returns when they are gone.
    type: str
    choices:
      - present
      - absent
    default: present
  timeout:
    description: Seconds to wait until objects that are removed, or were being removed before, are gone.
    type: int
    default: 300
requirements:
  - kubernetes >= 29.0
extends_documentation_fragment:
  - slotwise.redis.attributes
  - slotwise.redis.lease
  - slotwise.redis.kubernetes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Apply a ConfigMap
  slotwise.redis.kubernetes_apply:
    definitions:
      - apiVersion: v1
        kind: ConfigMap
        metadata:
          name: orders-config
          namespace: shop
          labels:
            app.kubernetes.io/instance: orders
        data:
          redis.conf: appendonly yes
    owner_labels:
      app.kubernetes.io/instance: orders
"""

RETURN = r"""
objects:
  description: What became of each object, in the order of the definitions.
  returned: success
  type: list
  elements: dict
  contains:
    object:
      description: Kind, namespace and name.
      type: str
      sample: ConfigMap shop/orders-config
    action:
      description: What was done.
      type: str
      sample: created
    restarts:
      description: Whether pods that exist run with earlier settings after it, as the template of a StatefulSet changes.
      type: bool
found:
  description: The evidence.
  returned: failure
  type: list
  elements: str
advice:
  description: What to do next.
  returned: failure
  type: str
"""

import base64
import binascii
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slotwise.redis.plugins.module_utils._argspec import KUBERNETES, LEASE
from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, end
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.leaving import leaving
from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import api_client, require_kubernetes
from ansible_collections.slotwise.redis.plugins.module_utils.io.objects import (
    Objects,
    Ref,
    has_labels,
    in_parallel,
    is_set_by,
    meaning,
    stops_rolling,
    value_at,
    with_value,
    without_files,
    without_secrets,
    without_value,
)
from ansible_collections.slotwise.redis.plugins.module_utils.run.lease import lease_of

try:
    import yaml
except ImportError:
    # A dependency of the kubernetes library, which require_kubernetes() reports.
    yaml = None  # type: ignore[assignment]


SHARED = "Namespace"
ALONE: AbstractContextManager[None] = nullcontext()
"""Where nobody has to be kept out."""


def hide_secret_values(module: AnsibleModule) -> None:
    """Keep the values of Secrets out of everything that Ansible prints about this call, at any verbosity."""
    for definition in module.params["definitions"]:
        if definition.get("kind") != "Secret":
            continue
        # Objects to remove may come from kubernetes_objects_info, which leaves the values out.
        for value in filter(None, (definition.get("data") or {}).values()):
            module.no_log_values.add(str(value))
            try:
                module.no_log_values.add(base64.b64decode(value, validate=True).decode())
            except (ValueError, binascii.Error):
                continue


def check_owners(refs: list[Ref], live: list[dict[str, Any] | None], labels: dict[str, str]) -> None:
    """Refuse to touch what is not ours."""
    foreign = [
        f"{ref} has labels {found['metadata'].get('labels') or {}}"
        for ref, found in zip(refs, live)
        if found is not None and ref.kind != SHARED and not has_labels(found, labels)
    ]
    if foreign:
        wanted = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
        raise EngineError(
            "Nothing was changed: objects of these names exist and belong to someone else.",
            foreign,
            f"Choose another name or namespace for the deployment. To hand an object over, label it {wanted}.",
        )


def left_out(objects: Objects, module: AnsibleModule, definition: dict, live: dict | None) -> dict:
    """The definition to apply so that fields of others keep their values.

    The server removes what a manager has applied and leaves out. Such a field gets another manager first, which is left
    behind; where somebody has changed it meanwhile, it is theirs already.
    """
    manager = module.params["field_manager"]
    kept = {path: value_at(live or {}, path) for path in module.params.get("left_to_others") or []}
    for path, value in kept.items():
        definition = without_value(definition, path)
        if live is None or value is None or not is_set_by(live, manager, path):
            continue
        if module.check_mode:
            definition = with_value(definition, path, value)
        else:
            identity: dict[str, Any] = {key: definition[key] for key in ("apiVersion", "kind") if key in definition}
            names = {key: definition["metadata"][key] for key in ("name", "namespace") if key in definition["metadata"]}
            only = with_value({**identity, "metadata": names}, path, value)
            objects.apply(only, f"{manager}.left", False, force=False)
    return definition


def make_way(objects: Objects, module: AnsibleModule, refs: list[Ref], live: list[Any]) -> set[Ref]:
    """Wait until objects that others are deleting are gone; check mode only says so. Refuse where something is lost."""
    going = {ref: found for ref, found in zip(refs, live) if found is not None and leaving(found)}
    said = [gone for found in going.values() if (gone := leaving(found))]
    lost = [gone["text"] for gone in said if gone["loses"]]
    if lost:
        raise EngineError(
            "Nothing was changed: objects that are needed are being deleted, with what they hold.",
            lost,
            "A deletion cannot be taken back: save what you need of them, and run again when they are gone.",
        )
    for gone in said:
        module.warn(f"{gone['text']} It is created anew when it is gone.")
    if going and not module.check_mode:
        objects.wait_gone(going, module.params["timeout"])
    return set(going)


def apply_all(
    objects: Objects,
    module: AnsibleModule,
    refs: list[Ref],
    live: list[Any],
    going: set[Ref],
    *,
    lease: AbstractContextManager[Any],
) -> list[dict[str, Any] | None]:
    """The objects as they are after the apply, or would be. Namespaces come first: others live in them."""

    def stays(index: int) -> bool:
        return live[index] is not None and (refs[index].kind == SHARED or module.params["only_missing"])

    def apply(index: int) -> dict[str, Any] | None:
        definition = module.params["definitions"][index]
        if stays(index):
            return live[index]
        if module.check_mode and refs[index] in going:
            # The server would try the definition on the object that goes.
            return module.params["definitions"][index]
        definition = left_out(objects, module, module.params["definitions"][index], live[index])
        if stops_rolling(definition, live[index]):
            return stop_rolling(index, definition)
        result = objects.apply(definition, module.params["field_manager"], module.check_mode)
        if result is None and not module.check_mode:
            raise EngineError(f"{refs[index]} cannot be created: its namespace does not exist.")
        if result is not None and (gone := leaving(result)):
            raise EngineError(f"{gone['text']} That began during this run. Run again.")
        return result or definition

    def stop_rolling(index: int, definition: dict[str, Any]) -> dict[str, Any] | None:
        wanted, manager = definition["spec"]["updateStrategy"], module.params["field_manager"]
        if not module.check_mode:
            objects.merge(refs[index], {"spec": {"updateStrategy": {**wanted, "rollingUpdate": None}}})
            return objects.apply(definition, manager, False)
        # A dry run of both at once is not to be had: the strategy of the answer is put in its place.
        before = live[index]["spec"]["updateStrategy"]
        rolling = {**definition, "spec": {**definition["spec"], "updateStrategy": before}}
        result = objects.apply(rolling, manager, True)
        return result and {**result, "spec": {**result["spec"], "updateStrategy": wanted}}

    after: list[dict[str, Any] | None] = [None] * len(refs)
    first = [index for index, ref in enumerate(refs) if ref.kind == SHARED]
    rest = [index for index, ref in enumerate(refs) if ref.kind != SHARED]
    for batch, guard in ((first, ALONE), (rest, ALONE if all(map(stays, rest)) else lease)):
        with guard:
            for index, result in zip(batch, in_parallel(apply, batch)):
                after[index] = result
    return after


def delete_all(
    objects: Objects, module: AnsibleModule, refs: list[Ref], live: list[Any], lease: AbstractContextManager[Any]
) -> list[dict[str, Any] | None]:
    """Remove what exists and wait until it is gone."""
    if any(ref.kind == SHARED for ref in refs):
        raise EngineError(f"A {SHARED} is not removed by this module, because others may live in it.")
    present = {ref: found for ref, found in zip(refs, live) if found is not None}
    if present and not module.check_mode:
        with lease:
            in_parallel(objects.delete, list(present))
            objects.wait_gone(present, module.params["timeout"])
    return [None] * len(refs)


def action_of(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    """One word about what happened to an object."""
    if before == after:
        return "unchanged"
    if before is None:
        return "created"
    return "removed" if after is None else "changed"


def restarts(before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
    """Whether pods are to be made anew: a StatefulSet gets another template."""
    if before is None or after is None or before["kind"] != "StatefulSet":
        return False
    return before["spec"]["template"] != after["spec"]["template"]


def diff_of(ref: Ref, before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, str]:
    """A diff entry for one object."""
    texts = {}
    for side, shown, other in (("before", before, after), ("after", after, before)):
        hidden = without_files(without_secrets(shown, other))
        texts[side] = "" if hidden is None else yaml.safe_dump(hidden, default_flow_style=False)
        texts[f"{side}_header"] = str(ref)
    return texts


def run(module: AnsibleModule, objects: Objects, lease: AbstractContextManager[Any] = ALONE) -> dict[str, Any]:
    """Read, check, change, report. The Lease is held while something changes."""
    refs = [Ref.of(definition) for definition in module.params["definitions"]]
    live = in_parallel(objects.read, refs)
    check_owners(refs, live, module.params["owner_labels"])
    if module.params["state"] == "present":
        going = make_way(objects, module, refs, live)
        live = [None if ref in going else found for ref, found in zip(refs, live)]
        result = apply_all(objects, module, refs, live, going, lease=lease)
    else:
        result = delete_all(objects, module, refs, live, lease)
    before = [meaning(found) for found in live]
    after = [meaning(found) for found in result]
    rows = [
        {"object": str(ref), "action": action_of(old, new), "restarts": restarts(old, new)}
        for ref, old, new in zip(refs, before, after)
    ]
    return {
        "changed": any(row["action"] != "unchanged" for row in rows),
        "objects": rows,
        "diff": [diff_of(ref, old, new) for ref, old, new in zip(refs, before, after) if old != new],
    }


def main() -> None:
    """Module entry."""
    module = AnsibleModule(
        argument_spec={
            **KUBERNETES,
            "definitions": {"type": "list", "elements": "dict", "required": True},
            "namespace": {"type": "str"},
            "name": {"type": "str"},
            "owner_labels": {"type": "dict", "default": {}},
            "only_missing": {"type": "bool", "default": False},
            "left_to_others": {"type": "list", "elements": "str", "default": []},
            "field_manager": {"type": "str", "default": "slotwise.redis"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 300},
            **LEASE,
        },
        required_by={"name": ("namespace",)},
        supports_check_mode=True,
    )
    require_kubernetes(module)
    hide_secret_values(module)
    given = module.params

    def work() -> dict[str, Any]:
        api = api_client(given["kubeconfig"], given["context"])
        nobody_else = given["name"] and not module.check_mode
        lease = lease_of(api, given, given["timeout"]) if nobody_else else ALONE
        return run(module, Objects(api), lease)

    end(module, work)


if __name__ == "__main__":
    main()
