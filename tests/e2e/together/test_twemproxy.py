# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The twemproxy example with four of its twelve servers: where keys are, servers that move, proxies that roll."""

from __future__ import annotations

import base64
import contextlib
import json
import pathlib
import time
from collections.abc import Iterator

import pytest
import redis
import yaml
from deployment import LOCAL, Run, handle, is_ready, run_playbook, wait_for
from notes import paste_all
from redis.backoff import NoBackoff
from redis.retry import Retry
from together import Together
from watch import Background

from ansible_collections.slotwise.redis.plugins.module_utils.redis.ketama import Pool, Router, keys
from examples import EXAMPLES

EXAMPLE = EXAMPLES / "twemproxy"
NAMES = [f"key:{{{i}}}:ü" if i % 2 else f"k-{i}" for i in range(500)]
# What the README of the role says, with the DNS of the lab, which keeps answers for 5 seconds.
MOVED_SECONDS = 10
PASSWORD = r"""a'b"c\d#e: f%s $HOME `id` {}[]&*!|>,?-@ €ü '' \n"""


class Fleet:
    """Proxies and their servers in one namespace, with an inventory that other variables can be given for."""

    def __init__(self, inventory: pathlib.Path, namespace: str, **given: object) -> None:
        self.inventory, self.namespace, self.given = inventory, namespace, given

    def run(self, playbook: str, *arguments: str, **given: object) -> Run:
        return run_playbook(playbook, [self.inventory], *arguments, "-e", json.dumps({**self.given, **given}))

    def play(self, playbook: str, *arguments: str, **given: object) -> Run:
        done = self.run(playbook, *arguments, **given)
        assert done.code == 0, done.shown
        return done

    def kubectl(self, *arguments: str) -> str:
        return handle.kubectl("-n", self.namespace, *arguments).stdout

    def objects(self, kind: str, instance: str) -> list[dict]:
        selected = ("-l", f"app.kubernetes.io/instance={instance}", "-o", "json")
        return json.loads(self.kubectl("get", kind, *selected))["items"]

    def addresses(self, instance: str) -> dict[str, str]:
        return {p["metadata"]["name"]: p["status"].get("podIP", "") for p in self.objects("pods", instance)}

    @property
    def password(self) -> str:
        secret = json.loads(self.kubectl("get", "secret", "backends-auth", "-o", "json"))
        return base64.b64decode(secret["data"]["password"]).decode()

    @property
    def pool(self) -> Pool:
        """What the running proxies are told."""
        (config,) = (c for c in self.objects("configmap", "proxy") if c["metadata"]["name"] == "proxy-config")
        (options,) = yaml.safe_load(config["data"]["nutcracker.yml"]).values()
        return Pool.of(options)

    def remove(self) -> None:
        self.play("playbooks/uninstall.yml", redis_standalone_delete_data=True)
        handle.kubectl("delete", "namespace", self.namespace, "--ignore-not-found")


def client(host: str, password: str, **more: object) -> redis.Redis:
    """Without the greeting of redis-py, which Twemproxy answers by closing the connection, and without its retries."""
    options = {"protocol": 2, "driver_info": None, "retry": Retry(NoBackoff(), 0), "socket_timeout": 5}
    return redis.Redis(host, 22121, password=password, decode_responses=True, **options, **more)


@pytest.fixture(scope="module")
def fleet(together: Together) -> Fleet:
    return Fleet(EXAMPLE, "fleet", redis_standalone_instances=4)


def test_the_commands_of_the_notes_work(fleet: Fleet) -> None:
    notes = fleet.play("playbooks/verify.yml", "--limit", "proxy").output
    printed = paste_all(notes)
    assert len(printed) == 4, notes
    for command, text in printed.items():
        if "get secret" in command:
            assert text == fleet.password
        if "22222" in command:
            assert json.loads(text)["proxy"]["backends-3"]["server_connections"] > 0


def test_keys_are_where_they_are_predicted_whatever_proxy_writes_them(fleet: Fleet) -> None:
    for number, address in enumerate(fleet.addresses("proxy").values()):
        with client(address, fleet.password) as proxy:
            for name in NAMES[number::2]:
                proxy.set(name, "1")
    found = {}
    for pod, address in fleet.addresses("backends").items():
        with redis.Redis(address, password=fleet.password, decode_responses=True) as server:
            found.update(dict.fromkeys(server.scan_iter(count=1000), pod))
    router = Router(fleet.pool)
    assert found == {name: router.server(name.encode()) for name in NAMES}


@contextlib.contextmanager
def cordoned(machine: str) -> Iterator[None]:
    handle.kubectl("cordon", machine)
    try:
        yield
    finally:
        handle.kubectl("uncordon", machine)


@pytest.mark.parametrize("force", [False, True], ids=["deleted", "killed"])
def test_a_server_that_moved_is_served_again_by_every_proxy(fleet: Fleet, force: bool, record_property) -> None:
    before = {p["metadata"]["name"]: p for p in fleet.objects("pods", "backends")}["backends-1"]
    revisions = sorted(fleet.addresses("proxy"))
    key, other = (keys(fleet.pool, "moved")[name] for name in ("backends-1", "backends-0"))
    proxies = [client(address, fleet.password) for address in fleet.addresses("proxy").values()]
    for proxy in proxies:
        proxy.set(key, "kept")

    def answer(proxy: redis.Redis) -> str | None:
        # The others go on meanwhile.
        assert proxy.set(other, "1")
        with contextlib.suppress(redis.RedisError):
            return proxy.get(key)
        return None

    with cordoned(before["spec"]["nodeName"]):
        fleet.kubectl("delete", "pod", "backends-1", *(["--force", "--grace-period=0"] if force else []))
        running = wait_for("a new pod runs", lambda: _ready(fleet, "backends-1", before["metadata"]["uid"]), 180)
        ready = time.monotonic()
        for proxy in proxies:
            wait_for("the key is there again", lambda proxy=proxy: answer(proxy) == "kept", 120)
        seconds = time.monotonic() - ready
    assert running["spec"]["nodeName"] != before["spec"]["nodeName"]
    assert running["status"]["podIP"] != before["status"]["podIP"]
    assert sorted(fleet.addresses("proxy")) == revisions
    record_property("seconds", round(seconds, 2))
    print(f"served again {seconds:.2f} s after the pod was ready")
    assert seconds < MOVED_SECONDS


def _ready(fleet: Fleet, name: str, unlike: str) -> dict | None:
    for pod in fleet.objects("pods", "backends"):
        if pod["metadata"]["name"] == name and pod["metadata"]["uid"] != unlike and is_ready(pod):
            return pod
    return None


class Load(Background):
    """Counts in a row, over one connection or one for each request. What fails is tried once more, connected anew."""

    def __init__(self, host: str, password: str, key: str, lasting: bool) -> None:
        super().__init__()
        # A pool would connect anew by itself, and unseen.
        self.client = client(host, password, single_connection_client=lasting)
        self.key, self.lasting = key, lasting
        self.requests, self.again, self.lost = 0, [], []

    def run(self) -> None:
        while not self._done.wait(0.02):
            self.requests += 1
            try:
                self._request()
            except redis.RedisError as error:
                self.again.append(str(error))
                self._once_more()
            if not self.lasting:
                self.client.connection_pool.disconnect()

    def _once_more(self) -> None:
        try:
            self._request()
        except redis.RedisError as error:
            self.lost.append(str(error))

    def _request(self) -> None:
        self.client.set(self.key, self.requests)
        assert self.client.get(self.key) == str(self.requests)


def test_a_roll_costs_each_client_one_reconnect_for_each_old_proxy_at_most(fleet: Fleet) -> None:
    """Through the service, whose network this machine reaches."""
    # A lab that is busy with a roll may be slow, which is another matter.
    fleet.play("playbooks/twemproxy.yml", twemproxy_pool={"timeout": 4000})
    (service,) = (s for s in fleet.objects("service", "proxy") if s["metadata"]["name"] == "proxy")
    before = set(fleet.addresses("proxy"))
    with contextlib.ExitStack() as loads:
        host = service["spec"]["clusterIP"]
        clients = [
            loads.enter_context(Load(host, fleet.password, f"load:{number}:{lasting}", lasting))
            for number in range(6)
            for lasting in (True, False)
        ]
        fleet.play("playbooks/twemproxy.yml", twemproxy_pool={"timeout": 4001})
        wait_for("the old proxies are gone", lambda: not before & set(fleet.addresses("proxy")), 60)
    print([(load.lasting, load.requests, load.again) for load in clients])
    assert [load.lost for load in clients] == [[]] * len(clients)
    lasting = [len(load.again) for load in clients if load.lasting]
    assert 1 <= max(lasting) <= len(before)
    assert [load.again for load in clients if not load.lasting] == [[]] * 6


@contextlib.contextmanager
def notices_nothing(machine: str) -> Iterator[None]:
    """What its services lead to stays as it is there."""
    handle.machine_exec(machine, "systemctl", "kill", "--signal=STOP", "kube-proxy")
    try:
        yield
    finally:
        handle.machine_exec(machine, "systemctl", "kill", "--signal=CONT", "kube-proxy")


def test_a_proxy_serves_until_the_machines_have_noticed_that_it_ends(fleet: Fleet) -> None:
    """What this machine sends to services goes through lab-control."""
    (service,) = (s for s in fleet.objects("service", "proxy") if s["metadata"]["name"] == "proxy")
    before = set(fleet.addresses("proxy"))
    with Load(service["spec"]["clusterIP"], fleet.password, "load:unnoticed", lasting=False) as load:
        with notices_nothing("lab-control"):
            fleet.kubectl("delete", "pod", *before, "--wait=false")
            # Much longer than twemproxy_drain_seconds.
            time.sleep(20)
            assert before <= set(fleet.addresses("proxy"))
        wait_for("the old proxies are gone", lambda: not before & set(fleet.addresses("proxy")), 60)
    assert load.requests
    assert (load.again, load.lost) == ([], [])


def test_another_pool_is_refused_until_it_is_allowed(fleet: Fleet) -> None:
    refused = fleet.run("playbooks/preflight.yml", redis_standalone_instances=5)
    assert refused.code != 0
    assert refused.says("The pool of fleet/proxy would change: 17.8 % of the keys"), refused.shown
    assert refused.says("server keys now keys then"), refused.shown
    ejecting = fleet.run("playbooks/preflight.yml", "--limit", "proxy", twemproxy_pool={"auto_eject_hosts": True})
    assert ejecting.says("twemproxy_pool.auto_eject_hosts is true: while a server is away"), ejecting.shown

    grown = {"redis_standalone_instances": 5, "twemproxy_allow_remapping": True}
    done = fleet.play("site.yml", **grown)
    assert done.says("5 servers reached"), done.shown
    again = fleet.play("site.yml", **grown)
    assert again.unchanged, again.shown
    fleet.given.update(redis_standalone_instances=5)


def test_all_wrong_variables_are_named_at_once(fleet: Fleet) -> None:
    wrong = {
        "twemproxy_image": "",
        "twemproxy_namespace": "elsewhere",
        "twemproxy_replicas": 0,
        "twemproxy_pool": {"timeout": 0, "hash_tag": "ab", "listen": "0.0.0.0:22222"},
    }
    done = fleet.run("playbooks/preflight.yml", "--limit", "proxy", **wrong)
    assert done.code != 0
    for words in (
        "twemproxy_image is not set.",
        "twemproxy_namespace is elsewhere and the backends with their password are in namespace fleet.",
        "twemproxy_replicas is 0. Allowed: 1 or more.",
        "twemproxy_pool.timeout is 0. Allowed: 1 or more.",
        'twemproxy_pool.hash_tag is "ab". Allowed: two characters',
        "twemproxy_pool.listen is 0.0.0.0:22222. Allowed:",
    ):
        assert done.says(words), f"{words}\n{done.shown}"


def test_a_password_of_all_kinds_of_characters(tmp_path: pathlib.Path) -> None:
    """Also a Secret of the operator's own, servers given one by one, and weights."""
    name, marks = "special", "$HOME `id`"
    assert marks in PASSWORD
    backends = {
        "redis_standalone_namespace": name,
        "redis_standalone_instances": 2,
        "redis_standalone_storage": {"type": "emptydir", "size": "64Mi"},
        "redis_standalone_existing_secret": "own",
        **LOCAL,
    }
    proxy = {
        **yaml.safe_load((EXAMPLE / "host_vars" / "proxy.yml").read_text()),
        "twemproxy_namespace": name,
        "twemproxy_existing_secret": "own",
        "twemproxy_backends": [
            {"name": f"own-{i}", "host": f"backends-{i}.backends-headless.{name}.svc.cluster.local", "weight": i + 1}
            for i in range(2)
        ],
        **LOCAL,
    }
    groups = {"redis_standalone": {"backends": backends}, "twemproxy": {"proxy": proxy}}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump({group: {"hosts": hosts} for group, hosts in groups.items()}))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own"}, "stringData": {"password": PASSWORD}}
    special = Fleet(inventory, name)
    special.remove()
    try:
        handle.kubectl("create", "namespace", name)
        handle.kubectl("-n", name, "apply", "-f", "-", stdin=json.dumps(secret))
        done = special.play("site.yml", "-vvv", "--diff")
        assert done.says("2 servers reached")
        for shown in (done.output, special.kubectl("get", "all,configmap", "-o", "yaml")):
            assert marks not in shown
        assert marks not in special.kubectl("logs", "-l", "app.kubernetes.io/instance=proxy", "--tail=-1")
        for address in special.addresses("proxy").values():
            with client(address, PASSWORD) as opened:
                assert opened.set("key", "1")
        again = special.play("site.yml")
        assert again.unchanged, again.shown
    finally:
        special.remove()


@pytest.mark.long  # test_life removes a cluster, by the same tasks
def test_proxies_are_removed_without_their_servers(fleet: Fleet) -> None:
    servers = sorted(fleet.addresses("backends"))
    assert servers
    fleet.play("playbooks/uninstall.yml", "--limit", "proxy")
    for kind in ("deployment", "pods", "service", "configmap", "networkpolicy", "poddisruptionbudget"):
        assert fleet.objects(kind, "proxy") == [], kind
    assert sorted(fleet.addresses("backends")) == servers
    again = fleet.play("playbooks/uninstall.yml", "--limit", "proxy")
    assert again.unchanged, again.shown
    fleet.remove()
    assert "/srv/nfs/fleet" not in handle.machine_exec("lab-nfs", "exportfs", "-v").stdout
