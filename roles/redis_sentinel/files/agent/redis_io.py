# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just enough of the Redis protocol to ask servers and Sentinels.

RESP2: https://redis.io/docs/latest/develop/reference/protocol-spec
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .evidence import Data, State
from .model import CLOSED, Replica, Server, View

BAD_FLAGS = ("s_down", "o_down", "disconnected")


class Refused(Exception):
    """An error reply."""


class Client:
    """A connection, opened when it is needed and again after a failure. OSError when there is no answer in time."""

    def __init__(self, host: str, port: int, password: Callable[[], bytes], seconds: float, identity: str = "") -> None:
        """``identity`` is that of a Sentinel: names may lead to where it was, and another one is there now."""
        self._address, self._password, self._seconds, self._identity = (host, port), password, seconds, identity
        self._socket: socket.socket | None = None

    def ask(self, *commands: Sequence[str | bytes]) -> list[Any]:
        """The replies to all commands; an error reply is a Refused in its place."""
        words = [[_bytes(word) for word in command] for command in commands]
        try:
            if self._socket is not None:
                # Sentinels close the connections of a server whose role they change.
                with contextlib.suppress(ConnectionError):
                    return self._exchange(words)
                self.close()
            self._connect()
            return self._exchange(words)
        except (OSError, ValueError):
            self.close()
            raise

    def close(self) -> None:
        if self._socket is not None:
            self._file.close()
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        self._socket = socket.create_connection(self._address, self._seconds)
        self._file = self._socket.makefile("rb")
        password = self._password()
        if password:
            # Who is there shows first that he asks for one.
            (reply,) = self._exchange([[b"PING"]])
            if not str(reply).startswith("NOAUTH"):
                raise OSError(f"{self._address[0]} answers without being asked for a password: {reply}")
            (reply,) = self._exchange([[b"AUTH", password]])
            if isinstance(reply, Refused):
                raise OSError(str(reply))
        if self._identity:
            (reply,) = self._exchange([[b"SENTINEL", b"MYID"]])
            if reply != self._identity:
                raise OSError(f"another Sentinel, or none, answers at the address of {self._address[0]}: {reply}")

    def _exchange(self, commands: list[list[bytes]]) -> list[Any]:
        assert self._socket is not None
        self._socket.sendall(
            b"".join(
                b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
                for words in commands
            )
        )
        return [self._reply() for _command in commands]

    def _reply(self) -> Any:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("the connection was closed")
        kind, rest = line[:1], line[1:-2].decode(errors="replace")
        if kind == b"-":
            return Refused(rest)
        if kind == b"*":
            return [self._reply() for _item in range(int(rest))]
        if kind == b"$":
            return self._text(int(rest)) if int(rest) >= 0 else None
        return rest

    def _text(self, length: int) -> str:
        text = self._file.read(length + 2)
        if len(text) < length + 2 or not text.endswith(b"\r\n"):
            raise ConnectionResetError("the connection was closed within a reply")
        return text[:-2].decode(errors="replace")


def _bytes(word: str | bytes) -> bytes:
    return word if isinstance(word, bytes) else word.encode()


def pairs(reply: Any) -> dict[str, str]:
    """A flat list of names and values as a dictionary."""
    items = reply if isinstance(reply, list) else []
    return {str(name): str(value) for name, value in zip(items[::2], items[1::2])}


SERVER_QUESTIONS = (
    ("INFO", "server", "replication", "persistence", "memory", "keyspace"),
    (
        "CONFIG",
        "GET",
        "replica-priority",
        "min-replicas-to-write",
        "masteruser",
        "appendonly",
        "cluster-announce-hostname",
        "replica-announce-ip",
    ),
)


def parse_server(replies: list[Any]) -> tuple[Server, dict[str, str]]:
    """A server, and its settings. Raises ValueError or KeyError for what is no whole answer."""
    info = dict(line.split(":", 1) for line in str(replies[0]).splitlines() if ":" in line)
    config = pairs(replies[1])
    leads = info["role"] == "master"
    replicas = [_replica(value) for name, value in info.items() if name.startswith("slave") and name[5:].isdigit()]
    return (
        Server(
            run_id=info["run_id"],
            role=info["role"],
            replid=info["master_replid"],
            offset=int(info["master_repl_offset"] if leads else info["slave_repl_offset"]),
            replid2=info["master_replid2"],
            offset2=int(info["second_repl_offset"]),
            follows=info.get("master_host", ""),
            link_up=info.get("master_link_status") == "up",
            syncing=info.get("master_sync_in_progress") == "1",
            loading=info["loading"] == "1",
            priority=int(config["replica-priority"]),
            needed=int(config["min-replicas-to-write"]),
            closed=config.get("masteruser", config.get("primaryuser")) == CLOSED,
            append_only=config["appendonly"] == "yes",
            keys=sum(int(value.split("keys=")[1].split(",")[0]) for name, value in info.items() if _is_database(name))
            + int(info.get("number_of_functions", 0)),
            dirty=int(info["rdb_changes_since_last_save"]),
            backlog=int(info["repl_backlog_first_byte_offset"]),
            saving=info["rdb_bgsave_in_progress"] == "1",
            saved_at=int(info["rdb_last_save_time"]),
            saved_well=info["rdb_last_bgsave_status"] == "ok",
            rewriting=config["appendonly"] == "yes" and not _is_written(info),
            delayed=int(info.get("aof_pending_bio_fsync", 0)) > 0 and int(info.get("aof_buffer_length", 0)) > 0,
            replicas=tuple(replicas),
        ),
        config,
    )


def _is_written(info: Mapping[str, str]) -> bool:
    under_way = info["aof_rewrite_in_progress"], info["aof_rewrite_scheduled"]
    # One that could not be written is tried again until there is one; who has one already goes on with that.
    return info["aof_enabled"] == "1" and under_way == ("0", "0")


def _is_database(name: str) -> bool:
    return name.startswith("db") and name[2:].isdigit()


def _replica(value: str) -> Replica:
    fields = dict(item.split("=", 1) for item in value.split(","))
    return Replica(fields["ip"], fields["state"] == "online", int(fields["offset"]), int(fields["lag"]))


def state_without_agent(host: str, replies: list[Any]) -> State:
    """What a server says whose pod is of an earlier release. ValueError for one whose agent just does not run."""
    server, config = parse_server(replies)
    shown = config.get("cluster-announce-hostname", "")
    if not shown.startswith("term-"):
        raise ValueError(f"{host}: its agent does not answer")
    announced = config.get("replica-announce-ip", host)
    if announced != host:
        raise ValueError(f"another server, {announced}, answers at the address of {host}")
    term, master = int(shown[5:].partition(".")[0]), shown.partition(".")[2]
    end = server.offset if server.leads or not server.link_up else None
    history = ((server.replid2, server.offset2 - 1),) if server.offset2 > 0 else ()
    return State(
        host,
        term,
        master,
        Data(server.replid, server.offset, end),
        history,
        server.keys,
        server.leads,
        replicas=tuple(replica.host for replica in server.replicas),
    )


def sentinel_identity(host: str, name: str) -> str:
    """Always the same for this name: other Sentinels would count a new one in addition to the old."""
    return hashlib.sha1(f"{host} {name}\n".encode()).hexdigest()


def sentinel_questions(name: str) -> tuple[tuple[str, ...], ...]:
    """The commands whose replies ``parse_view`` takes."""
    return tuple(("SENTINEL", word, name) for word in ("GET-MASTER-ADDR-BY-NAME", "MASTER", "REPLICAS"))


def parse_view(replies: list[Any]) -> View | None:
    """None for a Sentinel that watches no master.

    During a failover the address already is that of the new master, and the epoch that of the failover.
    """
    address, master, replicas = replies
    if not address or isinstance(address, Refused):
        return None
    fields = pairs(master)
    choices = {
        replica["ip"]: int(replica["slave-priority"])
        for replica in map(pairs, replicas)
        if not set(replica["flags"].split(",")) & set(BAD_FLAGS)
    }
    failing_over = "failover_in_progress" in fields["flags"].split(",")
    return View(int(fields["config-epoch"]), address[0], failing_over, choices)


def sentinel_config(settings: Mapping[str, str], password: bytes, epoch: int, latest: int, master: str) -> bytes:
    """A Sentinel's configuration, written anew at each start: a Sentinel that rewrites its file drops the quotes.

    :arg epoch: Of the configuration that is begun with.
    :arg latest: Up to which it may have voted before, and does not vote again.
    """
    name, host = settings["MASTER_NAME"], settings["POD_HOSTNAME"]
    latest = max(latest, epoch)
    lines = [
        f"port {settings['SENTINEL_PORT']}",
        f"dir {settings['REDIS_RUN']}",
        f"bind {settings.get('REDIS_HOST', '* -::*')}",
        "protected-mode no",
        "sentinel resolve-hostnames yes",
        "sentinel announce-hostnames yes",
        f"sentinel announce-ip {host}",
        f"sentinel announce-port {settings['SENTINEL_PORT']}",
        f"sentinel myid {sentinel_identity(host, name)}",
        f"sentinel monitor {name} {master} {settings['REDIS_PORT']} {settings['QUORUM']}",
        f"sentinel down-after-milliseconds {name} {settings['DOWN_AFTER']}",
        f"sentinel failover-timeout {name} {settings['FAILOVER_TIMEOUT']}",
        f"sentinel parallel-syncs {name} {settings['PARALLEL_SYNCS']}",
        f"sentinel config-epoch {name} {epoch}",
        f"sentinel leader-epoch {name} {latest}",
        f"sentinel current-epoch {latest}",
        *(
            f"sentinel known-replica {name} {server} {settings['REDIS_PORT']}"
            for server in settings["HOSTS"].split()
            if server != master
        ),
    ]
    text = "\n".join(lines).encode() + b"\n"
    if password:
        # Every byte by its number, so that none has a meaning.
        quoted = b'"' + b"".join(b"\\x%02x" % byte for byte in password) + b'"'
        text += b"sentinel auth-pass " + name.encode() + b" " + quoted + b"\n"
        text += b"requirepass " + quoted + b"\n" + b"sentinel sentinel-pass " + quoted + b"\n"
    return text


def votes_in(config: str) -> int:
    """The latest epoch that a Sentinel's configuration names: it may have voted in that one."""
    lines = [line.split() for line in config.splitlines()]
    epochs = [words[-1] for words in lines if words[:1] == ["sentinel"] and words[1:] and words[1].endswith("-epoch")]
    return max((int(epoch) for epoch in epochs if epoch.isdigit()), default=-1)
