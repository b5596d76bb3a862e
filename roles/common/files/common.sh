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

cli=redis-cli
command -v "$cli" >/dev/null || cli=valkey-cli

# By environment and never as an argument, which every process of the machine could read.
if [ -r "$REDIS_PASSWORD_FILE" ]; then
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

now() {
    date +%s
}
