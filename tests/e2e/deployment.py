# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One deployment on the lab in the hands of a test: its inventory, playbook runs, pods and keys."""

from __future__ import annotations

import atexit
import base64
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import redis
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "lab"))

import trouble
from slotwise_lab import handle
from trouble import is_ready

# Variables of deployments, whose tasks run on this machine.
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
KEYS = 3000
# Containers of pods, beside which agents run.
SERVERS = ("redis", "sentinel", "twemproxy")
# Longer than Kubernetes takes to say that a server was started again.
SIGNAL_SECONDS = 20
# Each machine of a run takes its time; clusters on the disks of workers are nothing to the others.
WORKERS_ONLY = ("--limit", "all:localhost:!k8s_nfs_workers:!nfs_servers:!k8s_control")
NAMESPACED = "statefulsets,pods,services,configmaps,secrets,pvc,pdb,networkpolicies,leases"
OF_THE_CLUSTER = "namespaces,pv,storageclasses"


@dataclass(frozen=True)
class Run:
    """What one ansible-playbook run printed and did."""

    code: int
    output: str = field(repr=False)
    seconds: float

    @property
    def changed(self) -> dict[str, int]:
        """Host -> number of changed tasks, from the recap."""
        return {host: int(changed) for host, changed, *_rest in RECAP.findall(self.output)}

    @property
    def unchanged(self) -> bool:
        return self.code == 0 and bool(self.changed) and not any(self.changed.values())

    @property
    def shown(self) -> str:
        """What the message of a failed test needs of it."""
        return f"{trouble.in_short(self.output)}\n{trouble.on_the_lab()}"

    def notes(self, head: str) -> str:
        """What is shown of one deployment at the end: from its first line to where that of the next host begins."""
        begin = self.output.index(head)
        return re.split(r"^(?:ok|changed|skipping|TASK|PLAY)\b", self.output[begin:], maxsplit=1, flags=re.MULTILINE)[0]

    def says(self, text: str) -> bool:
        """Whether the text is in the output, whatever way its lines were broken or quoted."""
        return " ".join(text.split()) in " ".join(self.output.replace("\\n", " ").replace('\\"', '"').split())


def wait_for(what: str, condition: Callable[[], object], seconds: float = 120) -> object:
    """The first true value of the condition."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:.0f} s still not: {what}\n{trouble.on_the_lab()}")
        time.sleep(0.5)


@contextlib.contextmanager
def switched_off(machine: str) -> Iterator[None]:
    """As in a power failure, and then it boots again."""
    handle.power_off(machine)
    try:
        yield
    finally:
        handle.power_on(machine)


def run_playbook(playbook: str, inventories: Sequence[pathlib.Path], *arguments: str) -> Run:
    """Run a playbook on the machines of the lab and the deployments of other inventories."""
    begin = time.monotonic()
    given = [word for path in (ROOT / ".lab" / "inventory", *inventories) for word in ("-i", str(path))]
    done = subprocess.run(
        ["ansible-playbook", playbook, *given, *arguments],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Run(done.returncode, done.stdout, time.monotonic() - begin)


@dataclass
class Deployment:
    """A deployment with an inventory of its own; ``variables`` are its host variables."""

    name: str
    directory: pathlib.Path
    variables: dict[str, object] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        return self.name

    @property
    def pods(self) -> list[str]:
        shards, replicas = (
            int(self.variables.get(f"redis_cluster_{k}", d)) for k, d in (("shards", 3), ("replicas", 1))
        )
        return [f"{self.name}-{i}" for i in range(shards * (replicas + 1))]

    def write_inventory(self, **changes: object) -> pathlib.Path:
        variables = {k: v for k, v in {**self.variables, **changes}.items() if v is not None}
        inventory = {
            "redis_cluster": {
                "hosts": {self.name: variables},
                "vars": LOCAL,
            }
        }
        path = self.directory / f"{self.name}.yml"
        path.write_text(yaml.safe_dump(inventory))
        return path

    def play(self, playbook: str, *arguments: str, **changes: object) -> Run:
        """Run a playbook on this deployment; ``changes`` are host variables for this run (None removes one)."""
        return run_playbook(playbook, [self.write_inventory(**changes)], *WORKERS_ONLY, *arguments)

    def site(self, *arguments: str, **changes: object) -> Run:
        """A run of site.yml that must succeed."""
        run = self.play("site.yml", *arguments, **changes)
        assert run.code == 0, run.shown
        return run

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        return handle.kubectl("-n", self.namespace, *arguments, check=check).stdout

    def delete_pods(self, labels: str = "") -> None:
        """Delete them at once, and wait until these are gone.

        Not by kubectl: it was seen to wait for five minutes for pods that had been made anew within three seconds.
        """
        selector = f"app.kubernetes.io/instance={self.name}{labels and ','}{labels}"

        def uids() -> set[str]:
            listed = json.loads(self.kubectl("get", "pods", "-l", selector, "-o", "json"))["items"]
            return {pod["metadata"]["uid"] for pod in listed}

        before = uids()
        self.kubectl("delete", "pods", "-l", selector, "--wait=false")
        wait_for("the pods are gone", lambda: not before & uids())

    def pod_facts(self) -> dict[str, dict]:
        listed = json.loads(self.kubectl("get", "pods", "-l", f"app.kubernetes.io/instance={self.name}", "-o", "json"))
        return {p["metadata"]["name"]: p for p in listed["items"]}

    def addresses(self) -> dict[str, str]:
        return {name: pod["status"].get("podIP", "") for name, pod in self.pod_facts().items()}

    def unlabelled(self, of_the_cluster: str = OF_THE_CLUSTER) -> list[str]:
        """Objects of the deployment without all the standard labels, as far as Kubernetes does not make them itself."""
        listed = json.loads(self.kubectl("get", f"{NAMESPACED},{of_the_cluster}", "-o", "json"))["items"]
        ours = [
            item["metadata"]
            for item in listed
            if item["kind"] not in ("PersistentVolume", "StorageClass", "Namespace")
            or re.match(rf"{self.namespace}(\.|$)", item["metadata"]["name"])
        ]
        wanted = {"app.kubernetes.io/managed-by": "slotwise.redis", "app.kubernetes.io/instance": self.name}
        named = {"app.kubernetes.io/name", "app.kubernetes.io/component"}
        return [
            f"{item['name']}: {labels}"
            for item in ours
            for labels in [item.get("labels", {})]
            if item["name"] != "kube-root-ca.crt" and not (wanted.items() <= labels.items() and named <= set(labels))
        ]

    def ready(self) -> bool:
        pods = self.pod_facts()
        return sorted(pods) == sorted(self.pods) and all(map(is_ready, pods.values()))

    @property
    def secret(self) -> str:
        return str(self.variables.get("redis_cluster_existing_secret", f"{self.name}-auth"))

    @property
    def password(self) -> str:
        secret = json.loads(self.kubectl("get", "secret", self.secret, "-o", "json"))
        return base64.b64decode(secret["data"]["password"]).decode()

    def cluster(self, pod: str = "") -> redis.RedisCluster:
        """A cluster client over the routes that the lab has given to this machine, which asks this pod first."""
        addresses = self.addresses()
        address = addresses[pod] if pod else next(a for a in addresses.values() if a)
        return redis.RedisCluster(host=address, password=self.password, decode_responses=True, socket_connect_timeout=2)

    def write_keys(self, prefix: str) -> None:
        with self.cluster() as client:
            for start in range(0, KEYS, 500):
                pipeline = client.pipeline()
                for i in range(start, start + 500):
                    pipeline.set(f"{prefix}:{i}", f"{prefix}-value-{i}")
                pipeline.execute()

    def lost_keys(self, prefix: str, pod: str = "") -> list[str]:
        with self.cluster(pod) as client:
            names = [f"{prefix}:{i}" for i in range(KEYS)]
            values: list[object] = []
            for start in range(0, KEYS, 500):
                pipeline = client.pipeline()
                for name in names[start : start + 500]:
                    pipeline.get(name)
                values += pipeline.execute()
        return [n for i, (n, v) in enumerate(zip(names, values, strict=True)) if v != f"{prefix}-value-{i}"]

    def masters_on(self, machine: str) -> int:
        return sum(row["role"] == "master" and row["machine"] == machine for row in self.info()["topology"])

    def serves_without(self, machine: str, prefix: str) -> bool:
        """Whether the pods on other machines still have all keys."""
        here = [name for name, pod in self.pod_facts().items() if pod["spec"].get("nodeName") != machine]
        try:
            return self.lost_keys(prefix, here[0]) == []
        except redis.RedisError:
            return False

    def info(self) -> dict[str, object]:
        """What redis_cluster_info returns, run as a module of its own."""
        arguments = {
            "kubeconfig": str(ROOT / ".lab" / "kubeconfig"),
            "namespace": self.namespace,
            "name": self.name,
            "login_secret": self.secret,
            "shards": int(self.variables.get("redis_cluster_shards", 3)),
            "replicas": int(self.variables.get("redis_cluster_replicas", 1)),
        }
        return run_module("redis_cluster_info", arguments)

    def healthy(self) -> bool:
        """Ask the pods themselves; no Ansible takes part in what is waited for."""
        try:
            return bool(self.info().get("healthy"))
        except AssertionError:
            return False


def restarts(deployment: Deployment) -> dict[str, int]:
    """Pod -> how often its server was started again; -1 while Kubernetes does not say."""
    return {
        pod: next(
            (
                status["restartCount"]
                for status in facts["status"].get("containerStatuses") or []
                if status["name"] in SERVERS
            ),
            -1,
        )
        for pod, facts in deployment.pod_facts().items()
    }


def stop_until_started_again(deployments: dict[str, Deployment]) -> None:
    """End every server by a signal, in its container.

    A replica that writes its first append only file since it got the data of its master refuses ("Writing initial AOF,
    can't exit"), and is told again.
    """
    before = {kind: restarts(deployment) for kind, deployment in deployments.items()}
    told: dict[tuple[str, str], float] = {}

    def left() -> list[tuple[str, str]]:
        counts = {kind: restarts(deployment) for kind, deployment in deployments.items()}
        return [(kind, pod) for kind in before for pod in before[kind] if counts[kind].get(pod, 0) <= before[kind][pod]]

    def all_again() -> bool:
        late = left()
        for kind, pod in late:
            if time.monotonic() - told.get((kind, pod), -SIGNAL_SECONDS) >= SIGNAL_SECONDS:
                told[kind, pod] = time.monotonic()
                deployments[kind].kubectl("exec", pod, "--", "sh", "-c", "kill -TERM 1", check=False)
        return not late

    wait_for("every server was started again", all_again, 240)


@cache
def _modules():
    # the collection can be imported when pytest-ansible has started, which is later than this file is read
    from ansible_collections.slotwise.redis.tests import forked  # noqa: PLC0415

    modules = forked.ForkedModules(["-m", forked.__name__])
    atexit.register(modules.close)
    return modules


def run_module(name: str, arguments: Mapping[str, object]) -> dict[str, object]:
    """A module of the collection as Ansible would start it; its result, also of a failure."""
    code, stdout = _modules().run(name, json.dumps({"ANSIBLE_MODULE_ARGS": dict(arguments)}))
    assert stdout, f"{name} ended with {code}"
    return json.loads(stdout)
