#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Before a master goes it hands over to a replica, so that clients wait for milliseconds and not for a failover.
# Nothing here may keep the pod from going: without a replica, or when none takes over in time, the server just stops,
# and saves what it has to its volume.
# Environment: PRESTOP_SECONDS (how long to try; less than the grace period of the pod).
set -u
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"

deadline=$(($(now) + ${PRESTOP_SECONDS:-30}))

# replicas: the announced addresses of our replicas whose link to us is up, the one that has most first.
replicas() {
    id=$(ask cluster myid)
    ask cluster replicas "$id" | sed -n 's/^[0-9a-f]\{40\} \([^ ]\{1,\}\):[0-9]*@[^ ]* \([^ ]*\) .*/\1 \2/p' |
        while read -r address flags; do
            # "nofailover" is the setting of a healthy server, which takes over when asked.
            case ,$flags, in
                *,fail,* | *,fail\?,*) continue ;;
            esac
            state=$(ask_at "$address" info replication)
            echo "$state" | grep -qx master_link_status:up || continue
            echo "$(echo "$state" | sed -n 's/^slave_repl_offset://p') $address"
        done | sort -rn | cut -d ' ' -f 2
}

[ "$(role)" = master ] || exit 0
for address in $(replicas); do
    [ "$(role)" = master ] || exit 0
    log "handing over to $address"
    answer=$(ask_at "$address" cluster failover)
    if [ "$answer" != OK ]; then
        log "$address does not take over: $answer"
        continue
    fi
    # A failover that was asked for is decided, or given up, within five seconds.
    turn=$(($(now) + 6))
    while [ "$(now)" -lt "$turn" ] && [ "$(now)" -lt "$deadline" ]; do
        [ "$(role)" = master ] || exit 0
        sleep 0.1
    done
    [ "$(now)" -lt "$deadline" ] || break
done
exit 0
