# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The executor on a simulated cluster: what it sends, what it makes of faults, and that a second run completes."""

from __future__ import annotations

import itertools

import pytest
import redis
from redis.exceptions import AuthenticationError, ResponseError

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Stalled, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Desired, Endpoint
from ansible_collections.slotwise.redis.plugins.module_utils.redis.parse import OBSERVE, parse_node
from ansible_collections.slotwise.redis.plugins.module_utils.redis.planner import make_plan
from ansible_collections.slotwise.redis.plugins.module_utils.redis.steps import Configure, Plan
from ansible_collections.slotwise.redis.plugins.module_utils.run import executor as _executor
from ansible_collections.slotwise.redis.plugins.module_utils.run import join
from ansible_collections.slotwise.redis.plugins.module_utils.run.executor import Executor, observe
from ansible_collections.slotwise.redis.tests.unit.plugins.module_utils.fake_fleet import FakeFleet
from ansible_collections.slotwise.redis.tests.unit.plugins.module_utils.simulate import DEFAULTS, Cluster

WANTED = Desired(3, 1, DEFAULTS)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    for module in (_executor, join):
        monkeypatch.setattr(module, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(join, "FIRST_PATIENCE", 0.01)


def fresh() -> Cluster:
    return Cluster(Endpoint(f"pod-{i}", f"10.0.0.{i + 1}", 6379, f"m{i % 3}") for i in range(6))


def run(fleet: FakeFleet, timeout: float = 5, **options) -> tuple[Executor, Plan]:
    nodes = observe(fleet)
    plan = make_plan(WANTED, nodes)
    executor = Executor(fleet, nodes, timeout, lambda text: None, **options)
    executor.run(plan)
    return executor, plan


def test_observation_of_the_simulation_is_what_it_simulates():
    cluster = fresh()
    cluster.apply(make_plan(WANTED, cluster.nodes()))
    cluster.servers[0].keys = 7
    for seen, true in zip(observe(FakeFleet(cluster)), cluster.nodes()):
        assert (seen.node_id, seen.slots, seen.master_id, seen.keys) == (
            true.node_id,
            true.slots,
            true.master_id,
            true.keys,
        )
        assert (seen.settings, seen.epoch, seen.known_nodes) == (true.settings, true.epoch, true.known_nodes)


def test_a_creation():
    cluster = fresh()
    fleet = FakeFleet(cluster)
    executor, plan = run(fleet)
    assert not cluster.complete(3, 1)
    assert all(s.settings == DEFAULTS for s in cluster.servers)
    done = [{k: v for k, v in action.items() if k != "after_ms"} for action in executor.actions]
    assert sorted(map(repr, done)) == sorted(repr(s.as_dict()) for s in plan.steps)
    assert not make_plan(WANTED, observe(fleet))


def test_an_empty_plan_sends_nothing_that_changes():
    cluster = fresh()
    run(FakeFleet(cluster))
    fleet = FakeFleet(cluster)
    executor, plan = run(fleet)
    assert (plan.steps, executor.actions, fleet.sent) == ((), [], [])


def commands_of_a_creation() -> int:
    fleet = FakeFleet(fresh())
    run(fleet)
    return len(fleet.sent)


class Killed(BaseException):
    """As if the process had ended here; not even the way back is gone."""


def dead_from(number: int):
    def fault(count: int, _node: str, _command: tuple) -> None:
        if count >= number:
            raise Killed

    return fault


@pytest.mark.parametrize("number", range(1, commands_of_a_creation() + 1))
def test_killed_before_any_command(number):
    cluster = fresh()
    with pytest.raises(Killed):
        run(FakeFleet(cluster, dead_from(number)))
    run(FakeFleet(cluster))
    assert not cluster.complete(3, 1)
    assert all(s.settings == DEFAULTS for s in cluster.servers)
    fleet = FakeFleet(cluster)
    assert not run(fleet)[1] and not fleet.sent


@pytest.mark.parametrize("number", range(1, commands_of_a_creation() + 1))
def test_a_connection_that_breaks_at_any_command(number):
    """One command is lost, and the run fails or gets over it; then the next run completes."""
    cluster = fresh()
    fleet = FakeFleet(cluster, lambda count, node, command: ConnectionError("lost") if count == number else None)
    try:
        run(fleet)
    except EngineError as error:
        node, command = fleet.sent[number - 1]
        assert any(node in line and "lost" in line for line in error.found), error
        later = [c for n, c in fleet.sent[number:] if n == node and c[:2] == ("CONFIG", "SET")]
        assert later or command[:2] == ("CONFIG", "SET"), "the temporary settings of this node were left"
    run(FakeFleet(cluster))
    assert not cluster.complete(3, 1)
    assert all(s.settings == DEFAULTS for s in cluster.servers)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ResponseError("no"), "refused a step"),
        (AuthenticationError("no"), "refused a step"),
        (BrokenPipeError("no"), "were lost"),
        (redis.ConnectionError("no"), "were lost"),
        (redis.TimeoutError("no"), "were lost"),
    ],
)
@pytest.mark.parametrize("action", ["CONFIG", "SET-CONFIG-EPOCH", "ADDSLOTSRANGE"])
def test_a_step_that_fails_is_named_and_stops_the_run(action, error, message):
    fleet = FakeFleet(fresh(), lambda count, node, words: error if action in words and node == "pod-1" else None)
    with pytest.raises(EngineError) as caught:
        run(fleet)
    assert message in caught.value.message
    assert isinstance(caught.value, Unreachable) is (message == "were lost")
    assert all("pod-1" in line and "no" in line for line in caught.value.found)
    assert caught.value.advice
    assert not [c for _n, c in fleet.sent if c[1] == "REPLICATE"]


def test_lost_introductions_are_repeated():
    """MEET is answered with OK at once, whether or not the other is ever reached."""
    lost = iter([b"OK"] * 15)
    fleet = FakeFleet(fresh(), lambda count, node, words: next(lost, None) if words[1] == "MEET" else None)
    run(fleet)
    assert not fleet.cluster.complete(3, 1)
    assert sum(words[1] == "MEET" for _n, words in fleet.sent) > 15


def test_a_blocked_bus_is_named_and_the_settings_go_back(monkeypatch):
    monkeypatch.setattr(join, "STALL_SECONDS", 0.3)
    cluster = fresh()
    fleet = FakeFleet(cluster, lambda count, node, words: b"OK" if words[1] == "MEET" else None)
    with pytest.raises(Stalled) as caught:
        run(fleet)
    assert "the cluster bus does not get through" in caught.value.message
    assert "pod-0 does not know pod-1, pod-2, pod-3, pod-4, pod-5" in caught.value.found
    assert any(line.startswith("pod-3 is not yet a replica of ") for line in caught.value.found)
    assert all(s.settings == DEFAULTS for s in cluster.servers)
    run(FakeFleet(cluster))
    assert not cluster.complete(3, 1)


def test_the_deadline_ends_the_wait_for_agreement():
    cluster = fresh()
    run(FakeFleet(cluster))
    cluster.servers[1].known.clear()
    cluster.gossip = lambda: None
    fleet = FakeFleet(cluster)
    nodes = observe(fleet)
    with pytest.raises(Stalled) as caught:
        Executor(fleet, nodes, 0.05, lambda text: None).converge()
    assert any(line.startswith("pod-1: 5462 of 16384 slots") for line in caught.value.found), caught.value.found
    assert caught.value.advice


def test_a_node_that_became_another_is_not_introduced():
    """An empty pod, or somebody else's, took over an address between the observation and the MEET."""
    cluster = fresh()

    def other_than_observed(count, _node, words):
        if words[1] == "ADDSLOTSRANGE":
            cluster.servers[5].node_id = "f" * 40

    fleet = FakeFleet(cluster, other_than_observed)
    with pytest.raises(Unreachable) as caught:
        run(fleet)
    assert caught.value.found == (f"pod-5 is another Redis node now, {'f' * 40}",)
    assert not [words for _n, words in fleet.sent if words[1] == "MEET"]
    assert all(s.settings == DEFAULTS for s in cluster.servers)


def test_a_node_whose_connection_broke_is_not_introduced():
    fleet = FakeFleet(fresh())
    fleet.by_address = False  # as through the Kubernetes API
    fleet.fault = lambda count, node, words: fleet.reconnected.add("pod-2") if words[1] == "ADDSLOTSRANGE" else None
    with pytest.raises(Unreachable) as caught:
        run(fleet)
    assert [line.split()[0] for line in caught.value.found] == ["pod-2"]
    assert not [words for _n, words in fleet.sent if words[1] == "MEET"]


def test_the_guard_stops_a_run_before_it_changes_anything_more():
    """Another run took the Lease over."""
    calls = itertools.count()

    def guard():
        if next(calls) == 2:
            raise EngineError("the Lease is lost")

    fleet = FakeFleet(fresh())
    with pytest.raises(EngineError, match="the Lease is lost"):
        run(fleet, guard=guard)
    assert not [words for _n, words in fleet.sent if words[1] in ("ADDSLOTSRANGE", "MEET", "REPLICATE")]


def test_forgetting_asks_all_nodes_and_is_not_upset_by_one_that_never_knew():
    cluster = fresh()
    run(FakeFleet(cluster))
    cluster.wipe(["pod-4"])
    fleet = FakeFleet(cluster)
    run(fleet)
    assert not cluster.complete(3, 1)
    forgets = [node for node, words in fleet.sent if words[1] == "FORGET"]
    assert sorted(forgets) == [f"pod-{i}" for i in range(6)]


class OneFollowsAnOldAddress(FakeFleet):
    """The replication of pod-3 connects to where its master was, until it is told again (redis#14633)."""

    def _reply(self, server, node, words):
        told = any(name == "pod-3" and sent[1] == "REPLICATE" for name, sent in self.sent)
        if words[0] == "INFO" and node.name == "pod-3" and not told:
            return b"role:slave\r\nmaster_host:10.9.9.9\r\nmaster_link_status:down\r\ndb0:keys=7"
        return super()._reply(server, node, words)


def test_a_replica_that_follows_an_old_address_is_healed():
    cluster = fresh()
    run(FakeFleet(cluster))
    for server in cluster.servers:
        server.keys = 7
    master = next(s for s in cluster.servers if s.node_id == cluster.of("pod-3").master_id)
    fleet = OneFollowsAnOldAddress(cluster)
    executor, plan = run(fleet)
    assert set(fleet.sent) == {("pod-3", ("CLUSTER", "REPLICATE", master.node_id))}
    assert [(a["action"], a["node"], a["master"]) for a in executor.actions] == [
        ("replicate", "pod-3", master.endpoint.name)
    ]
    assert len(plan.steps) == 1
    assert not run(fleet)[1]


def test_nodes_that_do_not_answer_are_named():
    fleet = FakeFleet(fresh())
    answer = fleet._answer
    fleet._answer = lambda name, words: OSError("gone") if name == "pod-3" else answer(name, words)
    with pytest.raises(Unreachable) as caught:
        observe(fleet)
    assert caught.value.found == ("pod-3 at 10.0.0.4:6379: gone",)


class Hasty(FakeFleet):
    """Servers that are too slow for the temporary node timeout: with it each calls others failing, though they answer.

    ``accused`` are those that are called so, by CLUSTER NODES and, of masters, by CLUSTER INFO.
    """

    def __init__(self, cluster, accused, flag="fail?"):
        super().__init__(cluster)
        self.accused, self.flag = accused, flag

    def _hastes(self, server):
        return int(server.settings["cluster-node-timeout"]) < 15000 and server.known

    def _info(self, server, node, words):
        info = super()._info(server, node, words)
        masters = [s for s in self.cluster.servers if s.endpoint.name in self.accused and s.slots]
        if not self._hastes(server) or not masters:
            return info
        return info.replace(b"slots_ok:16384", b"slots_ok:9000\r\ncluster_slots_pfail:7384").replace(b":ok", b":fail")

    def _nodes(self, server, node, words):
        lines = super()._nodes(server, node, words).decode().splitlines()
        if not self._hastes(server):
            return "\n".join(lines).encode()
        ids = [self.cluster.of(name).node_id for name in self.accused if name != server.endpoint.name]
        bad = [
            line.replace(" master", f" master,{self.flag}").replace(" slave", f" slave,{self.flag}") for line in lines
        ]
        return "\n".join(b if a.split()[0] in ids else a for a, b in zip(lines, bad)).encode()


@pytest.mark.parametrize("flag", ["fail?", "fail"])
@pytest.mark.parametrize(
    "accused", [[f"pod-{i}" for i in range(6)], ["pod-1"], ["pod-4"]], ids=["all", "a master", "a replica"]
)
def test_haste_ends_when_nodes_that_answer_are_called_failing(accused, flag):
    """A cluster that is formed slowly is better than none: 108 servers on a machine with a load of 60 never agreed."""
    fleet = Hasty(fresh(), accused, flag)
    executor, plan = run(fleet)
    assert not fleet.cluster.complete(3, 1)
    assert all(s.settings == DEFAULTS for s in fleet.cluster.servers)
    assert sum(a["action"] == "configure" for a in executor.actions) == len(plan.of(Configure)) == 6


def test_haste_goes_on_while_nobody_is_accused():
    fleet = Hasty(fresh(), [])
    run(fleet)
    joined = max(i for i, (_node, words) in enumerate(fleet.sent) if words[1] == "REPLICATE")
    configured = [i for i, (_node, words) in enumerate(fleet.sent) if "15000" in words]
    assert min(configured) > joined


def test_a_node_that_is_really_gone_is_no_sign_of_haste():
    cluster = fresh()
    fleet = Hasty(cluster, ["pod-4"])
    executor = Executor(fleet, observe(fleet), 0.3, lambda text: None)
    executor._tuned, executor._settings = True, make_plan(WANTED, observe(fleet)).of(Configure)
    for server in cluster.servers:
        server.settings["cluster-node-timeout"] = "500"
        server.known = {s.node_id for s in cluster.servers} - {server.node_id}
    answer = fleet._answer
    fleet._answer = lambda name, words: OSError("gone") if name == "pod-4" else answer(name, words)
    executor._look_for_haste(_seen(fleet))
    assert executor._tuned
    fleet._answer = answer
    executor._look_for_haste(_seen(fleet))
    assert not executor._tuned


def _seen(fleet):
    return [
        parse_node(e, [fleet._answer(e.name, command) for command in OBSERVE], {})
        for e in fleet.endpoints
        if not isinstance(fleet._answer(e.name, ("CLUSTER", "MYID")), Exception)
    ]
