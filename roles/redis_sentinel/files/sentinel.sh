#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Starts a Sentinel. Its state lives as long as its pod. A new pod takes over what other Sentinels know; where none knows
# anything it waits until one of the servers is the master. It never names one itself.
# Environment: as in sentinels.sh; POD_HOSTNAME (the DNS name of the pod), QUORUM, DOWN_AFTER, FAILOVER_TIMEOUT,
# PARALLEL_SYNCS (as the directives of sentinel.conf, in milliseconds).
set -eu
umask 077
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"
# shellcheck source=roles/common/files/names.sh
. "$scripts/names.sh"
# shellcheck source=roles/redis_sentinel/files/sentinels.sh
. "$scripts/sentinels.sh"

server=redis-server
command -v "$server" >/dev/null || server=valkey-server
config=$REDIS_RUN/sentinel.conf

# known_by_others TERM: "EPOCH MASTER" of the Sentinel with the latest configuration, unless servers remember a later one:
# that Sentinel was cut off when another master was chosen.
known_by_others() {
    views | sort -rn | head -n 1 | while read -r epoch master; do
        [ "$epoch" -lt "$1" ] || echo "$epoch $master"
    done
}

# known_by_servers TERM STATES: the same, when exactly one server of the latest term is a master.
known_by_servers() {
    masters=$(echo "$2" | sed -n "s/^\\($1\\) .* master \\(.*\\)/\\1 \\2/p")
    case $(echo "$masters" | grep -c .) in
        1) echo "$masters" ;;
        0) ;;
        *) log "waits: several servers are masters: $(echo "$masters" | cut -d ' ' -f 2 | tr '\n' ' ')" ;;
    esac
}

write_config() {
    epoch=$1
    master=$2
    echo "port $SENTINEL_PORT"
    echo "dir $REDIS_RUN"
    echo "protected-mode no"
    echo "sentinel resolve-hostnames yes"
    echo "sentinel announce-hostnames yes"
    echo "sentinel announce-ip $POD_HOSTNAME"
    echo "sentinel announce-port $SENTINEL_PORT"
    # Always the same for this name: others would count a new one in addition to the old.
    echo "sentinel myid $(echo "$POD_HOSTNAME $MASTER_NAME" | sha1sum | cut -c 1-40)"
    echo "sentinel monitor $MASTER_NAME $master $REDIS_PORT $QUORUM"
    echo "sentinel down-after-milliseconds $MASTER_NAME $DOWN_AFTER"
    echo "sentinel failover-timeout $MASTER_NAME $FAILOVER_TIMEOUT"
    echo "sentinel parallel-syncs $MASTER_NAME $PARALLEL_SYNCS"
    if [ -n "${REDISCLI_AUTH:-}" ]; then
        quoted=$(printf '%s' "$REDISCLI_AUTH" | sed 's/[\\"]/\\&/g')
        printf 'sentinel auth-pass %s "%s"\n' "$MASTER_NAME" "$quoted"
        printf 'requirepass "%s"\n' "$quoted"
        printf 'sentinel sentinel-pass "%s"\n' "$quoted"
    fi
    # Epochs go on from here. It may have voted in the present one before its state was lost, and must not vote twice.
    echo "sentinel config-epoch $MASTER_NAME $epoch"
    echo "sentinel leader-epoch $MASTER_NAME $epoch"
    echo "sentinel current-epoch $epoch"
    for name in $(servers); do
        [ "$name" = "$master" ] || echo "sentinel known-replica $MASTER_NAME $name $REDIS_PORT"
    done
}

refuse_other_domain
said=
until [ -e "$config" ]; do
    states=$(census)
    term=$(latest_term "$states")
    known=$(known_by_others "$term")
    [ -n "$known" ] || known=$(known_by_servers "$term" "$states")
    if [ -n "$known" ]; then
        epoch=${known%% *}
        [ "$epoch" -ge 0 ] || epoch=0
        log "watching ${known#* } from epoch $epoch on"
        write_config "$epoch" "${known#* }" >"$config.new"
        mv "$config.new" "$config"
        continue
    fi
    [ -n "$said" ] || log "waits until a server is the master"
    said=yes
    be_patient
    pause
done

unset REDISCLI_AUTH
exec "$server" "$config" --sentinel
