# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks many at the same time, each over its own connection; who is late is left out until it has answered."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, Generic, TypeVar

from .evidence import State
from .model import View
from .redis_io import (
    SERVER_QUESTIONS,
    Client,
    Refused,
    parse_view,
    sentinel_identity,
    sentinel_questions,
    state_without_agent,
)

T = TypeVar("T")


class Group(Generic[T]):
    """Questions that each have a name. A round takes at most ``seconds``, whatever those who are asked do.

    Who did not answer the last time is not waited for: a dead machine must not slow down those who replace its master.
    """

    def __init__(self, questions: Mapping[str, Callable[[], T]], seconds: float) -> None:
        self._questions, self._seconds = questions, seconds
        self._pool = ThreadPoolExecutor(max(1, len(questions)))
        self._open: dict[str, Future[T]] = {}
        self._late: set[str] = set()

    def ask(self) -> None:
        """Begin to ask all but those whose answer is still awaited."""
        for name, question in self._questions.items():
            if name not in self._open:
                self._open[name] = self._pool.submit(question)

    def answers(self) -> dict[str, T | None]:
        """What has been answered since ``ask``; None for the others, and for failures."""
        deadline = time.monotonic() + self._seconds
        found: dict[str, T | None] = {}
        for name in self._questions:
            future = self._open[name]
            patience = 0.0 if name in self._late else max(0.0, deadline - time.monotonic())
            try:
                found[name] = future.result(timeout=patience)
                self._late.discard(name)
            except Exception:  # an answer that cannot be read is none
                found[name] = None
                self._late.add(name)
            if future.done():
                del self._open[name]
        return found


class Neighbour:
    """Another server, by its agent; without one, by itself."""

    def __init__(self, host: str, port: int, agent_port: int, password: Callable[[], bytes], seconds: float) -> None:
        self._host, self._agent_port, self._seconds = host, agent_port, seconds
        self._server = Client(host, port, password, seconds)
        self._connection: http.client.HTTPConnection | None = None

    def state(self) -> State:
        try:
            return self._told()
        except ConnectionRefusedError:
            # A pod of an earlier release has no agent.
            replies = self._server.ask(*SERVER_QUESTIONS)
            if any(isinstance(reply, Refused) for reply in replies):
                raise OSError(f"{self._host}: {replies}") from None
            return state_without_agent(self._host, replies)

    def _told(self) -> State:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, self._agent_port, timeout=self._seconds)
        try:
            self._connection.request("GET", "/state")
            reply = self._connection.getresponse()
            told = reply.read()
            if reply.status != http.client.OK:
                raise ValueError(f"{self._host}: {reply.status}")
            state = State.from_json(json.loads(told))
            if state.host != self._host:
                # Its name still leads to where it was. What another one has must not count twice.
                raise ValueError(f"another server, {state.host}, answers at the address of {self._host}")
            return state
        except BaseException:
            self._connection.close()
            self._connection = None
            raise


class Sentinel:
    """A Sentinel, and what it says of the master."""

    def __init__(self, host: str, port: int, password: Callable[[], bytes], name: str, seconds: float) -> None:
        # One for each: what is asked in a thread may still be unanswered when an order is given.
        self._views, self._orders = (
            Client(host, port, password, seconds, sentinel_identity(host, name)) for _use in ("views", "orders")
        )
        self._name = name

    def view(self) -> View:
        view = parse_view(self._views.ask(*sentinel_questions(self._name)))
        if view is None:
            raise LookupError("watches no master")
        return view

    def shut_down(self) -> None:
        """Instead of an answer it closes the connection."""
        try:
            replies = self._orders.ask(("SHUTDOWN",))
        except OSError:
            return
        raise OSError(f"SHUTDOWN: {replies[0]}")

    def fail_over(self) -> bool:
        """Whether it has begun."""
        (reply,) = self._orders.ask(("SENTINEL", "FAILOVER", self._name))
        return reply == "OK" or str(reply).startswith("INPROG")
