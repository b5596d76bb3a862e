#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Runs beside each server. Sentinels decide who is the master; this is what they leave open:
# - a server that has started follows the master, or is it again, as soon as Sentinels agree on it;
# - where no Sentinel knows a master any more, the servers find the one that was it last;
# - an old master that comes back keeps what only it has in a file, and then follows the new one;
# - each server remembers its last master on its volume.
# Environment: as in sentinels.sh; ELECTION_SECONDS (how long to wait for servers that do not answer before the others choose
# a master without them).
set -u
scripts=$(dirname "$0")
# shellcheck source=roles/common/files/common.sh
. "$scripts/common.sh"
# shellcheck source=roles/redis_sentinel/files/sentinels.sh
. "$scripts/sentinels.sh"

parked=$REDIS_RUN/parked
no_master_since=
no_link_since=
no_link_to=
outvoted_by=

# accepted COMMAND...: whether the server does it, or has done it before ("OK Already connected to specified master").
accepted() {
    case $(ask "$@") in
        OK*) ;;
        *) return 1 ;;
    esac
}

# follow MASTER: from now on this server is a replica of it.
follow() {
    log "following $1"
    accepted replicaof "$1" "$REDIS_PORT" || return
    rm -f "$parked"
}

# try_again: a server that connects to an address where nobody is any more, because its name led there a moment ago, waits for
# a minute (repl-timeout). Another spelling of the same name, with a dot at its end or without, makes it look the name up now.
try_again() {
    replication=$(ask info replication)
    case $replication in
        *role:master* | *master_link_status:up* | *master_sync_in_progress:1* | *"master_host:$POD_HOSTNAME"*)
            no_link_since=
            return
            ;;
    esac
    master=$(echo "$replication" | sed -n 's/^master_host://p')
    [ "$master" = "$no_link_to" ] || no_link_since=
    no_link_to=$master
    : "${no_link_since:=$(now)}"
    [ $(($(now) - no_link_since)) -ge 3 ] || return
    case $master in
        *.) master=${master%.} ;;
        *) master=$master. ;;
    esac
    accepted replicaof "$master" "$REDIS_PORT"
    no_link_since=
}

# lead REASON: from now on this server is the master.
lead() {
    log "becoming the master: $1"
    accepted replicaof no one || return
    rm -f "$parked"
}

# keep TERM: writes that this server took as master and that no other has are kept in a directory beside the data. The files
# are linked, not copied; the server replaces them by new ones when it gets the data of its master. Only the latest such
# directory is kept, so that volumes do not fill up. There is nothing to keep where prestop.sh held writes back.
keep() {
    kept=$REDIS_DATA/kept-of-term-$1
    [ ! -e "$kept" ] && [ ! -e "$REDIS_RUN/handing-over" ] || return 0
    if [ "$(ask config get appendonly | sed -n 2p)" = yes ]; then
        files=appendonlydir
    else
        accepted save || return
        files=dump.rdb
    fi
    rm -rf "$REDIS_DATA"/kept-of-term-*
    mkdir "$kept.new"
    cp -al "$REDIS_DATA/$files" "$kept.new/" && mv "$kept.new" "$kept"
    log "was the master in term $1 and is not any more; what only it may have is in $kept"
}

# ask_for_failover: as SENTINEL FAILOVER, of the first Sentinel that can.
ask_for_failover() {
    for sentinel in $(sentinels); do
        answer=$(timeout 1 "$cli" -h "$sentinel" -p "$SENTINEL_PORT" sentinel failover "$MASTER_NAME" 2>/dev/null)
        [ "$answer" != OK ] || return 0
    done
    return 1
}

# obey EPOCH MASTER: what most Sentinels agree on.
obey() {
    recall
    is=$(role)
    before=$outvoted_by
    outvoted_by=
    if [ "$2" = "$POD_HOSTNAME" ]; then
        if [ -e "$parked" ] && [ "$is" = slave ]; then
            if [ -n "$recalled_master" ]; then
                lead "Sentinels expect it to be"
            elif nobody_has_data; then
                lead "Sentinels expect it to be, and no server has any data"
            else
                # As the master it would empty its replicas.
                log "Sentinels expect it to be the master, and its directory is new: asking them to take another one"
                ask_for_failover
            fi
        fi
    elif [ "$is" = master ] && [ "$recalled_master" = "$POD_HOSTNAME" ] && [ "$1" -gt "$recalled_term" ]; then
        # Not at once: a Sentinel may be about to make it the master again, and tell the others.
        outvoted_by="$1 $2"
        [ "$before" != "$outvoted_by" ] || { keep "$recalled_term" && follow "$2"; }
    elif [ "$is" = slave ] && [ -e "$parked" ]; then
        if [ "$recalled_master" = "$POD_HOSTNAME" ] && [ "$1" -gt "$recalled_term" ]; then
            keep "$recalled_term" || return
        fi
        follow "$2"
    fi
    # Not before there is something of this master that could be lost.
    [ ! -e "$parked" ] || return
    if [ "$2" = "$POD_HOSTNAME" ] || ask info replication | grep -qx master_link_status:up; then
        trust_again
        [ "$1 $2" = "$recalled_term $recalled_master" ] || [ "$1" -lt "${recalled_term:--1}" ] || remember "$1" "$2"
    fi
}

# trust_again: Sentinels may choose this server again, whose data is that of the master.
trust_again() {
    [ "$(ask config get replica-priority | sed -n 2p)" = 0 ] || return 0
    log "may be chosen as the master again"
    ask config set replica-priority 100 >/dev/null
}

nobody_has_data() {
    states=$(census)
    [ "$(echo "$states" | grep -c '^-1 ')" -eq "$SERVERS" ]
}

# census: the states of all servers that answer.
census() {
    # shellcheck disable=SC2046 # names have no blanks
    ask_each state_of $(servers)
}

# elect KNOWN: while no server is a master. The best one is that with the latest term, in it the master itself, else the one that
# has got most, else the first. All servers are waited for; after ELECTION_SECONDS more than half of them are enough.
elect() {
    states=$(census)
    if [ -z "$states" ] || echo "$states" | grep -q ' master '; then
        no_master_since=
        return
    fi
    : "${no_master_since:=$(now)}"
    count=$(echo "$states" | grep -c .)
    if [ "$count" -lt "$SERVERS" ]; then
        [ $(($(now) - no_master_since)) -ge "${ELECTION_SECONDS:-60}" ] && [ "$count" -gt $((SERVERS / 2)) ] || return
    fi
    best=$(echo "$states" | sort -k 1,1nr -k 2,2nr -k 3,3nr -k 4,4n | head -n 1)
    [ "${best##* }" = "$POD_HOSTNAME" ] || return
    term=${best%% *}
    if [ -n "$1" ]; then
        # Sentinels do it, once this server is one that they may take.
        trust_again
        return
    fi
    lead "it is the best of $count servers, and no Sentinel knows a master" || return
    recall
    [ "$recalled_master" = "$POD_HOSTNAME" ] || remember $((term + 1)) "$POD_HOSTNAME"
}

while :; do
    case $(ask ping) in
        PONG | MASTERDOWN*)
            known=$(agreed)
            if [ -n "$known" ]; then
                obey "${known%% *}" "${known#* }"
            fi
            if [ -e "$parked" ] || [ -z "$known" ] || ! ask info replication | grep -q -x -e role:master -e master_link_status:up; then
                elect "${known#* }"
            else
                no_master_since=
            fi
            try_again
            ;;
    esac
    # Often until the server has found its place.
    if [ -e "$parked" ]; then sleep 0.5; else sleep 2; fi
done
