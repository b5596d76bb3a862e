# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which redis.conf directives are refused, and what the messages say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.slotwise.redis.plugins.module_utils.redis import directives as _directives
from ansible_collections.slotwise.redis.plugins.module_utils.redis.directives import config_problems, persistence

FINE = {
    "maxmemory": "512mb",
    "maxmemory-policy": "allkeys-lru",
    "appendonly": True,
    "appendfsync": False,
    "save": ["900 1", "300 10"],
    "notify-keyspace-events": "",
    "timeout": 0,
    "cluster-node-timeout": 5000,
    "Latency-Tracking": "yes",
    "proc-title-template": '"{title} {listen-addr}"',
}


def test_directives_that_may_be_set():
    assert config_problems(FINE) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cluster-enabled", "the topology of the deployment decides it"),
        ("dir", "on the volume"),
        ("port", "fixed ports"),
        ("requirepass", "redis_cluster_password"),
        ("masterauth", "redis_cluster_existing_secret"),
        ("REQUIREPASS", "redis_cluster_password"),
        ("cluster-announce-ip", "announces its own address"),
        ("cluster-announce-anything-new", "announces its own address"),
        ("tls-port", "not supported yet"),
        ("loadmodule", "run code"),
        ("include", "only the files of the roles"),
        ("rename-command", "under their own names"),
        ("protected-mode", "redis_cluster_auth_enabled"),
    ],
)
def test_refused_directives_say_why(name, words):
    (problem,) = config_problems({name: "x"}, "redis_cluster_config")
    assert problem.startswith(f"redis_cluster_config: {name} cannot be set here: ")
    assert words in problem


def test_unknown_directive_names_the_nearest_known_ones():
    (problem,) = config_problems({"maxmemory-polici": "noeviction"}, "redis_cluster_config")
    assert "is not a directive of Redis 7" in problem
    assert "Did you mean maxmemory-policy or " in problem
    assert "redis_cluster_config_known" in problem


def test_suggestions_leave_out_what_is_refused():
    (problem,) = config_problems({"unixsocketpermm": "x"})
    assert "Did you mean" not in problem


def test_newer_directives_can_be_accepted():
    assert config_problems({"brand-new": 1}, known=["Brand-New"]) == []
    assert config_problems({"dir": "/"}, known=["dir"]) != []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "is None"),
        ({"a": 1}, "Allowed: text, a number"),
        ([], "empty list"),
        ([["a"]], "Allowed: text"),
        ("no\nrequirepass x", "control characters"),
        (["900 1", "300\r10"], "control characters"),
        ('"open', "not closed"),
        ("it's", "not closed"),
    ],
)
def test_bad_values(value, words):
    (problem,) = config_problems({"save": value})
    assert problem.startswith("config: save ")
    assert words in problem


@pytest.mark.parametrize("value", ['""', r'"a\"b"', "'it\"s'", '"it\'s"'])
def test_closed_quotes(value):
    assert config_problems({"save": value}) == []


def test_same_directive_twice():
    assert config_problems({"timeout": 1, "Timeout": 2}) == [
        "config: timeout is given more than once in different spelling."
    ]


def test_refused_directives_are_spelled_as_the_servers_spell_them():
    files_only = {"include", "loadmodule", "rename-command", "user"}
    assert set(_directives.REFUSED) <= _directives.KNOWN
    assert files_only <= _directives.KNOWN
    for prefix in _directives.REFUSED_PREFIXES:
        assert any(name.startswith(prefix) for name in _directives.KNOWN)


@given(st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.lists(st.text())))
def test_an_unknown_name_never_passes(config):
    unknown = [name for name in config if name.lower() not in _directives.KNOWN]
    assert len(config_problems(config)) >= len(unknown)


LASTING = {
    "nothing given": {},
    "appended": {"save": ""},
    "saved": {"AppendOnly": "NO"},
    "saved by the last line": {"appendonly": False, "save": ["", "900 1"]},
    "appended by the last line": {"appendonly": ["no", "'YES'"], "save": "''"},
}
LOST = {
    "empty": {"appendonly": False, "save": ""},
    "single quotes": {"appendonly": "no", "save": "''"},
    "double quotes": {"AppendOnly": '"no"', "SAVE": '""'},
    "blanks": {"appendonly": " No ", "save": " '' "},
    "a list": {"appendonly": ["yes", "no"], "save": ["900 1", "''"]},
    "escapes": {"appendonly": r'"\x6e\x6f"', "save": [""]},
}


@pytest.mark.parametrize("name", LASTING | LOST)
def test_what_lasts_is_what_the_server_makes_of_it(name):
    """tests/integration/test_persistence.py compares with real servers."""
    assert persistence({**LASTING, **LOST}[name]).lasts is (name in LASTING)
