# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server whose settings will name other files finds its keys after a restart, when it wrote these files before."""

from __future__ import annotations

import pytest
from redis.exceptions import ResponseError

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import DirectDialer, Fleet
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils.redis.parse import parse_info, parse_settings
from ansible_collections.slotwise.redis.plugins.module_utils.run import persistence as _persistence
from ansible_collections.slotwise.redis.plugins.module_utils.run.persistence import (
    LOOK,
    UNFINISHED,
    Step,
    Switch,
    make_plan,
)
from ansible_collections.slotwise.redis.plugins.module_utils.run.restarts import LOOK as RESTART_LOOK
from ansible_collections.slotwise.redis.plugins.module_utils.run.restarts import saves
from ansible_collections.slotwise.redis.tests.integration.farm import HOST, Farm
from ansible_collections.slotwise.redis.tests.integration.pods import wait_for

KEYS = 500


class Server:
    """One server and what the module does with it. A context manager."""

    def __init__(self, flavor, appendonly: str, save: str) -> None:
        self.farm = Farm(flavor, 1, {"cluster-enabled": "no", "appendonly": appendonly, "save": save})

    def __enter__(self) -> Server:
        self.farm.__enter__()
        self.fleet = Fleet(DirectDialer(), [Endpoint("orders-0", HOST, self.farm.ports[0])])
        for number in range(KEYS):
            self.farm.ask(0, "SET", f"key:{number}", "x" * 100)
        return self

    def __exit__(self, *unused: object) -> None:
        self.fleet.close()
        self.farm.stop_all()

    def plan(self, appendonly: bool, save: str) -> list[Step]:
        info, settings = self.fleet.ask_all(*LOOK)["orders-0"]
        return make_plan({"orders-0": {**parse_info(info), **parse_settings(settings)}}, appendonly, save)

    def switch(self, appendonly: bool, save: str) -> None:
        plan = self.plan(appendonly, save)
        assert len(plan) == 1
        for step in plan:
            Switch(self.fleet, 30, print).run(step)
        assert self.plan(appendonly, save) == []

    def keys_after_restart(self, appendonly: str, save: str) -> int:
        """Killed: what was switched is on the disk already."""
        self.farm.restart(0, appendonly=appendonly, save=save)
        return self.farm.ask(0, "DBSIZE")


def test_without_it_the_keys_are_gone(every_flavor):
    """D4: what the switch is for."""
    with Server(every_flavor, "no", "900 1") as server:
        server.farm.ask(0, "SAVE")
        assert server.keys_after_restart("yes", "900 1") == 0


@pytest.mark.parametrize("save", ["900 1", ""])
def test_from_snapshots_to_an_append_only_file(every_flavor, save):
    with Server(every_flavor, "no", save) as server:
        server.switch(True, save)
        assert server.keys_after_restart("yes", save) == KEYS


@pytest.mark.parametrize("save", ["900 1 60 5", ""])
def test_from_an_append_only_file_to_snapshots(every_flavor, save):
    with Server(every_flavor, "yes", "") as server:
        server.switch(False, save)
        assert parse_settings(server.fleet.ask_all(LOOK[1])["orders-0"][0]) == {"appendonly": "no", "save": save}
        assert server.keys_after_restart("no", save) == KEYS


def test_from_nothing_to_snapshots(every_flavor):
    with Server(every_flavor, "no", "") as server:
        server.switch(False, "900 1")
        assert server.keys_after_restart("no", "900 1") == KEYS


def test_a_run_that_was_killed_before_the_snapshot_goes_on(every_flavor):
    with Server(every_flavor, "yes", "") as server:
        for command in (("save", f"900 1 {UNFINISHED}"), ("appendonly", "no")):
            server.farm.ask(0, "CONFIG", "SET", *command)
        server.switch(False, "900 1")
        assert server.keys_after_restart("no", "900 1") == KEYS


@pytest.mark.parametrize("killed", [False, True], ids=["", "goes on after a run that was killed"])
def test_a_server_that_has_written_an_earlier_file_writes_a_new_one(every_flavor, killed, monkeypatch):
    """Its size stays that of the earlier one while the new one is written, and a start would read the earlier one."""
    with Server(every_flavor, "yes", "") as server:
        server.farm.restart(0, appendonly="yes", save="")
        server.switch(False, "")
        for number in range(KEYS, 2 * KEYS):
            server.farm.ask(0, "SET", f"key:{number}", "x" * 100)
        server.farm.ask(0, "CONFIG", "SET", "rdb-key-save-delay", "2000")
        if killed:
            (step,) = server.plan(True, "")
            with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
                patch.setattr(_persistence, "SAY_SECONDS", 0)
                Switch(server.fleet, 30, interrupt_when_it_waits).run(step)
        server.switch(True, "")
        assert server.keys_after_restart("yes", "") == 2 * KEYS


def interrupt_when_it_waits(said: str) -> None:
    if said.startswith("waiting"):
        raise KeyboardInterrupt


def test_a_server_that_appends_goes_on_doing_so_whatever_becomes_of_a_new_file(every_flavor):
    """Its file is complete without that: off it, all that comes afterwards would be lost."""
    with Server(every_flavor, "yes", "") as server:
        server.farm.ask(0, "CONFIG", "SET", "rdb-key-save-delay", "100000")
        server.farm.ask(0, "BGREWRITEAOF")
        for step in server.plan(True, ""):
            with pytest.raises(EngineError):
                Switch(server.fleet, 1, print).run(step)
        server.farm.ask(0, "SET", "after", "it")
        assert server.keys_after_restart("yes", "") == KEYS + 1


def test_a_server_that_cannot_write_its_file_goes_on_as_before(every_flavor):
    with Server(every_flavor, "no", "900 1") as server:
        (server.farm.directory(0) / "appendonlydir").write_text("in the way")
        with pytest.raises(EngineError):
            Switch(server.fleet, 3, print).run(server.plan(True, "900 1")[0])
        assert parse_settings(server.fleet.ask_all(LOOK[1])["orders-0"][0])["appendonly"] == "no"
        assert server.farm.ask(0, "SET", "after", "it")


@pytest.mark.parametrize("appendonly", ["no", "yes"])
def test_a_server_that_fails_to_save_is_not_taken_for_one_that_does(every_flavor, appendonly):
    """Told to end, it would not, and be killed without its keys. It may save again later."""
    with Server(every_flavor, appendonly, "900 1") as server:

        def asked() -> bool:
            info, settings = server.fleet.ask_all(*RESTART_LOOK)["orders-0"]
            return saves(parse_info(info), parse_settings(settings))

        assert asked()
        in_the_way = server.farm.directory(0) / "dump.rdb"
        in_the_way.unlink(missing_ok=True)
        (in_the_way / "x").mkdir(parents=True)
        with pytest.raises(ResponseError):
            server.farm.ask(0, "SAVE")
        server.farm.ask(0, "BGSAVE")
        wait_for("it failed", lambda: server.farm.ask(0, "INFO", "persistence")["rdb_last_bgsave_status"] == "err")
        assert asked() is (appendonly == "yes")
        (in_the_way / "x").rmdir()
        in_the_way.rmdir()
        server.farm.ask(0, "BGSAVE")
        wait_for("it saves", asked)
