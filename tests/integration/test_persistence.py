# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers make of appendonly and save as users may write them, beside what the collection takes them for."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.redis_conf import redis_conf
from ansible_collections.slotwise.redis.plugins.module_utils.deployment.value import Deployment
from ansible_collections.slotwise.redis.plugins.module_utils.redis.directives import persistence
from ansible_collections.slotwise.redis.tests.integration.farm import Farm, Flavor

CONFIGS = (
    {},
    {"appendonly": False, "save": "''"},
    {"appendonly": "no", "save": ""},
    {"AppendOnly": "NO", "SAVE": '""'},
    {"appendonly": '"no"', "save": [""]},
    {"appendonly": "'nO'", "save": ["''"]},
    {"appendonly": " no ", "save": " '' "},
    {"appendonly": r'"\x6eo"', "save": ["900 1", ""]},
    {"appendonly": ["yes", "no"], "save": ["", "900 1"]},
    {"appendonly": ["no", "Yes"], "save": ["900 1", "300 10"]},
    {"appendonly": [], "save": []},
    {"appendonly": False, "save": ["900 1 300 10", "''", "60 5"]},
    {"appendonly": '"yes"', "save": "900   '1'"},
    {"appendonly": False, "save": '"900" "0"'},
    {"appendonly": False, "save": '"900 1"'},
    {"appendonly": False, "save": ["'900 1 300 10'", r'"6\x30  5"']},
    {"appendonly": False, "save": "+900 1"},
    {"appendonly": False, "save": ["900 1", " "]},
    {"appendonly": False, "save": ["900 1", "' '"]},
)


class Written(Farm):
    """One server with the directives of a redis.conf that the roles write."""

    def __init__(self, flavor: Flavor, directives: str) -> None:
        super().__init__(flavor, 1, {"cluster-enabled": "no"})
        for name in ("appendonly", "save"):
            del self.settings[name]
        self.directives = directives

    def directory(self, index: int) -> pathlib.Path:
        directory = super().directory(index)
        directory.mkdir(exist_ok=True)
        (directory / "given.conf").write_text(self.directives)
        self.settings["include"] = str(directory / "given.conf")
        return directory


def written(config: dict) -> str:
    """The lines of redis.conf that come from a user's directives."""
    deployment = Deployment.read("redis_standalone", {"redis_standalone_config": config})
    return redis_conf(deployment, {}, {}).partition("# Fixed")[0]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_what_a_server_makes_of_it(every_flavor, config):
    with Written(every_flavor, written(config)) as server:
        found = {name: server.ask(0, "CONFIG", "GET", name)[1] for name in ("appendonly", "save")}
    expected = persistence(config)
    assert found == {"appendonly": "yes" if expected.appendonly else "no", "save": expected.save_text}
