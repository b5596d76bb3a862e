# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a pod does not start its server: where data that is there would not be read, or lost by starting empty."""

from __future__ import annotations

import os
import shutil
import signal
import time

import pytest

SNAPSHOTS = "appendonly no\nsave 3600 1\n"
NO_SAVE = 'appendonly yes\nsave ""\n'
LIBRARY = "#!lua name=x\nredis.register_function('a', function() return 1 end)"


@pytest.fixture
def standalone(newest_redis):
    """A standalone pod that starts with the directives it is given."""
    from ansible_collections.slotwise.redis.tests.integration.pods import Pods  # noqa: PLC0415

    return lambda directives: Pods(newest_redis, 1, directives=directives, role="redis_standalone")


@pytest.fixture
def pods():
    from ansible_collections.slotwise.redis.tests.integration.pods import Pods  # noqa: PLC0415

    return Pods


@pytest.fixture
def wait_for():
    from ansible_collections.slotwise.redis.tests.integration.pods import wait_for  # noqa: PLC0415

    return wait_for


def answers(run, pod: int = 0) -> bool:
    return run.ask(pod, "ping") == "PONG"


def restart(run, directives: str, how: int = signal.SIGTERM) -> None:
    """Its pod is replaced by one with these directives."""
    run.delete(0, how)
    run.directives = directives
    run.start(0)


def write(run, key: str) -> None:
    assert run.ask(0, "set", key, "v") == "OK"


def snapshot(run) -> None:
    """In a later second than the last write, as one that is meant to replace the append only file."""
    time.sleep(1.1)
    assert run.ask(0, "save") == "OK"


def refuses(run, wait_for, message: str, pod: int = 0) -> None:
    wait_for("it says why it waits", lambda: message in run.log(pod))
    before = run.log(pod).count("start.sh: waits: ")
    wait_for("it says so again", lambda: run.log(pod).count("start.sh: waits: ") > before)
    assert not answers(run, pod)
    assert not list(run.directory(pod).glob("data/temp-*"))


# As the server reads them: the last one counts, in any letters, with quotes, from another file.
@pytest.mark.parametrize(
    "directives",
    [
        "appendonly yes\n",
        'AppendOnly "YES"\r\n',
        "appendonly no\n  appendonly\t'yes' \n",
        'appendonly no\ninclude "{data}/../more*.conf"\n',
    ],
)
def test_a_snapshot_is_not_left_behind_by_appendonly(standalone, wait_for, directives):
    with standalone(SNAPSHOTS) as run:
        write(run, "key")
        assert run.ask(0, "save") == "OK"
        (run.directory(0) / "more-1.conf").write_text("appendonly yes\n")
        restart(run, directives.format(data=run.directory(0) / "data"))
        refuses(run, wait_for, "appendonly is yes and there is no append only file")
        assert not (run.directory(0) / "data" / "appendonlydir").exists()
        # Put right in the configuration of the pod that waits, as when its ConfigMap changes.
        given = run.directory(0) / "given.conf"
        given.write_text(given.read_text() + "appendonly no\n")
        wait_for("it goes on", lambda: answers(run))
        assert run.ask(0, "dbsize") == "1"
        # And the way to appendonly: while the server runs.
        assert run.ask(0, "config", "set", "appendonly", "yes") == "OK"
        wait_for("the file is there", lambda: "aof_rewrite_in_progress:0" in run.ask(0, "info", "persistence"))
        write(run, "more")
        restart(run, "appendonly yes\n", signal.SIGKILL)
        wait_for("it starts", lambda: answers(run))
        assert run.ask(0, "dbsize") == "2"


def test_every_version_reads_one_kind_of_file_only(every_flavor, pods, wait_for):
    """What D4 was: the right value on each of them, there and back."""
    with pods(every_flavor, 1, directives=SNAPSHOTS, role="redis_standalone") as run:
        write(run, "key")
        restart(run, "appendonly yes\n")
        refuses(run, wait_for, "appendonly is yes and there is no append only file")
        restart(run, SNAPSHOTS)
        wait_for("it starts", lambda: answers(run))
        assert run.ask(0, "config", "set", "appendonly", "yes") == "OK"
        wait_for("the file is there", lambda: "aof_rewrite_in_progress:0" in run.ask(0, "info", "persistence"))
        write(run, "more")
        restart(run, SNAPSHOTS, signal.SIGKILL)
        refuses(run, wait_for, "appendonly is no, and the append only file in ")
        restart(run, NO_SAVE)
        wait_for("it starts", lambda: answers(run))
        assert run.ask(0, "dbsize") == "2"
        # A live switch: nothing is written to the append only file any more, and then comes a snapshot.
        assert run.ask(0, "config", "set", "appendonly", "no") == "OK"
        snapshot(run)
        write(run, "third")
        assert run.ask(0, "save") == "OK"
        restart(run, 'appendonly no\nsave ""\n', signal.SIGKILL)
        wait_for("it starts", lambda: answers(run))
        assert run.ask(0, "dbsize") == "3"
        # The old file is out of the way, else it would be read now, without the third key.
        restart(run, NO_SAVE)
        refuses(run, wait_for, "appendonly is yes and there is no append only file")


def test_an_append_only_file_without_snapshot_is_not_left_behind(standalone, wait_for):
    with standalone(NO_SAVE) as run:
        write(run, "key")
        restart(run, SNAPSHOTS)
        refuses(run, wait_for, "appendonly is no, and the append only file in ")


def test_a_snapshot_of_the_second_of_the_last_write_is_not_trusted(standalone, wait_for):
    with standalone(NO_SAVE) as run:
        write(run, "key")
        assert run.ask(0, "save") == "OK"
        for file in (run.directory(0) / "data").rglob("*.*"):
            # A write to the append only file after the snapshot was begun, and before it was ended.
            if file.name == "dump.rdb":
                os.utime(file, (time.time() + 5, time.time() + 5))
            elif ".incr." in file.name:
                os.utime(file, (time.time() + 2, time.time() + 2))
        restart(run, SNAPSHOTS, signal.SIGKILL)
        refuses(run, wait_for, "appendonly is no, and the append only file in ")


def test_files_without_their_manifest_are_not_overlooked(standalone, wait_for):
    with standalone(NO_SAVE) as run:
        write(run, "key")
        manifest = run.directory(0) / "data" / "appendonlydir" / "appendonly.aof.manifest"
        text = manifest.read_text()
        run.delete(0)
        manifest.unlink()
        run.start(0)
        refuses(run, wait_for, f"{manifest.parent} has data, but no appendonly.aof.manifest")
        manifest.write_text(text)
        wait_for("it starts", lambda: answers(run))
        assert run.ask(0, "dbsize") == "1"


def test_a_first_append_only_file_that_was_never_finished_is_in_nobodys_way(every_flavor, pods, wait_for):
    """As when a server ends while it switches, for the memory of the process that writes the file."""
    with pods(every_flavor, 1, directives=SNAPSHOTS, role="redis_standalone") as run:
        write(run, "key")
        assert run.ask(0, "save") == "OK"
        assert run.ask(0, "config", "set", "rdb-key-save-delay", "60000000") == "OK"
        assert run.ask(0, "config", "set", "appendonly", "yes") == "OK"
        write(run, "more")
        begun = run.directory(0) / "data" / "appendonlydir"
        wait_for("it has begun", lambda: any(path.stat().st_size for path in begun.iterdir()))
        assert "temp-" in " ".join(path.name for path in begun.iterdir())
        run.stop(0, signal.SIGKILL)
        run.start(0)
        wait_for("it starts", lambda: answers(run))
        assert run.ask(0, "dbsize") == "1"
        # What came since the snapshot cannot be read, and is not thrown away.
        assert any(path.stat().st_size for path in (begun.parent / "unused-appendonlydir").iterdir())
        restart(run, "appendonly yes\n", signal.SIGKILL)
        wait_for("it says why it waits", lambda: "appendonly is yes and there is no append only file" in run.log(0))


def test_functions_are_data_too(standalone, wait_for):
    with standalone(SNAPSHOTS) as run:
        assert run.ask(0, "function", "load", LIBRARY) == "x"
        assert run.ask(0, "save") == "OK"
        restart(run, "appendonly yes\n")
        refuses(run, wait_for, "appendonly is yes and there is no append only file")


@pytest.mark.parametrize(("before", "after"), [(SNAPSHOTS, "appendonly yes\n"), (NO_SAVE, SNAPSHOTS)])
def test_an_empty_server_changes_as_it_likes(standalone, wait_for, before, after):
    with standalone(before) as run:
        assert run.ask(0, "save") == "OK"
        restart(run, after)
        wait_for("it starts", lambda: answers(run))
        # Once more: nothing that was left behind is in the way, or taken for data.
        write(run, "key")
        restart(run, after)
        wait_for("it starts", lambda: answers(run))
        assert run.ask(0, "dbsize") == "1"


def test_a_snapshot_beside_the_append_only_file_is_usual(standalone, wait_for):
    with standalone("appendonly yes\n") as run:
        write(run, "key")
        assert run.ask(0, "save") == "OK"
        write(run, "more")
        restart(run, "appendonly yes\n", signal.SIGKILL)
        wait_for("it starts", lambda: answers(run))
        assert run.ask(0, "dbsize") == "2"


def test_a_pod_that_waits_ends_when_it_is_asked_to(standalone, wait_for):
    with standalone(SNAPSHOTS) as run:
        write(run, "key")
        restart(run, "appendonly yes\n")
        refuses(run, wait_for, "appendonly is yes")
        os.kill(run.processes[0].pid, signal.SIGTERM)
        assert run.processes[0].wait(timeout=20) == 143


# A master of a cluster whose directory is emptied and whose container starts again in place.


def fill(run) -> None:
    for number in range(60):
        assert run.ask(0, "-c", "set", f"key-{number}", "v") == "OK"


def keys_everywhere(run, without: int) -> int:
    """Of the masters that answer."""
    return sum(int(run.ask(pod, "dbsize")) for pod in run.masters() if pod != without)


def a_master(run, wait_for) -> int:
    """One whose pod knows which node it is, and whose replica has all its keys."""
    for pod in range(6):
        wait_for("which node it is is noted", lambda pod=pod: (run.directory(pod) / "pod" / "node").read_text().strip())
    master = run.masters()[0]
    run.master_id = run.ask(master, "cluster", "myid")
    return master


def empty(run, pod: int, keep: tuple[str, ...] = ()) -> None:
    for path in (run.directory(pod) / "data").iterdir():
        if path.name not in (".slotwise-lock", *keep):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def heals(run, wait_for, pod: int) -> None:
    """The pod is deleted as it is told to be, and no key is lost."""
    wait_for("a replica took over", lambda: len([p for p in run.masters() if p != pod]) == 3)
    assert keys_everywhere(run, without=pod) == 60
    run.delete(pod)
    run.start(pod)
    run.publish()
    wait_for("the new pod answers", lambda: answers(run, pod))
    assert keys_everywhere(run, without=pod) == 60


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_emptied_master_does_not_start_in_place(every_flavor, pods, wait_for, how):
    with pods(every_flavor, 6, directives='save ""\n') as run:
        run.form(replicas=1)
        fill(run)
        master = a_master(run, wait_for)
        # While it runs, as when a disk is replaced under it.
        empty(run, master)
        run.stop(master, how)
        run.start(master)
        # Valkey writes nodes.conf anew when it is told to stop, and then the data is missing only.
        refuses(run, wait_for, "Its replicas would follow an empty master", master)
        heals(run, wait_for, master)


@pytest.mark.parametrize("kept", ["nodes.conf", "data"])
def test_half_of_the_files_is_not_enough(newest_redis, pods, wait_for, kept):
    """A server writes nodes.conf anew when anything changes; and without it, data belongs to another node."""
    with pods(newest_redis, 6, directives='save ""\n') as run:
        run.form(replicas=1)
        fill(run)
        master = a_master(run, wait_for)
        run.stop(master, signal.SIGKILL)
        if kept == "nodes.conf":
            empty(run, master, keep=("nodes.conf",))
        else:
            (run.directory(master) / "data" / "nodes.conf").unlink()
        run.start(master)
        message = {"nodes.conf": "appendonly.aof.manifest is gone", "data": "nodes.conf is that of no node"}[kept]
        wait_for("it says why it waits", lambda: message in run.log(master))
        heals(run, wait_for, master)


@pytest.mark.parametrize(("emptied", "with_keys"), [("*.aof", True), ("appendonly.aof.*.*", True), ("*.aof", False)])
def test_files_that_were_cut_to_nothing_are_none(every_flavor, pods, wait_for, emptied, with_keys):
    """As people make room on a full disk: the server reads them without a word, and has no keys."""
    with pods(every_flavor, 6, directives='save ""\n') as run:
        run.form(replicas=1)
        if with_keys:
            fill(run)
        master = a_master(run, wait_for)
        if not with_keys:
            assert run.ask(master, "function", "load", LIBRARY) == "x"
        note = run.directory(master) / "pod" / "node"
        wait_for("that it has keys is noted", lambda: " keys" in note.read_text())
        run.stop(master, signal.SIGKILL)
        for path in (run.directory(master) / "data" / "appendonlydir").glob(emptied):
            path.write_bytes(b"")
        run.start(master)
        refuses(run, wait_for, "has no data any more", master)
        if with_keys:
            heals(run, wait_for, master)


def test_a_master_with_snapshots_does_not_start_without_one(newest_redis, pods, wait_for):
    with pods(newest_redis, 6, directives=SNAPSHOTS) as run:
        run.form(replicas=1)
        fill(run)
        master = a_master(run, wait_for)
        assert run.ask(master, "save") == "OK"
        note = run.directory(master) / "pod" / "node"
        wait_for("the snapshot is noted", lambda: note.read_text().endswith("dump.rdb\n"))
        empty(run, master, keep=("nodes.conf",))
        run.stop(master, signal.SIGKILL)
        run.start(master)
        wait_for("it says why it waits", lambda: "dump.rdb is gone" in run.log(master))
        heals(run, wait_for, master)


def test_data_that_is_put_back_is_used(newest_redis, pods, wait_for):
    with pods(newest_redis, 6) as run:
        run.form(replicas=1)
        fill(run)
        master = a_master(run, wait_for)
        data, away = run.directory(master) / "data", run.root / "away"
        run.stop(master, signal.SIGKILL)
        shutil.copytree(data, away)
        empty(run, master)
        run.start(master)
        refuses(run, wait_for, f"this pod is the node {run.master_id} of its cluster, and ", master)
        shutil.copytree(away, data, dirs_exist_ok=True)
        wait_for("it goes on", lambda: answers(run, master))
        wait_for("the cluster is whole", run.settled)
        assert run.ask(master, "cluster", "myid") == run.master_id
        assert keys_everywhere(run, without=-1) == 60


def test_restarts_in_place_and_new_pods_are_what_they_were(newest_redis, pods, wait_for):
    with pods(newest_redis, 6) as run:
        run.form(replicas=1)
        fill(run)
        master = a_master(run, wait_for)
        replica = next(pod for pod in range(6) if pod not in run.masters())
        for pod, how in ((master, signal.SIGKILL), (replica, signal.SIGKILL), (replica, signal.SIGTERM)):
            run.stop(pod, how)
            run.start(pod)
            wait_for("it answers", lambda pod=pod: answers(run, pod))
            wait_for("the cluster is whole", run.settled)
        assert "waits" not in run.log(master) + run.log(replica)
        assert keys_everywhere(run, without=-1) == 60


@pytest.mark.parametrize("saved", [False, True])
def test_a_master_that_crashed_does_not_take_along_what_its_replica_has(newest_redis, pods, wait_for, saved):
    """Killed before a snapshot, it has none, or one of before."""
    with pods(newest_redis, 6, directives=SNAPSHOTS) as run:
        run.form(replicas=1)
        for pod in range(6):
            # As the configuration says, from which the script has it too.
            assert run.ask(pod, "config", "set", "cluster-node-timeout", "5000") == "OK"
        master = a_master(run, wait_for)
        if saved:
            assert run.ask(master, "save") == "OK"
        fill(run)
        note = run.directory(master) / "pod" / "node"
        wait_for("that it has keys is noted", lambda: " keys" in note.read_text())
        run.stop(master, signal.SIGKILL)
        run.start(master)
        wait_for("it starts", lambda: answers(run, master))
        wait_for("the cluster is whole", run.settled)
        assert keys_everywhere(run, without=-1) == 60
        assert master not in run.masters()
