#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# sentinel_probe.sh liveness|readiness, of the Sentinel in this pod
set -u
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"
# shellcheck source=roles/redis_sentinel/files/sentinels.sh
. "$scripts/sentinels.sh"

case $1 in
    liveness)
        [ "$(REDIS_PORT=$SENTINEL_PORT ask ping)" = PONG ]
        ;;
    readiness)
        # It watches a master.
        [ -n "$(view_of "$REDIS_HOST")" ]
        ;;
    *)
        log "unknown probe $1"
        exit 2
        ;;
esac
