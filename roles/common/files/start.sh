#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Starts the server of a pod: the given configuration, the password, and the address that this pod has today.
# Environment: POD_IP, POD_HOSTNAME (the DNS name of the pod), REDIS_SERVICE (the headless service), REDIS_AUTH (enabled or
# disabled: whether there is a password).
set -eu
umask 077
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"
# shellcheck source=roles/common/files/persistence.sh
. "$scripts/persistence.sh"
# shellcheck source=roles/common/files/names.sh
. "$scripts/names.sh"
# shellcheck source=roles/redis_cluster/files/topology.sh
. "$scripts/topology.sh"

# Without one the server would let everybody in.
needs_password() {
    case ${REDIS_AUTH:-} in
        enabled) ;;
        disabled) return 1 ;;
        # A pod that was made before it was said: the directory is there where the Secret was mounted.
        '') [ -d "$(dirname "$REDIS_PASSWORD_FILE")" ] ;;
        *)
            log "REDIS_AUTH is $REDIS_AUTH: allowed are enabled and disabled"
            exit 1
            ;;
    esac
}
if needs_password && [ -z "${REDISCLI_AUTH:-}" ]; then
    if [ -r "$REDIS_PASSWORD_FILE" ]; then
        log "the password in $REDIS_PASSWORD_FILE is empty: the Secret that it comes from must have one"
    else
        log "there is no password to read in $REDIS_PASSWORD_FILE: the Secret must be mounted there," \
            "or REDIS_AUTH be disabled for a server that lets everybody in"
    fi
    exit 1
fi

server=redis-server
command -v "$server" >/dev/null || server=valkey-server

prove_names
{
    echo "include $REDIS_CONFIG"
    printf 'proc-title-template "%s"\n' "$(title "$proved")"
    if [ -n "${REDISCLI_AUTH:-}" ]; then
        # Every byte by its number, so that none has a meaning.
        quoted=$(printf %s "$REDISCLI_AUTH" | od -An -v -tx1 | tr -d '\n' | sed 's/ /\\x/g')
        printf 'requirepass "%s"\n' "$quoted"
        printf 'masterauth "%s"\n' "$quoted"
    fi
    extra_config
} >"$REDIS_RUN/redis.conf"

# The server keeps this lock for as long as it lives. On NFS, Kubernetes may start the pod anew while it has lost sight of a
# machine on which the old one still writes; the NFS server frees the locks of machines that are really gone.
exec 9>>"$REDIS_DATA/.slotwise-lock"
has_lock() {
    flock -n 9 || {
        echo "another server has the lock of $REDIS_DATA and may still write there"
        return 1
    }
}
wait_until has_lock
wait_until loads_all_data
remove_unfinished
prepare_data
rm -f "$REDIS_RUN/supervisor"
run_beside 9>&-
tell_domain 9>&- &

# The server reads its password from the file; its environment has no use for it.
unset REDISCLI_AUTH
exec "$server" "$REDIS_RUN/redis.conf"
