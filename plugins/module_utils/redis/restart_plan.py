# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods run with earlier settings, in which order they restart, and what has to be true before each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.slotwise.redis.plugins.module_utils._errors import Refusal
from ansible_collections.slotwise.redis.plugins.module_utils.redis.sentinels import (
    Server,
    View,
    agreed,
    pod_of,
    server_problems,
    view_problems,
)

FENCE = 1000000
"""A value of min-replicas-to-write that no master can have enough replicas for, so that it takes no writes."""
NEAR_BYTES = 1 << 20
"""A replica that lacks less than this has it in a moment."""

RESTART, HAND_OVER, LIFT = "restart", "hand_over", "lift"
OLDER = "its settings are older than the StatefulSet's"


@dataclass(frozen=True)
class Member:
    """A pod, and what its server says of itself where it answers."""

    pod: str
    outdated: bool
    ready: bool = True
    waiting: str = ""
    """Why its server does not run; empty where it does."""
    server: Server | None = None
    keys: int = 0
    functions: int = 0
    fenced: bool = False
    lasts: bool = True
    """Whether the data is on a volume that outlives the pod."""
    saves: bool = True
    """Whether the server writes its data before it ends, as it is set and as far as it could last."""
    kept: tuple[str, ...] = ()
    """Directories beside its data with what only it had when it lost its place as the master."""


@dataclass(frozen=True)
class Observation:
    """Pods of servers and of Sentinels as they are at one moment. ``views`` is empty for servers without Sentinels."""

    servers: tuple[Member, ...]
    sentinels: tuple[Member, ...] = ()
    views: Mapping[str, View | None] = field(default_factory=dict)
    master_name: str = ""

    @property
    def members(self) -> tuple[Member, ...]:
        return self.servers + self.sentinels

    @property
    def view(self) -> View | None:
        """What most Sentinels agree on."""
        return agreed(self.views.values(), len(self.sentinels))

    @property
    def master(self) -> str:
        """The pod that most Sentinels call the master; empty where they do not agree."""
        return pod_of(self.view.master) if self.view else ""


@dataclass(frozen=True)
class Step:
    """One action on one pod, and why it is taken."""

    action: str
    pod: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        return {"action": self.action, "pod": self.pod, "reason": self.reason}

    def text(self) -> str:
        words = {RESTART: "restart pod {}", HAND_OVER: "fail over from {}", LIFT: "let {} take writes again"}
        return f"{words[self.action].format(self.pod)}: {self.reason}"


def plan_text(steps: Sequence[Step]) -> str:
    return "".join(f"{step.text()}\n" for step in steps)


def make_plan(seen: Observation, allow_data_loss: bool = False) -> list[Step]:
    """All that is left to do, in order. Raises Refusal where a restart would lose data."""
    down = [m for m in _latest_first(seen.members) if m.outdated and m.waiting]
    running = [m for m in _latest_first(seen.servers) if m.outdated and not m.waiting]
    _refuse_loss(seen, down, running, allow_data_loss)
    steps = [Step(LIFT, m.pod, "a run that was ended held its writes back") for m in seen.servers if m.fenced]
    steps += [Step(RESTART, m.pod, f"it does not run ({m.waiting}), and {OLDER}") for m in down]
    if not seen.sentinels:
        return steps + [Step(RESTART, m.pod, f"{_outage(m)}, {OLDER}") for m in running]
    steps += [Step(RESTART, m.pod, f"replica, {OLDER}") for m in running if m.pod != seen.master]
    for member in running:
        if member.pod == seen.master:
            steps.append(Step(HAND_OVER, member.pod, f"master, {OLDER}; writes wait until a replica has taken over"))
            steps.append(Step(RESTART, member.pod, f"the master before, {OLDER}"))
    return steps + [
        Step(RESTART, m.pod, f"Sentinel, {OLDER}")
        for m in _latest_first(seen.sentinels)
        if m.outdated and not m.waiting
    ]


def _latest_first(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda m: int(m.pod.rpartition("-")[2]), reverse=True)


def _data(member: Member) -> str:
    return f"{member.keys} keys{f' and {member.functions} functions' if member.functions else ''}"


def _outage(member: Member) -> str:
    return f"server with {_data(member)} that its clients miss until it has loaded them"


def _refuse_loss(seen: Observation, down: Sequence[Member], running: Sequence[Member], allowed: bool) -> None:
    """A restart of servers that nobody has a copy of, where it is not sure that they find their data again."""
    if allowed:
        return
    keeping = [m for m in (*down, *running) if m.kept and not m.lasts]
    if keeping:
        raise Refusal(
            "A restart, which earlier settings need, would lose what these servers keep.",
            [f"{m.pod}: {', '.join(m.kept)} in an emptyDir, which goes with the pod" for m in keeping],
            "Copy what you need out of these directories with kubectl cp, remove them, and run again.",
        )
    if seen.sentinels:
        # replicas have what their master has, as long as there is one that works
        lost = [] if _master_works(seen) else [m for m in down if m in seen.servers and not m.lasts]
    else:
        holding = [m for m in running if m.keys or m.functions]
        lost = [m for m in down if not m.lasts] + [m for m in holding if not (m.lasts and m.saves)]
    if lost:
        raise Refusal(
            "Nothing was restarted: these servers run with earlier settings, and a restart would lose their data.",
            [f"{m.pod}: {_loss(m)}" for m in lost],
            "Wait until the master that Sentinels agree on works, which has their data, or delete these pods yourself."
            if seen.sentinels
            else "Set the settings back, or give the servers a volume and appendonly or save. Where they have these, "
            "their logs say why they fail to write. "
            "redis_standalone_allow_data_loss=true restarts them without their data.",
        )


def _master_works(seen: Observation) -> bool:
    """Sentinels go on naming one that is down, as long as there is no replica that could take over."""
    named = next((m for m in seen.servers if m.pod == seen.master), None)
    return named is not None and not named.waiting and named.server is not None and named.server.role == "master"


def _loss(member: Member) -> str:
    what = f"does not run ({member.waiting}); its data is" if member.waiting else _data(member)
    return f"{what} {'that the server does not save' if member.lasts else 'in an emptyDir, which goes with the pod'}"


def obstacles(seen: Observation, target: str = "") -> list[str]:
    """What has to pass before ``target`` may go: all others must work. Without one, what keeps all from working."""
    others = [m for m in seen.members if m.pod != target]
    found = [f"{m.pod} is not ready{': ' if m.waiting else ''}{m.waiting}" for m in others if not m.ready]
    if not seen.sentinels:
        unknown = [m.pod for m in seen.servers if m.pod == target and not m.waiting and m.server is None]
        return found + [f"{pod} does not answer, so what a restart would lose is not known" for pod in unknown]
    servers = [m for m in seen.servers if m.pod != target]
    found += [f"{m.pod} does not answer" for m in servers if m.ready and m.server is None]
    views = {
        name: view and replace(view, replicas={h: f for h, f in view.replicas.items() if pod_of(h) != target})
        for name, view in seen.views.items()
        if name != target
    }
    found += [f"{m.pod} does not answer" for m in seen.sentinels if m.ready and m.pod not in {*views, target}]
    found += view_problems(views, len(seen.sentinels), len(servers), seen.master_name)
    rows = [m.server for m in servers if m.server]
    found += server_problems(rows, agreed(views.values(), len(seen.sentinels)))
    most = max((row.offset for row in rows if row.role == "master"), default=0)
    return found + [
        f"{row.name} lacks {most - row.offset} bytes of what its master has"
        for row in rows
        if row.link_up and most - row.offset > NEAR_BYTES
    ]


def lift_obstacles(seen: Observation, pod: str) -> list[str]:
    """Why a server that was told to take no writes must go on so: it may be about to lose its place as the master."""
    member = next((m for m in seen.servers if m.pod == pod), None)
    if member is None or member.server is None:
        return [f"{pod} does not answer"]
    if member.server.role == "slave":
        return []
    if seen.master != pod:
        return [f"{pod} is a master and most Sentinels say {seen.master or 'nothing that they agree on'}"]
    return [f"{name} fails over" for name, view in seen.views.items() if view and "failover_in_progress" in view.flags]
