#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Starts the server of a pod: the given configuration, the password, and the address that this pod has today.
# Environment: POD_IP, POD_HOSTNAME (the DNS name of the pod), REDIS_SERVICE (the headless service).
set -eu
umask 077
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"
# shellcheck source=roles/common/files/names.sh
. "$scripts/names.sh"
# shellcheck source=roles/redis_cluster/files/topology.sh
. "$scripts/topology.sh"

# Without one the server would let everybody in.
if [ -r "$REDIS_PASSWORD_FILE" ] && [ -z "$REDISCLI_AUTH" ]; then
    log "the password in $REDIS_PASSWORD_FILE is empty: the Secret that it comes from must have one"
    exit 1
fi

server=redis-server
command -v "$server" >/dev/null || server=valkey-server

prove_names
{
    echo "include $REDIS_CONFIG"
    printf 'proc-title-template "%s"\n' "$(title "$proved")"
    if [ -n "${REDISCLI_AUTH:-}" ]; then
        quoted=$(printf '%s' "$REDISCLI_AUTH" | sed 's/[\\"]/\\&/g')
        printf 'requirepass "%s"\n' "$quoted"
        printf 'masterauth "%s"\n' "$quoted"
    fi
    extra_config
} >"$REDIS_RUN/redis.conf"

# The server keeps this lock for as long as it lives. On NFS, Kubernetes may start the pod anew while it has lost sight of a
# machine on which the old one still writes; the NFS server frees the locks of machines that are really gone.
exec 9>>"$REDIS_DATA/.slotwise-lock"
waited=0
until flock -n 9; do
    [ $((waited % 10)) -ne 0 ] || log "waits: another server has the lock of $REDIS_DATA and may still write there"
    waited=$((waited + 1))
    sleep 1
done

prepare_data
run_beside 9>&-
tell_domain 9>&- &

# The server reads its password from the file; its environment has no use for it.
unset REDISCLI_AUTH
exec "$server" "$REDIS_RUN/redis.conf"
