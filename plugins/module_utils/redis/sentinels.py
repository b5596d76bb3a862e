# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Sentinels and their servers say, and what is wrong with it. No sockets.

Formats: SENTINEL MASTER, REPLICAS (https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/), INFO.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import Command, Replies, first_error
from ansible_collections.slotwise.redis.plugins.module_utils.redis.parse import text

BAD_FLAGS = ("s_down", "o_down", "disconnected", "failover_in_progress")


def questions(name: str) -> tuple[Command, ...]:
    """The commands whose replies ``parse_view`` takes, in its order."""
    return tuple(("SENTINEL", word, name) for word in ("GET-MASTER-ADDR-BY-NAME", "MASTER", "REPLICAS"))


@dataclass(frozen=True)
class View:
    """A deployment as one Sentinel sees it. ``others`` is the number of Sentinels that it knows besides itself."""

    sentinel: str
    epoch: int
    master: str
    flags: tuple[str, ...]
    quorum: int
    others: int
    replicas: Mapping[str, tuple[str, ...]]
    """Host -> its flags."""


@dataclass(frozen=True)
class Server:
    """One server, as it describes itself. ``follows`` is the host of its master, ``label`` that of its pod."""

    name: str
    role: str
    follows: str
    link_up: bool
    offset: int
    label: str = ""


def no_view(replies: Replies) -> Exception | None:
    """Why a Sentinel shows no view: its connection may break between two replies.

    One that does not watch the master answers the first question by nothing, and the others by errors that say it too.
    """
    return first_error(replies if replies[0] else replies[:1])


def parse_view(sentinel: str, replies: Replies) -> View | None:
    """None for a Sentinel that does not watch this master. Replies with ``no_view`` must have been taken out."""
    address, master, replicas = replies
    if not address:
        return None
    fields = pairs(master)
    return View(
        sentinel,
        int(fields["config-epoch"]),
        text(address[0]),
        _flags(fields),
        int(fields["quorum"]),
        int(fields["num-other-sentinels"]),
        {replica["ip"]: _flags(replica) for replica in map(pairs, replicas)},
    )


def pairs(reply: Sequence[bytes]) -> dict[str, str]:
    """A reply of names and values in turn."""
    words = [text(word) for word in reply]
    return dict(zip(words[::2], words[1::2]))


def _flags(fields: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(flag for flag in fields["flags"].split(",") if flag in BAD_FLAGS)


def parse_server(name: str, info: Mapping[str, str], label: str = "") -> Server:
    master = info.get("role") == "master"
    return Server(
        name,
        info.get("role", ""),
        "" if master else info.get("master_host", ""),
        master or info.get("master_link_status") == "up",
        int(info.get("master_repl_offset" if master else "slave_repl_offset", 0)),
        label,
    )


def agreed(views: Iterable[View | None], sentinels: int) -> View | None:
    """A view that more than half of all Sentinels share, as far as the master and its epoch go."""
    known = [view for view in views if view]
    counted = Counter((view.epoch, view.master) for view in known).most_common(1)
    if not counted or counted[0][1] <= sentinels // 2:
        return None
    return next(view for view in known if (view.epoch, view.master) == counted[0][0])


def pod_of(host: str) -> str:
    """The pod of a DNS name; other hosts stay as they are."""
    name = host.partition(".")[0]
    return host if name.isdigit() else name


def view_problems(views: Mapping[str, View | None], sentinels: int, servers: int, name: str) -> list[str]:
    """What keeps the Sentinels from being one agreed whole that can fail over."""
    found = [f"{sentinel} watches no master {name}" for sentinel, view in views.items() if view is None]
    known = [view for view in views.values() if view]
    right = agreed(known, sentinels)
    if right is None:
        said = ", ".join(f"{view.sentinel} says {view.master} in epoch {view.epoch}" for view in known)
        return [
            *found,
            f"fewer than {sentinels // 2 + 1} of {sentinels} Sentinels agree on the master: {said or 'none'}",
        ]
    for view in known:
        if (view.epoch, view.master) != (right.epoch, right.master):
            found.append(f"{view.sentinel} still says {view.master} in epoch {view.epoch}")
            continue
        if view.flags:
            found.append(f"{view.sentinel} sees the master {pod_of(view.master)} as {', '.join(view.flags)}")
        if view.others != sentinels - 1:
            found.append(f"{view.sentinel} knows {view.others} other Sentinels instead of {sentinels - 1}")
        if len(view.replicas) != servers - 1:
            found.append(f"{view.sentinel} knows {len(view.replicas)} replicas instead of {servers - 1}")
        found += [
            f"{view.sentinel} sees the replica {pod_of(host)} as {', '.join(flags)}"
            for host, flags in view.replicas.items()
            if flags
        ]
    return found


def server_problems(rows: Sequence[Server], view: View | None) -> list[str]:
    """What keeps the servers from being one master, as the Sentinels say, with replicas that have what it has."""
    masters = [row.name for row in rows if row.role == "master"]
    found = [] if len(masters) == 1 else [f"{len(masters)} servers are masters: {', '.join(masters) or 'none'}"]
    for row in rows:
        if row.role == "slave" and not row.link_up:
            found.append(f"{row.name} has no link to its master {pod_of(row.follows)}")
        elif row.role == "slave" and view and pod_of(row.follows) != pod_of(view.master):
            found.append(f"{row.name} follows {pod_of(row.follows)} and not {pod_of(view.master)}")
        if row.label != row.role:
            found.append(f"{row.name} is {row.role} and has the label redis-role={row.label or '(none)'}")
    if view and masters and masters != [pod_of(view.master)]:
        found.append(f"Sentinels say that {pod_of(view.master)} is the master")
    return found
