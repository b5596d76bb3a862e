# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""meet.sh: what it heals (redis#14633), what it costs, and what it notes for the next start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROLES = Path(__file__).resolve().parents[3] / "roles"
ME, MASTER, OTHER = "1" * 40, "2" * 40, "3" * 40
OLD, NEW = "10.0.0.9", "10.0.0.2"
# Each answer is a file. Our server is asked once a round, and each round every peer has answered once more. Another
# server than ours is nobody's.
CLIENT = """#!/bin/sh
host=$2
shift 4
case "$host $*" in
    '127.0.0.1 ')
        cat >/dev/null
        echo x >>{folder}/rounds
        [ -s {folder}/nodes ] || exit
        sed "s/PONG/$(wc -l <{folder}/rounds)/" {folder}/nodes
        cat {folder}/replication
        ;;
    '127.0.0.1 cluster replicate '*)
        echo "$3" >>{folder}/told
        cp {folder}/replication-after {folder}/replication
        ;;
    '127.0.0.1 cluster meet '*) echo "$3" >>{folder}/met ;;
    *' cluster myid') echo "$host" >>{folder}/asked ;;
esac
"""
# It goes on for ever, so this ends it. Pauses are written down. A function, as busybox has programs of its own.
SLEEP = """
sleep() {
    echo "$1" >>{folder}/pauses
    [ "$(wc -l <{folder}/pauses)" -lt "$ROUNDS" ] || kill $$
}
. "$0"
"""
PROGRAMS = {"redis-cli": CLIENT, "getent": f"#!/bin/sh\necho '{NEW} STREAM'\n"}


def table(master_address: str = NEW, role: str = f"slave {MASTER}") -> str:
    return (
        f"{ME} 10.0.0.1:6379@16379 myself,{role} 0 0 2 connected\n"
        f"{MASTER} {master_address}:6379@16379,orders-1 master - 0 PONG 2 connected 0-8191\n"
        f"{OTHER} 10.0.0.3:6379@16379 master - 0 PONG 3 connected 8192-16383\n"
    )


def replication(status: str, host: str = OLD) -> str:
    return f"# Replication\nrole:slave\nmaster_host:{host}\nmaster_port:6379\nmaster_link_status:{status}\n"


A_MASTER = "# Replication\nrole:master\n"


@pytest.fixture
def meet(tmp_path, shell):
    """Run some rounds with these answers: what the script says, and which masters the server was told to follow."""
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(text.replace("{folder}", str(tmp_path)))
        (tmp_path / name).chmod(0o755)

    for script in ("common/files/common.sh", "redis_cluster/files/meet.sh"):
        (tmp_path / Path(script).name).symlink_to(ROLES / script)

    def run(nodes: str, now: str, rounds: int = 4) -> tuple[str, list[str]]:
        for file in ("pauses", "rounds"):
            (tmp_path / file).write_text("")
        (tmp_path / "nodes").write_text(nodes)
        (tmp_path / "replication").write_text(now)
        (tmp_path / "replication-after").write_text(replication("up", NEW))
        environment = {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "POD_IP": "10.0.0.1",
            "REDIS_SERVICE": "orders",
            "REDIS_RUN": str(tmp_path),
            "REDIS_POD": str(tmp_path),
            "REDIS_DATA": str(tmp_path),
            "REDIS_PASSWORD_FILE": str(tmp_path / "none"),
            "ROUNDS": str(rounds),
        }
        argv = [*shell, "-c", SLEEP.replace("{folder}", str(tmp_path)), str(tmp_path / "meet.sh")]
        done = subprocess.run(argv, env=environment, check=False, capture_output=True, text=True, timeout=60)
        assert not (tmp_path / "met").exists()
        told = tmp_path / "told"
        return done.stderr, told.read_text().split() if told.exists() else []

    return run


def pauses(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "pauses").read_text().split()]


def test_a_replica_that_follows_an_old_address_is_told_once(meet):
    said, told = meet(table(), replication("down"))
    assert told == [MASTER]
    assert said == f"meet.sh: following {MASTER} at its new address {NEW} instead of {OLD}\n"


def test_peers_that_may_not_fail_over_are_no_failing_ones(meet):
    """cluster-replica-no-failover gives every server a flag that has "fail" in it."""
    nodes = table(role=f"slave,nofailover {MASTER}").replace(" master ", " master,nofailover ")
    _said, told = meet(nodes, replication("down"))
    assert told == [MASTER]


@pytest.mark.parametrize("flag", ["fail", "fail?"])
def test_nothing_is_told_while_its_master_fails(meet, flag):
    _said, told = meet(table().replace(" master ", f" master,{flag} "), replication("down"))
    assert told == []


def test_a_peer_that_fails_keeps_no_replica_from_its_master(meet):
    """On a busy machine some peer is always late."""
    nodes = table().replace(f"{OTHER} 10.0.0.3:6379@16379 master", f"{OTHER} 10.0.0.3:6379@16379 master,fail?")
    _said, told = meet(nodes, replication("down"))
    assert told == [MASTER]


def test_a_server_that_does_not_answer_in_time_is_told_nothing(meet):
    """It may be receiving the data of its master, and would have to begin again."""
    _said, told = meet("", "")
    assert told == []


def test_only_addresses_of_peers_that_did_not_answer_are_asked(meet, tmp_path):
    nodes = table().replace(f"{OTHER} 10.0.0.3:6379@16379 master", f"{OTHER} 10.0.0.8:6379@16379 master,fail?")
    (tmp_path / "getent").write_text("#!/bin/sh\nprintf '%s STREAM\\n' 10.0.0.1 10.0.0.2 10.0.0.3\n")
    meet(nodes, replication("up", NEW))
    assert set((tmp_path / "asked").read_text().split()) == {NEW, "10.0.0.3"}
    after_the_first_round = (tmp_path / "asked").read_text().split()[2:]
    assert set(after_the_first_round) == {"10.0.0.3"}


@pytest.mark.parametrize(
    ("nodes", "now"),
    [
        (table(), replication("up", OLD)),
        (table(), replication("up", NEW)),
        (table(role="master -"), A_MASTER),
    ],
    ids=["its link is up, so the address is right", "all is well", "a master"],
)
def test_a_server_that_needs_nothing_is_told_nothing(meet, nodes, now):
    said, told = meet(nodes, now)
    assert (told, said) == ([], "")


@pytest.mark.parametrize(
    ("nodes", "now"),
    [(table(), replication("down", NEW)), (table(master_address=""), replication("down"))],
    ids=["the link comes up by itself", "the table has no address yet"],
)
def test_a_replica_without_a_better_address_is_watched_and_told_nothing(meet, nodes, now):
    _said, told = meet(nodes, now)
    assert told == []


def test_an_ipv6_address_is_compared_as_a_whole(meet):
    _said, told = meet(table(master_address="fd00::2"), replication("down", "fd00::9"))
    assert told == [MASTER]
    _said, told = meet(table(master_address="fd00::2"), replication("up", "fd00::2"))
    assert told == [MASTER], "told a second time"


def test_a_master_that_comes_back_after_900_seconds_is_followed(meet, tmp_path):
    """No time after which a replica is left alone."""
    _said, told = meet(table().replace(" master ", " master,fail "), replication("down"), rounds=80)
    assert told == []
    assert sum(pauses(tmp_path)) > 900
    # The same server goes on; only what it sees is another thing now.
    _said, told = meet(table(), replication("down"))
    assert told == [MASTER]


def test_it_asks_once_in_a_while_and_starts_little_else_while_all_is_well(meet, tmp_path):
    meet(table(), replication("up", NEW), rounds=12)
    assert pauses(tmp_path)[2:] == [30] * 10
    assert len((tmp_path / "rounds").read_text().split()) == 12
    assert set((tmp_path / "asked").read_text().split()) == {NEW}, "only until they had answered once"


def test_it_looks_often_at_first_and_then_less_where_something_is_wrong(meet, tmp_path):
    meet(table().replace(" master ", " master,fail "), replication("down"), rounds=40)
    assert pauses(tmp_path) == [1] * 30 + [2, 4, 8, 16] + [30] * 6


def test_a_peer_answers_by_a_clock_that_was_set_back_too(meet, tmp_path):
    """Servers note pongs by the clock of the machine, which was an hour ahead when they started."""
    client = tmp_path / "redis-cli"
    client.write_text(
        client.read_text().replace("$(wc -l <", "$((9000 - $(wc -l <").replace('rounds)/"', 'rounds)))/"')
    )
    meet(table(), replication("up", NEW), rounds=4)
    assert pauses(tmp_path)[2:] == [30, 30]


def noted(folder: Path) -> str:
    return (folder / "node").read_text().strip()


def test_what_a_restart_in_place_must_find_again_is_noted(meet, tmp_path):
    meet(table(), replication("up", NEW))
    assert noted(tmp_path) == ME
    (tmp_path / "dump.rdb").touch()
    meet(table(role="master -"), A_MASTER)
    assert noted(tmp_path) == f"{ME} dump.rdb"


def test_a_node_that_is_alone_may_become_another_one(meet, tmp_path):
    meet(table(), replication("up", NEW))
    meet(table(role="master -").splitlines()[0] + "\n\n", A_MASTER)
    assert noted(tmp_path) == ""


@pytest.mark.parametrize("link", ["/dev/full", "/nowhere/node"])
def test_what_was_noted_stays_when_nothing_can_be_written(meet, tmp_path, link):
    (tmp_path / "node").write_text(f"{OTHER}\n")
    (tmp_path / "node.new").symlink_to(link)
    meet(table(), replication("up", NEW))
    assert noted(tmp_path) == OTHER
