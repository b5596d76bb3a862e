# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A planned failover of Sentinels that loses no acknowledged write.

The master takes no writes until a replica that has everything is the master. The fence, a min-replicas-to-write that
cannot be met, lasts until the end: writers get NOREPLICAS, and the PUBLISH of Sentinels goes on. CLIENT PAUSE besides
it also stops what clients do not ask for, such as expiry; it is short, as it delays PUBLISH, and Sentinels would call
the master down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Stalled, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import Command, Fleet, first_error
from ansible_collections.slotwise.redis.plugins.module_utils.redis.parse import parse_info, parse_settings, text
from ansible_collections.slotwise.redis.plugins.module_utils.redis.restart_plan import FENCE, NEAR_BYTES
from ansible_collections.slotwise.redis.plugins.module_utils.redis.sentinels import BAD_FLAGS, pairs, pod_of

PAUSE_MS = 2000
"""Longest pause, and a third of the time after which Sentinels call a master down where that is less."""
CATCH_UP_SECONDS = 8.0
"""Writes are not held back for longer until replicas have caught up; then clients get a rest and it is tried again."""
HOLD_SECONDS = 25.0
"""No failover is asked for when writes have been held back for longer: agents let them go on after a minute, as nobody
would after a run that was killed, and one that has begun takes its failover-timeout."""
REST_SECONDS = 2.0
ASK_SECONDS = 1.0
"""A Sentinel that gave up is asked again, or another one, after this time."""
POLL_SECONDS = 0.05
SLOW_POLL_SECONDS = 0.5
MAX_LAG = 10
"""The default of min-replicas-max-lag. With 0, which earlier releases took, a server takes writes behind any fence."""
REPLICATION: Command = ("INFO", "replication")


def lift(min_replicas: str) -> tuple[Command, ...]:
    """What ends both the fence and the pause."""
    return (("CONFIG", "SET", "min-replicas-to-write", min_replicas), ("CLIENT", "UNPAUSE"))


class HandOver:
    """One hand-over of ``master``, the name of its endpoint. Everything that it sets goes back on every way out."""

    def __init__(
        self,
        servers: Fleet,
        sentinels: Fleet,
        master_name: str,
        master: str,
        *,
        min_replicas: str,
        report: Callable[[str], None],
    ) -> None:
        """``min_replicas`` is the value of min-replicas-to-write that servers shall run with."""
        self._servers, self._sentinels, self._report = servers, sentinels, report
        self._master_name, self._old, self._min_replicas = master_name, master, min_replicas
        self._names = {_key(e.address, e.port): e.name for e in servers.endpoints}
        self._priorities: dict[str, str] = {}
        self._fenced = False
        self._max_lag = ""
        self._patience = 0.0
        """After this time Sentinels give a failover up by themselves."""

    def run(self, timeout: float) -> str:
        """The name of the new master. Raises EngineError where there is none in time."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                chosen = self._get_ready(deadline)
                if not self._hold_writes(chosen):
                    self._report("replicas did not catch up while writes were held back: trying again")
                    if time.monotonic() > deadline:
                        raise self._stalled("Replicas do not catch up with the master.", sorted(chosen))
                elif new := self._fail_over(chosen, deadline):
                    self._report(f"{new} is the master now")
                    return new
                self._lift()
                time.sleep(REST_SECONDS)
        finally:
            self._end()

    def _get_ready(self, deadline: float) -> set[str]:
        """The replicas that Sentinels may choose, as soon as all of these have nearly everything."""
        while True:
            # asked first, so that what it gets meanwhile does not make its replicas look late
            master = self._infos({self._old}).get(self._old, {})
            offset = int(master.get("master_repl_offset", 0))
            infos, choices = self._infos(), self._choices()
            chosen = set().union(*choices.values()) if choices else set()
            behind = {name: why for name in chosen for why in [_behind(infos.get(name), offset)] if why}
            most = len(self._sentinels.endpoints) // 2
            good = {n for n in chosen - set(behind) if sum(n in names for names in choices.values()) > most}
            if good and not behind and master.get("role") == "master":
                return chosen
            if time.monotonic() > deadline:
                found = [f"{name}: {why}" for name, why in sorted(behind.items())]
                raise self._stalled(
                    "No replica can take over without losing writes.", found or ["Sentinels would choose none of them"]
                )
            if good:
                self._set_back([name for name in behind if name in infos])
            self._report(f"waiting for replicas: {_first(behind) or 'Sentinels would choose none of them'}")
            time.sleep(SLOW_POLL_SECONDS)

    def _set_back(self, names: Sequence[str]) -> None:
        """Keep Sentinels from choosing these. Those that do not answer are found down by the Sentinels."""
        replies = self._servers.gather({name: [("CONFIG", "GET", "replica-priority")] for name in names})
        for name, (reply,) in replies.items():
            if not isinstance(reply, Exception) and name not in self._priorities:
                self._priorities[name] = parse_settings(reply)["replica-priority"]
        self._servers.gather({n: [("CONFIG", "SET", "replica-priority", 0)] for n in names if n in self._priorities})

    def _hold_writes(self, chosen: set[str]) -> bool:
        """Hold writes back; whether all that may be chosen have every write that was acknowledged before."""
        pause = min(PAUSE_MS, int(self._watched().get("down-after-milliseconds", 0)) // 3)
        ((lag,),) = self._servers.gather({self._old: [("CONFIG", "GET", "min-replicas-max-lag")]}).values()
        if not self._max_lag and not isinstance(lag, Exception):
            self._max_lag = parse_settings(lag)["min-replicas-max-lag"]
        self._fenced = True
        self._report(f"{self._old} takes no more writes until a replica is the master")
        replies = self._servers.gather(
            {
                self._old: [
                    ("CLIENT", "PAUSE", pause, "WRITE"),
                    ("CONFIG", "SET", "min-replicas-to-write", FENCE, "min-replicas-max-lag", MAX_LAG),
                    REPLICATION,
                ]
            }
        )[self._old]
        error = first_error(replies)
        if error:
            raise Unreachable("The master did not take the order to hold writes back.", [f"{self._old}: {error}"])
        info = parse_info(replies[-1])
        if info.get("role") != "master":
            raise self._stalled("Another server has become the master meanwhile.", [f"{self._old} is {info['role']}"])
        offset, until = int(info["master_repl_offset"]), time.monotonic() + CATCH_UP_SECONDS
        while True:
            infos = self._infos(chosen)
            if all(name in infos and _offset(infos[name]) >= offset for name in chosen):
                return True
            if time.monotonic() > until:
                return False
            time.sleep(POLL_SECONDS)

    def _fail_over(self, chosen: set[str], deadline: float) -> str:
        """Ask the Sentinels one after the other, again and again, until one of the replicas is the master for most.

        Empty where writes have to be held back anew before the next try.
        """
        next_ask, answer, turn = 0.0, "no Sentinel was asked", 0
        until = time.monotonic() + HOLD_SECONDS
        while True:
            infos, masters = self._infos(), self._masters()
            new = [name for name in chosen if infos.get(name, {}).get("role") == "master"]
            named = [said for said in masters.values() if self._name(said) in new]
            if new and len(named) > len(self._sentinels.endpoints) // 2:
                return new[0]
            now = time.monotonic()
            if now > deadline:
                raise self._stalled(
                    "Sentinels did not fail over in time.", [answer, *(f"{name} is a master" for name in new)]
                )
            # a Sentinel that names another master already has finished
            unmoved = [name for name, said in masters.items() if self._name(said) == self._old]
            if not new and not _under_way(masters) and len(unmoved) == len(masters) and unmoved and now >= next_ask:
                others, held = set().union(*self._choices().values()) - chosen, self._held()
                if now > until or held is False:
                    self._report(
                        f"{self._old} {'held writes back for long' if held else 'was told to take writes again'}, and "
                        "Sentinels did not fail over: trying again"
                    )
                    return ""
                if held is None:
                    answer = f"{self._old} does not answer"
                elif others:
                    answer = f"Sentinels might choose {', '.join(sorted(others))}, which may lack writes"
                else:
                    sentinel = unmoved[turn % len(unmoved)]
                    command = ("SENTINEL", "FAILOVER", self._master_name)
                    (reply,) = self._sentinels.gather({sentinel: [command]})[sentinel]
                    answer = f"{sentinel} answered: {reply if isinstance(reply, Exception) else text(reply)}"
                    self._report(f"asked for a failover, {answer}")
                    turn += 1
                next_ask = time.monotonic() + ASK_SECONDS
            time.sleep(POLL_SECONDS)

    def _held(self) -> bool | None:
        """Whether the fence still stands, None where the master does not answer."""
        needed = self._needed()
        return None if needed is None else needed == FENCE

    def _needed(self) -> int | None:
        (reply,) = self._servers.gather({self._old: [("CONFIG", "GET", "min-replicas-to-write")]})[self._old]
        return None if isinstance(reply, Exception) else int(parse_settings(reply)["min-replicas-to-write"])

    def _end(self) -> None:
        """Take back all that was set, but not while a failover is under way, which would lose what comes now."""
        self._servers.gather(
            {name: [("CONFIG", "SET", "replica-priority", value)] for name, value in self._priorities.items()}
        )
        if not self._fenced:
            return
        until = time.monotonic() + self._patience + 2 * CATCH_UP_SECONDS
        while True:
            infos, masters = self._infos(), self._masters()
            demoted = infos.get(self._old, {}).get("role") == "slave"
            replaced = any(name != self._old and info.get("role") == "master" for name, info in infos.items())
            if demoted or not (replaced or _under_way(masters)):
                self._lift()
                return
            if time.monotonic() > until:
                self._report(f"{self._old} takes no writes until it follows the new master; the next run sees to it")
                return
            time.sleep(POLL_SECONDS)

    def _lift(self) -> None:
        until, error = time.monotonic() + CATCH_UP_SECONDS, None
        commands = lift(self._min_replicas)
        if self._max_lag:
            commands += (("CONFIG", "SET", "min-replicas-max-lag", self._max_lag),)
        while time.monotonic() < until:
            if (self._needed() or 0) > FENCE:
                self._report(f"the pod of {self._old} is being stopped: its agent hands over, and holds writes back")
                commands = (("CLIENT", "UNPAUSE"),)
            error = first_error(self._servers.gather({self._old: commands})[self._old])
            if error is None:
                self._fenced = False
                return
            time.sleep(POLL_SECONDS)
        self._report(f"{self._old} still holds writes back, as it does not answer ({error}); the next run ends that")

    def _infos(self, names: set[str] | None = None) -> dict[str, dict[str, str]]:
        """INFO replication of the servers that answer."""
        asked = [e.name for e in self._servers.endpoints if names is None or e.name in names]
        replies = self._servers.gather(dict.fromkeys(asked, (REPLICATION,)))
        return {name: parse_info(reply) for name, (reply,) in replies.items() if not isinstance(reply, Exception)}

    def _masters(self) -> dict[str, dict[str, str]]:
        """What each Sentinel that answers says of the master that it watches."""
        replies = self._sentinels.ask_all(("SENTINEL", "MASTER", self._master_name))
        found = {name: pairs(reply) for name, (reply,) in replies.items() if not isinstance(reply, Exception)}
        for said in found.values():
            self._patience = int(said["failover-timeout"]) / 1000
        return found

    def _watched(self) -> dict[str, str]:
        return next(iter(self._masters().values()), {})

    def _choices(self) -> dict[str, set[str]]:
        """Sentinel -> the replicas that it might choose for a failover."""
        replies = self._sentinels.ask_all(("SENTINEL", "REPLICAS", self._master_name))
        found: dict[str, set[str]] = {}
        for sentinel, (reply,) in replies.items():
            if not isinstance(reply, Exception):
                rows = [pairs(row) for row in reply]
                found[sentinel] = {self._name(row) for row in rows if _may_be_chosen(row)} - {self._old}
        return found

    def _name(self, said: Mapping[str, str]) -> str:
        """The endpoint that a Sentinel means."""
        return self._names.get(_key(said["ip"], int(said["port"])), pod_of(said["ip"]))

    def _stalled(self, message: str, found: Sequence[str]) -> EngineError:
        return Stalled(
            message,
            found,
            f"Nothing more was restarted, and {self._old} goes on as before. Look at the replicas and at the logs of "
            "the Sentinels, then run again.",
        )


def _under_way(masters: Mapping[str, Mapping[str, str]]) -> bool:
    return any("failover_in_progress" in said["flags"] for said in masters.values())


def _key(address: str, port: int) -> str:
    return f"{address}:{port}"


def _first(reasons: Mapping[str, str]) -> str:
    return next((f"{name} {why}" for name, why in sorted(reasons.items())), "")


def _may_be_chosen(replica: Mapping[str, str]) -> bool:
    """Whether a Sentinel that sees it so might promote it: neither down nor set back."""
    return replica["slave-priority"] != "0" and not set(replica["flags"].split(",")) & set(BAD_FLAGS)


def _offset(info: Mapping[str, str]) -> int:
    return int(info.get("slave_repl_offset", -1))


def _behind(info: Mapping[str, str] | None, offset: int) -> str:
    """Why a replica must not take over yet; empty when it may."""
    if info is None:
        return "does not answer"
    if info.get("role") != "slave" or info.get("master_link_status") != "up":
        return "has no link to the master"
    lacking = offset - _offset(info)
    return f"lacks {lacking} bytes of what the master has" if lacking > NEAR_BYTES else ""
