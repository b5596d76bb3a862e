#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# supervise.sh SCRIPT: runs a script beside the server, and again whenever it ends.
set -u
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"
script=$1

# A shell ends where it cannot start a process, such as when the pod has too many. This one stops itself then, for which it needs
# none, and goes on when a probe could be started: see probe.sh, which also sees whether this process is there at all.
trap 'kill -STOP $$; exec sh "$0" "$script"' EXIT
echo $$ >"$REDIS_RUN/supervisor"

while :; do
    sh "$scripts/$script"
    log "$script ended, and is started again"
    sleep 5
done
