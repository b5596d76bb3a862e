#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Heals a cluster whose pods came back with new addresses. nodes.conf knows the peers by id, and by addresses that may
# be old. Each pod of the headless service is asked for its id; one that we know, at another address than we know, is
# met there. An id that we do not know is never met: who belongs to the cluster is not for this script to decide.
# Environment: POD_IP, REDIS_SERVICE, MEET_SECONDS (how long to try).
set -u
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"

# An answer takes milliseconds, or does not come. On a busy machine it may take longer, see below.
REDIS_SECONDS=1
deadline=$(($(now) + ${MEET_SECONDS:-900}))
first_pongs=$REDIS_RUN/first-pongs
newline='
'

# nodes: reads our table, one line for each node: id, =address, flags, time of its last pong. The address may be empty.
nodes() {
    sed -n 's/^\([0-9a-f]\{40\}\) \([^ ]*\):[0-9]*@[^ ]* \([^ ]*\) [^ ]* [^ ]* \([0-9]*\) .*/\1 =\2 \3 \4/p'
}

# unproven: of these the peers that did not answer us yet since this server started. When it reads nodes.conf the server notes
# the present time as that of the last pong, so only a pong later than the first one we saw is a real one.
unproven() {
    seen=$(cat "$first_pongs")
    while read -r id address flags pong; do
        # Nodes in handshake have no id of their own yet.
        case ,$flags, in
            *,myself,* | *,handshake,*) continue ;;
        esac
        case $seen in
            *"$id "*)
                first=${seen#*"$id "}
                first=${first%%"$newline"*}
                ;;
            *)
                first=$pong
                echo "$id $pong" >>"$first_pongs"
                ;;
        esac
        # "nofailover" is the setting of a healthy server.
        case ,$flags, in
            *,fail,* | *,fail\?,* | *,noaddr,*) echo "$id $address $flags" ;;
            *) [ "$pong" -gt "$first" ] || echo "$id $address $flags" ;;
        esac
    done
}

# meet_if_moved ADDRESS: meets the peer there, if it is one of ours at another address than we know.
meet_if_moved() {
    id=$(ask_at "$1" cluster myid)
    known=$(echo "$missing" | grep "^${id:-none} ") || return
    case $known in
        *noaddr*) ;;
        "$id =$1 "*) return ;;
    esac
    log "meeting $id at its new address $1"
    ask cluster meet "$1" "$REDIS_PORT" >/dev/null
}

# Asks the pods of the service from whose addresses nobody answered us yet, many at a time: names may still lead to addresses
# where nobody is any more.
meet_moved() {
    answered=$(echo "$peers" | grep -vF "$missing")
    asked=0
    for address in $(getent ahosts "$REDIS_SERVICE" | cut -d ' ' -f 1 | sort -u); do
        case "$answered " in
            *" =$address "*) continue ;;
        esac
        [ "$address" != "$POD_IP" ] || continue
        meet_if_moved "$address" &
        asked=$((asked + 1))
        [ $((asked % 20)) -ne 0 ] || wait
    done
    wait
}

# follows_old_address: whether we are a replica that still connects to where its master was. The server can learn the
# new address from other nodes without telling its own replication (redis#14633). Told again to follow the same master,
# it takes the address of its table.
follows_old_address() {
    master=$(echo "$table" | sed -n 's/^[0-9a-f]\{40\} [^ ]* myself,slave[^ ]* \([0-9a-f]\{40\}\) .*/\1/p')
    [ -n "$master" ] || return 1
    # Its address may be the old one here too.
    case $missing in
        *"$master "*) return 1 ;;
    esac
    replication=$(ask info replication)
    case $replication in
        *master_link_status:up*) return 1 ;;
    esac
    follows=$(echo "$replication" | sed -n 's/^master_host://p')
    # No answer in time, or no replica any more.
    [ -n "$follows" ] || return 0
    now_at=$(echo "$table" | sed -n "s/^$master \([^ ]*\):[0-9]*@.*/\1/p")
    if [ -n "$now_at" ] && [ "$follows" != "$now_at" ]; then
        log "following $master at its new address $now_at instead of $follows"
        ask cluster replicate "$master" >/dev/null
    fi
}

: >"$first_pongs"
round=0
while [ "$(now)" -lt "$deadline" ]; do
    table=$(ask cluster nodes)
    case $table in
        # Not while the data is loaded.
        *myself*)
            peers=$(echo "$table" | nodes)
            missing=$(echo "$peers" | unproven)
            again=$missing
            # First: what the table says is true for a moment.
            ! follows_old_address || again=yes
            [ -z "$missing" ] || meet_moved
            [ -n "$again" ] || exit 0
            ;;
    esac
    round=$((round + 1))
    # Once a second while pods start, then less and less often. Who got nowhere waits longer for answers.
    [ "$round" -le 10 ] || REDIS_SECONDS=3
    if [ "$round" -le 30 ]; then
        sleep 1
    else
        sleep 10
    fi
done
log "gave up after ${MEET_SECONDS:-900} s; peers that come back later meet this pod themselves"
