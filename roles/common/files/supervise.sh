#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# supervise.sh SCRIPT: runs a script beside the server, and again whenever it ends. Who starts it writes its process id to
# $REDIS_RUN/supervisor, for the probe.
set -u
script=$1

# A shell ends where it cannot start a process, such as when the pod has too many. This one stops itself then, for which it needs
# none, and begins again when a probe could be started: see probe.sh, which also sees whether this process is there at all.
trap 'kill -STOP $$; exec sh "$0" "$script"' EXIT

scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"

while :; do
    sh "$scripts/$script"
    log "$script ended, and is started again"
    sleep 5
done
