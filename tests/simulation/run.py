# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One seed from the first pod to the last check."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Callable

from agent.evidence import pod

from .faults import Faults, archive
from .plan import Plan, plan_of
from .properties import Properties
from .world import World

DISTURBED_SECONDS = 60.0
# From the moment when nothing is broken any more, in seconds: all is in its place.
HEALED_SECONDS = 180.0
STEADY_SECONDS = 4
# A person looks at what waits for one.
PERSON_SECONDS = 30.0


@dataclass
class Result:
    seed: int
    plan: Plan
    violations: list[str]
    counts: dict[str, int]
    healed_after: float


def simulate(seed: int, tell: Callable[[str], None] | None = None, plan: Plan | None = None) -> Result:
    plan = plan or plan_of(Random(f"plan {seed}"))
    world = World(seed, plan, tell)
    properties, faults = Properties(world), Faults(world)
    world.trace("plan", str(seed), str(plan))
    world.begin()
    if plan.calm:
        # Nothing is broken yet.
        _settle(world, properties, 120.0)
    else:
        faults.before_anything()
    world.disturbed = True
    faults.plan(1.0, DISTURBED_SECONDS)
    _pass(world, properties, DISTURBED_SECONDS * 1.3 if plan.faults else 5.0)
    world.disturbed = False
    faults.heal()
    begin = world.loop.now
    _settle(world, properties, HEALED_SECONDS)
    for client in world.clients:
        client.stopped = True
    healed_after = world.loop.now - begin
    _pass(world, properties, 2.0)
    if not world.violations:
        properties.at_the_end()
    return Result(seed, plan, world.violations, world.counts, healed_after)


def _pass(world: World, properties: Properties, seconds: float) -> None:
    end = world.loop.now + seconds
    while world.loop.now < end and not world.violations:
        world.loop.run_until(min(end, world.loop.now + 1.0))
        properties.every_second()


def _settle(world: World, properties: Properties, seconds: float) -> None:
    begin, steady, reason = world.loop.now, 0, ""
    while steady < STEADY_SECONDS and not world.violations:
        _pass(world, properties, 1.0)
        reason = properties.unsettled()
        steady = 0 if reason else steady + 1
        past = world.loop.now - begin
        if reason and past > seconds:
            world.violate(f"not settled {past:.0f} s after all was healed: {reason}")
        if reason and past > PERSON_SECONDS:
            _act_as_a_person(world)


def _act_as_a_person(world: World) -> None:
    """Makes room where a server waits for it, and decides where the policy is to wait for that."""
    for server in world.servers:
        if world.shell_of(server).agent.waiting:
            archive(world, server)
    if not world.plan.patient or any(one.role == "master" and one.alive for one in world.servers):
        return
    epochs = [one.view().epoch for one in world.sentinels if one.answers]
    terms = [shell.agent.memory.term for shell in world.server_shells]
    term = max([world.api.record().term, *epochs, *terms]) + 1
    best = max(world.servers, key=lambda one: len(one.writes))
    if world.decision != (best.host, term):
        world.trace("person", "decides", f"{pod(best.host)}@{term}")
        world.decision = (best.host, term)
