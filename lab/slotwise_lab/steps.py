# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build steps: which are needed, in what order, and how their results are cached.

The result of a step is the directory <cache>/<name>/<key>. It is built under
another name and renamed when it is complete, so what exists is whole.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from .shell import LabError, say

HEARTBEAT = 15
# One lane compiles (and uses every core), the other mostly downloads and unpacks.
LANES = 2


class Log:
    """The output of a step, kept in a file; its last line shows that the step lives."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        self.path = path

    def run(self, *command: str | Path, cwd: Path | None = None, environment: dict[str, str] | None = None) -> None:
        words = [str(word) for word in command]
        with self.path.open("a") as output:
            print("+", *words, file=output, flush=True)
            code = subprocess.run(
                words,
                check=False,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            ).returncode
        if code:
            raise LabError(f"exit code {code} from: {' '.join(words)}\n{self.tail(15)}", f"the whole log: {self.path}")

    def tail(self, lines: int) -> str:
        return "\n".join(self.path.read_text(errors="replace").strip().splitlines()[-lines:])


@dataclass(frozen=True)
class Step:
    """One cached result. `key` names everything that the result depends on."""

    name: str
    key: str
    build: Callable[[Path, Log], None]
    needs: tuple[Step, ...] = ()
    _: KW_ONLY
    # Its failure is reported, and everything else is built without it; only optional steps that need it are left out.
    optional: bool = False
    # For a result that also lives elsewhere, such as an image: is it still there?
    present: Callable[[], bool] = lambda: True

    def result(self, cache: Path) -> Path:
        return cache / self.name / self.key

    def cached(self, cache: Path) -> bool:
        return self.result(cache).is_dir() and self.present()


def key_of(*parts: object) -> str:
    """A short name of everything that a result depends on."""
    text = json.dumps([str(part) for part in parts])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def plan(goals: Iterable[Step], cached: Callable[[Step], bool]) -> list[Step]:
    """The steps to run for the goals, each after the steps it needs.

    What a cached step needs is not looked at: its result is already there.
    """
    order: list[Step] = []
    names: set[str] = set()

    def visit(step: Step) -> None:
        if step.name in names or cached(step):
            return
        names.add(step.name)
        for needed in step.needs:
            visit(needed)
        order.append(step)

    for goal in goals:
        visit(goal)
    return order


def everything(goals: Iterable[Step]) -> list[Step]:
    """All steps behind the goals, in order, whether cached or not."""
    return plan(goals, lambda step: False)


def build(goals: list[Step], cache: Path) -> None:
    """Build what is missing for the goals and report every step."""
    cache.mkdir(parents=True, exist_ok=True)
    steps = everything(goals)
    missing = plan(goals, lambda step: step.cached(cache))
    if missing:
        with _locked(cache):
            # Another checkout may have built it while this one waited.
            missing = plan(goals, lambda step: step.cached(cache))
            _run(missing, steps, cache)
    else:
        say(f"build: {len(steps)} steps, all cached")


def _run(missing: list[Step], steps: list[Step], cache: Path) -> None:
    number = {step.name: f"[{position:2}/{len(steps)}]" for position, step in enumerate(steps, 1)}
    waiting = {step.name for step in missing}
    for step in steps:
        if step.name not in waiting:
            say(f"{number[step.name]} {step.name}: cached")
    todo, done, failed, running = list(missing), set[str](), set[str](), dict[Future, Step]()
    with ThreadPoolExecutor(LANES) as pool:
        try:
            while todo or running:
                for step in [s for s in todo if any(n.name in failed for n in s.needs if s.optional or not n.optional)]:
                    say(f"{number[step.name]} {step.name}: left out, what it needs is missing")
                    todo.remove(step)
                    failed.add(step.name)
                settled = done | failed
                for step in [s for s in todo if all(n.name in settled or n.name not in waiting for n in s.needs)]:
                    todo.remove(step)
                    running[pool.submit(_run_step, step, number[step.name], cache)] = step
                for finished in wait(running, return_when=FIRST_COMPLETED).done:
                    step = running.pop(finished)
                    error = finished.exception()
                    if error is None:
                        done.add(step.name)
                    elif step.optional and isinstance(error, LabError):
                        failed.add(step.name)
                        say(f"{number[step.name]} {step.name}: FAILED, going on without it: {error}")
                    else:
                        at_work = [other.name for future, other in running.items() if future.running()]
                        say(f"{number[step.name]} {step.name}: FAILED" + "".join(f", waiting for {n}" for n in at_work))
                        raise error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _run_step(step: Step, number: str, cache: Path) -> None:
    started = time.monotonic()
    log = Log(cache / "logs" / f"{step.name}.log")
    target = step.result(cache)
    partial = target.with_name(target.name + ".partial")
    for leftover in (partial, target):
        if leftover.exists():
            shutil.rmtree(leftover)
    partial.mkdir(parents=True)
    say(f"{number} {step.name}: started")
    with _heartbeat(step, number, log, started):
        step.build(partial, log)
    partial.rename(target)
    say(f"{number} {step.name}: done in {time.monotonic() - started:.0f} s")


@contextmanager
def _heartbeat(step: Step, number: str, log: Log, started: float) -> Iterator[None]:
    over = threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT):
            elapsed = time.monotonic() - started
            say(f"{number} {step.name}: at work for {elapsed:.0f} s: {log.tail(1)[:100]}")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """One build at a time in a cache; the lock ends with the process that holds it."""
    with (cache / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            say(f"another build ({lock.read().strip() or 'unknown'}) uses the cache {cache}: waiting for its end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(f"process {os.getpid()}\n")
        lock.flush()
        yield
