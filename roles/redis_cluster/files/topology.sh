#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# What the scripts of every topology ask, answered for a node of a Redis Cluster.

# Lines for redis.conf that only the pod itself knows.
extra_config() {
    printf 'cluster-announce-ip %s\n' "$POD_IP"
    printf 'cluster-announce-hostname %s\n' "$POD_HOSTNAME"
    echo "cluster-preferred-endpoint-type ip"
}

# is_the_same_node: whether the directory is still that of the node which this pod has been since it was made, see meet.sh. One
# that lost its data and starts again in place, at the same address, is an empty master to its replicas, which follow it.
# shellcheck disable=SC2154 # set by read_persistence
is_the_same_node() {
    [ -e "$REDIS_POD/node" ] || return 0
    read -r id had <"$REDIS_POD/node"
    # Alone when it was noted.
    [ -n "$id" ] || return 0
    found=$(sed -n 's/^\([0-9a-f]\{40\}\) .* myself,.*/\1/p' "$REDIS_DATA/nodes.conf" 2>/dev/null)
    read_persistence
    missing=
    if [ "$found" != "$id" ]; then
        missing="this pod is the node $id of its cluster, and $REDIS_DATA/nodes.conf is that of ${found:-no node}"
    elif [ "$appendonly" = yes ]; then
        if [ ! -e "$manifest" ] && [ ! -s "$folder/$aof" ]; then
            missing="$manifest is gone"
        else
            case " $had " in
                *' keys '*) has_aof_data || missing="the append only file in $folder/$aof_folder has no data any more" ;;
            esac
        fi
    else
        case " $had " in
            *' dump.rdb '*) [ -e "$folder/$dump" ] || missing="$folder/$dump is gone" ;;
        esac
    fi
    [ -n "$missing" ] || return 0
    echo "$missing. Its replicas would follow an empty master, and lose their data too. Put the data back, or delete the pod:" \
        "a replica takes over, and the pod gets its data anew"
    return 1
}

# has_replicas: whether this node was a master with replicas when it stopped.
has_replicas() {
    grep -q " myself,master[^ ]* " "$REDIS_DATA/nodes.conf" 2>/dev/null || return 1
    grep -q "^[0-9a-f]\{40\} [^ ]* slave[^ ]* $(sed -n 's/^\([0-9a-f]\{40\}\) .* myself,.*/\1/p' "$REDIS_DATA/nodes.conf") " \
        "$REDIS_DATA/nodes.conf"
}

# could_be_replaced: whether replicas had the time to take over. A master that crashed and starts again in place has what it had
# saved, which without an append only file may be little or nothing, and replicas that still follow it drop what they have more.
could_be_replaced() {
    [ "$(now)" -lt "$turn" ] || return 0
    echo "this pod was a master without an append only file, and its replicas may have more than it saved: it starts" \
        "when they had the time to take over"
    return 1
}

# A failure is agreed on within twice the time after which a node is called failing; an election takes a second or two.
give_way() {
    [ "$appendonly" = no ] && [ -s "$REDIS_POD/node" ] && has_replicas || return 0
    ms=$(tr '[:upper:]' '[:lower:]' <"$REDIS_CONFIG" | sed -n 's/^cluster-node-timeout[^0-9]*\([0-9]*\).*/\1/p' | tail -n 1)
    turn=$(($(now) + ${ms:-15000} / 500 + 5))
    wait_until could_be_replaced
}

# What is done with the directory while nobody uses it. A server that stopped before the shard id of a replica was that of its
# master has both in nodes.conf, and some versions, such as Valkey 8.1, then never start again (valkey#2171).
prepare_data() {
    wait_until is_the_same_node
    give_way
    table=$REDIS_DATA/nodes.conf
    [ -s "$table" ] || return 0
    shards=$(sed -n 's/^\([0-9a-f]\{40\}\) .*shard-id=\([0-9a-f]\{40\}\)[^ ]* [^ ]* \([^ ]*\) .*/\1 \2 \3/p' "$table")
    echo "$shards" | while read -r id shard master; do
        wanted=$(echo "$shards" | sed -n "s/^${master:-none} \([0-9a-f]*\) .*/\1/p")
        [ "${wanted:-$shard}" != "$shard" ] || continue
        log "$id has the shard id of its master now, $wanted instead of $shard"
        echo "/^$id /s/shard-id=$shard/shard-id=$wanted/"
    done >"$REDIS_RUN/shards"
    [ -s "$REDIS_RUN/shards" ] || return 0
    sed -f "$REDIS_RUN/shards" "$table" >"$table.new"
    mv "$table.new" "$table"
}

# What runs beside the server, for as long as it does.
run_beside() {
    # shellcheck disable=SC2154 # set by start.sh
    sh "$scripts/supervise.sh" meet.sh &
    echo $! >"$REDIS_RUN/supervisor"
}

# What is asked to know whether a server that answers may get clients.
# shellcheck disable=SC2034 # read by probe.sh
readiness_questions="info replication
cluster info"

# serves ANSWERS: whether it may, and the next pod may go: a replica has what its master has. A node that is not part of a
# cluster yet is ready too: forming one must not wait for readiness that waits for it.
serves() {
    case $1 in
        *role:master* | *master_link_status:up*) ;;
        *) return 1 ;;
    esac
    case $1 in
        *cluster_state:ok* | *cluster_known_nodes:1[!0-9]*) ;;
        *) return 1 ;;
    esac
}
