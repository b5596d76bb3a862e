#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Read by start.sh. A server reads the append only file or the snapshot, as its configuration says, and never looks for the
# other one: with a setting that was changed by a restart it starts empty, or with old data, and soon overwrites the rest.

# settings FILE: the directives that say where data is, "name value" in lines, of this file and of those that it includes, as
# the server reads them: names and switches in any letters, values with quotes or without.
settings() {
    [ -r "$1" ] || return 0
    {
        tr -d "\r\"'" <"$1"
        echo
    } | sed -e h -e y/ABCDEFGHIJKLMNOPQRSTUVWXYZ/abcdefghijklmnopqrstuvwxyz/ -e G |
        while read -r name small && read -r _ value; do
            case $name in
                include) for file in $value; do settings "$file"; done ;;
                appendonly) echo "appendonly $small" ;;
                dir | dbfilename | appendfilename | appenddirname) echo "$name $value" ;;
                # Could be any name.
                *\\*) echo "appendonly $name" ;;
            esac
        done
}

# read_persistence: where the server will look for data. The last line of each directive counts.
read_persistence() {
    appendonly=no
    folder=.
    dump=dump.rdb
    aof=appendonly.aof
    aof_folder=appendonlydir
    given=$(settings "$REDIS_RUN/redis.conf")
    while read -r name value; do
        case $name in
            appendonly) appendonly=$value ;;
            dbfilename) dump=$value ;;
            appendfilename) aof=$value ;;
            appenddirname) aof_folder=$value ;;
            dir)
                case $value in
                    /*) folder=$value ;;
                    *) folder=$folder/$value ;;
                esac
                ;;
        esac
    done <<EOF
$given
EOF
    manifest=$folder/$aof_folder/$aof.manifest
}

# look_into FILE: sets "begun", the time when a snapshot was begun. Fails for one without any data. Anything that does not begin
# like a snapshot is data.
look_into() {
    begun=0
    [ -s "$1" ] || return 1
    # The head of a snapshot: nine letters, then pairs of texts, each pair after a byte fa. The end is a byte ff and a checksum.
    # shellcheck disable=SC2046 # numbers
    set -- $(od -An -v -tx1 -N 4096 "$1")
    [ $# -gt 9 ] || return 0
    shift 9
    while [ "${1:-}" = fa ]; do
        shift
        # ctime, a number of four bytes
        [ "${1:-} ${2:-} ${3:-} ${4:-} ${5:-} ${6:-} ${7:-}" != "05 63 74 69 6d 65 c2" ] || [ $# -lt 11 ] ||
            begun=$((0x${11}${10}$9$8))
        for _ in name value; do
            case ${1:-} in
                c0) size=2 ;;
                c1) size=3 ;;
                c2) size=5 ;;
                [0-3]?) size=$((1 + 0x$1)) ;;
                [4-7]?) size=$((2 + (0x$1 - 0x40) * 256 + 0x${2:-0})) ;;
                *) return 0 ;;
            esac
            [ $# -gt "$size" ] || return 0
            shift "$size"
        done
    done
    [ "${1:-}" != ff ] || [ $# -gt 9 ]
}

# aof_files: the parts of the append only file, as Redis 7 keeps them, and as earlier versions did.
aof_files() {
    for file in "$folder/$aof_folder"/* "$folder/$aof"; do
        case ${file##*/} in
            # Begun and never finished: no server reads it.
            temp-*) continue ;;
        esac
        [ ! -f "$file" ] || [ "$file" = "$manifest" ] || echo "$file"
    done
}

has_aof_data() {
    aof_files | while read -r file; do
        ! look_into "$file" || echo "$file"
    done | grep -q .
}

# is_superseded: whether the snapshot has all that was ever written to the append only file: it was begun in a later second than
# the last write. When it was ended is compared too, as a file server may have another clock.
is_superseded() {
    [ -s "$folder/$dump" ] || return 1
    look_into "$folder/$dump" || :
    ended=$(stat -c %Y "$folder/$dump")
    ! aof_files | while read -r file; do
        written=$(stat -c %Y "$file")
        [ "$begun" -gt "$written" ] && [ "$ended" -gt "$written" ] || echo "$file"
    done | grep -q .
}

# set_aside: an append only file that is not used any more, else a server with appendonly would read it one day.
set_aside() {
    for name in "$aof_folder" "$aof"; do
        [ -e "$folder/$name" ] || continue
        rm -rf "$folder/unused-$name"
        mv "$folder/$name" "$folder/unused-$name" || return
        log "appendonly is no: $folder/$name is now $folder/unused-$name, and may be removed"
    done
}

# remove_unfinished: what servers that were killed have begun to write. No server reads it, and it holds room. Only with the lock,
# which a server and its children have until the last of them is gone.
remove_unfinished() {
    read_persistence
    for file in "$folder"/temp-*.rdb "$folder"/temp-rewriteaof-*.aof; do
        name=${file##*/temp-}
        name=${name#rewriteaof-}
        name=${name#bg-}
        case ${name%.???} in
            # Not the number of a process, with a time before it or without.
            *[!0-9.]*) continue ;;
        esac
        case ${file##*/} in
            "$dump" | "$aof") continue ;;
        esac
        rm -f "$file" || :
    done
}

# loads_all_data: whether the server will read all data that is there.
loads_all_data() {
    read_persistence
    case $appendonly in
        yes)
            if [ -e "$manifest" ] || [ -s "$folder/$aof" ]; then
                return 0
            elif has_aof_data; then
                echo "$folder/$aof_folder has data, but no $aof.manifest, without which the server would start empty." \
                    "Put the manifest back, or move the directory away"
                return 1
            elif look_into "$folder/$dump"; then
                echo "appendonly is yes and there is no append only file in $folder/$aof_folder, but $folder/$dump has data," \
                    "which the server would not read. Set appendonly to no, and to yes when the server runs:" \
                    "it writes the file then. Or move $folder/$dump away, if it is not wanted"
                return 1
            fi
            ;;
        no)
            if has_aof_data && ! is_superseded; then
                echo "appendonly is no, and the append only file in $folder/$aof_folder may have data that is not in" \
                    "$folder/$dump, and which the server would not read. Set appendonly to yes, and to no when the server runs." \
                    "Or move $folder/$aof_folder away, if it is not wanted"
                return 1
            fi
            set_aside
            ;;
        *)
            echo "appendonly is $appendonly in the configuration: allowed are yes and no"
            return 1
            ;;
    esac
}
