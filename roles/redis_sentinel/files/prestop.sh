#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Before a server goes its agent hands over, if it is the master: see agent/handover.py. Nothing here may keep the pod from going:
# without an agent, or where it does not work in time, the server just stops, and keeps what it has.
# Environment: PRESTOP_SECONDS (how long to wait; less than the grace period of the pod).
set -u
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"

beat() {
    cat "$REDIS_RUN/beat" 2>/dev/null
}

: >"$REDIS_RUN/going"
began=$(now)
heard=$(beat)
until [ -e "$REDIS_RUN/gone" ]; do
    waited=$(($(now) - began))
    if [ "$waited" -ge "${PRESTOP_SECONDS:-30}" ]; then
        log "no answer of the agent within ${PRESTOP_SECONDS:-30} s"
        exit 0
    fi
    if [ "$waited" -ge 10 ] && [ "$(beat)" = "$heard" ]; then
        log "the agent does not run"
        exit 0
    fi
    sleep 0.1
done
log "$(cat "$REDIS_RUN/gone")"
