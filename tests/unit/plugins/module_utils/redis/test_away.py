# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some nodes of a cluster are away: the rest is repaired, their part stays theirs, and the run says what is missing."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._errors import Refusal, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.io import servers as _servers
from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import Pod
from ansible_collections.slotwise.redis.plugins.module_utils.redis.away import is_formed, stand_ins
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Desired, Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils.redis.planner import make_plan
from ansible_collections.slotwise.redis.plugins.module_utils.run import executor, join
from ansible_collections.slotwise.redis.plugins.module_utils.run import init as _init
from ansible_collections.slotwise.redis.plugins.module_utils.run.init import Init
from ansible_collections.slotwise.redis.tests.unit.plugins.module_utils.fake_fleet import FakeFleet
from ansible_collections.slotwise.redis.tests.unit.plugins.module_utils.simulate import DEFAULTS, Cluster

PODS = tuple(f"demo-{i}" for i in range(6))


def formed(replicas=1, keys=7):
    """masters demo-0 to demo-2, replicas demo-3 to demo-5, or no replicas."""
    cluster = Cluster(Endpoint(f"demo-{i}", f"10.0.0.{i + 1}", 6379, f"m{i}") for i in range(3 * (replicas + 1)))
    cluster.apply(make_plan(Desired(3, replicas, DEFAULTS), cluster.nodes()))
    for server in cluster.servers:
        server.keys = keys
    return cluster


def master_and_replicas(cluster):
    master, replicas = cluster.shards()[0]
    return master.endpoint.name, [r.endpoint.name for r in replicas]


class WithoutSome(FakeFleet):
    """The servers of a cluster of which some are dead: the others see them failing, and nobody can ask them."""

    def __init__(self, cluster, dead=()):
        super().__init__(cluster)
        self.dead, self.followed = set(dead), None
        self.gathered = 0

    def __call__(self, *_arguments):
        return self

    @property
    def endpoints(self):
        return tuple(self.followed or ())

    def follow(self, endpoints):
        self.followed = list(endpoints)

    def close(self):
        pass

    def gather(self, commands):
        replies = {}
        for name, batch in commands.items():
            if name in self.dead:
                replies[name] = [OSError("No route to host")] * len(batch)
            else:
                replies[name] = [self._answer(name, command) for command in batch]
        alive = [s for s in self.cluster.servers if s.endpoint.name not in self.dead]
        together = set().union(*(s.known for s in alive)) if alive else set()
        for server in alive:
            if server.known:
                server.known = (server.known | together) - {server.node_id}
        return replies

    def _nodes(self, server, node, words):
        lines = super()._nodes(server, node, words).decode().splitlines()
        ids = {
            self.cluster.of(name).node_id
            for name in self.dead
            if name in {s.endpoint.name for s in self.cluster.servers}
        }
        return "\n".join(self._failing(line) if line.split()[0] in ids else line for line in lines).encode()

    @staticmethod
    def _failing(line):
        words = line.split(" ")
        words[2] += ",fail"
        words[7] = "disconnected"
        return " ".join(words)


class FakeKubernetes:
    api, around_us = None, False

    def __init__(self, cluster, stuck):
        self.cluster, self.stuck = cluster, stuck

    def pods(self, namespace, name, instance):
        return {
            s.endpoint.name: Pod(
                s.endpoint.name, s.endpoint.address, s.endpoint.machine, stuck=self.stuck.get(s.endpoint.name, "")
            )
            for s in self.cluster.servers
        }

    def zones(self):
        return {}


class Module:
    def __init__(self, check_mode=False, replicas=1, timeout=300):
        self.check_mode, self.warnings = check_mode, []
        self.params = {
            **dict.fromkeys(("kubeconfig", "context", "nodes", "dns_server", "service", "login_secret")),
            "login_password": None,
            "name": "demo",
            "namespace": "shop",
            "shards": 3,
            "replicas": replicas,
            "timeout": timeout,
            "transport": "port_forward",
            "cluster_domain": "cluster.local",
            "cluster_node_timeout": 15000,
            "repl_diskless_sync_delay": 5,
            "placement": {},
        }

    def warn(self, text):
        self.warnings.append(text)


STUCK = "its machine m9 is not ready"


@pytest.fixture
def run(monkeypatch):
    """Run redis_cluster_init on a cluster of which these are dead: its flow and its error."""
    for module in (executor, join, _servers, _init):
        monkeypatch.setattr(module, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(_servers, "STUCK_SECONDS", 0.05)
    monkeypatch.setattr(_init, "LEAST_SECONDS", 1.0)

    def run(cluster, *dead, stuck=True, **options):
        fleet = WithoutSome(cluster, dead)
        kubernetes = FakeKubernetes(cluster, dict.fromkeys(dead, STUCK) if stuck else {})
        monkeypatch.setattr(_servers, "open_kubernetes", lambda module: kubernetes)
        monkeypatch.setattr(_servers, "Fleet", fleet)
        init = Init(Module(**options), lambda text: None)
        begin = time.monotonic()
        try:
            init.run()
            error = None
        except Exception as raised:
            error = raised
        return init, error, fleet, time.monotonic() - begin

    return run


def done(init):
    return [(a["action"], a["node"]) for a in init.result["actions"]]


def test_everybody_is_there(run):
    init, error, _fleet, _seconds = run(formed())
    assert error is None
    assert init.result["changed"] is False


def test_a_dead_replica_does_not_keep_an_empty_node_from_joining(run):
    """The input of FOUND.md R1: one machine is away, another pod came back empty."""
    cluster = formed()
    ((_m, dead),) = [master_and_replicas(cluster)]
    empty = cluster.shards()[1][1][0].endpoint.name
    cluster.wipe([empty])
    init, error, fleet, seconds = run(cluster, *dead)
    assert isinstance(error, Unreachable)
    assert error.found == (f"{dead[0]}: No route to host ({STUCK})",)
    assert "steps were carried out" in error.message
    assert ("replicate", empty) in done(init)
    assert cluster.of(empty).master_id == cluster.shards()[1][0].node_id
    assert not [words for _node, words in fleet.sent if words[1] == "FORGET"], "the one that is away may be meant"
    assert seconds < 20
    assert init.result["changed"] is True
    assert dead[0] not in {row["pod"] for row in init.result["after"]}


def test_nothing_is_sent_to_or_about_the_one_that_is_away(run):
    cluster = formed()
    _master, (dead,) = master_and_replicas(cluster)
    init, error, fleet, _seconds = run(cluster, dead)
    assert isinstance(error, Unreachable)
    assert error.message.startswith("Nothing had to be done on the Redis nodes that answer, but 1 do")
    assert (init.result["changed"], init.result["plan"], fleet.sent) == (False, [], [])


def test_check_mode_shows_the_same_plan_and_fails_too(run):
    cluster = formed()
    _master, (dead,) = master_and_replicas(cluster)
    empty = cluster.shards()[1][1][0].endpoint.name
    cluster.wipe([empty])
    shown, error, fleet, _seconds = run(cluster, dead, check_mode=True)
    assert isinstance(error, Unreachable)
    assert not fleet.sent
    carried_out, _error, _fleet, _seconds = run(cluster, dead)
    assert carried_out.result["plan"] == shown.result["plan"] != []


def test_settings_are_brought_about_on_those_that_answer(run):
    cluster = formed()
    _master, (dead,) = master_and_replicas(cluster)
    for server in cluster.servers:
        server.settings["cluster-node-timeout"] = "500"
    init, _error, _fleet, _seconds = run(cluster, dead)
    assert sorted(done(init)) == [("configure", pod) for pod in PODS if pod != dead]


def test_a_dead_master_without_replicas_keeps_its_slots(run):
    """They are lost until it comes back; nobody else is given them, and the others are looked after."""
    cluster = formed(replicas=0)
    cluster.of("demo-1").settings["cluster-node-timeout"] = "500"
    init, error, _fleet, seconds = run(cluster, "demo-0", replicas=0)
    assert isinstance(error, Unreachable)
    assert done(init) == [("configure", "demo-1")]
    assert cluster.of("demo-0").slots
    assert seconds < 20


def test_a_dead_master_whose_replica_took_over(run):
    cluster = formed()
    master, (heir,) = master_and_replicas(cluster)
    cluster.fail_over(cluster.of(master))
    init, error, fleet, _seconds = run(cluster, master)
    assert isinstance(error, Unreachable)
    assert (init.result["plan"], fleet.sent) == ([], [])
    assert cluster.of(heir).slots


def test_a_dead_master_whose_replica_has_not_taken_over_yet_is_waited_for(run, monkeypatch):
    cluster = formed()
    master, (heir,) = master_and_replicas(cluster)
    looks = itertools.count()
    answer = WithoutSome._answer

    def elected_meanwhile(fleet, name, command):
        if command == ("CLUSTER", "NODES") and next(looks) == 30:
            cluster.fail_over(cluster.of(master))
        return answer(fleet, name, command)

    monkeypatch.setattr(WithoutSome, "_answer", elected_meanwhile)
    _init_run, error, _fleet, _seconds = run(cluster, master)
    assert isinstance(error, Unreachable)
    assert not isinstance(error, Refusal)
    assert cluster.of(heir).slots


def test_two_that_are_away(run):
    cluster = formed()
    dead = [replicas[0].endpoint.name for _master, replicas in cluster.shards()[:2]]
    cluster.of("demo-0").settings["cluster-node-timeout"] = "500"
    init, error, _fleet, _seconds = run(cluster, *dead)
    assert len(error.found) == 2
    assert done(init) == [("configure", "demo-0")]


def test_a_new_cluster_is_formed_with_all_its_nodes_only(run):
    cluster = Cluster(Endpoint(pod, f"10.0.0.{i + 1}", 6379, f"m{i}") for i, pod in enumerate(PODS))
    init, error, fleet, _seconds = run(cluster, "demo-5", timeout=0.3)
    assert error.message == "Not every Redis node answered within 0.3 s."
    assert error.found == (f"demo-5: No route to host ({STUCK})",)
    assert (init.result["plan"], fleet.sent) == ([], [])


def test_a_creation_that_was_interrupted_is_completed_with_all_its_nodes_only(run):
    cluster = Cluster(Endpoint(pod, f"10.0.0.{i + 1}", 6379, f"m{i}") for i, pod in enumerate(PODS))
    plan = make_plan(Desired(3, 1, DEFAULTS), cluster.nodes())
    cluster.apply(plan, steps=next(i for i, s in enumerate(plan.steps) if s.action == "add_slots") + 2)
    _init_run, error, fleet, _seconds = run(cluster, "demo-5", timeout=0.3)
    assert "Not every Redis node answered" in error.message
    assert not fleet.sent


def test_one_that_does_not_answer_and_is_not_given_up_is_waited_for_and_then_done_without(run):
    """Servers given as host and port, or a pod that restarts again and again: at the deadline."""
    cluster = formed()
    _master, (dead,) = master_and_replicas(cluster)
    cluster.of("demo-0").settings["cluster-node-timeout"] = "500"
    init, error, _fleet, seconds = run(cluster, dead, stuck=False, timeout=0.5)
    assert isinstance(error, Unreachable)
    assert done(init) == [("configure", "demo-0")]
    assert seconds > 0.5


def test_somebody_else_s_member_is_still_refused(run):
    """Two strangers, of whom one at most is the node that is away."""
    cluster = formed()
    _master, (dead,) = master_and_replicas(cluster)
    guest = replace(
        cluster.of("demo-0"), endpoint=Endpoint("guest", "10.9.9.1"), node_id="f" * 40, slots=(), known=set()
    )
    cluster.servers.append(guest)
    for server in cluster.servers[:-1]:
        server.known.add(guest.node_id)
    nodes = [n for n in cluster.nodes() if n.name not in (dead, "guest")]
    missing = Endpoint(dead, "10.0.0.99")
    made = stand_ins([missing], {dead: "away"}, nodes)
    with pytest.raises(Refusal, match="does not belong to this deployment"):
        make_plan(Desired(3, 1, DEFAULTS), sorted([*nodes, *made], key=lambda n: n.name))


def test_which_member_is_away_is_told_by_its_address():
    cluster = formed()
    names = ("demo-3", "demo-4")
    nodes = [n for n in cluster.nodes() if n.name not in names]
    endpoints = [cluster.of(name).endpoint for name in names]
    for order in (endpoints, endpoints[::-1]):
        made = {n.name: n.node_id for n in stand_ins(order, dict.fromkeys(names, "away"), nodes)}
        assert made == {name: cluster.of(name).node_id for name in names}


def test_a_member_without_an_address_is_none_of_those_that_are_away():
    """Another node answers where it was: a server whose volume was emptied, beside one whose machine is dead."""
    cluster = formed()
    _master, (dead,) = master_and_replicas(cluster)
    nodes = [n for n in cluster.nodes() if n.name != dead]
    lost = replace(
        nodes[0].peers[nodes[1].node_id], node_id="e" * 40, address="", flags=frozenset({"master", "noaddr"})
    )
    nodes = [replace(n, peers={**n.peers, lost.node_id: lost}) for n in nodes]
    (made,) = stand_ins([Endpoint(dead, "")], {dead: "away"}, nodes)
    assert made.node_id == cluster.of(dead).node_id


def test_a_cluster_is_formed_when_every_slot_has_an_owner():
    assert is_formed(formed().nodes()[1:])
    assert not is_formed(Cluster([Endpoint("demo-0", "10.0.0.1")]).nodes())
    assert not is_formed([])
