#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Prints what this machine has, one key=value a line. Reads only.
# Usage: probe.sh SYSCTL_FILE THP_FILE
set -u
sysctl_file=$1
thp_file=$2
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# shellcheck disable=SC1091 # exists on every machine of these families, not where scripts are checked
ids=$(. /etc/os-release && echo " ${ID:-unknown} ${ID_LIKE:-} ")
case $ids in
    *" debian "* | *" ubuntu "*) echo family=Debian ;;
    *" rhel "* | *" fedora "* | *" centos "*) echo family=RedHat ;;
    *) echo "family=$ids" ;;
esac

for program in socat mount.nfs; do
    if command -v "$program" >/dev/null; then
        echo "program.$program=yes"
    else
        echo "program.$program=no"
    fi
done

for setting in vm.overcommit_memory net.core.somaxconn; do
    file=/proc/sys/$(echo "$setting" | tr . /)
    echo "value.$setting=$(cat "$file" 2>/dev/null)"
    if [ -w "$file" ]; then
        echo "writable.$setting=yes"
    else
        echo "writable.$setting=no"
    fi
    echo "kept.$setting=$(sed -n "s/^$setting *= *//p" "$sysctl_file" 2>/dev/null)"
done

thp=/sys/kernel/mm/transparent_hugepage/enabled
echo "value.thp=$(sed -n 's/.*\[\(.*\)\].*/\1/p' "$thp" 2>/dev/null)"
if [ -w "$thp" ]; then
    echo writable.thp=yes
else
    echo writable.thp=no
fi
echo "kept.thp=$(sed -n "s|^w $thp - - - - ||p" "$thp_file" 2>/dev/null)"
