# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: python -m agent server|sentinel. Runs beside a server or a Sentinel for as long as the pod lives.

Environment of both: POD_HOSTNAME, HOSTS (the DNS names of the servers), SENTINEL_HOSTS, MASTER_NAME, REDIS_PORT,
SENTINEL_PORT, AGENT_PORT, REDIS_RUN, ELECTION_SECONDS, PATIENT (yes or no), REDIS_AUTH (enabled or disabled),
REDIS_PASSWORD_FILE. server: REDIS_DATA, REDIS_CONFIG, PRESTOP_SECONDS, KEPT_COPIES. sentinel: NAMESPACE, RECORD,
QUORUM, DOWN_AFTER, FAILOVER_TIMEOUT, PARALLEL_SYNCS. DECISION is a file that may name the server that a
person chose, see parse_decision.
"""

from __future__ import annotations

import http.client
import os
import pathlib
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import disk
from .evidence import pod
from .kube import Kubernetes
from .model import CLOSED, Action, Ask, AskSentinel, Gate, Gone, Keep, Note, Renew, Say, Seen, parse_decision
from .neighbours import Group, Neighbour, Sentinel
from .redis_io import SERVER_QUESTIONS, Client, Refused, pairs, parse_server, sentinel_config, votes_in
from .sentinel import Begin, Label, Restart, SentinelAgent, SentinelSeen, Write
from .server import ServerAgent, Settings
from .status import Status

ANSWER_SECONDS = 1.0
ROUND_SECONDS = 0.5
# While a master goes.
QUICK_SECONDS = 0.1
# A round that takes longer hangs: the probe of Kubernetes has the agent started anew.
HUNG_SECONDS = 60.0
STALE_SECONDS = 15.0


class Shell:
    """What both kinds have in common: the environment, the log, the rounds and their failures."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.env = environment
        self.host = environment["POD_HOSTNAME"]
        self.run_directory = pathlib.Path(environment["REDIS_RUN"])
        self.round_at = time.monotonic()
        self.stopping = False
        self.log = sys.stderr
        self._said: dict[str, str] = {}
        hosts, port, agent_port = (
            environment["HOSTS"].split(),
            int(environment["REDIS_PORT"]),
            self.number("AGENT_PORT"),
        )
        self.servers = Group(
            {h: Neighbour(h, port, agent_port, self.password, ANSWER_SECONDS).state for h in hosts if h != self.host},
            ANSWER_SECONDS,
        )
        self.sentinels = {
            host: Sentinel(
                host, self.number("SENTINEL_PORT"), self.password, environment["MASTER_NAME"], ANSWER_SECONDS
            )
            for host in environment["SENTINEL_HOSTS"].split()
        }
        self.views = Group({host: one.view for host, one in self.sentinels.items()}, ANSWER_SECONDS)

    def number(self, name: str) -> int:
        return int(self.env[name])

    def address(self) -> tuple[str, int]:
        """Where this agent tells its state: at every address of a pod."""
        return self.env.get("REDIS_HOST", ""), self.number("AGENT_PORT")

    def password(self) -> bytes:
        """Read anew for each connection: it may be replaced. OSError where there must be one and is none."""
        if self.env["REDIS_AUTH"] != "enabled":
            return b""
        # As the shell of the servers takes it.
        password = pathlib.Path(self.env["REDIS_PASSWORD_FILE"]).read_bytes().rstrip(b"\n")
        if not password:
            raise OSError(f"{self.env['REDIS_PASSWORD_FILE']} is empty")
        return password

    def decision(self) -> tuple[str, int]:
        try:
            name, term = parse_decision(pathlib.Path(self.env["DECISION"]).read_text())
        except (OSError, ValueError):
            return "", -1
        return next((host for host in self.env["HOSTS"].split() if pod(host) == name), ""), term

    def say(self, topic: str, text: str) -> None:
        """Say it once, until something else is said under the same topic."""
        if self._said.get(topic, "") != text:
            self._said[topic] = text
            if text:
                print(f"agent: {text}", file=self.log, flush=True)

    def live(self) -> bool:
        return time.monotonic() - self.round_at < HUNG_SECONDS

    def fresh(self) -> bool:
        return time.monotonic() - self.round_at < STALE_SECONDS

    def look(self, now: float) -> list[Action]:
        raise NotImplementedError

    def do(self, action: Any) -> None:
        raise NotImplementedError

    def pause(self) -> float:
        return ROUND_SECONDS

    def done(self) -> bool:
        return self.stopping

    def run(self) -> None:
        """Until it is told to stop."""
        signal.signal(signal.SIGTERM, lambda *_unused: setattr(self, "stopping", True))
        self.run_rounds()

    def run_rounds(self) -> None:
        while not self.done():
            action: Any = None
            try:
                for action in self.look(time.monotonic()):
                    if isinstance(action, Say):
                        self.say(action.topic, action.text)
                    else:
                        self.do(action)
                self.say("trouble", "")
            except (OSError, http.client.HTTPException) as error:
                # What is true next time is looked at next time.
                self.say("trouble", f"{type(action).__name__ if action else 'looking'}: {error}")
            except Exception:  # a fault in here must not end what only this process does
                self.say("trouble", traceback.format_exc())
            self.round_at = time.monotonic()
            time.sleep(self.pause())


class ServerShell(Shell):
    """Beside a server."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__(environment)
        self.data = pathlib.Path(environment["REDIS_DATA"])
        disk.remove_halves(self.data)
        memory, wrong = disk.recall(self.data)
        if wrong:
            self.say("memory", f"{wrong}: it counts as a server that never had a master")
        settings = Settings(
            self.host, tuple(environment["HOSTS"].split()), len(self.sentinels), float(environment["ELECTION_SECONDS"]),
            environment["PATIENT"] == "yes", float(environment["PRESTOP_SECONDS"]), self._needed(),
            self.number("KEPT_COPIES"), environment["REDIS_PORT"],
        )  # fmt: skip
        self.agent = ServerAgent(settings, memory)
        own = environment.get("REDIS_HOST", "127.0.0.1")
        self.server = Client(own, self.number("REDIS_PORT"), self.password, ANSWER_SECONDS)
        self._gone = 0
        self.status = Status(self.address(), self.live, lambda: self.agent.ready and self.fresh(), self._state)

    def _state(self) -> Any:
        return self.agent.state.to_json() if self.agent.state and self.fresh() else None

    def _needed(self) -> int:
        """min-replicas-to-write as configured: the last line of it."""
        needed = 0
        for line in pathlib.Path(self.env["REDIS_CONFIG"]).read_text().splitlines():
            words = line.split()
            if len(words) == 2 and words[0].lower() in ("min-replicas-to-write", "min-slaves-to-write"):
                needed = int(words[1].strip("\"'"))
        return needed

    @property
    def going(self) -> bool:
        return self.stopping or (self.run_directory / "going").exists()

    def look(self, now: float) -> list[Action]:
        (self.run_directory / "beat").write_text(f"{now}\n")
        # The file before the server: what it has by then is in the answer.
        on_disk = disk.look(self.data)
        self.say("volume", on_disk.problem and f"the volume cannot be read: {on_disk.problem}")
        self.servers.ask()
        self.views.ask()
        server = self._server()
        self._gone = 0 if server else self._gone + 1
        decided, term = self.decision()
        seen = Seen(
            server,
            self.views.answers(),
            self.servers.answers(),
            on_disk,
            self.going and server is not None,
            decided,
            term,
        )
        return self.agent.round(seen, now)

    def _server(self) -> Any:
        try:
            replies = self.server.ask(*SERVER_QUESTIONS)
            return parse_server(replies)[0]
        except (OSError, ValueError, KeyError):
            return None

    def do(self, action: Any) -> None:
        if isinstance(action, Ask) and action.words == ("BGSAVE",):
            self._save()
        elif isinstance(action, Ask):
            self._must(*action.words)
        elif isinstance(action, Gate):
            password = self.password()
            user, secret = ("", password) if action.open else (CLOSED, password or CLOSED)
            self._must("CONFIG", "SET", "masteruser", user, "masterauth", secret)
        elif isinstance(action, Renew):
            port = self.env["REDIS_PORT"]
            self.server.ask(("MULTI",), ("REPLICAOF", "NO", "ONE"), ("REPLICAOF", action.master, port), ("EXEC",))
        elif isinstance(action, AskSentinel):
            accepted = self.sentinels[action.host].fail_over()
            self.agent.answered(accepted, time.monotonic())
        elif isinstance(action, Keep):
            self._keep(action)
        elif isinstance(action, Note):
            disk.remember(self.data, action.memory)
            self.agent.noted(action.memory)
        elif isinstance(action, Gone):
            self.say("hand-over", action.text)
            (self.run_directory / "gone").write_text(f"{action.text}\n")

    def _keep(self, action: Keep) -> None:
        try:
            disk.keep(self.data, action.name, action.append_only, action.about, self._lives)
        except OSError as error:
            self.agent.not_kept(str(error))
            raise

    def _lives(self) -> None:
        """To copy takes its time, in which what was told of the server stays true: nobody writes to it."""
        self.round_at = time.monotonic()

    def _save(self) -> None:
        """A server without its link may be set to refuse what reads its data, and so to save it."""
        setting = "replica-serve-stale-data"
        (given,) = self.server.ask(("CONFIG", "GET", setting))
        self._must("CONFIG", "SET", setting, "yes")
        try:
            self._must("BGSAVE")
        finally:
            self._must("CONFIG", "SET", setting, pairs(given)[setting])

    def _must(self, *words: str | bytes) -> None:
        (reply,) = self.server.ask(words)
        # BGSAVE says that it is under way.
        if isinstance(reply, Refused) or not str(reply).startswith(("OK", "Background")):
            raise OSError(f"{words[0]!s} {words[1]!s}: {reply}")

    def pause(self) -> float:
        return QUICK_SECONDS if self.going else ROUND_SECONDS

    def done(self) -> bool:
        """The pod stops: this process goes after the server, which it hands over."""
        return self.stopping and self._gone >= 3


def _lines(before: str, states: Mapping[str, Any], of: Callable[[Any], Iterable[str]]) -> str:
    """A line for each thing that is told of a server, in the order of the servers."""
    lines: list[str] = []
    for host, state in states.items():
        mark = f"{pod(host)}: "
        earlier = [line for line in before.splitlines() if line.startswith(mark)]
        lines += earlier if state is None else [f"{mark}{text}" for text in of(state)]
    return "\n".join(lines)


class SentinelShell(Shell):
    """Beside a Sentinel."""

    def __init__(self, environment: Mapping[str, str], kubernetes: Kubernetes | None = None) -> None:
        super().__init__(environment)
        pods = [pod(host) for host in environment["HOSTS"].split()]
        self.kubernetes = kubernetes or Kubernetes(environment["NAMESPACE"], pods, environment["RECORD"])
        self.agent = SentinelAgent(
            self.host, len(self.sentinels), float(environment["ELECTION_SECONDS"]), environment["PATIENT"] == "yes"
        )
        self._told: dict[str, str] = {}
        self._acted = False
        self.status = Status(self.address(), self.live, self.fresh, dict)

    def look(self, now: float) -> list[Action]:
        record = pods = None
        try:
            record, pods = self.kubernetes.record(), self.kubernetes.pods()
            self.say("kubernetes", "")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.say("kubernetes", f"Kubernetes does not answer: {error}")
        self.servers.ask()
        self.views.ask()
        states, views = self.servers.answers(), self.views.answers()
        configured = (self.run_directory / "sentinel.conf").exists()
        decided, term = self.decision()
        actions = self.agent.round(SentinelSeen(record, pods, views, states, configured, decided, term), now)
        # Whatever comes of it, the Sentinel needs what is to be done.
        try:
            if record is not None:
                self._publish(states, dict(record.told))
            self.say("publish", "")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.say("publish", f"Kubernetes does not take what people are told: {error}")
        return actions

    def _publish(self, states: Mapping[str, Any], before: Mapping[str, str]) -> None:
        """What a run and redis_sentinel_info tell of it: what is kept, who waits, what an election is about.

        Of a server whose agent is silent it stays what was told before.
        """
        verdict = self.agent.verdict
        told = {
            "kept": _lines(before.get("kept", ""), states, lambda state: state.kept),
            "waiting": _lines(
                before.get("waiting", ""), states, lambda state: [state.waiting] if state.waiting else []
            ),
            "election": "\n".join((verdict.why, *verdict.evidence)) if verdict else "",
        }
        if any(states.values()) and told != self._told:
            self.kubernetes.publish(told)
            self._told = told

    def do(self, action: Any) -> None:
        if isinstance(action, Begin):
            before = self.run_directory / "sentinel.before"
            latest = votes_in(before.read_text(errors="replace")) if before.exists() else -1
            content = sentinel_config(self.env, self.password(), action.epoch, latest, action.master)
            disk.replace_file(self.run_directory / "sentinel.conf", content, 0o600)
        elif isinstance(action, Restart):
            self.sentinels[self.host].shut_down()
        elif isinstance(action, Write):
            self._write(action)
            self._acted = True
        elif isinstance(action, Label):
            self.kubernetes.label(action)
            self._acted = True
            self.say(f"label {action.pod}", f"{action.pod} is {action.role} in epoch {action.epoch}")

    def pause(self) -> float:
        """What was done leads to what is to be done next: the label of the master comes after those of the others."""
        acted, self._acted = self._acted, False
        return QUICK_SECONDS if acted else ROUND_SECONDS

    def _write(self, write: Write) -> None:
        """Where Kubernetes does not take it pods are labelled all the same, unless the record says otherwise by now."""
        try:
            self.kubernetes.write(write)
            self.say("record", "")
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self.kubernetes.record().term >= write.record.term:
                raise
            self.say("record", f"Kubernetes does not take who is the master of term {write.record.term}: {error}")


def main() -> None:
    kinds = {"server": ServerShell, "sentinel": SentinelShell}
    os.umask(0o077)
    kinds[sys.argv[1]](os.environ).run()


if __name__ == "__main__":
    main()
