#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Before a master goes it hands over to a replica that has everything: writes wait, replicas catch up, Sentinels fail over.
# Nothing here may keep the pod from going: where it does not work in time, the server just stops, and saves what it has.
# Environment: as in sentinels.sh; PRESTOP_SECONDS (how long to try; less than the grace period of the pod).
set -u
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"
# shellcheck source=roles/redis_sentinel/files/sentinels.sh
. "$scripts/sentinels.sh"

deadline=$(($(now) + ${PRESTOP_SECONDS:-30}))

# behind: how many replicas that are online lack something. Fails when there is none at all.
behind() {
    replication=$(ask info replication)
    offset=$(echo "$replication" | sed -n 's/^master_repl_offset://p')
    offsets=$(echo "$replication" | sed -n 's/^slave[0-9]*:.*state=online,offset=\([0-9]*\),.*/\1/p')
    [ -n "$offsets" ] || return 1
    echo "$offsets" | grep -c -v -x "$offset"
}

# hand_over: asks the Sentinels one after the other, until one has begun.
hand_over() {
    for sentinel in $(sentinels); do
        answer=$(timeout 2 "$cli" -h "$sentinel" -p "$SENTINEL_PORT" sentinel failover "$MASTER_NAME" 2>/dev/null)
        case $answer in
            OK | *INPROG*) return 0 ;;
        esac
        log "$sentinel does not fail over: ${answer:-no answer}"
    done
    return 1
}

[ "$(role)" = master ] || exit 0
behind >/dev/null || exit 0
ask client pause $((${PRESTOP_SECONDS:-30} * 1000)) write >/dev/null
: >"$REDIS_RUN/handing-over"
until [ "$(behind)" = 0 ]; do
    if [ "$(now)" -ge "$deadline" ]; then
        log "the replicas do not catch up"
        break
    fi
    sleep 0.1
done
silent=0
if hand_over; then
    # Where the Sentinels go at the same time, nobody finishes it.
    while [ "$(now)" -lt "$deadline" ] && [ "$silent" -lt 10 ]; do
        known=$(agreed)
        if [ -n "$known" ] && [ "${known#* }" != "$POD_HOSTNAME" ] && [ "$(role)" = slave ]; then
            log "handed over to ${known#* }"
            remember "${known%% *}" "${known#* }"
            exit 0
        fi
        if [ -n "$known" ]; then silent=0; else silent=$((silent + 1)); fi
        sleep 0.2
    done
fi
log "could not hand over"
rm -f "$REDIS_RUN/handing-over"
ask client unpause >/dev/null
exit 0
