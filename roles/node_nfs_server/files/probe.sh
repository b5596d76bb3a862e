#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Prints what this machine has, one key=value a line, and each export in force as "export=path client". Reads only.
# Usage: probe.sh SERVICE
set -u
service=$1
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# shellcheck disable=SC1091 # exists on every machine of these families, not where scripts are checked
ids=$(. /etc/os-release && echo " ${ID:-unknown} ${ID_LIKE:-} ")
case $ids in
    *" debian "* | *" ubuntu "*) echo family=Debian ;;
    *" rhel "* | *" fedora "* | *" centos "*) echo family=RedHat ;;
    *) echo "family=$ids" ;;
esac

found=
for program in exportfs rpcbind; do
    if command -v "$program" >/dev/null; then
        found="$found $program"
    fi
done
echo "programs=$found"
echo "service=$(systemctl is-active "$service" 2>/dev/null)"
echo "starts=$(systemctl is-enabled "$service" 2>/dev/null)"
echo "threads=$(cat /proc/fs/nfsd/threads 2>/dev/null)"
exportfs -s 2>/dev/null | sed -n 's/^\([^[:space:]]*\)[[:space:]]*\(.*\)(.*)$/export=\1 \2/p'
