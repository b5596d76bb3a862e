# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every other test here stands on: machines that do not reach into one another."""

from __future__ import annotations

from deployment import handle

HIERARCHIES = "stat --format %d:%i $(awk '$3 ~ /^cgroup/ {print $2}' /proc/self/mounts)"


def test_no_machine_shares_cgroups_with_another() -> None:
    """A kubelet removes the cgroups of pods that it does not know: then exec and probes of these fail for ever."""
    seen: dict[str, str] = {}
    for machine in handle.lab().machines:
        found = handle.machine_exec(machine.name, "sh", "-c", HIERARCHIES).stdout.split()
        assert found, machine.name
        for place in found:
            assert place not in seen, f"{machine.name} and {seen[place]} have the same cgroup {place}"
            seen[place] = machine.name
