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
aside=$REDIS_DATA/set-aside
is=
no_master_since=
no_link_since=
no_link_to=
outvoted_by=
reign=

# look: what this server says of itself, all of a round in one call. Sets "state" and "is" (master or slave). Fails, and
# leaves "is" as it was, while it does not answer or loads its data.
look() {
    state=$(printf '%s\n' ping 'info replication' 'config get appendonly' 'config get replica-priority' | ask)
    case $state in
        # The whole answer, up to the last of the questions.
        PONG*replica-priority* | MASTERDOWN*replica-priority*) ;;
        *) return 1 ;;
    esac
    case $state in
        *role:master*) is=master ;;
        *role:slave*) is=slave ;;
        *) return 1 ;;
    esac
    # Another one each time it becomes a master.
    replid=${state#*master_replid:}
    replid=${replid%%[!0-9a-f]*}
    appendonly=no
    priority=
    case $state in
        *"appendonly
yes"*) appendonly=yes ;;
    esac
    case $state in
        *"replica-priority
0"*) priority=0 ;;
    esac
}

# has_link: whether this server has what a master has: as one itself, or by its link to it.
has_link() {
    case $state in
        *role:master* | *master_link_status:up*) ;;
        *) return 1 ;;
    esac
}

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
    # Asked again: this round may have changed it.
    if has_link || ! look; then
        no_link_since=
        return
    fi
    case $state in
        *role:master* | *master_link_status:up* | *master_sync_in_progress:1* | *"master_host:$POD_HOSTNAME"*)
            no_link_since=
            return
            ;;
    esac
    master=$(echo "$state" | sed -n 's/^master_host://p')
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
    reign=
}

# still ROLE: whether the server says so, or nothing.
still() {
    case $(role) in
        '' | "$1") ;;
        *) return 1 ;;
    esac
}

# set_aside ROLE: links to the files with the data, of a server that still has this role. What is written from now on goes to
# the same files; the server replaces them by new ones when it gets the data of a master. Time may have passed since this script
# looked, and while it links: where there are links already, those of before are the right ones.
set_aside() {
    still "$1" || return
    files=dump.rdb
    [ "$appendonly" = no ] || files=appendonlydir
    rm -rf "$aside.new"
    mkdir "$aside.new"
    cp -al "$REDIS_DATA/$files" "$aside.new/" || return
    if [ -e "$aside" ] && ! still "$1"; then
        rm -rf "$aside.new"
        return 1
    fi
    rm -rf "$aside"
    mv "$aside.new" "$aside"
}

# may_be_outvoted: the server is the master, and it or the Sentinels do not answer. They may have another one already, and make
# this one its replica before this script hears of it. Not with snapshots: to take one for each doubt holds the server up.
may_be_outvoted() {
    [ "$is" != master ] || [ "$appendonly" = no ] || set_aside master
}

# keep TERM: writes that this server took as master and that no other has are kept in a directory beside the data. Only the
# latest such directory is kept, so that volumes do not fill up. There is nothing to keep where prestop.sh held writes back.
keep() {
    kept=$REDIS_DATA/kept-of-term-$1
    [ ! -e "$kept" ] && [ ! -e "$REDIS_RUN/handing-over" ] || return 0
    if [ -e "$parked" ] || { [ "$is" = master ] && [ ! -e "$aside" ]; }; then
        # Longer than other questions: all data is written.
        [ "$appendonly" = yes ] || (REDIS_SECONDS=600 && accepted save) || return
        set_aside "$is" || return
    elif [ ! -e "$aside" ]; then
        return 0
    fi
    rm -rf "$REDIS_DATA"/kept-of-term-*
    mv "$aside" "$kept"
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
    before=$outvoted_by
    outvoted_by=
    if [ "$2" = "$POD_HOSTNAME" ]; then
        [ "$is" != master ] || reign=$replid
        if [ -e "$parked" ] && [ "$is" = slave ]; then
            reason=
            if [ -n "$recalled_master" ] && is_up_to_date; then
                reason="Sentinels expect it to be"
            elif nobody_has_data; then
                reason="Sentinels expect it to be, and no server has any data"
            fi
            if [ -n "$reason" ]; then
                # Asked again: servers may have taken seconds to answer.
                [ "$(agreed)" = "$1 $2" ] || return
                lead "$reason"
            else
                # As the master it would take from its replicas what it has not.
                log "Sentinels expect it to be the master, and others may have more data: asking them to take another one"
                ask_for_failover
            fi
        fi
    elif [ "$is" = master ] && [ "$recalled_master" = "$POD_HOSTNAME" ]; then
        # Not at once: a Sentinel may be about to make it the master again, and tell the others. Not at all where one has done so
        # since Sentinels agreed on it last: that one tells the others, or makes it a replica.
        outvoted_by="$1 $2 $replid"
        if [ "$before" = "$outvoted_by" ] && [ "${reign:-$replid}" = "$replid" ]; then
            keep "$recalled_term" && follow "$2"
        else
            may_be_outvoted
        fi
    elif [ "$is" = slave ]; then
        if [ "$recalled_master" = "$POD_HOSTNAME" ]; then
            keep "$recalled_term" || return
        fi
        if [ -e "$parked" ]; then
            follow "$2"
            return
        fi
    fi
    # Not before there is something of this master that could be lost.
    [ ! -e "$parked" ] || return
    if [ "$2" = "$POD_HOSTNAME" ] || { [ "$is" = slave ] && has_link; }; then
        trust_again
        [ ! -e "$aside" ] || rm -rf "$aside"
        [ "$1 $2" = "$recalled_term $recalled_master" ] || remember "$1" "$2"
    fi
}

# trust_again: Sentinels may choose this server again, whose data is that of the master.
trust_again() {
    [ "$priority" = 0 ] || return 0
    log "may be chosen as the master again"
    ask config set replica-priority 100 >/dev/null
}

nobody_has_data() {
    states=$(census)
    [ "$(echo "$states" | grep -c '^-1 ')" -eq "$SERVERS" ]
}

# waited: whether others had the time that an election gives them to answer.
waited() {
    [ $(($(now) - ${no_master_since:-$(now)})) -ge "${ELECTION_SECONDS:-60}" ]
}

# is_up_to_date: whether what this server has read from its volume is the latest. Not so with snapshots, which are minutes old,
# while another server has data, or may have: one that does not answer is waited for.
is_up_to_date() {
    [ "$appendonly" = no ] || return 0
    others=$(census | grep -v " $POD_HOSTNAME\$")
    ! echo "$others" | grep -q '^[0-9]' || return
    [ "$(echo "$others" | grep -c .)" -eq $((SERVERS - 1)) ] || waited
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
        waited && [ "$count" -gt $((SERVERS / 2)) ] || return
    fi
    best=$(echo "$states" | sort -k 1,1nr -k 2,2nr -k 3,3nr -k 4,4n | head -n 1)
    [ "${best##* }" = "$POD_HOSTNAME" ] || return
    term=${best%% *}
    if [ -n "$1" ]; then
        # Sentinels do it, once this server is one that they may take.
        trust_again
        if [ "$1" = "$POD_HOSTNAME" ] && waited; then
            lead "Sentinels expect it to be, and found no other to take"
        fi
        return
    fi
    # A single Sentinel that knows one of this term or a later one will tell the others when they are back.
    believed=$(views | while read -r epoch _; do [ "$epoch" -lt "$term" ] || echo "$epoch"; done)
    [ -z "$believed" ] || return
    # Answers may be seconds old by now.
    ! census | grep -q ' master ' || return
    lead "it is the best of $count servers, and no Sentinel knows a master" || return
    recall
    [ "$recalled_master" = "$POD_HOSTNAME" ] || remember $((term + 1)) "$POD_HOSTNAME"
}

while :; do
    if look; then
        known=$(agreed)
        if [ -n "$known" ]; then
            obey "${known%% *}" "${known#* }"
        else
            may_be_outvoted
        fi
        if [ -e "$parked" ] || [ -z "$known" ] || ! has_link; then
            elect "${known#* }"
            be_patient
        else
            no_master_since=
            answer_seconds=1
        fi
        try_again
    else
        may_be_outvoted
    fi
    # Often until the server has found its place.
    if [ -e "$parked" ]; then pause; else sleep 2; fi
done
