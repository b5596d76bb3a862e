# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is connected to and how, who is told the password, and who is waited for."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace as Some

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils._deps import error_reply
from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.io import kubernetes as _kubernetes
from ansible_collections.slotwise.redis.plugins.module_utils.io import servers as _servers
from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import Kubernetes, Pod, uses_own_account
from ansible_collections.slotwise.redis.plugins.module_utils.io.servers import Servers
from ansible_collections.slotwise.redis.plugins.module_utils.redis.model import Endpoint

OPTIONS = {
    **dict.fromkeys(("kubeconfig", "context", "nodes", "dns_server", "service", "login_secret", "login_password")),
    "name": "demo",
    "namespace": "shop",
    "timeout": 300,
    "transport": "auto",
    "cluster_domain": "cluster.local",
}


class Module:
    check_mode = False

    def __init__(self, **options):
        self.params = {**OPTIONS, **options}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": None, "nodes": []}, "Neither name nor nodes"),
        ({"name": ""}, "Neither name nor nodes"),
        ({"name": "", "nodes": []}, "Neither name nor nodes"),
        ({"namespace": ""}, "namespace is ''"),
    ],
)
def test_options_that_are_empty_name_nobody(options, told):
    with pytest.raises(EngineError, match=told):
        Servers(Module(**options), 1)


# Which cluster this is


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A pod of a cluster, with nothing that says another one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return tmp_path


def test_in_a_pod_without_a_kubeconfig_the_api_is_that_of_the_pod(home):
    assert uses_own_account(None, None)


@pytest.mark.parametrize("way", ["option", "context", "environment", "home"])
def test_a_kubeconfig_may_be_of_any_cluster(home, monkeypatch, way):
    kubeconfig = context = None
    if way == "option":
        kubeconfig = "/some/kubeconfig"
    elif way == "context":
        context = "other"
    elif way == "environment":
        monkeypatch.setenv("KUBECONFIG", "/some/kubeconfig")
    else:
        (home / ".kube").mkdir()
        (home / ".kube" / "config").write_text("apiVersion: v1")
    assert not uses_own_account(kubeconfig, context)


def test_outside_of_pods_there_is_no_account(home, monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    assert not uses_own_account(None, None)


CONFIG = """
apiVersion: v1
kind: Config
current-context: other
contexts: [{name: other, context: {cluster: other, user: me}}]
clusters: [{name: other, cluster: {server: "https://other.example:6443"}}]
users: [{name: me, user: {token: t}}]
"""


def test_the_api_that_is_asked_and_the_way_to_the_pods_are_decided_alike(home):
    """The kubeconfig of the home directory comes before the account of the pod, as for kubectl."""
    (home / ".kube").mkdir()
    (home / ".kube" / "config").write_text(CONFIG)
    opened = _servers.open_kubernetes(Module())
    assert opened.api.configuration.host == "https://other.example:6443"
    assert not opened.around_us


@pytest.mark.parametrize(
    ("transport", "around_us", "way"),
    [
        ("auto", True, "direct"),
        ("auto", False, "port_forward"),
        ("direct", False, "direct"),
        ("port_forward", True, "port_forward"),
    ],
)
def test_auto_opens_connections_to_pods_of_the_cluster_that_it_runs_in_only(
    home, monkeypatch, transport, around_us, way
):
    monkeypatch.setattr(_servers, "open_kubernetes", lambda module: Some(around_us=around_us))
    monkeypatch.setattr(_servers, "Resolver", lambda server: None)
    assert Servers(Module(transport=transport), 1)._transport == way


# What DNS says, before the password is told to anybody


class Dns:
    server = "10.96.0.10"

    def __init__(self, **answers):
        self.answers = answers

    def addresses(self, names):
        return {name: self.answers.get(name.partition(".")[0].replace("-", "_"), "no such name") for name in names}


class FakeKubernetes:
    api, around_us = None, False

    def __init__(self, *pods):
        self.listed = pods

    def pods(self, namespace, name, instance):
        return {pod.name: pod for pod in self.listed}

    def zones(self):
        return {}


def servers(monkeypatch, *pods, count=2, dns=None, **options):
    monkeypatch.setattr(_servers, "open_kubernetes", lambda module: FakeKubernetes(*pods))
    monkeypatch.setattr(_servers, "Resolver", lambda server: dns)
    return Servers(Module(**{"transport": "port_forward", **options}), count)


RUNNING = [Pod("demo-0", "10.1.0.1"), Pod("demo-1", "10.1.0.2")]


@pytest.mark.parametrize("answer", ["no such name", ["10.1.0.9"]])
def test_an_address_that_dns_does_not_know_is_not_connected_to(monkeypatch, answer):
    made = servers(monkeypatch, *RUNNING, dns=Dns(demo_0=["10.1.0.1"], demo_1=answer), transport="direct")
    endpoints, reasons = made._endpoints()
    assert [e.name for e in endpoints] == ["demo-0"]
    assert len(reasons) == 1 and reasons[0].startswith("demo-1.demo-headless.shop.svc.cluster.local ")


def test_through_the_api_names_prove_who_it_is(monkeypatch):
    """DNS is compared for the sake of the pods; the connection is to the pod whatever it says."""
    made = servers(monkeypatch, *RUNNING, dns=Dns(demo_0=["10.1.0.1"]), dns_server="10.96.0.10")
    endpoints, reasons = made._endpoints()
    assert [e.name for e in endpoints] == ["demo-0", "demo-1"]
    assert len(reasons) == 1


# Who is waited for


class Fleet:
    """Answers by name; what is not answered is an error. Each round takes a second of the clock."""

    def __init__(self, answers, clock):
        self.answers, self.clock, self.followed, self.closed = answers, clock, [], False

    def __call__(self, *_arguments):
        return self

    def follow(self, endpoints):
        self.followed = [e.name for e in endpoints]

    def ask_all(self, _command):
        self.clock.now += 1
        return {name: [self.answers.get(name, b"PONG")] for name in self.followed}

    def close(self):
        self.closed = True


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_servers, "time", clock)
    return clock


def reach(monkeypatch, clock, *pods, answers=(), count=2):
    made = servers(monkeypatch, *pods, count=count)
    fleet = Fleet(dict(answers), clock)
    monkeypatch.setattr(_servers, "Fleet", fleet)
    return fleet, made.reach(lambda text: None)[1]


STUCK = "its machine node2 is not ready"


@pytest.mark.parametrize(
    "pod",
    [
        Pod("demo-1", waiting="cannot be scheduled: no node", stuck="cannot be scheduled"),
        Pod("demo-1", "10.1.0.2", "node2", stuck=STUCK),
        Pod("demo-1", "10.1.0.2", "node2", waiting="is terminating", stuck=STUCK),
    ],
)
def test_a_pod_that_kubernetes_gave_up_is_not_waited_for(monkeypatch, clock, pod):
    fleet, (reason,) = reach(monkeypatch, clock, RUNNING[0], pod, answers={"demo-1": OSError("no route")})
    assert 10 <= clock.now - 1000 < 20, "not at once, a new pod may have no machine for a moment; not for long either"
    assert reason.startswith("demo-1: ")
    assert pod.stuck in reason
    assert fleet.followed == ["demo-0"]


@pytest.mark.parametrize(
    "pods",
    [
        [RUNNING[0], Pod("demo-1", waiting="redis waits: ContainerCreating")],
        [RUNNING[0]],
        RUNNING,
        # one that comes is worth the time, whatever becomes of the other
        [Pod("demo-0", "10.1.0.1", "node2", stuck=STUCK), Pod("demo-1", waiting="has no address yet")],
    ],
    ids=["starts", "not made yet", "does not answer", "one of each"],
)
def test_a_pod_that_may_come_is_waited_for(monkeypatch, clock, pods):
    _fleet, reasons = reach(monkeypatch, clock, *pods, answers=dict.fromkeys(["demo-1"], OSError("refused")))
    assert clock.now - 1000 > 300
    assert reasons


def test_a_pod_that_answers_is_there_whatever_kubernetes_thinks_of_its_machine(monkeypatch, clock):
    fleet, reasons = reach(monkeypatch, clock, RUNNING[0], Pod("demo-1", "10.1.0.2", "node2", stuck=STUCK))
    assert not reasons
    assert fleet.followed == ["demo-0", "demo-1"]


def test_a_hopeless_answer_ends_the_wait_at_once(monkeypatch, clock):
    with pytest.raises(EngineError, match="demo-1 is not in cluster mode") as caught:
        reach(
            monkeypatch,
            clock,
            *RUNNING,
            answers={"demo-1": error_reply("ERR This instance has cluster support disabled")},
        )
    assert not isinstance(caught.value, Unreachable)
    assert clock.now - 1000 < 5


# What Kubernetes says of a pod


def listed_pod(**status):
    metadata = Some(
        name="demo-0",
        deletion_timestamp=status.pop("deleted", None),
        finalizers=None,
        uid="u-0",
        labels={},
        owner_references=[Some(kind="StatefulSet", name="demo")],
    )
    spec = Some(node_name=status.pop("machine", None), volumes=[])
    given = {"conditions": [], "container_statuses": [], "pod_ip": "", "phase": "Pending", "reason": None}
    return Some(metadata=metadata, spec=spec, status=Some(**{**given, **status}))


def condition(kind, status, reason=None):
    return Some(type=kind, status=status, reason=reason, message=None)


UNSCHEDULABLE = condition("PodScheduled", "False", "Unschedulable")
READY, NOT_READY = condition("Ready", "True"), condition("Ready", "False")


@pytest.mark.parametrize(
    ("pod", "machines", "stuck"),
    [
        (listed_pod(conditions=[UNSCHEDULABLE]), {}, "cannot be scheduled"),
        (listed_pod(conditions=[condition("PodScheduled", "False", "SchedulingGated")]), {}, ""),
        (
            listed_pod(conditions=[NOT_READY], machine="a", pod_ip="10.1.0.1"),
            {"a": "Unknown"},
            "its machine a is not ready",
        ),
        (
            listed_pod(conditions=[NOT_READY], machine="a", pod_ip="10.1.0.1"),
            {"a": "False"},
            "its machine a is not ready",
        ),
        (listed_pod(conditions=[NOT_READY], machine="a", pod_ip="10.1.0.1"), {"a": "True", "b": "Unknown"}, ""),
        (listed_pod(machine="a", deleted=datetime.now(timezone.utc)), {"a": "Unknown"}, "its machine a is not ready"),
        (listed_pod(machine="a", reason="NodeLost"), None, "its machine is lost"),
        (listed_pod(machine="a"), None, ""),
    ],
)
def test_a_pod_that_cannot_come_soon(pod, machines, stuck):
    kubernetes = Kubernetes.__new__(Kubernetes)
    kubernetes.api = Some(configuration=Some(host="https://api.example"))
    kubernetes._looked, kubernetes._lost = float("-inf"), set()

    def list_node(**_options):
        if machines is None:
            raise _kubernetes.ApiException(status=403)
        return Some(
            items=[
                Some(metadata=Some(name=name), status=Some(conditions=[condition("Ready", ready)]))
                for name, ready in machines.items()
            ]
        )

    kubernetes.core = Some(list_namespaced_pod=lambda namespace, **_options: Some(items=[pod]), list_node=list_node)
    assert kubernetes.pods("shop", "demo", "demo")["demo-0"].stuck == stuck


def test_machines_are_not_asked_for_while_all_pods_are_ready():
    kubernetes = Kubernetes.__new__(Kubernetes)
    kubernetes.api = Some(configuration=Some(host="https://api.example"))
    pod = listed_pod(conditions=[READY], machine="a", pod_ip="10.1.0.1")
    kubernetes.core = Some(list_namespaced_pod=lambda namespace, **_options: Some(items=[pod]))
    assert kubernetes.pods("shop", "demo", "demo")["demo-0"] == Pod("demo-0", "10.1.0.1", "a", uid="u-0", ready=True)


def test_an_endpoint_keeps_its_machine(monkeypatch):
    made = servers(monkeypatch, Pod("demo-0", "10.1.0.1", "a"), count=1)
    assert made._endpoints() == ([Endpoint("demo-0", "10.1.0.1", 6379, "a", "")], [])
