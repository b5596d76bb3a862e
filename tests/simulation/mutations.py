# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to break the agent, each of which some seed must notice.

Usage: python -m tests.simulation.mutations [NAME...]
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Callable
from unittest import mock

from agent import evidence, handover, model, sentinel, server

from .kubernetes import Api
from .run import simulate
from .sentinels import Sentinel
from .servers import Server
from .volumes import Volume

SEEDS = 300


def patches(*what: tuple[Any, str, Any]) -> Callable[[], Any]:
    """Raises TypeError where what replaces a function does not take its arguments: the test is broken then."""
    for owner, name, value in what:
        inspect.signature(value).bind(*inspect.signature(getattr(owner, name)).parameters)

    @contextmanager
    def apply() -> Iterator[None]:
        with ExitStack() as stack:
            for owner, name, value in what:
                stack.enter_context(mock.patch.object(owner, name, value))
            yield

    return apply


ServerAgent, HandOver = server.ServerAgent, handover.HandOver


def _labels_at_once(pods: Any, view: Any, record: Any = None) -> list:
    """The master first, whatever the others are stamped with."""
    epoch, leader = str(view.epoch), evidence.pod(view.master)
    return [
        sentinel.Label(one.name, one.version, role, epoch)
        for one in sorted(pods, key=lambda one: one.name != leader)
        for role in ["master" if one.name == leader else "slave"]
        if (one.role, one.epoch) != (role, epoch)
    ]


def _expected_leads(self: Any, seen: Any, server_: Any, view: Any, now: float) -> list:
    return [] if server_.leads else self._lead(view, "mutation")


def _open_gate(self: Server) -> None:
    _reset(self)
    self.closed = False


_reset = Server._reset


def _remember_torn(self: Volume, memory: Any) -> None:
    if self.full:
        self.memory = evidence.Memory()
        raise OSError("no space left on device")
    self.memory = memory


def _order_at_once(self: Any, seen: Any, server_: Any, fenced: float, now: float) -> list:
    """Nobody is waited for."""
    if self._ordered is not None:
        return []
    return [model.AskSentinel(next(iter(seen.views)))]


def _order_unfenced(self: Any, seen: Any, server_: Any, fenced: float, now: float) -> list:
    """The fence is lifted as soon as a Sentinel was asked."""
    return [*_order(self, seen, server_, fenced, now), model.Ask(("CONFIG", "SET", "min-replicas-to-write", "0"))]


_order = HandOver._order


def _has_everything_if_it_leads(self: Any, seen: Any, host: str, server_: Any) -> bool:
    state = seen.states.get(host)
    return state is not None and state.leads


def _agreed_with_one(views: Any, sentinels: int) -> Any:
    return next((view for view in views if view is not None), None)


def _write_anyway(self: Api, write: Any) -> None:
    _write(self, replace(write, record=replace(write.record, version=self.record().version)))


_write = Api.write


def _label_anyway(self: Api, label: Any) -> None:
    pod = self._pods.get(label.pod)
    if pod is not None:
        _label(self, replace(label, version=pod.version))


_label = Api.label


def _settle_always(self: Any, seen: Any, server_: Any, view: Any, now: float) -> list:
    """Each stands for the master, whatever it has."""
    return self._priority(server_, 100)


def _ignores_the_end(state: Any, other: Any) -> bool:
    return other.empty or evidence.reaches(state, other.data.replid) >= other.data.least


def _forgets(self: Any, seen: Any, now: float, final: bool = False) -> list:
    return []


def _votes_again(self: Sentinel, epoch: int, master: str) -> None:
    self.votes = -1
    _configure(self, epoch, master)


_configure = Sentinel.configure


def _trusts_files(self: Any, *_unused: Any) -> Any:
    return self._noted.data


def _never_unfences(self: Any, *_unused: Any) -> list:
    self._hand_over = None
    return []


def _asks_once(self: Any, seen: Any, server_: Any, fenced: float, now: float) -> list:
    return [] if self._ordered is not None or self._asked else _order(self, seen, server_, fenced, now)


MUTATIONS: dict[str, Callable[[], Any]] = {
    "labels without stamps": patches((sentinel, "labels", _labels_at_once)),
    "labels whatever the version": patches((Api, "label", _label_anyway)),
    "leads without choosing": patches((ServerAgent, "_expected", _expected_leads)),
    "no gate": patches((Server, "_reset", _open_gate), (ServerAgent, "_close", lambda self, server_: [])),
    "keeps nothing": patches((ServerAgent, "_name_of_kept", lambda self, *_unused: "")),
    "takes the least for all": patches((server, "has_all_of", _ignores_the_end)),
    "a full volume tears the memory": patches((Volume, "remember", _remember_torn)),
    "remembers nothing": patches((ServerAgent, "_note", _forgets)),
    "trusts the files": patches((ServerAgent, "_read_from_disk", _trusts_files)),
    "hands over to who lags": patches(
        (HandOver, "_order", _order_at_once), (HandOver, "_has_everything", _has_everything_if_it_leads)
    ),
    "lifts the fence at once": patches((HandOver, "_order", _order_unfenced)),
    "leaves the fence": patches((ServerAgent, "_lift_fence", _never_unfences)),
    "one Sentinel is enough": patches((server, "agreed", _agreed_with_one), (sentinel, "agreed", _agreed_with_one)),
    "record without comparing": patches((Api, "write", _write_anyway)),
    "each may be chosen": patches((ServerAgent, "_stand", _settle_always)),
    "votes again after a restart": patches((Sentinel, "configure", _votes_again)),
    "never steps down": patches((ServerAgent, "_step_down", lambda self, *_unused: [])),
    "never asks again": patches((HandOver, "_order", _asks_once)),
}


# Those that one of the first seeds notices; of the others README.md says what stands behind them.
NOTICED = (
    "labels without stamps",
    "labels whatever the version",
    "leads without choosing",
    "no gate",
    "keeps nothing",
    "takes the least for all",
    "a full volume tears the memory",
    "trusts the files",
    "lifts the fence at once",
    "leaves the fence",
)


def caught_by(name: str, first: int = 0, count: int = SEEDS) -> tuple[int, str]:
    """The first seed that notices, and what it says; -1 where none does."""
    for seed in range(first, first + count):
        with MUTATIONS[name]():
            violations = simulate(seed).violations
        if violations and not simulate(seed).violations:
            return seed, violations[0]
    return -1, "not caught"


def main() -> None:
    for name in sys.argv[1:] or MUTATIONS:
        seed, what = caught_by(name)
        print(f"| {name} | {seed} | {what} |", flush=True)


if __name__ == "__main__":
    main()
