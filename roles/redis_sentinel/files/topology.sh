#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# What the scripts of every topology ask, answered for a server that Sentinels watch.

# Lines for redis.conf that only the pod itself knows. No server begins as a master, or with a link to one: its agent decides,
# see agent/server.py. Until it has what its master has, Sentinels must not take it for one.
extra_config() {
    rm -f "$REDIS_RUN/going" "$REDIS_RUN/gone"
    printf 'replica-announce-ip %s\n' "$POD_HOSTNAME"
    printf 'replicaof %s %s\n' "$POD_HOSTNAME" "$REDIS_PORT"
    echo "replica-priority 0"
    # No master knows this user, whose name is that of agent/model.py.
    echo "masteruser slotwise-closed"
    [ -n "${REDISCLI_AUTH:-}" ] || echo "masterauth slotwise-closed"
}

# What is done with the directory while nobody uses it.
prepare_data() {
    :
}

# What runs beside the server, for as long as it does: a container of its own.
run_beside() {
    :
}
