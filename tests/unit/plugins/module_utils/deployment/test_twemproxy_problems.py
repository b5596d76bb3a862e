# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role twemproxy refuses before the first change."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.tests.unit.deployments import problems
from ansible_collections.slotwise.redis.tests.unit.given_proxies import (
    BY_NAME,
    GIVEN,
    LABELS,
    NOTHING,
    OTHER,
    SAME,
    found,
    running,
)
from ansible_collections.slotwise.redis.tests.unit.plugins.module_utils.deployment.told import told

INPUT, LIVE = "input_problems", "live_problems"


# name: (expression, variables, what Kubernetes has, sentences that must appear; none means no problem)
REFUSALS = {
    "fine": (INPUT, GIVEN, NOTHING, []),
    "fine with everything": (INPUT, OTHER, NOTHING, []),
    "fine by name": (INPUT, BY_NAME, NOTHING, []),
    "names": (
        INPUT,
        {**GIVEN, "twemproxy_name": "9-lives", "twemproxy_namespace": "Shop"},
        NOTHING,
        ["twemproxy_name is 9-lives. Allowed: ", "twemproxy_namespace is Shop. Allowed: "],
    ),
    "no image": (
        INPUT,
        {**GIVEN, "twemproxy_image": ""},
        NOTHING,
        ["twemproxy_image is not set. There is no official"],
    ),
    "numbers": (
        INPUT,
        {
            **GIVEN,
            "twemproxy_replicas": 0,
            "twemproxy_max_unavailable": 0,
            "twemproxy_drain_seconds": -1,
            "twemproxy_pool": {"timeout": -1, "backlog": 0, "server_connections": 0, "server_failure_limit": "x"},
        },
        NOTHING,
        [
            "twemproxy_replicas is 0. Allowed: 1 or more.",
            "twemproxy_max_unavailable is 0. Allowed: 1",
            "twemproxy_drain_seconds is -1. Allowed: 0",
            "twemproxy_pool.timeout is -1. Allowed: 1",
            "twemproxy_pool.backlog is 0",
            "twemproxy_pool.server_connections is 0",
            "twemproxy_pool.server_failure_limit is x",
        ],
    ),
    "options": (
        INPUT,
        {**GIVEN, "twemproxy_pool": {"listen": "22121", "hash_tag": "[", "auto_eject_hosts": "yes"}},
        NOTHING,
        [
            "twemproxy_pool.listen is 22121. Allowed: an IPv4 address and a port",
            'twemproxy_pool.hash_tag is "[". Allowed: two characters',
            "twemproxy_pool.auto_eject_hosts is true: while a server is away its keys",
        ],
    ),
    "port of the statistics": (
        INPUT,
        {**GIVEN, "twemproxy_pool": {"listen": "0.0.0.0:22222"}},
        NOTHING,
        ["twemproxy_pool.listen is 0.0.0.0:22222."],
    ),
    "a cache may eject": (
        INPUT,
        {**GIVEN, "twemproxy_pool": {"auto_eject_hosts": True}, "twemproxy_allow_remapping": "true"},
        NOTHING,
        [],
    ),
    "no such deployment": (
        INPUT,
        {**GIVEN, "twemproxy_backends": "nowhere"},
        NOTHING,
        ["twemproxy_backends is nowhere, and no host of the inventory has this name."],
    ),
    "no servers": (INPUT, {**GIVEN, "twemproxy_backends": []}, NOTHING, ["twemproxy_backends is empty. Allowed:"]),
    "no list": (
        INPUT,
        {**GIVEN, "twemproxy_backends": {"a": 1}},
        NOTHING,
        ['twemproxy_backends is {"a": 1}. Allowed:'],
    ),
    "password elsewhere": (
        INPUT,
        {**BY_NAME, "twemproxy_namespace": "cache"},
        NOTHING,
        ["twemproxy_namespace is cache and the backends with their password are in namespace localhost."],
    ),
    "its own secret": (
        INPUT,
        {**BY_NAME, "twemproxy_namespace": "cache", "twemproxy_existing_secret": "copied"},
        NOTHING,
        [],
    ),
    "wrong servers": (
        INPUT,
        {
            **GIVEN,
            "twemproxy_backends": [
                "a:6379",
                {"name": "a b", "host": "", "prt": 1},
                {"name": "c", "host": "c", "port": 0, "weight": 0},
                {"name": "c", "host": "d"},
            ],
        },
        NOTHING,
        [
            'twemproxy_backends[0] is "a:6379". Allowed: a dictionary',
            "twemproxy_backends[1] has prt. Allowed: name, host, port, weight.",
            'twemproxy_backends[1].name is "a b". Allowed:',
            'twemproxy_backends[1].host is "". Allowed:',
            "twemproxy_backends[2].port is 0. Allowed: 1 to 65535.",
            "twemproxy_backends[2].weight is 0. Allowed: 1 to 1000.",
            "twemproxy_backends has the name c 2 times.",
        ],
    ),
    "names by their case": (
        INPUT,
        {**GIVEN, "twemproxy_backends": [{"name": name, "host": "h"} for name in ("A", "a", "b", "a")]},
        NOTHING,
        ["twemproxy_backends has the name a 2 times. Names must differ"],
    ),
    "first run": (LIVE, GIVEN, NOTHING, []),
    "moved servers": (LIVE, GIVEN, running(*SAME), []),
    "one more": (
        LIVE,
        GIVEN,
        running(SAME[0]),
        ["The pool of cache/proxy would change: 7"],
    ),
    "one more, allowed": (LIVE, {**GIVEN, "twemproxy_allow_remapping": True}, running(SAME[0]), []),
    "another hash": (
        LIVE,
        GIVEN,
        running(*SAME, hash="md5"),
        ["not found any more, as far as that can be told: hash, hash tag or distribution is another one."],
    ),
    "a broken configuration": (
        LIVE,
        GIVEN,
        {**running(*SAME), "config": [found("ConfigMap", "proxy-config", data={"nutcracker.yml": "listen: x"})]},
        [],
    ),
    "of others": (
        LIVE,
        GIVEN,
        {
            **NOTHING,
            "deployment": [found("Deployment", "proxy", labels={})],
            "service": [found("Service", "proxy", labels={**LABELS, "app.kubernetes.io/component": "standalone"})],
        },
        ["Deployment cache/proxy, Service cache/proxy: of this name, and not made as a Twemproxy deployment"],
    ),
    "no namespace": (
        LIVE,
        {**GIVEN, "twemproxy_create_namespace": False},
        NOTHING,
        ["Namespace cache does not exist, and twemproxy_create_namespace is false."],
    ),
    "namespace going": (
        LIVE,
        GIVEN,
        {**NOTHING, "namespace": [{"kind": "Namespace", "leaving": {"text": "It goes.", "loses": True}}]},
        ["It goes. A deletion cannot be taken back, and a new Namespace would lack what it holds"],
    ),
    "password going": (
        LIVE,
        {**GIVEN, "twemproxy_existing_secret": "given"},
        {
            **NOTHING,
            "secret": [{"kind": "Secret", "data": {"password": None}, "leaving": {"text": "It goes.", "loses": True}}],
        },
        ["It goes. A deletion cannot be taken back, and a new Secret would lack what it holds"],
    ),
    "proxies going": (
        LIVE,
        GIVEN,
        {**NOTHING, "deployment": [{**found("Deployment", "proxy"), "leaving": {"text": "It goes.", "loses": False}}]},
        [],
    ),
    "password of bytes": (
        LIVE,
        {**GIVEN, "twemproxy_existing_secret": "given"},
        {**NOTHING, "secret": [{"data": {"password": None}, "faults": {"password": "is not UTF-8 text."}}]},
        ["The password in key password of Secret cache/given is not UTF-8 text."],
    ),
    "no secret": (
        LIVE,
        {**GIVEN, "twemproxy_existing_secret": "given"},
        {**NOTHING, "secret": []},
        ["twemproxy_existing_secret is given, and there is no Secret cache/given."],
    ),
    "secret still to come": (LIVE, BY_NAME, {**NOTHING, "secret": []}, []),
    "no such key": (
        LIVE,
        {**GIVEN, "twemproxy_existing_secret": "given", "twemproxy_existing_secret_key": "pw"},
        {**NOTHING, "secret": [{"data": {"password": None}}]},
        ["The password is to be key pw of Secret cache/given, which has the keys password."],
    ),
}


@pytest.mark.parametrize("scenario", REFUSALS)
def test_refusals(scenario):
    part, given, found, wanted = REFUSALS[scenario]
    said = told(part, "twemproxy", given, found)
    assert len(said) == len(wanted), said
    for sentence, words in zip(said, wanted, strict=True):
        assert words in sentence


def test_the_report_is_part_of_the_refusal():
    (refusal,) = told(LIVE, "twemproxy", GIVEN, running(SAME[0]))
    assert "set twemproxy_allow_remapping to true" in refusal
    assert "\nserver  keys now  keys then\na       100.0%" in refusal


@pytest.mark.parametrize(("kinds", "refused"), [(["redis_cluster"], True), (["redis_standalone"], False), ([], False)])
def test_backends_that_share_their_keys(kinds, refused):
    groups = {kind: ["localhost"] for kind in kinds}
    said = problems("twemproxy", BY_NAME, {**NOTHING, "secret": []}, groups=groups)
    assert [sentence.partition(",")[0] for sentence in said] == ["twemproxy_backends is localhost"] * refused
    assert all("no deployment of redis_standalone" in sentence for sentence in said)
