# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role node_prereqs makes of what its probe found: packages of each family, settings to apply and to report."""

from __future__ import annotations

import pytest

BARE = {
    "family": "Debian",
    "program.socat": "no",
    "program.mount.nfs": "no",
    "value.vm.overcommit_memory": "0",
    "writable.vm.overcommit_memory": "yes",
    "kept.vm.overcommit_memory": "",
    "value.net.core.somaxconn": "128",
    "writable.net.core.somaxconn": "yes",
    "kept.net.core.somaxconn": "",
    "value.thp": "always",
    "writable.thp": "yes",
    "kept.thp": "",
}
READY = {
    "family": "Debian",
    "program.socat": "yes",
    "program.mount.nfs": "yes",
    "value.vm.overcommit_memory": "1",
    "kept.vm.overcommit_memory": "1",
    "value.net.core.somaxconn": "4096",
    "value.thp": "madvise",
    "kept.thp": "madvise",
}
ALL = ["vm.overcommit_memory", "net.core.somaxconn", "transparent huge pages"]
NFS = {"node_prereqs_nfs_client": True}
OFF = {f"node_prereqs_{name}": False for name in ("overcommit_memory", "somaxconn", "transparent_hugepages")}
# name: (probe besides that of a bare machine, variables, missing packages, settings to apply, settings that do not fit)
MACHINES = {
    "bare": ({}, {}, ["socat"], ALL, ALL),
    "bare with NFS": ({}, NFS, ["socat", "nfs-common"], ALL, ALL),
    "RedHat": ({"family": "RedHat"}, NFS, ["socat", "nfs-utils"], ALL, ALL),
    "another family": ({"family": " arch "}, NFS, ["socat", "mount.nfs"], ALL, ALL),
    "no socat asked": ({}, {"node_prereqs_socat": "false"}, [], ALL, ALL),
    "no settings asked": ({}, OFF, ["socat"], [], []),
    "ready": (READY, NFS, [], [], []),
    "until the next start": ({**READY, "kept.vm.overcommit_memory": "", "kept.thp": ""}, NFS, [], [ALL[0], ALL[2]], []),
    "read-only": ({f"writable.{name}": "no" for name in (*ALL[:2], "thp")}, {}, ["socat"], [], ALL),
    "stricter": ({**READY, "value.thp": "never", "kept.thp": ""}, {}, [], [], []),
    "without huge pages": ({**READY, "value.thp": "", "writable.thp": "no", "kept.thp": ""}, {}, [], [], []),
    "more asked": (READY, {"node_prereqs_somaxconn_minimum": 8192}, [], [ALL[1]], [ALL[1]]),
}


@pytest.fixture(scope="module")
def said(render):
    shown = (
        "[__node_prereqs_missing_packages, __node_prereqs_settings_to_apply | map(attribute='name') | list,"
        " __node_prereqs_unfit_settings | map(attribute='name') | list]"
    )
    return render(
        {
            name: (
                "node_prereqs",
                shown,
                {**given, "__node_prereqs_found": {**BARE, **probe}},
                {},
            )
            for name, (probe, given, *_wanted) in MACHINES.items()
        }
    )


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_done_to_a_machine(said, machine):
    assert said[machine] == list(MACHINES[machine][2:])
