# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In the place of agent/__main__.py: rounds of the real agents, what they see, and their actions one after the other.

What is seen was true at several moments, and is acted on later. The process may end in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.evidence import State
from agent.model import Action, Ask, AskSentinel, Gate, Gone, Keep, Note, Renew, Say, Seen
from agent.redis_io import state_without_agent
from agent.sentinel import Begin, Label, Restart, SentinelAgent, SentinelSeen, Write
from agent.server import ServerAgent, Settings

from .sentinels import Sentinel
from .servers import Server
from .volumes import WRITE_BYTES

if TYPE_CHECKING:
    from .world import World

ROUND_SECONDS = 0.5
QUICK_SECONDS = 0.1
STALE_SECONDS = 15.0
# How long a hand-over may take.
PATIENCE_SECONDS = 30.0


class Shell:
    """A process that may end, hang, and be slow."""

    def __init__(self, world: World, name: str, machine: str) -> None:
        self.world, self.loop, self.random = world, world.loop, world.random
        self.name, self.machine = name, machine
        self.alive = False
        self.hung = False
        self.round_at = float("-inf")
        self._runs = 0
        self._said: dict[str, str] = {}
        self._late: dict[str, Any] = {}
        # A monotonic clock begins anywhere.
        self._clock = self.random.uniform(0, 1e6)

    def start(self) -> None:
        if self.alive:
            return
        self.alive, self.hung = True, False
        self._runs += 1
        self._said.clear()
        self._late.clear()
        self.begin()
        self._later(self.random.uniform(0.1, 1.0), self._look)

    def end(self) -> None:
        self.alive = False
        self._runs += 1

    def clock(self) -> float:
        return self.loop.now + self._clock

    def _later(self, seconds: float, call, *arguments) -> None:
        run = self._runs

        def do() -> None:
            if self._runs != run:
                return
            if self.hung:
                self.loop.after(0.5, do)
            else:
                call(*arguments)

        self.loop.after(seconds, do)

    def say(self, topic: str, text: str) -> None:
        if self._said.get(topic) != text:
            self._said[topic] = text
            self.world.trace("agent", self.name, text)

    def stall(self) -> float:
        """How long something takes that takes no time: seldom, a second or more."""
        return self.random.choice([0.3, 1.0, 3.0]) if self.random.random() < self.world.plan.stalls else 0.0

    def views(self) -> dict[str, Any]:
        network = self.world.network
        return {
            one.host: self._in_time(
                one.host, one.view() if one.answers and network.connects(self.machine, one.machine) else None
            )
            for one in self.world.sentinels
        }

    def states(self, but: Server | None = None) -> dict[str, State | None]:
        return {one.host: self._in_time(one.host, self._state_of(one)) for one in self.world.servers if one is not but}

    def _in_time(self, host: str, answer: Any) -> Any:
        """An answer that is late counts as none, and in the next round as that of then, see neighbours.Group."""
        if host in self._late:
            return self._late.pop(host)
        if self.world.plan.stalls and self.random.random() < self.world.plan.stalls / 4:
            self._late[host] = answer
            return None
        return answer

    def _state_of(self, server: Server) -> State | None:
        if not self.world.network.connects(self.machine, server.machine) or not self.world.machine_runs(server.machine):
            return None
        shell = self.world.shell_of(server)
        if shell.alive:
            fresh = self.loop.now - shell.round_at < STALE_SECONDS
            return shell.agent.state if fresh and not shell.hung else None
        # Nobody listens: the server itself is asked.
        if not server.answers or server.loading:
            return None
        try:
            return self.world.without_agent(server, state_without_agent)
        except ValueError:
            return None

    def _look(self) -> None:
        raise NotImplementedError

    def _act(self, actions: list[Action]) -> None:
        for place, action in enumerate(actions):
            if isinstance(action, Say):
                self.say(action.topic, action.text)
                continue
            try:
                self.do(action)
            except OSError as error:
                self.say("trouble", f"{type(action).__name__}: {error}")
                break
            if self.world.disturbed and self.random.random() < self.world.plan.crashes / 4:
                self.world.crash_agent(self)
                return
            rest = actions[place + 1 :]
            if rest:
                self._later(self.world.network.delay() + self.stall(), self._act, rest)
                return
            break
        self._rest()

    def _rest(self) -> None:
        self.round_at = self.loop.now
        self._later(self.pause(), self._look)

    def begin(self) -> None:
        raise NotImplementedError

    def do(self, action: Any) -> None:
        raise NotImplementedError

    def pause(self) -> float:
        return ROUND_SECONDS


class ServerShell(Shell):
    """The agent beside a server. ``going``: the pod was told to stop; ``gone``: what the agent said when it may."""

    def __init__(self, world: World, server: Server) -> None:
        super().__init__(world, f"agent of {server.name}", server.machine)
        self.server = server
        self.going = False
        self.gone = ""

    def begin(self) -> None:
        plan, world = self.world.plan, self.world
        settings = Settings(
            self.server.host, tuple(one.host for one in world.servers), len(world.sentinels), plan.election,
            plan.patient, PATIENCE_SECONDS, plan.needed, plan.copies,
        )  # fmt: skip
        self.agent = ServerAgent(settings, self.server.volume.memory)

    @property
    def ready(self) -> bool:
        """As the readiness probe of Kubernetes sees it."""
        return self.alive and self.agent.ready and self.loop.now - self.round_at < STALE_SECONDS

    def _look(self) -> None:
        disk = self.server.volume.look(len(self.server.writes) * WRITE_BYTES)
        stall = self.stall()
        if stall:
            self._later(stall, self._see, disk, self.states(self.server), self.views(), self.clock())
        else:
            self._see(disk, self.states(self.server), self.views(), self.clock())

    def _see(self, disk: Any, states: dict, views: dict, now: float) -> None:
        server = self.server
        answers = server.answers and not (server.slow and self.random.random() < 0.5)
        seen = Seen(
            server.seen() if answers else None, views, states, disk, self.going and answers, *self.world.decision
        )
        self._act(self.agent.round(seen, now))

    def do(self, action: Any) -> None:
        server = self.server
        if isinstance(action, Ask):
            if action.words == ("REPLICAOF", "NO", "ONE"):
                self.world.elected(server)
            self._command(Server.command, action.words)
        elif isinstance(action, Gate):
            self._command(Server.gate, action.open)
        elif isinstance(action, Renew):
            self._command(Server.renew, action.master)
        elif isinstance(action, AskSentinel):
            self._fail_over(next(one for one in self.world.sentinels if one.host == action.host))
        elif isinstance(action, Keep):
            self._keep(action)
        elif isinstance(action, Note):
            server.volume.remember(action.memory)
            self.agent.noted(action.memory)
        elif isinstance(action, Gone):
            self.say("hand-over", action.text)
            self.gone = action.text
        else:
            raise AssertionError(action)

    def _command(self, call: Any, argument: Any) -> None:
        server = self.server
        if not server.alive:
            raise OSError("no server")
        if server.hung or (server.slow and self.random.random() < 0.3):
            # It does it when it goes on, but the agent does not hear of it.
            server.receive(0.0, call, server, argument)
            raise OSError("no answer in time")
        reply = call(server, argument)
        if reply != "OK":
            raise OSError(reply)

    def _keep(self, action: Keep) -> None:
        try:
            self.world.kept(self.server, action)
        except OSError as error:
            self.agent.not_kept(str(error))
            raise

    def _fail_over(self, sentinel: Sentinel) -> None:
        network = self.world.network
        if not sentinel.answers or not network.carries(self.machine, sentinel.machine):
            raise OSError("no answer")
        accepted = sentinel.fail_over()
        if not network.carries(sentinel.machine, self.machine):
            raise OSError("no answer")
        self.agent.answered(accepted, self.clock())

    def pause(self) -> float:
        return QUICK_SECONDS if self.going else ROUND_SECONDS


class SentinelShell(Shell):
    """The agent beside a Sentinel."""

    def __init__(self, world: World, sentinel: Sentinel) -> None:
        super().__init__(world, f"agent of {sentinel.name}", sentinel.machine)
        self.sentinel = sentinel

    def begin(self) -> None:
        self.agent = SentinelAgent(
            self.sentinel.host, len(self.world.sentinels), self.world.plan.election, self.world.plan.patient
        )

    def _reaches_api(self) -> bool:
        return not self.world.api.away and self.world.network.carries(self.machine, "api")

    def _answered_by_api(self) -> bool:
        return self._reaches_api() and self.world.network.carries("api", self.machine)

    def _look(self) -> None:
        record = self.world.api.record() if self._answered_by_api() else None
        if record is not None and self.random.random() < self.world.plan.stalls:
            self._read_pods(record, [], list(self.world.pod_names))
        else:
            self._listed(record, self.world.api.pods() if record is not None else None)

    def _read_pods(self, record: Any, read: list, names: list[str]) -> None:
        """One after the other, as the agent does, and slowly."""
        if not self._answered_by_api():
            self._listed(None, None)
        elif names:
            read += [one for one in self.world.api.pods() if one.name == names[0]]
            self._later(self.random.choice([0.01, 0.3, 1.0]), self._read_pods, record, read, names[1:])
        else:
            self._listed(record, read)

    def _listed(self, record: Any, pods: Any) -> None:
        states, views = self.states(), self.views()
        seen = SentinelSeen(record, pods, views, states, self.sentinel.configured, *self.world.decision)
        actions = self.agent.round(seen, self.clock())
        stall = self.stall() if actions else 0.0
        if any(isinstance(action, Label) and action.role == "master" for action in actions):
            stall, self.world.sleeps = max(stall, self.world.sleeps), 0.0
        if stall == 3.0 and self.random.random() < 0.5:
            # A process can be stopped for long between what it saw and what it does about it.
            stall = self.random.uniform(5.0, 30.0)
        if stall:
            self._later(stall, self._act, actions)
        else:
            self._act(actions)

    def do(self, action: Any) -> None:
        if isinstance(action, Begin):
            self.sentinel.configure(action.epoch, action.master)
            return
        if isinstance(action, Restart):
            self.sentinel.end(False)
            self.world.count("a Sentinel alone with what it names")
            return
        if not self._reaches_api():
            raise OSError("no answer of Kubernetes")
        if isinstance(action, Write):
            self.world.api.write(action)
            self.world.trace("api", "record", f"term {action.record.term}: {action.record.master}")
        elif isinstance(action, Label):
            self.world.api.label(action)
            self.world.trace("api", action.pod, f"{action.role} in epoch {action.epoch}")
        else:
            raise AssertionError(action)
        if not self._answered_by_api():
            raise OSError("no answer of Kubernetes")
