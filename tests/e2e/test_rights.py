# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rights that the preflight asks for are listed when they are missing, and are enough when they are there."""

from __future__ import annotations

import json
import pathlib
import re

from conftest import make, remove
from deployment import handle

NAME = "e2e-rights"
MISSING = re.compile(
    r"((?:[a-z]+, )*[a-z]+) ([a-z]+(?:/[a-z]+)?)(?:\.([a-z0-9.]+))? in (namespace \S+|the whole cluster)"
)


def account(directory: pathlib.Path) -> pathlib.Path:
    """A kubeconfig for a service account without any rights."""
    handle.kubectl("-n", "default", "create", "serviceaccount", NAME)
    token = handle.kubectl("-n", "default", "create", "token", NAME).stdout.strip()
    path = directory / "kubeconfig"
    path.write_text(handle.lab().kubeconfig.read_text())
    path.chmod(0o600)
    config = ["--kubeconfig", str(path), "config"]
    handle.kubectl(*config, "set-credentials", NAME, f"--token={token}")
    handle.kubectl(*config, "set-context", "--current", f"--user={NAME}")
    return path


def grant(listed: list[tuple[str, str, str, str]]) -> None:
    """Give the account exactly what was listed."""
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": "default"}
    objects: list[dict] = []
    for place in {place for *_rule, place in listed}:
        rules = [
            {"apiGroups": [group], "resources": [resource], "verbs": verbs.split(", ")}
            for verbs, resource, group, where in listed
            if where == place
        ]
        kind, metadata = "ClusterRole", {"name": NAME}
        if place.startswith("namespace "):
            kind, metadata = "Role", {"name": NAME, "namespace": place.split()[1]}
        group = "rbac.authorization.k8s.io"
        objects.append({"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "rules": rules})
        objects.append(
            {
                "apiVersion": f"{group}/v1",
                "kind": f"{kind}Binding",
                "metadata": metadata,
                "roleRef": {"apiGroup": group, "kind": kind, "name": NAME},
                "subjects": [subject],
            }
        )
    handle.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def test_what_is_listed_as_missing_is_enough(tmp_path: pathlib.Path) -> None:
    deployment = make(NAME, tmp_path)
    remove(deployment)
    handle.kubectl("create", "namespace", NAME)
    handle.kubectl("-n", "default", "delete", "serviceaccount", NAME, "--ignore-not-found")
    own = str(account(tmp_path))

    refused = deployment.play("site.yml", redis_cluster_kubeconfig=own)
    assert refused.code != 0, refused.output
    assert not any(refused.changed.values()), refused.output
    listed = sorted({match.groups(default="") for match in MISSING.finditer(refused.output)})
    assert ("get, create, patch", "statefulsets", "apps", f"namespace {NAME}") in listed, listed

    grant(listed)
    try:
        deployment.site(redis_cluster_kubeconfig=own)
        again = deployment.site(redis_cluster_kubeconfig=own)
        assert again.unchanged, again.output
    finally:
        remove(deployment)
        handle.kubectl("delete", "clusterrole,clusterrolebinding", NAME, "--ignore-not-found")
        handle.kubectl("-n", "default", "delete", "serviceaccount", NAME)
