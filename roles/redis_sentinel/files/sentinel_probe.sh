#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Whether the Sentinel in this pod answers. That it listens is for Kubernetes to see, which costs less.
set -u
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"

# As for servers, see probe.sh.
: "${REDIS_SECONDS:=15}"
[ "$(REDIS_PORT=${SENTINEL_PORT:-26379} ask ping)" = PONG ]
