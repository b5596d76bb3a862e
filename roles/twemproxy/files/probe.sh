#!/usr/bin/env bash
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# probe.sh liveness|readiness
# Liveness: the proxy answers, whatever it says. Asked at the port of the clients: that of the statistics is served by a
# thread of its own, which goes on when the proxy hangs. Readiness: at least one backend answers through it. With some
# backends lost the others are still worth their clients; with all of them lost another proxy may be better off. A proxy that
# is about to end is not asked: its last clients are counted by their connections.
set -eu
# Lengths are in bytes.
LC_ALL=C

: "${TWEMPROXY_PORT:=22121}"
: "${TWEMPROXY_CONFIG:=/etc/twemproxy-config}"
: "${TWEMPROXY_RUN:=/run/twemproxy}"
: "${TWEMPROXY_PASSWORD_FILE:=/etc/twemproxy-auth/password}"
: "${TWEMPROXY_PROBE_SECONDS:=4}"

[ ! -e "$TWEMPROXY_RUN/draining" ] || exit 0

exec 3<>"/dev/tcp/127.0.0.1/$TWEMPROXY_PORT"

# request WORD...: in the protocol of Redis. A shell builtin, so that no password is an argument of a process.
request() {
    printf '*%d\r\n' $#
    local word
    for word; do
        printf '$%d\r\n%s\r\n' ${#word} "$word"
    done
}

case $1 in
    liveness)
        request PING >&3
        read -r -t "$TWEMPROXY_PROBE_SECONDS" _ <&3
        ;;
    readiness)
        {
            if [ -r "$TWEMPROXY_PASSWORD_FILE" ]; then
                request AUTH "$(cat "$TWEMPROXY_PASSWORD_FILE")"
            fi
            # One key for each backend, none of which exists.
            while read -r key; do
                request GET "$key"
            done <"$TWEMPROXY_CONFIG/probe.keys"
        } >&3
        # Answers come in the order of the requests, and each within the timeout of the pool.
        while read -r -t "$TWEMPROXY_PROBE_SECONDS" answer <&3; do
            case $answer in
                '$'*) exit 0 ;;
            esac
        done
        exit 1
        ;;
    *)
        echo "unknown probe $1" >&2
        exit 2
        ;;
esac
