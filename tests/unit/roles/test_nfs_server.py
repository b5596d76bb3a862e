# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role node_nfs_server makes of its variables and of what its probe found."""

from __future__ import annotations

import pytest

ONE = {
    "name": "one",
    "namespace": "shop",
    "clients": ["192.0.2.10", "198.51.100.0/24", "node1.lab"],
    "volumes": [
        {
            "deployment": "one",
            "namespace": "shop",
            "pod": f"one-{i}",
            "path": f"/srv/one-{i}",
            "export": f"/srv/one-{i}",
            "exists": i == 0,
            "incarnation": "first",
            "kubernetes": "k",
            "adopt": i == 0,
        }
        for i in range(2)
    ],
}
TWO = {
    "name": "two",
    "namespace": "shop",
    "clients": ["2001:db8::10", "192.0.2.20", "192.0.2.20"],
    "volumes": [
        {"deployment": "two", "namespace": "shop", "pod": f"two-{i}", "path": f"/srv/two/two-{i}", "export": "/srv/two",
         "exists": True}
        for i in range(2)
    ],
}  # fmt: skip
BARE = ["family=Debian", "programs=", "service=inactive", "starts=", "threads="]
READY = ["family=Debian", "programs= exportfs rpcbind", "service=active", "starts=enabled", "threads=8"]
IN_FORCE = [
    "export=/srv/one-0 192.0.2.10",
    "export=/srv/one-0 198.51.100.0/24",
    "export=/srv/one-0 node1.lab.example",
    "export=/srv/one-1 192.0.2.10",
    "export=/srv/two 2001:db8::10",
    "export=/srv/two *",
    "export=/srv/other *",
]
SHOWN = {
    "missing": "__node_nfs_server_missing_packages",
    "runs": "__node_nfs_server_runs",
    "inactive": "__node_nfs_server_inactive",
    "open": "__node_nfs_server_open",
    "shared": "__node_nfs_server_shared",
    "directories": "__node_nfs_server_directories",
}
PROBES = {
    "bare": BARE,
    "ready": READY + IN_FORCE,
    "redhat": ["family=RedHat", *BARE[1:]],
    "other": ["family= arch ", *BARE[1:]],
}


@pytest.fixture(scope="module")
def said(render):
    """What each variable is for each probe, and the file of each deployment."""
    given = {"node_nfs_server_deployments": [ONE, TWO]}
    scenarios = {
        f"{probe} {name}": (
            "node_nfs_server",
            f"({expression})",
            {**given, "__node_nfs_server_probe": {"stdout_lines": lines}},
            {},
        )
        for probe, lines in PROBES.items()
        for name, expression in SHOWN.items()
    }
    for item in (ONE, TWO):
        file = "lookup('ansible.builtin.template', 'exports.j2')"
        scenarios[item["name"]] = ("node_nfs_server", file, {**given, "item": item}, {})
    return render(scenarios)


def test_exports_file(said):
    options = "(rw,sync,no_subtree_check,root_squash)"
    assert said["one"] == (
        "# Managed by slotwise.redis: deployment one in namespace shop.\n"
        f'"/srv/one-0" 192.0.2.10{options} 198.51.100.0/24{options} node1.lab{options}\n'
        f'"/srv/one-1" 192.0.2.10{options} 198.51.100.0/24{options} node1.lab{options}\n'
    )
    assert said["two"].splitlines()[1:] == [f'"/srv/two" 2001:db8::10{options} 192.0.2.20{options}']


def test_bare_machine(said):
    assert said["bare missing"] == ["nfs-kernel-server", "rpcbind"]
    assert said["redhat missing"] == ["nfs-utils", "rpcbind"]
    assert said["other missing"] == ["exportfs", "rpcbind"]
    assert said["bare runs"] is False
    assert len(said["bare inactive"]) == 6
    assert said["bare open"] == []


def test_ready_machine(said):
    assert said["ready missing"] == []
    assert said["ready runs"] is True
    assert said["ready inactive"] == ["/srv/one-1 198.51.100.0", "/srv/two 192.0.2.20"]
    assert said["ready open"] == ["/srv/two *"]


def test_directories(said):
    assert [row["path"] for row in said["bare directories"]] == [
        "/srv/one-0",
        "/srv/one-1",
        "/srv/two/two-0",
        "/srv/two/two-1",
    ]
    # The directory of a new pod is not there yet when the volume that it shares is.
    assert [row["exists"] for row in said["bare directories"]] == [True, False, False, False]
    assert [(row["incarnation"], row["kubernetes"], row["adopt"]) for row in said["bare directories"]] == [
        ("first", "k", True),
        ("first", "k", False),
        ("", "", False),
        ("", "", False),
    ]
    assert said["bare shared"] == [
        {
            "path": "/srv/two",
            "deployment": "two",
            "namespace": "shop",
            "pod": "*",
            "exists": True,
            "incarnation": "",
            "kubernetes": "",
            "adopt": False,
        }
    ]
