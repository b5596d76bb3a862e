# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example with Sentinels as it stands: failovers of every kind, and that nobody is ever sent to two masters."""

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
from deployment import Deployment, Run, handle, restarts, run_module, run_playbook, switched_off, wait_for
from together import Together
from watch import Promotions, Watcher, Writer

from examples import EXAMPLES, WORKERS

EXAMPLE = EXAMPLES / "sentinel"
NAME = "accounts"
# Sentinels call a server down after 5 s and elect who fails over, on a busy machine.
FAILOVER_SECONDS = 30
LABEL_SECONDS = 2.0
# How long the README of the role says that an event takes until writes go on, or pods are whole, in seconds.
DOCUMENTED = {
    "planned": 4.3, "process": 4.8, "pod": 7.1, "hung": 8.5, "machine": 9.0, "all pods": 5.0, "label": LABEL_SECONDS
}  # fmt: skip
# How many times as long it may take where other tests use both processors.
BUSY = 4
SERVER, AGENT = "-x redis-server", "-f 'm agent server'"
SIGNAL = """
found=
for pid in $(pgrep {processes}); do
  if nsenter -t $pid -n ip -4 addr | grep -q 'inet {address}/' && ! grep -qz -- --sentinel /proc/$pid/cmdline; then
    kill -{signal} $pid
    found=yes
  fi
done
[ -n "$found" ] || {{ echo "no process {processes} has the address {address}" >&2; exit 1; }}
"""


class Watched(Deployment):
    """Servers with Sentinels, of an inventory of the repository."""

    @property
    def pods(self) -> list[str]:
        servers = [f"{self.name}-{i}" for i in range(int(self.variables.get("redis_sentinel_servers", 3)))]
        return servers + [
            f"{self.name}-sentinel-{i}" for i in range(int(self.variables.get("redis_sentinel_sentinels", 3)))
        ]

    @property
    def servers(self) -> dict[str, str]:
        """Pod -> address, without the Sentinels."""
        return {pod: address for pod, address in self.addresses().items() if "-sentinel-" not in pod}

    def client(self, pod: str) -> redis.Redis:
        return redis.Redis(self.addresses()[pod], password=self.password, decode_responses=True)

    def service(self, suffix: str) -> str:
        return self.kubectl("get", "service", f"{self.name}{suffix}", "-o", "jsonpath={.spec.clusterIP}")

    def seen(self, name: str = "") -> dict[str, object]:
        arguments = {
            "kubeconfig": str(handle.lab().kubeconfig),
            "namespace": self.namespace,
            "name": self.name,
            "login_secret": f"{self.name}-auth",
        }
        return run_module("redis_sentinel_info", arguments)

    @property
    def master(self) -> str:
        seen = self.seen()
        assert seen["master"], seen
        return str(seen["master"])

    def whole(self) -> bool:
        """Servers, Sentinels and labels agree, and every pod is ready. No Ansible takes part."""
        return self.ready() and bool(self.seen().get("healthy"))

    def wait_until_whole(self) -> dict[str, object]:
        try:
            wait_for("servers, Sentinels and labels agree", self.whole, 180)
        except AssertionError as error:
            raise AssertionError(f"{error}: {json.dumps(self.seen().get('problems'))}") from error
        return self.seen()

    def machine_of(self, pod: str) -> str:
        return self.pod_facts()[pod]["spec"]["nodeName"]

    def uid(self, pod: str) -> str:
        return str(self.pod_facts().get(pod, {}).get("metadata", {}).get("uid", ""))

    def volume(self, pod: str) -> str:
        return f"/srv/redis/{self.namespace}.{pod}"


def play(playbook: str, *arguments: str) -> Run:
    run = run_playbook(playbook, [EXAMPLE], *arguments)
    assert run.code == 0, run.shown
    return run


@pytest.fixture
def accounts(together: Together) -> Watched:
    path = EXAMPLE / "host_vars" / f"{NAME}.yml"
    deployment = Watched(NAME, pathlib.Path(), yaml.safe_load(path.read_text()))
    deployment.wait_until_whole()
    return deployment


def hold(deployment: Watched, pod: str, signal: str, processes: str = SERVER) -> None:
    """Send a signal to the server of a pod, from its machine."""
    script = SIGNAL.format(address=deployment.addresses()[pod], signal=signal, processes=processes)
    handle.machine_exec(deployment.machine_of(pod), "sh", "-ec", script)


def kept(deployment: Watched, pod: str) -> str:
    """What a server that was the master has put aside for a person to look at."""
    listed = f"ls -d {deployment.volume(pod)}/kept-of-term-* 2>/dev/null || true"
    return handle.machine_exec(deployment.machine_of(pod), "sh", "-c", listed).stdout


def successor(promotions: Promotions, watcher: Watcher, writer: Writer) -> str:
    """The pod that became the master, when it has its label and takes writes."""
    wait_for("another master", lambda: promotions.since, FAILOVER_SECONDS)
    new = next(iter(promotions.since))
    wait_for("its label", lambda: any(look.masters == [new] for look in watcher.looks), FAILOVER_SECONDS)
    last = len(writer.acknowledged)
    wait_for("writes to it", lambda: len(writer.acknowledged) > last + 50)
    return new


def served(watcher: Watcher, event: str, *, writer: Writer | None = None, away: float = 0.0, busy: int = BUSY) -> None:
    """Never two masters, and none for no longer than documented; ``away``: while no pod was there to be one."""
    assert watcher.never_two()
    without = {"a label": watcher.without_master, "a ready endpoint": watcher.without_endpoint}
    if writer:
        without["an acknowledged write"] = writer.gap
    said = f"{event}: longest time without {', '.join(f'{what} {seconds:.1f} s' for what, seconds in without.items())}"
    print(said)
    allowed = away + busy * DOCUMENTED[event]
    assert max(without.values()) < allowed, f"{said}; allowed are {allowed:.1f} s"


@contextlib.contextmanager
def isolated(machine: str, address: str) -> Iterator[None]:
    """No packet from other machines gets to this address, and none from it to them."""
    rules = (
        (
            "add table ip isolate; add chain ip isolate forward {{ type filter hook forward priority -300; }};"
            f"add rule ip isolate forward ip saddr {address} drop; add rule ip isolate forward ip daddr {address} drop"
        )
        .replace("{{", "{")
        .replace("}}", "}")
    )
    handle.machine_exec(machine, "nft", rules)
    try:
        yield
    finally:
        handle.machine_exec(machine, "nft", "delete table ip isolate")


def test_what_runs_and_how_to_reach_it_is_shown(together: Together) -> None:
    for text in (
        "accounts-master.accounts.svc.cluster.local:6379",
        "accounts-slave.accounts.svc.cluster.local:6379",
        "accounts-sentinel.accounts.svc.cluster.local:26379, which call the master accounts",
    ):
        assert together.first.says(text), together.first.shown


def test_services_lead_to_the_master_and_to_replicas(accounts: Watched) -> None:
    with redis.Redis(accounts.service("-master"), password=accounts.password) as connection:
        assert connection.role()[0] in (b"master", "master")
    for _connection in range(6):
        with redis.Redis(accounts.service("-slave"), password=accounts.password) as connection:
            assert connection.role()[0] in (b"slave", "slave")
    sentinel = redis.Sentinel(
        [(accounts.service("-sentinel"), 26379)],
        sentinel_kwargs={"password": accounts.password},
    )
    host, port = sentinel.discover_master(NAME)
    assert (host, port) == (f"{accounts.master}.{NAME}-headless.{NAME}.svc.cluster.local", 6379)


@pytest.mark.parametrize("replicas", ["current", "lagging"])
def test_a_planned_restart_of_the_master_loses_nothing(accounts: Watched, replicas: str) -> None:
    """Also where both replicas stand still when it is asked for: the master goes on until one has everything."""
    old = accounts.master
    lagging = [pod for pod in accounts.servers if pod != old] if replicas == "lagging" else []
    with Watcher(NAME, NAME) as watcher, Writer(accounts.service("-master"), accounts.password, replicas) as writer:
        wait_for("writes", lambda: len(writer.acknowledged) > 50)
        for pod in lagging:
            hold(accounts, pod, "STOP")
        asked = len(writer.acknowledged)
        accounts.kubectl("delete", "pod", old, "--wait=false")
        if lagging:
            wait_for("writes after the order", lambda: len(writer.acknowledged) > asked + 50)
            for pod in lagging:
                hold(accounts, pod, "CONT")
        wait_for("another master", lambda: watcher.looks[-1].masters not in ([], [old]))
        seen = accounts.wait_until_whole()
        last = len(writer.acknowledged)
        wait_for("writes after it", lambda: len(writer.acknowledged) > last + 50)
    assert seen["master"] != old
    served(watcher, "planned", writer=writer)
    with accounts.client(str(seen["master"])) as connection:
        assert writer.lost(connection) == []
    print(f"planned, {replicas} replicas: write gap {writer.gap:.2f} s, {len(writer.acknowledged)} writes, none lost")
    assert kept(accounts, old) == ""


def test_a_changed_setting_restarts_everything_in_order_and_loses_nothing(accounts: Watched) -> None:
    """Kubernetes restarts none of them: the run does, replicas first, and check mode has said how."""
    old = accounts.master
    changed = {
        "redis_sentinel_config": {"maxmemory": "96mb"},
        "redis_sentinel_sentinel_resources": {
            "requests": {"cpu": "10m", "memory": "16Mi"},
            "limits": {"memory": "80Mi"},
        },
    }
    site = ("site.yml", "--limit", NAME, "-e", json.dumps(changed))
    predicted = play(*site, "--check")
    assert predicted.says(f"fail over from {old}: master"), predicted.shown
    before = {pod: accounts.uid(pod) for pod in accounts.pods}
    assert before == {pod: accounts.uid(pod) for pod in accounts.pods}
    with Watcher(NAME, NAME) as watcher, Writer(accounts.service("-master"), accounts.password, "rolled") as writer:
        wait_for("writes", lambda: len(writer.acknowledged) > 50)
        play(*site)
        last = len(writer.acknowledged)
        wait_for("writes after it", lambda: len(writer.acknowledged) > last + 50)
    assert watcher.never_two()
    assert all(accounts.uid(pod) not in ("", uid) for pod, uid in before.items())
    seen = accounts.wait_until_whole()
    with accounts.client(str(seen["master"])) as connection:
        assert writer.lost(connection) == []
    print(f"rolled: longest write gap {writer.gap:.2f} s, {len(writer.acknowledged)} writes, none lost")
    assert play(*site).changed[NAME] == 0
    play("site.yml", "--limit", NAME)


@pytest.mark.alone
def test_a_hanging_master_is_replaced_and_keeps_what_only_it_has(accounts: Watched) -> None:
    old, addresses = accounts.master, accounts.servers
    with (
        Watcher(NAME, NAME) as watcher,
        Promotions({pod: a for pod, a in addresses.items() if pod != old}, accounts.password) as promotions,
        Writer(accounts.service("-master"), accounts.password, "hung") as writer,
    ):
        wait_for("writes", lambda: len(writer.acknowledged) > 50)
        stopped = time.monotonic()
        hold(accounts, old, "STOP")
        try:
            new = successor(promotions, watcher, writer)
        finally:
            hold(accounts, old, "CONT")
        seen = accounts.wait_until_whole()
    assert seen["master"] == new
    served(watcher, "hung", writer=writer)
    took = watcher.labelled_at(new) - promotions.since[new]
    assert took < LABEL_SECONDS, f"labelled {took:.2f} s after its promotion"
    wait_for("what it has is kept", lambda: kept(accounts, old))
    with accounts.client(new) as connection:
        lost = writer.lost(connection)
    print(
        f"hung: promoted after {promotions.since[new] - stopped:.2f} s, labelled {took:.2f} s later, "
        f"longest write gap {writer.gap:.2f} s, {len(lost)} of {len(writer.acknowledged)} acknowledged writes lost"
    )


def test_an_isolated_master_comes_back_as_a_replica_with_its_writes_in_a_file(accounts: Watched) -> None:
    """Also where Sentinels make it one before it knows."""
    old, address = accounts.master, accounts.addresses()[accounts.master]
    machine = accounts.machine_of(old)
    ask = f'REDISCLI_AUTH="$(cat /etc/redis-auth/password)" redis-cli set isolated only-{old}'
    with Watcher(NAME, NAME) as watcher, Writer(accounts.service("-master"), accounts.password, "cut-off") as writer:
        wait_for("writes", lambda: len(writer.acknowledged) > 50)
        with isolated(machine, address):
            began = time.monotonic()
            # It still takes writes: its replicas count for as long as min-replicas-max-lag.
            assert accounts.kubectl("exec", old, "--", "sh", "-c", ask).strip() == "OK"
            wait_for("another master", lambda: accounts.seen()["master"] not in ("", old), FAILOVER_SECONDS)
            promoted = time.monotonic() - began
            last = len(writer.acknowledged)
            wait_for("writes to it", lambda: len(writer.acknowledged) > last + 50)
            hold(accounts, old, "STOP", AGENT)
        try:
            with accounts.client(old) as connection:
                wait_for("Sentinels make it a replica", lambda: connection.role()[0] == "slave", FAILOVER_SECONDS)
        finally:
            hold(accounts, old, "CONT", AGENT)
        seen = accounts.wait_until_whole()
    served(watcher, "hung", writer=writer)
    with accounts.client(str(seen["master"])) as connection:
        assert connection.get("isolated") is None
        lost = writer.lost(connection)
    with accounts.client(old) as connection:
        assert connection.role()[0] == "slave"
        assert connection.get("isolated") is None
    wait_for("its writes are kept", lambda: kept(accounts, old))
    found = handle.machine_exec(
        machine,
        "sh",
        "-c",
        f"grep -rohaE 'only-{old}|cut-off:[0-9]+' {accounts.volume(old)}/kept-of-term-*/appendonlydir",
    ).stdout.split()
    assert {f"only-{old}", *(f"cut-off:{number}" for number in lost)} <= set(found)
    print(
        f"isolated: another master after {promoted:.1f} s, longest write gap {writer.gap:.2f} s, {len(lost)} of "
        f"{len(writer.acknowledged)} acknowledged writes lost; they and the one inside are in the kept file"
    )
    wait_for(
        "people are told of it", lambda: [line for line in accounts.seen()["kept"] if line.startswith(f"{old}: kept-")]
    )


@pytest.mark.alone
@pytest.mark.parametrize("killed", ["process", "pod"])
def test_a_killed_master_comes_back_as_what_it_was(accounts: Watched, killed: str) -> None:
    """The master again, or a replica of the one that Sentinels took meanwhile."""
    before = accounts.seen()
    old, uid = str(before["master"]), accounts.uid(str(before["master"]))
    started_again = restarts(accounts)[old]
    with accounts.client(old) as connection:
        connection.set(killed, "before")
        connection.execute_command("WAITAOF", 1, 0, 2000) if connection.info()["redis_version"] >= "7.2" else None
    with Watcher(NAME, NAME) as watcher, Writer(accounts.service("-master"), accounts.password, killed) as writer:
        wait_for("writes", lambda: len(writer.acknowledged) > 50)
        at = time.monotonic()
        hold(accounts, old, "KILL")
        if killed == "process":
            wait_for("the container's restart", lambda: restarts(accounts)[old] > started_again)
        else:
            accounts.kubectl("delete", "pod", old, "--force", "--grace-period=0")
            wait_for("another pod of that name", lambda: accounts.uid(old) not in ("", uid))
        seen = accounts.wait_until_whole()
        last = len(writer.acknowledged)
        wait_for("writes after it", lambda: len(writer.acknowledged) > last + 50)
    served(watcher, killed, writer=writer)
    same = seen["master"] == old
    assert same or seen["epoch"] > before["epoch"]
    with accounts.client(str(seen["master"])) as connection:
        assert connection.get(killed) == "before"
        lost = writer.lost(connection)
    # One that comes back as the master lacks what it held in memory while its disk was busy (appendfsync everysec).
    old_enough = {number for when, number in writer.acknowledged if when < at - 3}
    assert not (same and old_enough & set(lost)), lost
    print(
        f"{killed} killed: {'the same' if same else 'another'} master, longest write gap {writer.gap:.2f} s, "
        f"{len(lost)} of {len(writer.acknowledged)} acknowledged writes lost"
    )


def test_all_pods_at_once(accounts: Watched) -> None:
    """With the chance to hand over; the scenario of molecule kills them."""
    with accounts.client(accounts.master) as connection:
        connection.set("all", "before")
        assert connection.wait(2, 5000) == 2
    before = accounts.addresses()
    with Watcher(NAME, NAME) as watcher, Writer(accounts.service("-master"), accounts.password, "at once") as writer:
        wait_for("writes", lambda: len(writer.acknowledged) > 50)
        began = time.monotonic()
        accounts.delete_pods()
        away = time.monotonic() - began
        seen = accounts.wait_until_whole()
        took = time.monotonic() - began - away
        last = len(writer.acknowledged)
        wait_for("writes after it", lambda: len(writer.acknowledged) > last + 50)
    # Six pods start at once, and starting containers is what waits longest for a busy processor.
    served(watcher, "all pods", writer=writer, away=away, busy=2 * BUSY)
    assert all(before[pod] != address for pod, address in accounts.addresses().items())
    with accounts.client(str(seen["master"])) as connection:
        assert connection.get("all") == "before"
        assert writer.lost(connection) == []
    print(
        f"all pods at once: gone after {away:.1f} s, whole again {took:.1f} s later, "
        f"longest write gap {writer.gap:.2f} s, {len(writer.acknowledged)} writes, none lost"
    )


def test_all_sentinels_at_once(accounts: Watched) -> None:
    before = accounts.seen()
    with Watcher(NAME, NAME) as watcher:
        accounts.delete_pods("app.kubernetes.io/name=redis-sentinel")
        seen = accounts.wait_until_whole()
    served(watcher, "label")
    assert (seen["master"], seen["epoch"]) == (before["master"], before["epoch"])
    assert all(look.masters == [before["master"]] for look in watcher.looks), "the master lost its label"


def test_a_sentinel_whose_container_restarts_in_place_watches_on(accounts: Watched) -> None:
    """Sentinels write their file anew, with the password in it."""
    pod, before = f"{NAME}-sentinel-0", accounts.seen()

    def started_again() -> int:
        statuses = accounts.pod_facts()[pod]["status"]["containerStatuses"]
        return next(status["restartCount"] for status in statuses if status["name"] == "sentinel")

    count = started_again()
    with Watcher(NAME, NAME) as watcher:
        accounts.kubectl("exec", pod, "-c", "sentinel", "--", "sh", "-c", "kill -TERM 1")
        wait_for("the container's restart", lambda: started_again() > count)
        seen = accounts.wait_until_whole()
    served(watcher, "label")
    assert (seen["master"], seen["epoch"]) == (before["master"], before["epoch"])


def test_a_master_whose_volume_was_wiped_does_not_empty_its_replicas(accounts: Watched) -> None:
    old = accounts.master
    with accounts.client(old) as connection:
        connection.set("wiped", "before")
        assert connection.wait(2, 5000) == 2
    machine, directory = accounts.machine_of(old), accounts.volume(old)
    hold(accounts, old, "STOP")
    handle.machine_exec(machine, "sh", "-c", f"find {directory} -mindepth 1 ! -name .slotwise-owner.json -delete")
    hold(accounts, old, "KILL")
    wait_for("another master", lambda: accounts.seen()["master"] not in ("", old), 90)
    seen = accounts.wait_until_whole()
    with accounts.client(str(seen["master"])) as connection:
        assert connection.get("wiped") == "before"
    with accounts.client(old) as connection:
        assert connection.get("wiped") == "before"


@pytest.mark.alone
def test_the_machine_of_the_master_dies(accounts: Watched) -> None:
    old = accounts.master
    machine = accounts.machine_of(old)
    others = {pod: address for pod, address in accounts.servers.items() if pod != old}
    with (
        Watcher(NAME, NAME) as watcher,
        Promotions(others, accounts.password) as promotions,
        Writer(accounts.service("-master"), accounts.password, "machine") as writer,
    ):
        wait_for("writes", lambda: len(writer.acknowledged) > 50)
        dead = time.monotonic()
        with switched_off(machine):
            new = successor(promotions, watcher, writer)
        seen = accounts.wait_until_whole()
    served(watcher, "machine", writer=writer)
    took = watcher.labelled_at(new) - promotions.since[new]
    assert took < LABEL_SECONDS, f"labelled {took:.2f} s after its promotion"
    with accounts.client(str(seen["master"])) as connection:
        lost = writer.lost(connection)
    print(
        f"machine: promoted after {promotions.since[new] - dead:.2f} s, labelled {took:.2f} s later, "
        f"longest write gap {writer.gap:.2f} s, {len(lost)} of {len(writer.acknowledged)} acknowledged writes lost"
    )


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.long)])
def test_failovers_in_a_row(accounts: Watched, times: int) -> None:
    with accounts.client(accounts.master) as connection:
        connection.set("row", "before")
        assert connection.wait(2, 5000) == 2
    masters, slowest = [accounts.master], 0.0
    address = accounts.addresses()[f"{NAME}-sentinel-0"]
    with Watcher(NAME, NAME) as watcher, redis.Redis(address, 26379, password=accounts.password) as sentinel:

        def begun() -> bool:
            # Refused while replicas of the one before still turn to their new master.
            try:
                return bool(sentinel.execute_command("SENTINEL", "FAILOVER", NAME))
            except redis.ResponseError as refusal:
                print(f"{time.monotonic():.1f} {refusal}")
                return False

        wait_for("a first look", lambda: watcher.looks)
        for number in range(times):
            wait_for(f"failover {number} begins", begun, FAILOVER_SECONDS)
            began = time.monotonic()
            old = masters[-1:]
            wait_for("another labelled master", lambda old=old: watcher.looks[-1].masters not in ([], old), 30)
            slowest = max(slowest, time.monotonic() - began)
            masters += watcher.looks[-1].masters
        accounts.wait_until_whole()
    served(watcher, "label")
    with accounts.client(accounts.master) as connection:
        assert connection.get("row") == "before"
    print(f"{times} failovers: the slowest until its label {slowest:.2f} s")


@pytest.mark.long  # the deployments of this folder are beside each other too, in namespaces of their own
def test_other_deployments_in_the_namespace_do_not_mix_with_it(accounts: Watched, tmp_path: pathlib.Path) -> None:
    """Another one with Sentinels, on NFS and with a port of the nodes, and a standalone server, in one inventory."""
    nodes = handle.lab().machine("lab-worker1").address
    nfs = {"type": "nfs_shared", "size": "64Mi", "path": "/srv/nfs", "server": "lab-nfs"}
    ledger = {
        "redis_sentinel_namespace": NAME,
        "redis_sentinel_storage": {**nfs, "hosts": ["lab-nfsworker1", "lab-nfsworker2"]},
        "redis_sentinel_service_type": "NodePort",
    }
    cache = {"redis_standalone_namespace": NAME, "redis_standalone_storage": {"type": "emptydir", "size": "64Mi"}}
    inventory = tmp_path / "hosts.yml"
    groups = {"redis_sentinel": {"hosts": {"ledger": ledger}}, "redis_standalone": {"hosts": {"cache": cache}}}
    inventory.write_text(yaml.safe_dump(groups))

    def run(playbook: str, *arguments: str) -> Run:
        done = run_playbook(playbook, [inventory], *arguments)
        assert done.code == 0, done.shown
        return done

    def pods() -> set[str]:
        listed = accounts.kubectl("get", "pods", "-o", "name").split()
        return {name.removeprefix("pod/").rpartition("-")[0] for name in listed}

    delete = ("-e", json.dumps({f"{group}_delete_data": True for group in groups}))
    try:
        run("site.yml")
        seen = accounts.wait_until_whole()
        assert {row["pod"].rpartition("-")[0] for row in seen["servers"]} == {NAME}
        port = accounts.kubectl("get", "service", "ledger-master", "-o", "jsonpath={.spec.ports[0].nodePort}")
        secret = accounts.kubectl("get", "secret", "ledger-auth", "-o", "jsonpath={.data.password}")
        with redis.Redis(str(nodes), int(port), password=base64.b64decode(secret)) as connection:
            assert connection.role()[0] in (b"master", "master")
        run("playbooks/uninstall.yml", "--limit", "cache", *delete)
        assert pods() == {NAME, f"{NAME}-sentinel", "ledger", "ledger-sentinel"}
    finally:
        run("playbooks/uninstall.yml", *delete)
    assert pods() == {NAME, f"{NAME}-sentinel"}


def test_agents_may_do_nothing_else(accounts: Watched) -> None:
    account = f"system:serviceaccount:{NAME}:{NAME}"
    listed = accounts.kubectl("auth", "can-i", "--list", f"--as={account}", "--no-headers")
    ours = [" ".join(line.split()) for line in listed.splitlines() if line.startswith(("pods", "configmaps"))]
    assert sorted(ours) == [
        f"configmaps [] [{NAME}-record] [get patch]",
        *(f"pods [] [{NAME}-{number}] [get patch]" for number in range(3)),
    ]
    for pod, facts in accounts.pod_facts().items():
        mounted = {
            container["name"]
            for container in facts["spec"]["containers"]
            for mount in container["volumeMounts"]
            if "serviceaccount" in mount["mountPath"]
        }
        assert mounted == ({"agent"} if "-sentinel-" in pod else set())
        assert accounts.password not in json.dumps(facts)


def test_bad_input_is_refused(together: Together) -> None:
    given = {
        "redis_sentinel_servers": 1,
        "redis_sentinel_sentinels": 4,
        "redis_sentinel_quorum": 9,
        "redis_sentinel_config": {"replica-priority": 1},
    }
    run = run_playbook("playbooks/preflight.yml", [EXAMPLE], "-e", json.dumps(given))
    assert run.code != 0
    for text in (
        "redis_sentinel_servers is 1. Allowed: 2 or more",
        "redis_sentinel_sentinels is 4. Allowed: an odd number, 3 or more",
        "redis_sentinel_quorum is 9. Allowed: 1 to 4",
        "redis_sentinel_config: replica-priority cannot be set here",
    ):
        assert run.says(text), run.shown


@pytest.mark.long  # test_life does it with a cluster, by the same tasks
def test_uninstall_keeps_the_data_unless_told(accounts: Watched) -> None:
    with accounts.client(accounts.master) as connection:
        connection.set("kept", "yes")
        assert connection.wait(2, 5000) == 2
    play("playbooks/uninstall.yml")
    objects = "all,role,rolebinding,serviceaccount"
    assert accounts.kubectl("get", objects, "-l", f"app.kubernetes.io/instance={NAME}", "-o", "name") == ""
    play("site.yml")
    with accounts.client(accounts.master) as connection:
        assert connection.get("kept") == "yes"


def test_removal_with_the_data_leaves_nothing(accounts: Watched) -> None:
    play("playbooks/uninstall.yml", "-e", "redis_sentinel_delete_data=true")
    kinds = "all,secret,pvc,configmap,role,rolebinding,serviceaccount"
    assert accounts.kubectl("get", kinds, "-l", f"app.kubernetes.io/instance={NAME}", "-o", "name") == ""
    assert NAME not in handle.kubectl("get", "pv", "-o", "name").stdout
    for machine in WORKERS:
        left = handle.machine_exec(machine, "sh", "-c", f"ls /srv/redis 2>/dev/null | grep '^{NAME}'", check=False)
        assert left.stdout == ""
    handle.kubectl("delete", "namespace", NAME)
