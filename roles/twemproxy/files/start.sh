#!/usr/bin/env bash
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Starts the proxy of a pod with the given configuration and the password of the backends, and ends it when its clients
# have had time to be sent elsewhere.
set -eu
umask 077
# Before there is a proxy there are no clients to wait for, and no first process of a container ends without this.
trap 'exit 0' TERM

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

# How many connections there have been, as the proxy counts them; nothing when it does not say.
# shellcheck disable=SC2329  # The trap below gets here.
connections() {
    local answer=
    # At the end of the answer read fails too.
    { exec 3<>"/dev/tcp/127.0.0.1/$TWEMPROXY_STATS_PORT" && read -r -d '' -t 2 answer <&3; } 2>/dev/null || true
    if [[ $answer =~ \"total_connections\":\ *([0-9]+) ]]; then
        echo "${BASH_REMATCH[1]}"
    fi
}

# shellcheck disable=SC2329
drain() {
    local before now
    local last=$((SECONDS + TWEMPROXY_DRAIN_MOST_SECONDS)) end=$((SECONDS + TWEMPROXY_DRAIN_SECONDS))
    # The probes of a pod that ends go on, and connect.
    touch "$TWEMPROXY_RUN/draining"
    before=$(connections)
    while ((SECONDS < end && SECONDS < last)); do
        sleep 1
        now=$(connections)
        [ "$now" = "$before" ] || end=$((SECONDS + TWEMPROXY_DRAIN_SECONDS))
        before=$now
    done
    rm "$TWEMPROXY_RUN/draining"
}

# Kubernetes takes the pod out of its services when it asks it to end, and tells nobody when the machines have noticed: until
# then they send new connections here. So this waits until none has come for a time. And the proxy itself does not react to this
# signal where it is the first process of a container.
ended=
trap 'drain; kill "$proxy"; ended=yes' TERM

status=0
wait "$proxy" || status=$?
# The signal ended the wait, and not the proxy.
[ -z "$ended" ] || { wait "$proxy" || true; exit 0; }
exit "$status"
