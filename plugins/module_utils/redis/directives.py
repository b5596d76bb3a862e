# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which redis.conf directives a user may set, and what servers make of those that decide about the data. Pure.

PRIVATE, may change at any time.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Every directive of Redis 7.0 to 8.8 and Valkey 8.1 to 9.1, as their servers list them, and those for files only.
_NAMES = """
    acl-pubsub-default aclfile acllog-max-len active-defrag-cycle-max active-defrag-cycle-min active-defrag-cycle-us
    active-defrag-ignore-bytes active-defrag-max-scan-fields active-defrag-threshold-lower
    active-defrag-threshold-upper active-expire-effort activedefrag activerehashing always-show-logo
    aof-disable-auto-gc aof-load-corrupt-tail-max-size aof-load-truncated aof-rewrite-cpulist
    aof-rewrite-incremental-fsync aof-timestamp-enabled aof-use-rdb-preamble aof_rewrite_cpulist appenddirname
    appendfilename appendfsync appendonly array-slice-size array-sparse-kmax array-sparse-kmin
    auto-aof-rewrite-min-size auto-aof-rewrite-percentage availability-zone bgsave-cpulist bgsave_cpulist bind
    bind-source-addr bio-cpulist bio_cpulist busy-reply-threshold client-output-buffer-limit
    client-query-buffer-limit cluster-allow-pubsubshard-when-down cluster-allow-reads-when-down
    cluster-allow-replica-migration cluster-announce-bus-port cluster-announce-client-ipv4
    cluster-announce-client-ipv6 cluster-announce-client-port cluster-announce-client-tls-port
    cluster-announce-hostname cluster-announce-human-nodename cluster-announce-ip cluster-announce-port
    cluster-announce-tls-port cluster-blacklist-ttl cluster-compatibility-sample-ratio cluster-config-file
    cluster-config-save-behavior cluster-databases cluster-enabled cluster-link-sendbuf-limit
    cluster-manual-failover-timeout cluster-migration-barrier cluster-node-timeout cluster-port
    cluster-preferred-endpoint-type cluster-replica-no-failover cluster-replica-validity-factor
    cluster-require-full-coverage cluster-slave-no-failover cluster-slave-validity-factor
    cluster-slot-migration-handoff-max-lag-bytes cluster-slot-migration-log-max-len
    cluster-slot-migration-max-archived-tasks cluster-slot-migration-write-pause-timeout cluster-slot-stats-enabled
    commandlog-execution-slower-than commandlog-large-reply-max-len commandlog-large-request-max-len
    commandlog-reply-larger-than commandlog-request-larger-than commandlog-slow-execution-max-len crash-log-enabled
    crash-memcheck-enabled daemonize databases dbfilename dir disable-thp dual-channel-replication-enabled
    dynamic-hz enable-debug-command enable-module-command enable-protected-configs extended-redis-compatibility
    hash-max-listpack-entries hash-max-listpack-value hash-max-ziplist-entries hash-max-ziplist-value hash-seed
    hide-user-data-from-log hll-sparse-max-bytes hz ignore-warnings import-mode include io-threads
    io-threads-do-reads jemalloc-bg-thread key-memory-histograms latency-monitor-threshold latency-tracking
    latency-tracking-info-percentiles lazyfree-lazy-eviction lazyfree-lazy-expire lazyfree-lazy-server-del
    lazyfree-lazy-user-del lazyfree-lazy-user-flush lfu-decay-time lfu-log-factor list-compress-depth
    list-max-listpack-size list-max-ziplist-size loadmodule locale-collate log-format log-timestamp-format logfile
    loglevel lookahead lua-time-limit masterauth masteruser max-new-connections-per-cycle
    max-new-tls-connections-per-cycle maxclients maxmemory maxmemory-clients maxmemory-eviction-tenacity
    maxmemory-policy maxmemory-samples min-replicas-max-lag min-replicas-to-write min-slaves-max-lag
    min-slaves-to-write mptcp no-appendfsync-on-rewrite notify-keyspace-events oom-score-adj oom-score-adj-values
    pidfile port prefetch-batch-max-size primaryauth primaryuser proc-title-template propagation-error-behavior
    protected-mode proto-max-bulk-len rdb-del-sync-files rdb-save-incremental-fsync rdb-version-check rdbchecksum
    rdbcompression rdma-bind rdma-completion-vector rdma-port rdma-rx-size rename-command repl-backlog-size
    repl-backlog-ttl repl-disable-tcp-nodelay repl-diskless-load repl-diskless-sync repl-diskless-sync-delay
    repl-diskless-sync-max-replicas repl-mptcp repl-ping-replica-period repl-ping-slave-period repl-rdb-channel
    repl-timeout replica-announce-ip replica-announce-port replica-announced replica-full-sync-buffer-limit
    replica-ignore-disk-write-errors replica-ignore-maxmemory replica-lazy-flush replica-priority replica-read-only
    replica-serve-stale-data replicaof requirepass sanitize-dump-payload save server-cpulist server_cpulist
    set-max-intset-entries set-max-listpack-entries set-max-listpack-value set-proc-title shutdown-on-sigint
    shutdown-on-sigterm shutdown-timeout slave-announce-ip slave-announce-port slave-ignore-maxmemory
    slave-lazy-flush slave-priority slave-read-only slave-serve-stale-data slaveof
    slot-migration-max-failover-repl-bytes slowlog-entry-max-argc slowlog-log-slower-than slowlog-max-len
    socket-mark-id stop-writes-on-bgsave-error stream-idmp-duration stream-idmp-maxsize stream-node-max-bytes
    stream-node-max-entries supervised syslog-enabled syslog-facility syslog-ident tcp-backlog tcp-keepalive timeout
    tls-auth-clients tls-auth-clients-user tls-auto-reload-interval tls-ca-cert-dir tls-ca-cert-file tls-cert-file
    tls-ciphers tls-ciphersuites tls-client-cert-file tls-client-key-file tls-client-key-file-pass tls-cluster
    tls-dh-params-file tls-key-file tls-key-file-pass tls-port tls-prefer-server-ciphers tls-protocols
    tls-replication tls-session-cache-size tls-session-cache-timeout tls-session-caching tracking-table-max-keys
    unixsocket unixsocketgroup unixsocketperm user zset-max-listpack-entries zset-max-listpack-value
    zset-max-ziplist-entries zset-max-ziplist-value
"""
KNOWN = frozenset(_NAMES.split())

_PASSWORD = "use {role}password or {role}existing_secret"
_VOLUME = "the roles keep all data on the volume, at fixed names"
_ADDRESS = "each pod announces its own address when it starts"
_LISTEN = "clients and other nodes find a pod at fixed ports of its address"
_PROCESS = "the server runs in the foreground of its container and logs to its output"
_TLS = "encrypted connections are not supported yet"
_REPLICATION = "the topology of the deployment decides who replicates whom"
_CODE = "it would let clients run code in the server or read its files"

# Directives that the roles set themselves, or that break what they promise, with the reason. {role} begins the names of
# the variables of a role.
REFUSED = {
    "aclfile": _PASSWORD,
    "appenddirname": _VOLUME,
    "appendfilename": _VOLUME,
    "bind": _LISTEN,
    "bind-source-addr": _LISTEN,
    "cluster-config-file": _VOLUME,
    "cluster-enabled": "the topology of the deployment decides it",
    "cluster-port": _LISTEN,
    "cluster-preferred-endpoint-type": _ADDRESS,
    "daemonize": _PROCESS,
    "dbfilename": _VOLUME,
    "dir": _VOLUME,
    "enable-debug-command": _CODE,
    "enable-module-command": _CODE,
    "enable-protected-configs": _CODE,
    "include": "only the files of the roles are read",
    "loadmodule": _CODE,
    "logfile": _PROCESS,
    "masterauth": _PASSWORD,
    "masteruser": _PASSWORD,
    "pidfile": _PROCESS,
    "port": _LISTEN,
    "primaryauth": _PASSWORD,
    "primaryuser": _PASSWORD,
    "protected-mode": "set {role}auth_enabled instead",
    "rename-command": "the roles and their health checks need the commands under their own names",
    "replica-announce-ip": _ADDRESS,
    "replica-announce-port": _ADDRESS,
    "replica-announced": _ADDRESS,
    "replicaof": _REPLICATION,
    "requirepass": _PASSWORD,
    "slave-announce-ip": _ADDRESS,
    "slave-announce-port": _ADDRESS,
    "slaveof": _REPLICATION,
    "supervised": _PROCESS,
    "unixsocket": _LISTEN,
    "unixsocketgroup": _LISTEN,
    "unixsocketperm": _LISTEN,
    "user": _PASSWORD,
}
REFUSED_PREFIXES = {"cluster-announce-": _ADDRESS, "rdma-": _LISTEN, "tls-": _TLS}


def config_problems(config: Mapping[Any, Any], variable: str = "config", known: Iterable[str] = ()) -> list[str]:
    """One message for each directive that cannot be used, in the order of their names; empty when all is well.

    ``variable`` is what messages call the input; other variables of the role have the same prefix.
    """
    accepted = KNOWN | {str(name).lower() for name in known}
    role = variable.removesuffix("config")
    problems = [f"{variable}: {text}" for text in _twice(config)]
    for given, value in sorted(config.items(), key=lambda item: str(item[0])):
        problem = _name_problem(str(given), accepted, role) or _value_problem(value)
        if problem:
            problems.append(f"{variable}: {given} {problem}")
    return problems


def _twice(config: Mapping[Any, Any]) -> list[str]:
    count = Counter(str(name).lower() for name in config)
    return [f"{name} is given more than once in different spelling." for name in sorted(count) if count[name] > 1]


def _name_problem(given: str, accepted: Iterable[str], role: str = "") -> str:
    name = given.lower()
    reason = REFUSED.get(name)
    for prefix, prefix_reason in REFUSED_PREFIXES.items():
        if name.startswith(prefix):
            reason = prefix_reason
    if reason:
        return f"cannot be set here: {reason.format(role=role)}."
    if name in accepted:
        return ""
    near = [
        name
        for name in difflib.get_close_matches(name, sorted(accepted), n=4, cutoff=0.7)
        if not _name_problem(name, accepted)
    ]
    hint = f" Did you mean {' or '.join(near[:3])}?" if near else ""
    return (
        f"is not a directive of Redis 7, Redis 8, Valkey 8 or Valkey 9.{hint} "
        f"If your version has it, name it in {role}config_known."
    )


def _value_problem(value: Any) -> str:
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    if not items:
        return "has an empty list as value. Leave the directive out instead."
    for item in items:
        if item is None or not isinstance(item, (str, int, float, bool)):
            return f"is {item!r}. Allowed: text, a number, true or false, or a list of these for one line each."
        text = str(item)
        if any(ord(character) < 32 for character in text):
            return f"is {item!r}: control characters such as line breaks would add other directives."
        if not _quotes_are_closed(text):
            return f"is {item!r}: a quotation mark is not closed."
    return ""


def _quotes_are_closed(text: str) -> bool:
    """Whether the server can split this line into words: quotes open before a word and close at its end."""
    quote, index = "", 0
    while index < len(text):
        character = text[index]
        if quote == '"' and character == "\\":
            index += 1
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        index += 1
    return not quote


DEFAULT_SAVE = ((3600, 1), (300, 100), (60, 10000))
"""Snapshots of a server whose redis.conf has no C(save)."""


@dataclass(frozen=True)
class Persistence:
    """What a server writes of its data, and so what it reads when it starts again."""

    appendonly: bool
    save: tuple[tuple[int, int], ...]
    """Points of time for snapshots: seconds and changes."""

    @property
    def lasts(self) -> bool:
        """Whether a restart of the server finds its keys again, on a volume that is still there."""
        return self.appendonly or bool(self.save)

    @property
    def save_text(self) -> str:
        """As CONFIG GET and CONFIG SET write it."""
        return " ".join(f"{seconds} {changes}" for seconds, changes in self.save)


def persistence(config: Mapping[Any, Any]) -> Persistence:
    """What a server makes of the directives as redis.conf.j2 writes them: appendonly yes unless it is given."""
    directives = {"appendonly": True, **{str(name).lower(): value for name, value in config.items()}}
    appendonly = False
    for words in _lines(directives["appendonly"]):
        appendonly = [word.lower() for word in words] == ["yes"]
    return Persistence(appendonly, parse_save(_lines(directives["save"])) if "save" in directives else DEFAULT_SAVE)


def parse_save(lines: Sequence[Sequence[str]]) -> tuple[tuple[int, int], ...]:
    """The points of all C(save) lines together: the first replaces the defaults, an empty one drops those before."""
    points = list(DEFAULT_SAVE)
    for index, words in enumerate(lines):
        if index == 0 or words == [""]:
            points = []
        # all of them may be in one pair of quotes
        single = words[0].split() if len(words) == 1 else words
        numbers = [int(word) for word in single if _NUMBER.fullmatch(word)]
        points += zip(numbers[::2], numbers[1::2])
    return tuple(points)


def _lines(value: Any) -> list[list[str]]:
    """The words that the server reads after the directive, for each line that the roles write."""
    items = value if isinstance(value, (list, tuple)) else [value]
    return [split_words(_written(item)) for item in items]


def _written(item: Any) -> str:
    if isinstance(item, bool):
        return "yes" if item else "no"
    return '""' if item == "" else str(item)


_NUMBER = re.compile("[+]?[0-9]+")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}
_WORD = re.compile(r"""\s*(?:"((?:\\.|[^"\\])*)"|'((?:\\'|[^'])*)'|(\S+))""")


def split_words(line: str) -> list[str]:
    """A line of redis.conf as the server splits it: sdssplitargs."""
    words = []
    for double, single, plain in _WORD.findall(line):
        if plain:
            words.append(plain)
        elif single:
            words.append(single.replace("\\'", "'"))
        else:
            words.append(re.sub(r"\\(x[0-9a-fA-F]{2}|.)", _unescaped, double))
    return words


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 3 else _ESCAPES.get(code, code)
