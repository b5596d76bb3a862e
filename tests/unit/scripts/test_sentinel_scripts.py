# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a Sentinel that lost its state takes for the master, and when servers choose one themselves."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

ROLES = Path(__file__).resolve().parents[3] / "roles"
SERVERS = [f"accounts-{number}.accounts-headless" for number in range(3)]
SENTINELS = [f"accounts-sentinel-{number}.accounts-sentinel-headless" for number in range(3)]
# Each answer is a file with the name of the host; who has none does not answer. What a server is told is written down.
CLIENT = """#!/bin/sh
host=$2
shift 4
[ ! -e {folder}/slow ] || [ "$host" = 127.0.0.1 ] || /bin/sleep 1.2
if [ "$1" = replicaof ]; then
    echo "$*" >>{folder}/told
    echo OK
elif [ "$1" != config ] || [ "$2" != set ]; then
    cat >/dev/null
    cat {folder}/answers/$host
fi 2>/dev/null
"""
# Scripts that go on for ever end after some rounds, or when they have told the server what to be.
SLEEP = """#!/bin/sh
echo >>{folder}/rounds
[ $(wc -l <{folder}/rounds) -ne 3 ] || [ ! -e {folder}/later ] || cp {folder}/later/* {folder}/answers
[ $(wc -l <{folder}/rounds) -lt 12 ] && [ ! -e {folder}/told ] || kill $PPID
"""


@pytest.fixture
def run(tmp_path):
    """Run a script of the pod accounts-1, for a few rounds where it goes on for ever; its messages."""
    programs = {
        "redis-cli": CLIENT.replace("{folder}", str(tmp_path)),
        "redis-server": "#!/bin/sh\n",
        "sleep": SLEEP.replace("{folder}", str(tmp_path)),
    }
    for path in ("bin", "answers", "run", "data"):
        (tmp_path / path).mkdir()
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    for script in (
        "common/files/common.sh",
        "common/files/names.sh",
        *(f"redis_sentinel/files/{n}.sh" for n in ("sentinels", "sentinel", "follow")),
    ):
        (tmp_path / Path(script).name).symlink_to(ROLES / script)

    def run(script, election_seconds=0):
        environment = {
            "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
            "POD_HOSTNAME": SERVERS[1],
            "REDIS_NAME": "accounts",
            "REDIS_SERVICE": "accounts-headless.",
            "SENTINEL_SERVICE": "accounts-sentinel-headless.",
            "MASTER_NAME": "accounts",
            "SERVERS": "3",
            "SENTINELS": "3",
            "QUORUM": "2",
            "DOWN_AFTER": "5000",
            "FAILOVER_TIMEOUT": "60000",
            "PARALLEL_SYNCS": "1",
            "ELECTION_SECONDS": str(election_seconds),
            "REDIS_RUN": str(tmp_path / "run"),
            "REDIS_DATA": str(tmp_path / "data"),
            "REDIS_PASSWORD_FILE": str(tmp_path / "no-password"),
        }
        command = ["sh", str(tmp_path / script)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False).stderr

    run.folder = tmp_path
    return run


def server(run, number, role, *, term=-1, master=0, more=""):
    """What a server answers to everything that is asked."""
    memory = f"term-{term}.{SERVERS[master]}" if term >= 0 else ""
    offsets = "master_repl_offset:5\nslave_repl_offset:5\n"
    text = f"PONG\nrole:{role}\n{offsets}cluster-announce-hostname\n{memory}\n{more}replica-priority\n0\n"
    (run.folder / "answers" / SERVERS[number]).write_text(text)


def sentinel(run, number, epoch, master):
    text = f"{SERVERS[master]}\n6379\nname\naccounts\nconfig-epoch\n{epoch}\n"
    (run.folder / "answers" / SENTINELS[number]).write_text(text)


def watched(run):
    """Epoch and master that the new Sentinel begins with, nothing while it waits."""
    said = run("sentinel.sh")
    config = run.folder / "run" / "sentinel.conf"
    if not config.exists():
        assert said
        return None
    words = [shlex.split(line) for line in config.read_text().splitlines()]
    (master,) = (w[3] for w in words if w[1] == "monitor")
    (epoch,) = (w[3] for w in words if w[1] == "config-epoch")
    return int(epoch), SERVERS.index(master)


def test_a_new_sentinel_takes_over_what_another_knows(run):
    sentinel(run, 0, 3, master=0)
    sentinel(run, 2, 4, master=2)
    server(run, 2, "master", term=4, master=2)
    assert watched(run) == (4, 2)


def test_a_sentinel_that_was_cut_off_is_not_believed(run):
    """It still names the master of an earlier epoch, which takes writes as well."""
    sentinel(run, 0, 3, master=0)
    server(run, 0, "master", term=3, master=0)
    server(run, 1, "master", term=4, master=1)
    server(run, 2, "slave", term=4, master=1)
    assert watched(run) == (4, 1)


def test_it_waits_while_the_latest_master_is_away(run):
    sentinel(run, 0, 3, master=0)
    server(run, 0, "master", term=3, master=0)
    server(run, 2, "slave", term=4, master=1)
    assert watched(run) is None


def test_it_waits_while_two_servers_of_one_term_are_masters(run):
    for number in (0, 1):
        server(run, number, "master", term=3, master=number)
    assert watched(run) is None


def test_it_waits_longer_for_servers_of_busy_machines(run):
    """With a second for each answer it would wait for ever."""
    (run.folder / "slow").touch()
    server(run, 0, "master")
    assert watched(run) == (0, 0)


def test_a_first_master_has_no_term_yet(run):
    server(run, 0, "master")
    server(run, 1, "slave")
    assert watched(run) == (0, 0)


def told(run, election_seconds=0):
    """What follow.sh of a parked server tells it to do."""
    (run.folder / "run" / "parked").touch()
    run("follow.sh", election_seconds)
    path = run.folder / "told"
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def all_parked(run):
    """accounts-1 was the last master."""
    for number in range(3):
        server(run, number, "slave", term=3, master=1, more=f"master_host:{SERVERS[1]}\nappendonly\nyes\n")
    (run.folder / "answers" / "127.0.0.1").write_text((run.folder / "answers" / SERVERS[1]).read_text())
    (run.folder / "data" / ".slotwise-master").write_text(f"3 {SERVERS[1]}\n")
    return run


def test_the_last_master_leads_where_no_sentinel_knows_one(all_parked):
    assert "replicaof no one" in told(all_parked)


def test_the_last_master_leads_where_machines_are_busy(all_parked):
    """Its own server answers at once, the others do not."""
    (all_parked.folder / "slow").touch()
    assert "replicaof no one" in told(all_parked, election_seconds=600)


def expected_with_snapshots(run):
    """accounts-1 has snapshots only, and all Sentinels expect it to lead."""
    mine = (run.folder / "answers" / SERVERS[1]).read_text().replace("appendonly\nyes", "appendonly\nno")
    (run.folder / "answers" / "127.0.0.1").write_text(mine)
    for number in range(3):
        sentinel(run, number, 3, master=1)


def test_an_answer_that_was_cut_off_makes_no_server_empty(all_parked):
    """The client prints one answer after the other, and may be ended between two."""
    expected_with_snapshots(all_parked)
    for number in (0, 2):
        path = all_parked.folder / "answers" / SERVERS[number]
        path.write_text(path.read_text().partition("cluster-announce-hostname")[0])
    assert "replicaof no one" not in told(all_parked, 60)


@pytest.mark.parametrize("seconds", [0, 60])
def test_with_snapshots_servers_that_do_not_answer_are_waited_for(all_parked, seconds):
    """They may have what the snapshot has not. Sentinels answer, and expect it to lead."""
    expected_with_snapshots(all_parked)
    for number in (0, 2):
        (all_parked.folder / "answers" / SERVERS[number]).unlink()
    assert ("replicaof no one" in told(all_parked, seconds)) is (seconds == 0)


def test_nobody_leads_while_a_single_sentinel_knows_a_master(all_parked):
    """It tells the others when they are back."""
    sentinel(all_parked, 0, 3, master=0)
    assert "replicaof no one" not in told(all_parked)


def test_a_sentinel_that_was_cut_off_keeps_nobody_from_leading(all_parked):
    """Others will not believe it."""
    sentinel(all_parked, 0, 2, master=0)
    assert "replicaof no one" in told(all_parked)


@pytest.mark.parametrize(("appendonly", "seconds", "leads"), [("yes", 60, True), ("no", 60, False), ("no", 0, True)])
def test_with_snapshots_a_replica_may_have_more_than_a_master_that_crashed(all_parked, appendonly, seconds, leads):
    """It asks Sentinels to take one, and leads when they find none in time."""
    server(all_parked, 1, "slave", term=3, master=1, more=f"master_host:{SERVERS[1]}\nappendonly\n{appendonly}\n")
    (all_parked.folder / "answers" / "127.0.0.1").write_text((all_parked.folder / "answers" / SERVERS[1]).read_text())
    for number in range(3):
        sentinel(all_parked, number, 3, master=1)
    assert ("replicaof no one" in told(all_parked, seconds)) is leads


@pytest.mark.parametrize(("replid", "follows"), [("a" * 40, True), ("b" * 40, False)], ids=["the old one", "a new one"])
def test_only_a_master_of_before_follows_the_one_that_sentinels_agree_on(run, replid, follows):
    """A Sentinel that has just made it the master again tells the others in a moment."""

    def says(folder, replid):
        text = (run.folder / "answers" / SERVERS[1]).read_text()
        (run.folder / folder / "127.0.0.1").write_text(
            text.replace("role:master\n", f"role:master\nmaster_replid:{replid}\n")
        )

    (run.folder / "later").mkdir()
    (run.folder / "data" / "appendonlydir").mkdir()
    server(run, 1, "master", term=3, master=1, more="appendonly\nyes\n")
    says("answers", "a" * 40)
    says("later", replid)
    for number in range(3):
        sentinel(run, number, 4, master=0)
        (run.folder / "answers" / SENTINELS[number]).rename(run.folder / "later" / SENTINELS[number])
        sentinel(run, number, 3, master=1)
    run("follow.sh", 60)
    followed = (run.folder / "told").exists() and f"replicaof {SERVERS[0]} 6379" in (run.folder / "told").read_text()
    assert followed is follows
