# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts of a pod with real servers: new addresses, hand-over, probes, passwords."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import time

import pytest

PASSWORD = "s3cret \"quoted\" back\\slash #hash $dollar 'single' é"


@pytest.fixture
def pods():
    from ansible_collections.slotwise.redis.tests.integration.pods import Pods  # noqa: PLC0415

    return Pods


@pytest.fixture
def wait_for():
    from ansible_collections.slotwise.redis.tests.integration.pods import wait_for  # noqa: PLC0415

    return wait_for


def arguments(process: pathlib.Path) -> str:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def running_arguments() -> list[str]:
    """Arguments of every process of this machine."""
    return [arguments(path) for path in pathlib.Path("/proc").glob("[0-9]*")]


def test_all_pods_come_back_with_new_addresses(flavor, pods, wait_for):
    with pods(flavor, 6, password=PASSWORD) as run:
        run.form(replicas=1)
        before = sorted(run.ids())
        for number in range(30):
            assert run.ask(0, "-c", "set", f"key-{number}", str(number)) == "OK"
        old_addresses = set(run.addresses)
        run.come_back()
        wait_for("the cluster is whole again", run.settled)
        assert sorted(run.ids()) == before
        assert [run.ask(3, "-c", "get", f"key-{number}") for number in range(30)] == [str(n) for n in range(30)]
        for pod in range(6):
            table = run.ask(pod, "cluster", "nodes")
            assert len(table.splitlines()) == 6
            assert not any(f" {address}:" in table for address in old_addresses)
        assert not any("s3cret" in arguments for arguments in running_arguments())


def test_a_single_pod_comes_back_with_a_new_address(newest_redis, pods, wait_for):
    from ansible_collections.slotwise.redis.tests.integration.pods import ADDRESSES  # noqa: PLC0415

    with pods(newest_redis, 6) as run:
        run.form(replicas=1)
        run.stop(0)
        run.addresses[0] = next(ADDRESSES)
        run.start(0)
        run.publish()
        wait_for("the pod is back", run.settled)


def test_a_replica_that_heard_of_its_masters_new_address_by_gossip_follows_it(newest_redis, pods, wait_for):
    """redis#14633: its table has the new address then, its replication the old one. Valkey 9 tells it."""
    from ansible_collections.slotwise.redis.tests.integration.pods import ADDRESSES  # noqa: PLC0415

    with pods(newest_redis, 6, directives="cluster-replica-no-failover yes\n") as run:
        run.form(replicas=1)
        master = run.masters()[0]
        master_id, old = run.ask(master, "cluster", "myid"), run.addresses[master]
        replica = next(p for p in range(6) if f"myself,slave,nofailover {master_id}" in run.ask(p, "cluster", "nodes"))
        others = sorted(set(range(6)) - {master, replica})
        for pod in others:
            # To them the master never fails, else their gossip of it would not count.
            run.ask(pod, "config", "set", "cluster-node-timeout", "60000")
        run.stop(replica)
        run.stop(master)
        new = run.addresses[master] = next(ADDRESSES)
        run.start(master)
        run.publish()
        for pod in others:
            wait_for("the master is back", lambda pod=pod: f"{master_id} {new}:" in run.ask(pod, "cluster", "nodes"))
        # So that it cannot tell its replica itself, which would heal everything.
        os.killpg(run.processes[master].pid, signal.SIGSTOP)
        try:
            run.addresses[replica] = next(ADDRESSES)
            run.start(replica)
            wait_for("the replica answers", lambda: run.ask(replica, "ping") == "PONG")
            # As after a long time: whatever happened within it, it is looked after.
            run.ask(replica, "config", "set", "cluster-node-timeout", "500")
            wait_for("gossip", lambda: f"{master_id} {new}:" in run.ask(replica, "cluster", "nodes"))
            assert f"master_host:{old}" in run.ask(replica, "info", "replication")
        finally:
            os.killpg(run.processes[master].pid, signal.SIGCONT)
        wait_for("the link is up", lambda: "master_link_status:up" in run.ask(replica, "info", "replication"))
        assert f"master_host:{new}" in run.ask(replica, "info", "replication")
        assert f"following {master_id} at its new address {new} instead of {old}" in run.log(replica)


def is_patient(run, pod: int) -> bool:
    """Whether meet.sh of this pod looks seldom by now, as it does for as long as its server runs."""
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        if arguments(path) == "\0".join(("sleep", "30", "")):
            with contextlib.suppress(OSError):
                parent = path.parent / (path / "stat").read_text().rpartition(")")[2].split()[1]
                if f"POD_IP={run.addresses[pod]}\0" in (parent / "environ").read_text() and "meet.sh" in arguments(
                    parent
                ):
                    return True
    return False


def test_masters_that_come_back_late_find_their_replicas(every_flavor, pods, wait_for):
    """All masters away, their replicas start anew meanwhile, and do not look often any more (redis#14633)."""
    with pods(every_flavor, 6) as run:
        run.form(replicas=1)
        for number in range(30):
            assert run.ask(0, "-c", "set", f"key-{number}", str(number)) == "OK"
        masters = run.masters()
        replicas = sorted(set(range(6)) - set(masters))
        for pod in masters:
            run.delete(pod, signal.SIGKILL)
        for pod in replicas:
            run.delete(pod, signal.SIGKILL)
            run.start(pod)
        run.publish()
        for pod in replicas:
            wait_for("it looks seldom", lambda pod=pod: is_patient(run, pod), 180)
        for pod in masters:
            run.start(pod)
        run.publish()
        wait_for("the cluster is whole", run.settled, 120)
        assert [run.ask(0, "-c", "get", f"key-{number}") for number in range(30)] == [str(n) for n in range(30)]


@pytest.mark.parametrize("password", [PASSWORD, "a\nb\tc\r", "\udc81\udc88\udcff\x01", "  #", "'\"\\x41\\n"])
def test_any_password_protects_a_server(newest_flavor, pods, password):
    with pods(newest_flavor, 1, password=password) as run:
        assert run.ask(0, "config", "get", "masterauth") == run.ask(0, "config", "get", "requirepass").replace(
            "requirepass", "masterauth"
        )
        run.password = password + "x"
        assert "PONG" not in run.ask(0, "ping")
        run.password = ""
        assert "NOAUTH" in run.ask(0, "ping")


@pytest.mark.parametrize("content", [None, "", "\n"])
@pytest.mark.parametrize("said", ["enabled", "", "yes"])
def test_no_server_without_the_password_it_should_have(newest_redis, pods, tmp_path, content, said):
    run = pods(newest_redis, 1)
    (run.directory(0) / "run").mkdir(parents=True)
    if content is not None:
        (tmp_path / "password").write_text(content)
    done = run.script(0, "start.sh", REDIS_AUTH=said, REDIS_PASSWORD_FILE=str(tmp_path / "password"))
    run.__exit__(None)
    assert done.returncode == 1
    if said == "yes":
        assert "REDIS_AUTH is yes: allowed are enabled and disabled" in done.stderr
    else:
        assert f"{tmp_path}/password" in done.stderr


def test_disabled_means_without_password_whatever_is_mounted(newest_redis, pods):
    with pods(newest_redis, 1) as run:
        assert run.ask(0, "ping") == "PONG"
        run.delete(0)
        (run.root / "password").write_text("left over")
        run.start_all()
        assert run.ask(0, "ping") == "PONG"


def test_meet_is_started_again_when_it_is_killed(newest_redis, pods, wait_for):
    with pods(newest_redis, 1) as run:

        def processes() -> list[int]:
            return [
                int(path.name)
                for path in pathlib.Path("/proc").glob("[0-9]*")
                if arguments(path) == f"sh\0{run.scripts}/meet.sh\0"
            ]

        wait_for("it runs", processes)
        before = processes()
        for process in before:
            os.kill(process, signal.SIGKILL)
        wait_for("it runs again", lambda: set(processes()) - set(before))
        assert "meet.sh ended, and is started again" in run.log(0)
        assert probes(run, 0)["liveness"]
        os.kill(int((run.directory(0) / "run" / "supervisor").read_text()), signal.SIGKILL)
        wait_for("the probe sees it", lambda: not probes(run, 0)["liveness"])


def test_a_stranger_behind_the_service_is_never_met(newest_redis, pods, wait_for):
    # The address differs, the port is the one that is asked.
    with pods(newest_redis, 3) as strangers, pods(newest_redis, 6, port=strangers.port) as run:
        strangers.form(replicas=0)
        run.form(replicas=1)
        run.extra_addresses = strangers.addresses
        run.come_back()
        wait_for("the cluster is whole again", run.settled)
        assert len(run.ask(0, "cluster", "nodes").splitlines()) == 6
        assert len(strangers.ask(0, "cluster", "nodes").splitlines()) == 3


def test_a_new_pod_meets_nobody(newest_redis, pods, wait_for):
    with pods(newest_redis, 2) as run:
        for pod in range(2):
            wait_for("meet.sh has looked", lambda pod=pod: (run.directory(pod) / "pod" / "node").exists())
        assert [len(run.ask(pod, "cluster", "nodes").splitlines()) for pod in range(2)] == [1, 1]


def test_a_second_server_waits_until_the_first_leaves_the_directory(newest_flavor, pods, wait_for):
    """As on NFS, when Kubernetes starts a pod anew and the old one still runs on a machine out of sight."""
    from ansible_collections.slotwise.redis.tests.integration.pods import ADDRESSES  # noqa: PLC0415

    with pods(newest_flavor, 1) as run:
        assert run.ask(0, "config", "set", "appendfsync", "always") == "OK"
        run.addresses.append(next(ADDRESSES))
        run.directory(1).mkdir()
        (run.directory(1) / "data").symlink_to(run.directory(0) / "data")
        # What a child of the first one is about to write, or was when it was killed.
        begun = run.directory(0) / "data" / "temp-4711.rdb"
        begun.touch()
        run.start(1)
        wait_for("it says why it waits", lambda: "start.sh: waits: another server has the lock" in run.log(1))
        assert run.ask(1, "ping") != "PONG"
        assert begun.exists()
        before = run.ask(0, "cluster", "myid")
        # Without a chance to let go by itself.
        os.killpg(run.processes[0].pid, signal.SIGKILL)
        wait_for("it has the directory", lambda: run.ask(1, "ping") == "PONG")
        assert run.ask(1, "cluster", "myid") == before
        assert not begun.exists()


def test_a_server_that_stopped_before_its_shard_settled_starts_again(flavor, pods, wait_for):
    """Another shard id of a replica than of its master is a corrupted file to some versions (valkey#2171)."""
    with pods(flavor, 6) as run:
        run.form(replicas=1)
        master = run.masters()[0]
        run.stop(master)
        path = run.directory(master) / "data" / "nodes.conf"
        lines = path.read_text().splitlines(keepends=True)
        replica = next(number for number, line in enumerate(lines) if " slave " in line)
        lines[replica] = re.sub("shard-id=[0-9a-f]{40}", "shard-id=" + "5" * 40, lines[replica])
        path.write_text("".join(lines))
        run.start(master)
        wait_for("the server answers", lambda: run.ask(master, "ping") == "PONG")
        wait_for("the cluster is whole", run.settled)
        assert ("has the shard id of its master now" in run.log(master)) is ("shard-id" in lines[replica])


def test_a_master_hands_over_before_it_goes(newest_flavor, pods, wait_for):
    with pods(newest_flavor, 6, password=PASSWORD) as run:
        run.form(replicas=1)
        master = run.masters()[0]
        started = time.monotonic()
        done = run.script(master, "prestop.sh", PRESTOP_SECONDS="20")
        assert done.returncode == 0
        assert time.monotonic() - started < 10
        assert "handing over to " in done.stderr
        assert "role:slave" in run.ask(master, "info", "replication")
        assert len(run.masters()) == 3
        wait_for("the old master follows", run.settled)
        # A replica has nothing to hand over.
        again = run.script(master, "prestop.sh", PRESTOP_SECONDS="20")
        assert (again.returncode, again.stderr) == (0, "")


def test_a_master_without_replica_does_not_wait(newest_redis, pods):
    with pods(newest_redis, 3) as run:
        run.form(replicas=0)
        started = time.monotonic()
        done = run.script(0, "prestop.sh", PRESTOP_SECONDS="20")
        assert (done.returncode, done.stderr) == (0, "")
        assert time.monotonic() - started < 3


def test_a_replica_that_hangs_does_not_keep_the_master(newest_redis, pods):
    with pods(newest_redis, 6) as run:
        run.form(replicas=1)
        master = run.masters()[0]
        for pod in set(range(6)) - set(run.masters()):
            os.killpg(run.processes[pod].pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            done = run.script(master, "prestop.sh", PRESTOP_SECONDS="8")
            assert done.returncode == 0
            assert time.monotonic() - started < 12
        finally:
            for process in run.processes.values():
                os.killpg(process.pid, signal.SIGCONT)


def probes(run, pod: int) -> dict[str, bool]:
    names = ("startup", "liveness", "readiness")
    return {name: run.script(pod, "probe.sh", name, REDIS_SECONDS="3").returncode == 0 for name in names}


def test_probes(newest_flavor, pods, wait_for):
    with pods(newest_flavor, 3, password=PASSWORD) as run:
        assert probes(run, 0) == {"startup": True, "liveness": True, "readiness": True}
        run.form(replicas=0)
        assert probes(run, 0) == {"startup": True, "liveness": True, "readiness": True}

        os.killpg(run.processes[1].pid, signal.SIGSTOP)
        assert probes(run, 1) == {"startup": False, "liveness": False, "readiness": False}
        wait_for("the others see that slots are lost", lambda: "cluster_state:fail" in run.ask(0, "cluster", "info"))
        assert probes(run, 0) == {"startup": True, "liveness": True, "readiness": False}
        os.killpg(run.processes[1].pid, signal.SIGCONT)
        run.stop(2)
        assert probes(run, 2) == {"startup": False, "liveness": False, "readiness": False}
