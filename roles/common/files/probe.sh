#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# probe.sh startup|liveness|readiness
set -u
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"
# shellcheck source=roles/redis_cluster/files/topology.sh
. "$scripts/topology.sh"

# Runs every few seconds in every pod: one client for all questions, and no other program. A server is hung when it does not
# answer for long, and not when its machine is busy.
[ "$1" != liveness ] || : "${REDIS_SECONDS:=15}"
questions=ping
[ "$1" != readiness ] || questions=$(printf 'ping\n%s' "$readiness_questions")
answers=$(echo "$questions" | timeout "${REDIS_SECONDS:-3}" "$cli" -h "$REDIS_HOST" -p "$REDIS_PORT" 2>&1)
status=$?
answer=${answers%%
*}

# Whether the process answers, whatever it says: a server that loads, waits for its master, runs a long script or has no
# room for more clients would only get worse by a restart.
is_alive() {
    [ "$status" -ne 124 ] || return 1
    case $answer in
        '' | *'Could not connect'*) return 1 ;;
    esac
}

# is_supervised: whether that is there which keeps scripts beside the server going. It goes on, if it has stopped itself.
is_supervised() {
    [ -s "$REDIS_RUN/supervisor" ] || return 0
    read -r pid <"$REDIS_RUN/supervisor"
    kill -CONT "$pid" 2>/dev/null && read -r process <"/proc/$pid/stat" || return 1
    # Ended: the server is its parent, and never asks.
    case $process in
        *') Z '*) return 1 ;;
    esac
}

case $1 in
    startup)
        # The data is loaded.
        case $answer in
            LOADING*) exit 1 ;;
        esac
        is_alive
        ;;
    liveness)
        is_alive && is_supervised
        ;;
    readiness)
        [ "$answer" = PONG ] && serves "$answers"
        ;;
    *)
        log "unknown probe $1"
        exit 2
        ;;
esac
