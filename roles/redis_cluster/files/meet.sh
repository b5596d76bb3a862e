#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Runs beside each node, for as long as it does, and heals a cluster whose pods came back with new addresses. nodes.conf knows the
# peers by id, and by addresses that may be old. Each pod of the headless service is asked for its id; one that we know, at
# another address than we know, is met there. An id that we do not know is never met: who belongs to the cluster is not for
# this script to decide. It also notes which node this pod is, for start.sh.
# Environment: POD_IP, REDIS_SERVICE.
set -u
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"

first_pongs=$REDIS_RUN/first-pongs
newline='
'

# look: what our server says of itself and its peers, all of a round in one call, while it does not load its data.
look() {
    state=$(printf 'cluster nodes\ninfo replication\ninfo keyspace\ninfo memory\n' | ask)
    case $state in
        *' myself,'*role:*) table=${state%%# Replication*} ;;
        *) return 1 ;;
    esac
}

# note_node: which node of a cluster this pod is, and whether it has keys or functions, and a snapshot: what start.sh must find again in the
# directory, unless the pod is deleted. The server may become another node while it is alone.
note_node() {
    id=${table%%' myself,'*}
    id=${id##*"$newline"}
    id=${id%% *}
    case $state in
        *db[0-9]*:keys=* | *number_of_functions:[1-9]*) id="$id keys" ;;
    esac
    [ ! -e "$REDIS_DATA/dump.rdb" ] || id="$id dump.rdb"
    case $table in
        *@*@*) ;;
        *) id= ;;
    esac
    [ "$id" != "$noted" ] || return 0
    echo "$id" >"$REDIS_POD/node.new" && mv "$REDIS_POD/node.new" "$REDIS_POD/node" && noted=$id
}

# is_well: whether there is nothing to heal, by flags and link alone.
is_well() {
    case $table in
        *[\ ,]fail[\ ,?]* | *[\ ,]noaddr[\ ,]* | *[\ ,]handshake[\ ,]*) return 1 ;;
    esac
    case $state in
        *role:master* | *master_link_status:up*) ;;
        *) return 1 ;;
    esac
}

# nodes: reads our table, one line for each node: id, =address, flags, time of its last pong. The address may be empty.
nodes() {
    sed -n 's/^\([0-9a-f]\{40\}\) \([^ ]*\):[0-9]*@[^ ]* \([^ ]*\) [^ ]* [^ ]* \([0-9]*\) .*/\1 =\2 \3 \4/p'
}

# unproven: of these the peers that did not answer us yet since this server started. When it reads nodes.conf the server notes
# the present time as that of the last pong, so only another pong than the first one we saw is a real one. Not a later one: clocks may be set back.
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
            *) [ "$pong" != "$first" ] || echo "$id $address $flags" ;;
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
    case $state in
        *master_link_status:up*) return 1 ;;
    esac
    follows=$(echo "$state" | sed -n 's/^master_host://p')
    # No replica any more.
    [ -n "$follows" ] || return 0
    now_at=$(echo "$table" | sed -n "s/^$master \([^ ]*\):[0-9]*@.*/\1/p")
    if [ -n "$now_at" ] && [ "$follows" != "$now_at" ]; then
        log "following $master at its new address $now_at instead of $follows"
        ask cluster replicate "$master" >/dev/null
    fi
}

: >"$first_pongs"
noted=unknown
settled=
round=0
while :; do
    # An answer takes milliseconds, or does not come. Who gets nowhere, on a busy machine, waits longer for it.
    if [ "$round" -le 10 ]; then REDIS_SECONDS=1; else REDIS_SECONDS=3; fi
    if ! look; then
        settled=
    else
        note_node
        if [ -z "$settled" ] || ! is_well; then
            peers=$(echo "$table" | nodes)
            missing=$(echo "$peers" | unproven)
            settled=yes
            [ -z "$missing" ] || settled=
            # First: what the table says is true for a moment.
            ! follows_old_address || settled=
            [ -z "$missing" ] || meet_moved
        fi
        # Alone it is about to become part of a cluster.
        [ -n "$id" ] || settled=
    fi
    # Once a second while pods start, then less and less often. A process in a container costs far more than the question.
    if [ -n "$settled" ]; then
        round=0
        pause=30
    elif [ "$round" -lt 30 ]; then
        round=$((round + 1))
        pause=1
    else
        pause=$((pause < 15 ? pause * 2 : 30))
    fi
    sleep "$pause"
done
