# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""meet.sh of a replica whose replication was not told the new address of its master (redis#14633)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROLES = Path(__file__).resolve().parents[3] / "roles"
ME, MASTER, OTHER = "1" * 40, "2" * 40, "3" * 40
OLD, NEW = "10.0.0.9", "10.0.0.2"
# Each answer is a file. Our table is asked for once a round, and each round every peer has answered once more. Another
# server than ours is nobody's.
CLIENT = """#!/bin/sh
host=$2
shift 4
case "$host $*" in
    '127.0.0.1 cluster nodes')
        echo x >>{folder}/rounds
        sed "s/PONG/$(wc -l <{folder}/rounds)/" {folder}/nodes
        ;;
    '127.0.0.1 info replication') cat {folder}/replication ;;
    '127.0.0.1 cluster replicate '*)
        echo "$3" >>{folder}/told
        cp {folder}/replication-after {folder}/replication
        ;;
    '127.0.0.1 cluster meet '*) echo "$3" >>{folder}/met ;;
    *' cluster myid') echo "$host" >>{folder}/asked ;;
esac
"""
PROGRAMS = {
    "redis-cli": CLIENT,
    "getent": f"#!/bin/sh\necho '{NEW} STREAM'\n",
    "sleep": "#!/bin/sh\nexec /bin/sleep 0.05\n",
}


def table(master_address: str = NEW, role: str = f"slave {MASTER}") -> str:
    return (
        f"{ME} 10.0.0.1:6379@16379 myself,{role} 0 0 2 connected\n"
        f"{MASTER} {master_address}:6379@16379,orders-1 master - 0 PONG 2 connected 0-8191\n"
        f"{OTHER} 10.0.0.3:6379@16379 master - 0 PONG 3 connected 8192-16383\n"
    )


def replication(status: str, host: str = OLD) -> str:
    return f"role:slave\r\nmaster_host:{host}\r\nmaster_port:6379\r\nmaster_link_status:{status}\r\n"


@pytest.fixture
def meet(tmp_path):
    """Run the script with these answers: how it ended, and which masters the server was told to follow."""
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(text.replace("{folder}", str(tmp_path)))
        (tmp_path / name).chmod(0o755)

    for script in ("common/files/common.sh", "redis_cluster/files/meet.sh"):
        (tmp_path / Path(script).name).symlink_to(ROLES / script)

    def run(nodes: str, now: str, seconds: int = 20) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        (tmp_path / "nodes").write_text(nodes)
        (tmp_path / "replication").write_text(now)
        (tmp_path / "replication-after").write_text(replication("up", NEW))
        environment = {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "POD_IP": "10.0.0.1",
            "REDIS_SERVICE": "orders",
            "REDIS_RUN": str(tmp_path),
            "REDIS_PASSWORD_FILE": str(tmp_path / "none"),
            "MEET_SECONDS": str(seconds),
        }
        argv = ["sh", str(tmp_path / "meet.sh")]
        done = subprocess.run(argv, env=environment, check=True, capture_output=True, text=True)
        assert not (tmp_path / "met").exists()
        told = tmp_path / "told"
        return done, told.read_text().split() if told.exists() else []

    return run


def test_a_replica_that_follows_an_old_address_is_told_once(meet):
    done, told = meet(table(), replication("down"))
    assert told == [MASTER]
    assert done.stderr == f"meet.sh: following {MASTER} at its new address {NEW} instead of {OLD}\n"


def test_peers_that_may_not_fail_over_are_no_failing_ones(meet):
    """cluster-replica-no-failover gives every server a flag that has "fail" in it."""
    nodes = table(role=f"slave,nofailover {MASTER}").replace(" master ", " master,nofailover ")
    _done, told = meet(nodes, replication("down"), seconds=5)
    assert told == [MASTER]


@pytest.mark.parametrize("flag", ["fail", "fail?"])
def test_nothing_is_told_while_its_master_fails(meet, flag):
    done, told = meet(table().replace(" master ", f" master,{flag} "), replication("down"), seconds=2)
    assert told == []
    assert "gave up" in done.stderr


def test_a_peer_that_fails_keeps_no_replica_from_its_master(meet):
    """On a busy machine some peer is always late."""
    nodes = table().replace(f"{OTHER} 10.0.0.3:6379@16379 master", f"{OTHER} 10.0.0.3:6379@16379 master,fail?")
    done, told = meet(nodes, replication("down"), seconds=2)
    assert told == [MASTER]
    assert "gave up" in done.stderr


def test_a_server_that_does_not_answer_in_time_is_told_nothing(meet):
    """It may be receiving the data of its master, and would have to begin again."""
    done, told = meet(table(), "", seconds=2)
    assert told == []
    assert "gave up" in done.stderr


def test_only_addresses_of_peers_that_did_not_answer_are_asked(meet, tmp_path):
    nodes = table().replace(f"{OTHER} 10.0.0.3:6379@16379 master", f"{OTHER} 10.0.0.8:6379@16379 master,fail?")
    (tmp_path / "getent").write_text("#!/bin/sh\nprintf '%s STREAM\\n' 10.0.0.1 10.0.0.2 10.0.0.3\n")
    meet(nodes, replication("up", NEW), seconds=2)
    assert set((tmp_path / "asked").read_text().split()) == {NEW, "10.0.0.3"}
    after_the_first_round = (tmp_path / "asked").read_text().split()[2:]
    assert set(after_the_first_round) == {"10.0.0.3"}


@pytest.mark.parametrize(
    ("nodes", "now"),
    [
        (table(), replication("up", OLD)),
        (table(), replication("up", NEW)),
        (table(role="master -"), "role:master\r\n"),
    ],
    ids=["its link is up, so the address is right", "all is well", "a master"],
)
def test_a_server_that_needs_nothing_is_told_nothing(meet, nodes, now):
    done, told = meet(nodes, now)
    assert (told, done.stderr) == ([], "")


@pytest.mark.parametrize(
    ("nodes", "now"),
    [(table(), replication("down", NEW)), (table(master_address=""), replication("down"))],
    ids=["the link comes up by itself", "the table has no address yet"],
)
def test_a_replica_without_a_better_address_is_watched_and_told_nothing(meet, nodes, now):
    done, told = meet(nodes, now, seconds=2)
    assert told == []
    assert "gave up after 2 s" in done.stderr


def test_an_ipv6_address_is_compared_as_a_whole(meet):
    _done, told = meet(table(master_address="fd00::2"), replication("down", "fd00::9"))
    assert told == [MASTER]
    _done, told = meet(table(master_address="fd00::2"), replication("up", "fd00::2"))
    assert told == [MASTER], "told a second time"
