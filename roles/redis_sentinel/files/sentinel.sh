#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Starts a Sentinel as soon as its agent has written the configuration: see agent/sentinel.py. The one that a Sentinel has
# rewritten is not started from again, only its epochs are read.
set -eu
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"
# shellcheck source=roles/common/files/names.sh
. "$scripts/names.sh"

server=redis-server
command -v "$server" >/dev/null || server=valkey-server
config=$REDIS_RUN/sentinel.conf

refuse_other_domain
[ ! -e "$config" ] || mv "$config" "$REDIS_RUN/sentinel.before"
# The first process of a container is not ended by a signal that it does not expect.
trap 'exit 143' TERM
until [ -e "$config" ]; do sleep 0.5; done

unset REDISCLI_AUTH
exec "$server" "$config" --sentinel
