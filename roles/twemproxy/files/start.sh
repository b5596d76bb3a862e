#!/usr/bin/env bash
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Starts the proxy of a pod with the given configuration and the password of the backends, and ends it when its clients
# have had time to be sent elsewhere.
set -eu
umask 077

: "${TWEMPROXY_STATS_PORT:=22222}"
: "${TWEMPROXY_CONFIG:=/etc/twemproxy-config}"
: "${TWEMPROXY_RUN:=/run/twemproxy}"
: "${TWEMPROXY_PASSWORD_FILE:=/etc/twemproxy-auth/password}"

# Names of servers that are given one by one are not looked at.
# shellcheck source=roles/common/files/names.sh
. "$(dirname "$0")/names.sh"
refuse_other_domain

# In a file and never as an argument, which every process of the machine could read.
{
    cat "$TWEMPROXY_CONFIG/nutcracker.yml"
    if [ -r "$TWEMPROXY_PASSWORD_FILE" ]; then
        # Between single quotes YAML takes everything as it is, but single quotes.
        printf "  redis_auth: '%s'\n" "$(sed "s/'/''/g" "$TWEMPROXY_PASSWORD_FILE")"
    fi
} >"$TWEMPROXY_RUN/nutcracker.yml"

# Each client and each connection to a backend is a file.
ulimit -n "$(ulimit -Hn)"

nutcracker --conf-file="$TWEMPROXY_RUN/nutcracker.yml" --output=/dev/stderr --stats-addr=0.0.0.0 \
    --stats-port="$TWEMPROXY_STATS_PORT" --stats-interval=1000 &
proxy=$!

# Kubernetes takes the pod out of its services when it asks it to end, and tells nobody when the machines have noticed: until
# then they send new connections here. No condition says that it is over, so this waits for a time. And the proxy itself does
# not react to this signal where it is the first process of a container.
ended=
trap 'sleep "$TWEMPROXY_DRAIN_SECONDS"; kill "$proxy"; ended=yes' TERM

status=0
wait "$proxy" || status=$?
# The signal ended the wait, and not the proxy.
[ -z "$ended" ] || { wait "$proxy" || true; exit 0; }
exit "$status"
