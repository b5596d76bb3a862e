# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the data in a directory is that of this deployment, or of an earlier one of the same name.

PRIVATE, may change at any time. Pure: no I/O, no clock, no randomness. docs/decisions/0014-incarnation.md says why.

A volume and the marker of its directory carry the same incarnation. Where the volume is missing, the directory has only
the marker: it also names the Kubernetes cluster that had the volume.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

OPTION = "k8s_storage_adopt_directories"


@dataclass
class Decision:
    """Rows of the plan with their incarnation, or what speaks against it; and what is worth knowing."""

    volumes: list[dict[str, Any]]
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def decide(
    rows: Iterable[Mapping[str, Any]],
    seen: Iterable[Mapping[str, Any]],
    *,
    deployed: bool,
    fresh: str,
    adopt: bool,
) -> Decision:
    """The incarnation of each volume of one deployment.

    C(seen) is what node_directories_info said on each C(machine); directories that nobody looked into keep what their
    volume says. C(deployed) is whether Kubernetes has anything of the deployment besides volumes, C(fresh) a new
    incarnation, C(adopt) that a person wants the data that is there.
    """
    volumes = [dict(row) for row in rows]
    found = {(item["machine"], item["path"]): item for item in seen}
    looked = [(row, found[where]) for row in volumes if (where := (row["machine"], row["path"])) in found]
    data = [(row, item) for row, item in looked if _is_ours(row, item)]
    left = [(row, item) for row, item in data if not row["exists"]]
    silent = [row for row, _item in looked if row["exists"] and not row["incarnation"]]

    doubt = _doubt(volumes, left, deployed) if left else ""
    if doubt and not adopt:
        return Decision(volumes, problems=[_problem(left, doubt)])
    own = _own(volumes, data) or fresh
    for row, _item in looked:
        row["incarnation"] = row["incarnation"] or own
    for row in volumes:
        row["adopt"] = adopt and row["exists"]
    for row, _item in left:
        row["adopt"] = True
    return Decision(volumes, notes=_notes(left, silent, doubt))


def _is_ours(row: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    """Whether there is data with our name on it. What else is there is refused where the directories are made."""
    owner = item["owner"]
    names = ("deployment", "namespace", "pod")
    return bool(owner) and not item["empty"] and all(owner[name] == row[name] for name in names)


def _own(volumes: list[dict[str, Any]], data: list[tuple[dict[str, Any], Mapping[str, Any]]]) -> str:
    """The incarnation that the deployment has: by its volumes, else by the data of volumes, else by the data left."""
    for known in (
        [row["incarnation"] for row in volumes],
        [item["owner"]["incarnation"] for row, item in data if row["exists"]],
        [item["owner"]["incarnation"] for row, item in data],
    ):
        if any(known):
            return str(next(filter(None, known)))
    return ""


def _doubt(volumes: list[dict[str, Any]], left: list[tuple[dict[str, Any], Mapping[str, Any]]], deployed: bool) -> str:
    """Why data without a volume may not be meant, empty where Kubernetes was made anew over disks that survived."""
    owners = [item["owner"] for _row, item in left]
    here = str(volumes[0]["kubernetes"])
    # Markers of before incarnations name no Kubernetes cluster.
    if any(owner["incarnation"] and (not here or owner["kubernetes"] in ("", here)) for owner in owners):
        return (
            "this Kubernetes cluster had volumes for them, which are gone. They were deleted by hand, or an uninstall "
            "that removed data did not reach the machine"
        )
    if deployed or any(row["exists"] for row in volumes):
        return "Kubernetes has other parts of the deployment, so it was not made anew over disks that survived"
    if len({owner["incarnation"] for owner in owners}) > 1:
        return "they are of different incarnations of the deployment"
    if len(left) < len(volumes):
        return f"{len(volumes) - len(left)} of its {len(volumes)} directories are empty, gone or were not looked into"
    return ""


def _places(left: list[tuple[dict[str, Any], Mapping[str, Any]]]) -> str:
    return "".join(f"\n  - {row['machine']}: {item['summary']}" for row, item in left)


def _problem(left: list[tuple[dict[str, Any], Mapping[str, Any]]], doubt: str) -> str:
    return (
        f"Directories hold data, and Kubernetes has no volume for them: {doubt}.{_places(left)}\n"
        f"To start empty, move them away on their machines. To use the data in them, run once with -e {OPTION}=true."
    )


def _notes(left: list[tuple[dict[str, Any], Mapping[str, Any]]], silent: list[dict[str, Any]], doubt: str) -> list[str]:
    notes = []
    if left:
        why = (
            f"as {OPTION} says, though {doubt}"
            if doubt
            else "as Kubernetes has nothing of the deployment, and all of its directories hold data of one incarnation"
        )
        notes.append(f"The data in these directories is used, {why}:{_places(left)}")
    if silent:
        names = ", ".join(dict.fromkeys(row["volume"] for row in silent))
        notes.append(f"Volumes and directories of before incarnations get one, {silent[0]['incarnation']}: {names}.")
    return notes
