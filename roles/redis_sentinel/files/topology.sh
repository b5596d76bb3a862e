#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# What the scripts of every topology ask, answered for a server that Sentinels watch.
# shellcheck source=roles/redis_sentinel/files/sentinels.sh
. "${scripts:?}/sentinels.sh"

# Lines for redis.conf that only the pod itself knows. No server begins as a master: it is one again when Sentinels say so, or
# when all servers have agreed on it, see follow.sh. Until it has what its master has, Sentinels must not take it for one.
extra_config() {
    recall
    : >"$REDIS_RUN/parked"
    rm -f "$REDIS_RUN/handing-over"
    printf 'replica-announce-ip %s\n' "$POD_HOSTNAME"
    printf 'replicaof %s %s\n' "${recalled_master:-$POD_HOSTNAME}" "$REDIS_PORT"
    echo "replica-priority 0"
    [ -z "$recalled_master" ] || printf 'cluster-announce-hostname term-%s.%s\n' "$recalled_term" "$recalled_master"
}

# What is done with the directory while nobody uses it.
prepare_data() {
    :
}

# What runs beside the server, for as long as it does.
run_beside() {
    sh "$scripts/follow.sh" &
}

# What is asked to know whether a server that answers may get clients.
# shellcheck disable=SC2034 # read by probe.sh
readiness_questions="info replication"

# serves ANSWERS: whether it may, and the next pod may go: a replica has what its master has.
serves() {
    case $1 in
        *role:master* | *master_link_status:up*) ;;
        *) return 1 ;;
    esac
}
