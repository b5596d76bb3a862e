#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# probe.sh startup|liveness|readiness
set -u
scripts=$(dirname "$0")
# shellcheck source=roles/redis_cluster/files/common.sh
. "$scripts/common.sh"

answer=$(timeout 3 "$cli" -h "$REDIS_HOST" -p "$REDIS_PORT" ping 2>&1)
status=$?

# Whether the process answers, whatever it says: a server that loads, waits for its master, runs a long script or has no
# room for more clients would only get worse by a restart.
answers() {
    [ "$status" -ne 124 ] || return 1
    case $answer in
        '' | *'Could not connect'*) return 1 ;;
    esac
}

case $1 in
    startup)
        # The data is loaded.
        case $answer in
            LOADING*) exit 1 ;;
        esac
        answers
        ;;
    liveness)
        answers
        ;;
    readiness)
        # It serves, and a replica has what its master has, so that the next pod may go. A node that is not part of a
        # cluster yet is ready too: forming one must not wait for readiness that waits for it.
        [ "$answer" = PONG ] || exit 1
        ask info replication | grep -qx -e role:master -e master_link_status:up || exit 1
        ask cluster info | grep -qx -e cluster_state:ok -e cluster_known_nodes:1
        ;;
    *)
        log "unknown probe $1"
        exit 2
        ;;
esac
