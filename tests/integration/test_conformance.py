# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent of Sentinel deployments and its simulator take for granted, asked of real servers and Sentinels.

A test that fails with a new version says which assumption does not hold any more. Short ones run with one version in
`make test`; every version, and what takes Sentinels their time, in `make test-all`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import threading
import time

import pytest
import redis
from agent.redis_io import SERVER_QUESTIONS, Client, parse_server

PASSWORD = "s3cret with blank"
# CONFIG SET, or directives: while this user, whom no server knows, is to log in at the master, there is no link.
CLOSED = {"masteruser": "slotwise-gate", "masterauth": "closed"}
# More replicas than there will ever be.
FENCE = {"min_replicas_to_write": 1000000}
NO_FENCE = {"min_replicas_to_write": 0}
NO_ID = "0" * 40
LIBRARY = '#!lua name=stock\nredis.register_function("first", function() return 1 end)'


@pytest.fixture
def farm(every_flavor):
    """``farm(...)``: masters, replicas and Sentinels of this version."""
    from ansible_collections.slotwise.redis.tests.integration.sentinel_farm import SentinelFarm  # noqa: PLC0415

    return functools.partial(SentinelFarm, every_flavor)


@pytest.fixture
def wait_for():
    from ansible_collections.slotwise.redis.tests.integration.pods import wait_for  # noqa: PLC0415

    return wait_for


def said(process, *command):
    """Its answer, or the code of the error."""
    try:
        return process.ask(*command)
    except redis.exceptions.ResponseError as error:
        return code(error)


def code(error):
    # The only one of these whose code redis-py makes a class instead of leaving it.
    return "-READONLY" if isinstance(error, redis.exceptions.ReadOnlyError) else f"-{error}".split()[0]


def is_linked(replica):
    return replica.info()["master_link_status"] == "up"


def cut_links(master):
    master.ask("CLIENT", "KILL", "TYPE", "replica")


def fill(server, prefix, count=200):
    with server.client.pipeline(transaction=False) as pipeline:
        for number in range(count):
            pipeline.set(f"{prefix}{number}", "x" * 100)
        pipeline.execute()


def resyncs(master):
    stats = master.info("stats")
    return int(stats["sync_full"]), int(stats["sync_partial_ok"])


def at_once(*commands, on):
    """These commands in one write, so that no other client comes between them; their answers."""
    with on.client.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        return pipeline.execute(raise_on_error=False)


def config_set(**settings):
    return ("CONFIG", "SET", *(w for n, v in settings.items() for w in (n.replace("_", "-"), v)))


class Writers:
    """Clients that write one key after the other; ``answers`` are (time, OK or the code of the error)."""

    def __init__(self, server, count=3, times=10**9):
        self.answers, self._going, self._times = [], True, times
        self._threads = [threading.Thread(target=self._write, args=(server, n)) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def _write(self, server, number):
        with server.connect(seconds=30) as client:
            for turn in range(self._times):
                if not self._going:
                    return
                try:
                    answer = client.set(f"writer-{number}", turn)
                except redis.exceptions.RedisError as error:
                    answer = code(error)
                    time.sleep(0.01)
                self.answers.append((time.monotonic(), answer))

    def join(self):
        self._going = False
        for thread in self._threads:
            thread.join()

    def since(self, moment):
        return [answer for when, answer in self.answers if when > moment]


# The gate: a server is kept from its master, and so from losing its data.


def test_a_source_address_that_nobody_has_keeps_no_server_from_its_master(farm, wait_for):
    """Servers connect from any address when they cannot from this one."""
    with farm(servers=2, sentinels=0) as run:
        master, replica = run.servers
        replica.ask("REPLICAOF", "NO", "ONE")
        replica.set(bind_source_addr="192.0.2.1")
        replica.ask("REPLICAOF", master.host, master.port)
        wait_for("the link is up in spite of it", lambda: is_linked(replica))


@pytest.mark.parametrize("password", ["", PASSWORD], ids=["open", "password"])
def test_an_unknown_user_keeps_a_server_from_its_master(farm, wait_for, password):
    with farm(servers=2, sentinels=0, password=password) as run:
        master, replica = run.servers
        replica.set(**CLOSED)
        fill(master, "master")
        wait_for("the link that was up stays", lambda: replica.ask("DBSIZE") == 200)
        replica.ask("REPLICAOF", "NO", "ONE")
        replica.ask("SET", "own", "1")
        before = replica.info()["master_repl_offset"]
        replica.ask("REPLICAOF", master.host, master.port)
        wait_for("it tries more than once", lambda: replica.log().count("Unable to AUTH") > 2)
        info = replica.info()
        assert (info["role"], info["master_link_status"], info["master_repl_offset"]) == ("slave", "down", before)
        assert (replica.ask("GET", "own"), master.info()["connected_slaves"]) == ("1", "0")
        replica.set(masteruser="", masterauth=password)
        assert wait_for("the link is up", lambda: is_linked(replica)) < 5
        assert replica.ask("EXISTS", "own") == 0


def test_a_gate_that_is_closed_from_the_start_costs_no_resync(farm, wait_for):
    with farm(servers=2, sentinels=0, settings={"save": "3600 1"}) as run:
        master, replica = run.servers
        fill(master, "master")
        wait_for("replicated", lambda: replica.ask("DBSIZE") == 200)
        before = replica.info()
        replica.end(signal.SIGTERM)
        lines = replica.config.read_text().splitlines()
        replica.configure([*lines, *(f"{name} {value}" for name, value in CLOSED.items())])
        replica.start()
        replica.wait_answers()
        master.ask("SET", "meanwhile", "1")
        wait_for("it tries more than once", lambda: replica.log().count("Unable to AUTH") > 1)
        info = replica.info()
        assert (info["master_link_status"], info["master_replid"]) == ("down", before["master_replid"])
        assert info["slave_repl_offset"] == before["slave_repl_offset"]
        full, partial = resyncs(master)
        replica.set(masteruser="", masterauth="")
        wait_for("the link is up", lambda: is_linked(replica))
        assert resyncs(master) == (full, partial + 1)
        assert replica.ask("GET", "meanwhile") == "1"


# The fence: a master acknowledges nothing any more, and Sentinels notice nothing.

REFUSED = [
    ("SET", "a", "1"),
    ("DEL", "no-such-key"),
    ("EXPIRE", "before", "100"),
    ("EVAL", "return redis.call('set', 'a', '1')", "1", "a"),
    ("BLPOP", "list", "1"),
    ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"),
    ("RESTORE", "a", "0", "payload"),
    ("FLUSHALL",),
    ("FUNCTION", "FLUSH"),
]
ANSWERED = [
    ("GET", "before"),
    ("EVAL", "return redis.call('get', 'before')", "1", "before"),
    ("PUBLISH", "channel", "message"),
    ("PING",),
    ("INFO",),
    config_set(maxmemory="0"),
]


def test_a_server_with_functions_alone_is_known_to_have_data(farm):
    """Before it has any, after it has one, and when it has read it from its file."""
    with farm(servers=1, sentinels=0, settings={"appendonly": "yes"}) as run:
        master = run.servers[0]
        assert what_it_has(master) == 0
        assert master.ask("FUNCTION", "LOAD", LIBRARY) == "stock"
        assert what_it_has(master) == 1
        master.restart(signal.SIGTERM)
        assert what_it_has(master) == 1


def what_it_has(process) -> int:
    """As the agent counts it."""
    return seen_by_agent(process).keys


def test_the_fence_refuses_every_write_at_once(farm):
    with farm(servers=1, sentinels=0) as run:
        master = run.servers[0]
        master.ask("SET", "before", "1")
        with master.client.client() as client:
            client.execute_command("MULTI")
            client.execute_command("SET", "queued", "1")
            master.set(**FENCE)
            with pytest.raises(redis.exceptions.ResponseError, match=r"EXECABORT|NOREPLICAS"):
                client.execute_command("EXEC")
        assert {said(master, *command) for command in REFUSED} == {"-NOREPLICAS"}
        assert not [command for command in ANSWERED if str(said(master, *command)).startswith("-NOREPLICAS")]
        assert master.ask("KEYS", "*") == ["before"]


def test_the_fence_comes_between_no_write_and_its_offset(farm):
    """The offset that is asked for in the same breath is that of the last write that was acknowledged."""
    with farm(servers=2, sentinels=0) as run:
        master = run.servers[0]
        writers = Writers(master)
        time.sleep(0.3)
        answers = at_once(("CLIENT", "PAUSE", "600", "WRITE"), config_set(**FENCE), ("INFO", "replication"), on=master)
        fenced = time.monotonic()
        offset = re.search(r"master_repl_offset:(\d+)", answers[2])[1]
        time.sleep(0.3)
        assert master.info()["master_repl_offset"] == offset
        time.sleep(0.5)
        writers.join()
        # The first of each writer may have been on its way to it.
        late = writers.since(fenced)[3:]
        assert set(late) == {"-NOREPLICAS"}


@pytest.mark.parametrize(
    ("then", "error"),
    [
        ([config_set(**FENCE), ("CLIENT", "UNPAUSE")], "-NOREPLICAS"),
        ([("REPLICAOF", "127.0.0.1", "1"), ("CLIENT", "UNPAUSE")], "-READONLY"),
    ],
    ids=["fence", "demoted"],
)
def test_who_waits_for_the_end_of_a_pause_is_not_acknowledged(farm, wait_for, then, error):
    with farm(servers=1, sentinels=0) as run:
        master = run.servers[0]
        master.ask("CLIENT", "PAUSE", "20000", "WRITE")
        writers = Writers(master, times=1)
        wait_for("they wait", lambda: master.info("clients")["blocked_clients"] == "3")
        assert at_once(*then, on=master) == ["OK"] * len(then)
        writers.join()
        assert writers.since(0) == [error] * 3
        assert master.ask("DBSIZE") == 0


def test_sentinels_do_not_notice_the_fence(farm, wait_for):
    with farm() as run:
        master = run.servers[0]
        master.set(**FENCE)
        before = int(master.info()["master_repl_offset"])
        # What Sentinels publish, each every two seconds, is replicated like any write.
        wait_for("the offset grows", lambda: int(master.info()["master_repl_offset"]) > before + 500)
        time.sleep(2)
        assert [s.master()["flags"] for s in run.sentinels] == ["master"] * 3
        wait_for("replicas follow", lambda: all(is_linked(s) for s in run.servers[1:]))


# A pause of writes stops what Sentinels publish, on the connection by which they ping.


def test_a_short_pause_is_never_taken_for_the_end_of_the_master(farm):
    with farm() as run:
        for _pause in range(4):
            run.servers[0].ask("CLIENT", "PAUSE", "666", "WRITE")
            time.sleep(0.9)
        assert not [s for s in run.sentinels if "+sdown master" in s.log()]
        assert run.agreed() == run.servers[0].host


def test_a_pause_longer_than_down_after_costs_a_healthy_master_its_role(farm, wait_for):
    with farm() as run:
        master = run.servers[0]
        master.ask("CLIENT", "PAUSE", "15000", "WRITE")
        seconds = wait_for(
            "a Sentinel calls it down", lambda: any("s_down" in s.master()["flags"] for s in run.sentinels)
        )
        assert seconds > 1.9
        wait_for("another master", lambda: run.agreed() not in (None, master.host))


# SENTINEL FAILOVER


def test_a_failover_tells_the_old_master_last(farm, wait_for):
    with farm() as run:
        old = run.servers[0]
        assert run.sentinels[0].sentinel("FAILOVER") == "OK"
        wait_for("a replica is the master", lambda: "master" in [s.role for s in run.servers[1:]])
        assert wait_for("Sentinels agree", lambda: run.agreed() not in (None, old.host)) < 5
        wait_for("it is over", lambda: not any("failover_in_progress" in s.master()["flags"] for s in run.sentinels))
        # Nobody has told it, and what it acknowledges now is lost.
        assert (old.role, said(old, "SET", "lost", "1")) == ("master", "OK")


def test_a_failover_needs_no_votes_so_two_may_run_side_by_side(farm, wait_for):
    with farm() as run:
        asked = run.sentinels[:2]
        assert [s.sentinel("FAILOVER") for s in asked] == ["OK", "OK"]
        assert said(asked[0], "SENTINEL", "FAILOVER", "orders") == "-INPROG"
        wait_for("both lead", lambda: all("+elected-leader" in s.log() for s in asked))
        epochs = [re.search(r"\+vote-for-leader [0-9a-f]+ (\d+)", s.log())[1] for s in asked]
        assert set(epochs) <= {"1", "2"}


def test_a_failover_takes_the_replica_that_has_more_even_if_sentinels_have_not_heard(farm, wait_for):
    with farm() as run:
        master = run.servers[0]
        # Between equals the smaller id decides.
        lagging, current = sorted(run.servers[1:], key=lambda s: s.info("server")["run_id"])
        wait_for("some time has passed since INFO", lambda: info_age(run.sentinels[0], lagging) > 1500)
        lagging.set(**CLOSED)
        cut_links(master)
        wait_for("one is linked", lambda: is_linked(current))
        fill(master, "more")
        wait_for("it has all", lambda: current.ask("DBSIZE") == 200)
        assert run.sentinels[0].sentinel("FAILOVER") == "OK"
        wait_for("another master", lambda: run.agreed() not in (None, master.host))
        assert run.master() is current


def info_age(sentinel, replica):
    return int(sentinel.replicas()[replica.host]["info-refresh"])


def test_a_failover_is_accepted_by_old_knowledge_and_given_up_by_new(farm, wait_for):
    with farm(servers=2) as run:
        master, replica = run.servers
        sentinel = run.sentinels[0]
        wait_for("some time has passed since INFO", lambda: 1500 < info_age(sentinel, replica) < 9000)
        replica.set(replica_priority=0)
        assert sentinel.sentinel("FAILOVER") == "OK"
        wait_for("given up", lambda: "-failover-abort-no-good-slave" in sentinel.log(), seconds=5)
        assert (sentinel.address(), sentinel.master()["flags"]) == (master.host, "master")
        assert said(sentinel, "SENTINEL", "FAILOVER", "orders") == "-NOGOODSLAVE"
        # It hears of the other priority with the next INFO, which it does not send for being asked.
        replica.set(replica_priority=100)
        assert said(sentinel, "SENTINEL", "FAILOVER", "orders") == "-NOGOODSLAVE"


@pytest.mark.long
def test_sentinels_hear_of_a_priority_within_ten_seconds(farm, wait_for):
    with farm() as run:
        replica = run.servers[1]
        replica.set(replica_priority=0)
        assert wait_for("all have heard", lambda: {known_priority(s, replica) for s in run.sentinels} == {"0"}) < 12
        # Sentinels that know a link to be down ask every second.
        replica.set(**CLOSED)
        cut_links(run.servers[0])
        sentinel = run.sentinels[0]
        wait_for("heard", lambda: sentinel.replicas()[replica.host]["master-link-status"] == "err")
        replica.set(replica_priority=100)
        assert wait_for("it has heard", lambda: known_priority(sentinel, replica) == "100") < 3


def known_priority(sentinel, replica):
    return sentinel.replicas()[replica.host]["slave-priority"]


def test_a_failover_to_a_replica_that_hangs_is_given_up_after_failover_timeout(farm, wait_for):
    with farm(servers=2, sentinel_settings={"sentinel failover-timeout": "3000"}) as run:
        master, replica = run.servers
        sentinel = run.sentinels[0]
        replica.freeze()
        assert sentinel.sentinel("FAILOVER") == "OK"
        wait_for("it waits", lambda: sentinel.master().get("failover-state") == "wait_promotion")
        assert said(sentinel, "SENTINEL", "FAILOVER", "orders") == "-INPROG"
        seconds = wait_for("given up", lambda: "failover_in_progress" not in sentinel.master()["flags"])
        assert 2 < seconds < 8
        assert "-failover-abort-slave-timeout" in sentinel.log()
        assert (sentinel.address(), sentinel.master()["config-epoch"]) == (master.host, "0")
        replica.thaw()
        wait_for("accepted", lambda: said(sentinel, "SENTINEL", "FAILOVER", "orders") == "OK")


def test_a_replica_without_a_connection_of_the_sentinel_is_not_good(farm, wait_for):
    with farm(servers=2) as run:
        replica, sentinel = run.servers[1], run.sentinels[0]
        replica.end()
        wait_for("seen", lambda: "disconnected" in sentinel.replicas()[replica.host]["flags"])
        assert said(sentinel, "SENTINEL", "FAILOVER", "orders") == "-NOGOODSLAVE"
        replica.start()
        assert wait_for("accepted", lambda: said(sentinel, "SENTINEL", "FAILOVER", "orders") == "OK") < 10


# How far a server had got, after it was restarted

APPEND_ONLY, SNAPSHOTS = {"appendonly": "yes"}, {"save": "3600 1"}


@pytest.mark.parametrize(
    ("settings", "number", "keys"),
    [
        (APPEND_ONLY, signal.SIGTERM, 200),
        (APPEND_ONLY, signal.SIGKILL, 200),
        (SNAPSHOTS, signal.SIGTERM, 200),
        (SNAPSHOTS, signal.SIGKILL, 0),
    ],
    ids=["aof-term", "aof-kill", "rdb-term", "rdb-kill"],
)
def test_a_master_keeps_its_history_only_in_a_snapshot(farm, wait_for, settings, number, keys):
    keeps_history = settings is SNAPSHOTS and number is signal.SIGTERM
    with farm(servers=2, sentinels=0, settings=settings) as run:
        master, replica = run.servers
        fill(master, "key")
        wait_for("replicated", lambda: replica.ask("DBSIZE") == 200)
        before = master.info()
        # While a disk is busy, what came since waits in memory, and goes with a process that is killed.
        wait_for("its file is written", lambda: master.info("persistence").get("aof_buffer_length", "0") == "0")
        master.restart(number)
        after = master.info()
        assert after["master_replid"] != before["master_replid"]
        assert after["master_replid2"] == (before["master_replid"] if keeps_history else NO_ID)
        assert master.ask("DBSIZE") == keys
        wait_for("the replica is linked", lambda: is_linked(replica) and sum(resyncs(master)) == 1)
        assert resyncs(master) == ((0, 1) if keeps_history else (1, 0))


@pytest.mark.parametrize("settings", [APPEND_ONLY, SNAPSHOTS], ids=["aof", "rdb"])
def test_a_replica_without_link_knows_its_offset_only_from_a_snapshot(farm, wait_for, settings):
    with farm(servers=2, sentinels=0, settings=settings) as run:
        master, replica = run.servers
        fill(master, "key")
        wait_for("replicated", lambda: replica.ask("DBSIZE") == 200)
        wait_for("its file is written", lambda: replica.info("persistence")["aof_rewrite_in_progress"] == "0")
        replica.end(signal.SIGTERM)
        history = master.info()["master_replid"]
        lines = replica.config.read_text().splitlines()
        replica.configure([line for line in lines if not line.startswith("replicaof")] + ["replicaof 127.0.0.1 1"])
        replica.start()
        replica.wait_answers()
        assert replica.ask("DBSIZE") == 200
        info = replica.info()
        known = info["master_replid"] == history
        assert known is (settings is SNAPSHOTS)
        # Not 0, which could be taken for "nothing", but a number that means nothing.
        assert known or info["slave_repl_offset"] == "1"


def test_waiting_for_disks_is_new(farm, every_flavor):
    with farm(servers=2, sentinels=0, settings=APPEND_ONLY) as run:
        master = run.servers[0]
        master.ask("SET", "a", "1")
        answer = said(master, "WAITAOF", "1", "1", "20000") if has_waitaof(every_flavor) else [1, 1]
        assert answer == [1, 1]
        assert has_waitaof(every_flavor) is (master.ask("COMMAND", "INFO", "WAITAOF") != [None])


def has_waitaof(flavor):
    return (flavor.flavor, flavor.version.split(".")[0]) != ("redis", "7")


# What is kept of data that a resync replaces


@pytest.mark.parametrize("settings", [APPEND_ONLY, SNAPSHOTS], ids=["aof", "rdb"])
def test_links_made_before_keep_what_a_resync_replaces(farm, wait_for, settings):
    with farm(servers=2, sentinels=0, settings=settings) as run:
        master, server = run.servers
        server.ask("REPLICAOF", "NO", "ONE")
        fill(server, "own")
        fill(master, "other", 300)
        if settings is SNAPSHOTS:
            server.ask("SAVE")
        else:
            wait_for("its file is written", lambda: settled(server))
        aside = server.directory / "aside"
        aside.mkdir()
        source = server.directory / ("appendonlydir" if settings is APPEND_ONLY else ".")
        names = [p.name for p in source.iterdir() if p.name.startswith(("appendonly.aof", "dump.rdb"))]
        for name in names:
            os.link(source / name, aside / name)
        kept = {name: (aside / name).read_bytes() for name in names}
        assert any(b"own199" in content for content in kept.values())
        server.ask("REPLICAOF", master.host, master.port)
        wait_for("resynced", lambda: is_linked(server) and server.ask("DBSIZE") == 300 and settled(server))
        assert {name: (aside / name).read_bytes() for name in names} == kept
        assert not [p for p in source.iterdir() if p.name in names and p.samefile(aside / p.name)]


def settled(server):
    info = server.info("persistence")
    return info["aof_rewrite_in_progress"] == info["aof_rewrite_scheduled"] == info["loading"] == "0"


@pytest.mark.parametrize("settings", [{"appendonly": "yes"}, {"appendonly": "no"}], ids=["another", "first"])
def test_a_file_that_could_not_be_written_is_tried_again_until_there_is_one(farm, wait_for, settings):
    """A process without memory, or without room on the disk. Who appends to a file already goes on with that one."""
    with farm(servers=1, sentinels=0, settings=settings) as run:
        (server,) = run.servers
        fill(server, "key")
        server.set(rdb_key_save_delay=10000)
        has_one = settings["appendonly"] == "yes"
        server.ask("BGREWRITEAOF") if has_one else server.set(appendonly="yes")
        wait_for("it writes one", lambda: children(server))
        for child in children(server):
            os.kill(child, signal.SIGKILL)
        wait_for("it failed", lambda: server.info("persistence")["aof_last_bgrewrite_status"] == "err")
        assert seen_by_agent(server).rewriting is not has_one
        server.set(rdb_key_save_delay=0)
        wait_for("there is one", lambda: not seen_by_agent(server).rewriting)
        server.end(signal.SIGKILL)
        lines = [line for line in server.config.read_text().splitlines() if not line.startswith("appendonly ")]
        server.configure([*lines, "appendonly yes"])
        server.start()
        server.wait_answers()
        assert server.ask("DBSIZE") == 200


def children(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        return [int(number) for number in file.read().split()]


def seen_by_agent(process):
    with contextlib.closing(Client(process.host, process.port, bytes, 5.0)) as client:
        return parse_server(client.ask(*SERVER_QUESTIONS))[0]


def test_a_resync_ends_a_snapshot_that_is_being_written(farm, wait_for):
    with farm(servers=2, sentinels=0) as run:
        master, server = run.servers
        server.ask("REPLICAOF", "NO", "ONE")
        fill(server, "own", 2000)
        server.set(rdb_key_save_delay=20000)
        server.ask("BGSAVE")
        server.ask("REPLICAOF", master.host, master.port)
        wait_for("resynced", lambda: is_linked(server))
        wait_for("it has ended", lambda: server.info("persistence")["rdb_bgsave_in_progress"] == "0")
        assert "there is a pending RDB child running. Killing process" in server.log()
        assert not list(server.directory.glob("temp-*"))


# The file that Sentinels rewrite

# Whether the Sentinels that write passwords as they are read them again as they were.
COMES_BACK = {
    "plain": True,
    "back\\slash": True,
    "#begins": True,
    "é": True,
    "with blank": False,
    'quo"te': False,
    "apo'strophe": False,
    " begins": False,
    "ends ": False,
}


@pytest.mark.parametrize(
    "password",
    [pytest.param(p, marks=() if p in ("#begins", "with blank") else pytest.mark.long) for p in COMES_BACK],
)
def test_a_sentinel_starts_again_with_what_it_wrote(farm, every_flavor, wait_for, password):
    with farm(servers=1, sentinels=1, password=password) as run:
        sentinel = run.sentinels[0]
        sentinel.end(signal.SIGTERM)
        sentinel.start()

        def decided():
            try:
                # The id of the master's process is known when it has answered INFO.
                return watches() or "s_down" in sentinel.master()["flags"]
            except redis.exceptions.RedisError:
                return not sentinel.runs

        def watches():
            return sentinel.runs and bool(sentinel.master()["runid"])

        wait_for("it watches, or never will", decided)
        quotes = every_flavor.flavor == "valkey" and int(every_flavor.version.split(".")[0]) >= 9
        assert watches() is (quotes or COMES_BACK[password])


def test_no_line_with_state_has_a_password(farm):
    """So a file can be made anew at each start, of these lines and what is configured."""
    state = "sentinel (myid|monitor|config-epoch|leader-epoch|current-epoch|known-replica|known-sentinel) "
    with farm(password=PASSWORD) as run:
        sentinel = run.sentinels[0]
        lines = [line for line in sentinel.config.read_text().splitlines() if re.match(state, line)]
        assert len({line.split()[1] for line in lines}) == 7
        sentinel.end(signal.SIGTERM)
        given = [li for li in run.sentinel_lines(sentinel, "127.0.0.1") if not re.match(state, li)]
        # Directives of a master come after the line that names it.
        at = next(n for n, line in enumerate(given) if line.startswith("sentinel down-after"))
        sentinel.configure([*given[:at], *sorted(lines, key=lambda li: "monitor" not in li), *given[at:]])
        sentinel.start()
        sentinel.wait_answers()
        assert sentinel.master()["num-other-sentinels"] == "2"
        assert len(sentinel.replicas()) == 2


# Epochs


def test_the_highest_epoch_wins_without_a_vote(farm, wait_for):
    with farm() as run:
        sentinel, others = run.sentinels[2], run.sentinels[:2]
        # A replica of which no other Sentinel thinks as the master.
        named = run.servers[1].host
        sentinel.end()
        sentinel.configure([*run.sentinel_lines(sentinel, named), *epochs(7)])
        sentinel.start()
        wait_for("all follow it", lambda: all(s.address() == named for s in others))
        assert {s.master()["config-epoch"] for s in others} == {"7"}
        # And one that starts with what was long ago follows the others.
        sentinel.end()
        sentinel.configure(run.sentinel_lines(sentinel, run.servers[0].host))
        sentinel.start()
        sentinel.wait_answers()
        wait_for("it follows", lambda: (sentinel.address(), sentinel.master()["config-epoch"]) == (named, "7"))
        # Another id at the same address takes the place of the one before.
        wait_for("two others", lambda: {s.master()["num-other-sentinels"] for s in run.sentinels} == {"2"})


def epochs(number):
    return [
        f"sentinel config-epoch orders {number}",
        f"sentinel leader-epoch orders {number}",
        f"sentinel current-epoch {number}",
    ]


def test_a_sentinel_votes_once_in_an_epoch_and_never_in_those_it_was_given(farm):
    with farm(sentinels=1) as run:
        sentinel, master = run.sentinels[0], run.servers[0]
        sentinel.end()
        sentinel.configure([*run.sentinel_lines(sentinel, master.host), *epochs(5)])
        sentinel.start()
        sentinel.wait_answers()

        def vote(epoch, candidate):
            return sentinel.ask("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", master.host, master.port, epoch, candidate)[1:]

        one, two = "a" * 40, "b" * 40
        assert [vote(4, one), vote(5, one)] == [["*", 5], ["*", 5]]
        assert [vote(6, one), vote(6, two)] == [[one, 6], [one, 6]]
        sentinel.restart()
        assert vote(6, two) == ["*", 6]
        assert vote(7, two) == [two, 7]


# Masters that hang


def test_a_master_that_was_hung_goes_on_as_one(farm, wait_for):
    with farm() as run:
        old = run.servers[0]
        old.freeze()
        assert wait_for("another master", lambda: run.agreed() not in (None, old.host)) > 1.9
        old.thaw()
        assert (said(old, "SET", "lost", "1"), old.role) == ("OK", "master")


def test_a_master_that_was_hung_misses_the_replicas_that_left_it(farm, wait_for):
    """Not so those that stay: what they said meanwhile counts as said when it wakes."""
    with farm(settings={"min-replicas-to-write": "1", "min-replicas-max-lag": "5"}) as run:
        old, *replicas = run.servers
        old.freeze()
        wait_for("another master", lambda: run.agreed() not in (None, old.host))
        wait_for("nobody follows the old one", lambda: old.host not in [r.info().get("master_host") for r in replicas])
        old.thaw()
        assert wait_for("it refuses", lambda: said(old, "SET", "a", "1") == "-NOREPLICAS") < 3
        assert old.role == "master"


def test_writes_end_soon_after_max_lag_without_replicas(farm, wait_for):
    with farm(sentinels=0, settings={"min-replicas-to-write": "1", "min-replicas-max-lag": "2"}) as run:
        master, *replicas = run.servers
        for replica in replicas:
            replica.freeze()
        assert 0.9 < wait_for("it refuses", lambda: said(master, "SET", "a", "1") == "-NOREPLICAS") < 5
        for replica in replicas:
            replica.thaw()


# What Sentinels mend themselves, and after which time


@pytest.mark.long
def test_a_returning_master_is_told_after_eight_seconds(farm, wait_for):
    with farm() as run:
        old = run.servers[0]
        lines = old.config.read_text().splitlines()
        old.end()
        wait_for("another master", lambda: run.agreed() not in (None, old.host))
        old.configure(lines)
        old.start()
        old.wait_answers()
        assert said(old, "SET", "lost", "1") == "OK"
        assert 7 < wait_for("it is a replica", lambda: old.role == "slave") < 25


@pytest.mark.long
def test_no_sentinel_demotes_a_master_before_its_pause_ends(farm, wait_for):
    """It sends REPLICAOF in a transaction, and those wait as writes do."""
    with farm() as run:
        old = run.servers[0]
        old.ask("CLIENT", "PAUSE", "60000", "WRITE")
        assert run.sentinels[0].sentinel("FAILOVER") == "OK"
        wait_for("it is told", lambda: any("+convert-to-slave" in s.log() for s in run.sentinels))
        time.sleep(1)
        assert old.role == "master"
        old.ask("CLIENT", "UNPAUSE")
        wait_for("it is a replica", lambda: old.role == "slave")


@pytest.mark.long
@pytest.mark.parametrize("wrong", ["nobody", "itself", "another replica"])
def test_a_replica_of_the_wrong_master_is_told_after_failover_timeout(farm, wait_for, wrong):
    with farm(sentinel_settings={"sentinel failover-timeout": "6000"}) as run:
        master, replica, other = run.servers
        host, port = {"nobody": ("127.0.0.1", 1), "itself": (replica.host, run.port)}.get(wrong, (other.host, run.port))
        replica.ask("REPLICAOF", host, port)
        seconds = wait_for("it is told", lambda: replica.info()["master_host"] == master.host)
        # Until a Sentinel has heard of it by INFO, and then failover-timeout.
        assert 5 < seconds < 30
        assert any("+fix-slave-config" in s.log() for s in run.sentinels)


@pytest.mark.long
def test_no_replica_is_told_to_follow_a_master_that_is_down(farm, wait_for):
    # No replica can take its place.
    settings = {"replica-priority": "0"}
    with farm(settings=settings, sentinel_settings={"sentinel failover-timeout": "3000"}) as run:
        master, replica = run.servers[:2]
        master.freeze()
        wait_for("it is down", lambda: all("s_down" in s.master()["flags"] for s in run.sentinels))
        replica.ask("REPLICAOF", "127.0.0.1", "1")
        time.sleep(15)
        assert replica.info()["master_host"] == "127.0.0.1"
        master.thaw()
        wait_for("it is told", lambda: replica.info()["master_host"] == master.host)
