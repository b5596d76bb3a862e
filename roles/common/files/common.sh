#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Read by the other scripts. Only what the official redis and valkey images have: sh, coreutils or busybox, sed, grep,
# getent, and the server's own client. Messages go to standard error, which is the container's log.

: "${REDIS_PORT:=6379}"
: "${REDIS_HOST:=127.0.0.1}"
: "${REDIS_PASSWORD_FILE:=/etc/redis-auth/password}"
: "${REDIS_CONFIG:=/etc/redis-config/redis.conf}"
: "${REDIS_RUN:=/run/redis}"
: "${REDIS_DATA:=/data}"
# Lives as long as the pod: neither its container nor its machine takes it along when it starts again.
: "${REDIS_POD:=/run/pod}"
# A pod that was made before there was such a volume.
[ -d "$REDIS_POD" ] || REDIS_POD=$REDIS_RUN

cli=redis-cli
command -v "$cli" >/dev/null || cli=valkey-cli

# By environment and never as an argument, which every process of the machine could read.
if [ "${REDIS_AUTH:-}" != disabled ] && [ -r "$REDIS_PASSWORD_FILE" ]; then
    REDISCLI_AUTH=$(cat "$REDIS_PASSWORD_FILE")
    export REDISCLI_AUTH
fi

log() {
    echo "$(basename "$0"): $*" >&2
}

# ask_at HOST COMMAND...: the answer of a server, in lines without carriage returns. Empty when there is none in time.
ask_at() {
    host=$1
    shift
    timeout "${REDIS_SECONDS:-3}" "$cli" -h "$host" -p "$REDIS_PORT" "$@" 2>/dev/null | tr -d '\r'
}

ask() {
    ask_at "$REDIS_HOST" "$@"
}

# role: master or slave, empty when the server does not say.
role() {
    ask info replication | sed -n 's/^role://p'
}

# now: seconds since the machine started, by the clock that nobody sets.
now() {
    read -r uptime _ </proc/uptime
    echo "${uptime%.*}"
}

# wait_until CHECK: until this function succeeds. What it prints when it does not is said again and again, in a container that
# runs, so that people can read it and put things right inside.
wait_until() {
    # The first process of a container is not ended by a signal that it does not expect.
    trap 'exit 143' TERM
    until problem=$(set +e; "$1"); do
        log "waits: ${problem:-$1 could not be carried out}"
        sleep 5
    done
}
