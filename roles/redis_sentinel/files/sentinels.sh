#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Read by the scripts of servers and Sentinels: what others say, and what a server remembers.
# Environment: REDIS_SERVICE and SENTINEL_SERVICE (headless services, each with a dot at its end), REDIS_NAME (the
# StatefulSet of the servers; that of the Sentinels is REDIS_NAME-sentinel), SERVERS and SENTINELS (how many there are),
# MASTER_NAME (what Sentinels call this deployment).

: "${SENTINEL_PORT:=26379}"
# How long others have to answer.
answer_seconds=1

# be_patient: after a round that led nowhere others have longer to answer. On a busy machine nobody may answer in a second.
be_patient() {
    [ "$answer_seconds" -ge 3 ] || answer_seconds=$((answer_seconds + 1))
}

# pause: before the next round. Not often any more where many rounds led nowhere: they may be what keeps the machine busy.
pause() {
    if [ "$answer_seconds" -lt 3 ]; then sleep 0.5; else sleep 1; fi
}

# names STATEFULSET SERVICE COUNT: the DNS names of its pods.
names() {
    number=0
    while [ "$number" -lt "$3" ]; do
        echo "$1-$number.${2%.}"
        number=$((number + 1))
    done
}

servers() {
    names "$REDIS_NAME" "$REDIS_SERVICE" "$SERVERS"
}

sentinels() {
    names "$REDIS_NAME-sentinel" "$SENTINEL_SERVICE" "$SENTINELS"
}

# ask_each QUESTION HOST...: runs a function for every host at the same time; each says one line, or nothing.
ask_each() {
    question=$1
    shift
    for host; do
        "$question" "$host" &
    done
    wait
}

# view_of SENTINEL: "EPOCH MASTER" as that Sentinel sees it. Nothing while it watches no master. During a failover the first
# of the two answers already names the new one.
view_of() {
    printf 'sentinel get-master-addr-by-name %s\nsentinel master %s\n' "$MASTER_NAME" "$MASTER_NAME" |
        REDIS_PORT=$SENTINEL_PORT REDIS_SECONDS=$answer_seconds ask_at "$1" |
        sed -n -e 1p -e '/^config-epoch$/{n;p;}' | {
        read -r master && read -r epoch && [ -n "$master" ] && echo "$epoch $master"
    }
}

# agreed: "EPOCH MASTER" when more than half of all Sentinels say the same. A single one can be wrong, or cut off.
agreed() {
    views | sort | uniq -c | sort -rn | {
        read -r count answer && [ "$count" -gt $((SENTINELS / 2)) ] && echo "$answer"
    }
}

# state_of SERVER: "TERM OWN OFFSET NUMBER ROLE NAME". TERM and OWN are what it remembers, see remember: -1 for a server that
# never had a master, OWN is 1 where it was the master itself.
state_of() {
    answers=$(printf 'info replication\nconfig get cluster-announce-hostname\n' | REDIS_SECONDS=$answer_seconds ask_at "$1")
    says=$(echo "$answers" | sed -n 's/^role://p')
    [ -n "$says" ] || return
    # Cut off after the first answer it would look as if it had no memory, and so no data.
    case $answers in
        *cluster-announce-hostname*) ;;
        *) return ;;
    esac
    case $says in
        master) offset=$(echo "$answers" | sed -n 's/^master_repl_offset://p') ;;
        *) offset=$(echo "$answers" | sed -n 's/^slave_repl_offset://p') ;;
    esac
    memory=$(echo "$answers" | sed -n 's/^term-//p')
    term=-1
    own=0
    if [ -n "$memory" ]; then
        term=${memory%%.*}
        [ "${memory#*.}" != "$1" ] || own=1
    fi
    pod=${1%%.*}
    echo "$term $own ${offset:-0} ${pod##*-} $says $1"
}

# census: the states of all servers that answer.
census() {
    # shellcheck disable=SC2046 # names have no blanks
    ask_each state_of $(servers)
}

# views: "EPOCH MASTER" of every Sentinel that watches a master.
views() {
    # shellcheck disable=SC2046 # names have no blanks
    ask_each view_of $(sentinels)
}

# latest_term STATES: the highest term of these servers, -1 where none remembers any.
latest_term() {
    highest=$(echo "$1" | sort -rn | head -n 1)
    highest=${highest%% *}
    echo "${highest:--1}"
}

# recall: which master this server had last, and in which term (the epoch of the Sentinels' configuration). Both are empty for
# a server whose directory is new.
# shellcheck disable=SC2034 # read by other scripts
recall() {
    recalled_term=
    recalled_master=
    [ ! -r "$REDIS_DATA/.slotwise-master" ] || read -r recalled_term recalled_master <"$REDIS_DATA/.slotwise-master"
}

# remember TERM MASTER: on the volume, and where other pods can ask for it. Servers have no field for such a thing; this
# setting of Redis Cluster has no meaning for any other server.
remember() {
    echo "$1 $2" >"$REDIS_DATA/.slotwise-master.new"
    mv "$REDIS_DATA/.slotwise-master.new" "$REDIS_DATA/.slotwise-master"
    ask config set cluster-announce-hostname "term-$1.$2" >/dev/null
}
