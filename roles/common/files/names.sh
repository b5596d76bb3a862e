#!/bin/sh
# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Read by the scripts that start servers, Sentinels and proxies. Names of pods are needed when pods have new addresses, which may
# be long after the deployment. So that the given domain is the one of this Kubernetes cluster is proved when a pod starts.
# Environment: REDIS_SERVICE (the headless service, as NAME.NAMESPACE.svc.DOMAIN. with a dot at its end), DOMAIN_VARIABLE (where
# the domain is given).

: "${RESOLV_CONF:=/etc/resolv.conf}"
: "${TERMINATION_LOG:=/dev/termination-log}"
# The exit code of a start that no second try changes (EX_CONFIG of sysexits.h). The roles wait for no such pod.
refused=78
proved=none

: "${REDIS_SERVICE:=}"
namespace=${REDIS_SERVICE#*.}
namespace=${namespace%%.*}
# Servers that are given one by one have no such names.
domain=
case $REDIS_SERVICE in
    *".$namespace.svc."*)
        domain=${REDIS_SERVICE#*".$namespace.svc."}
        domain=${domain%.}
        ;;
esac

# knows DOMAIN: whether DNS has the name in this domain that every Kubernetes cluster has.
knows() {
    timeout "${NAMES_SECONDS:-5}" getent hosts "kubernetes.default.svc.$1." >/dev/null 2>&1
}

# other_domain: the domain in which this pod looks for names, if it is another one and DNS knows it. That DNS knows several is fine.
other_domain() {
    other=$(sed -n 's/^search[[:blank:]]*//p' "$RESOLV_CONF" | tr -s '[:blank:]' '\n' | sed -n "s/^$namespace\\.svc\\.//p" | head -n 1)
    [ -n "$other" ] && [ "$other" != "$domain" ] && knows "$other" && echo "$other"
}

# refuse_other_domain: ends the start of a pod that nobody needs yet. An answer may be lost, so both are asked again.
refuse_other_domain() {
    [ -n "$domain" ] || return 0
    for _try in 1 2; do
        if knows "$domain"; then
            proved=$domain
            return
        fi
        other=$(other_domain) || return 0
    done
    message="${DOMAIN_VARIABLE:-cluster_domain} is $domain, and names of this Kubernetes cluster end with $other: set it to $other"
    echo "$(basename "$0"): $message" >&2
    # Kubernetes shows it with the state of the pod.
    { echo "$message" >"$TERMINATION_LOG"; } 2>/dev/null || true
    exit "$refused"
}

# title: the title of the server's process has room to say which domain is proved, or known instead. It is asked for as
# proc-title-template. With data a server serves all the same: it is needed, and its peers may be where they were.
title() {
    given=$(sed -n 's/^proc-title-template "\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$REDIS_CONFIG" | tail -n 1)
    [ -n "$given" ] || given='{title} {listen-addr} {server-mode}'
    echo "$given cluster-domain=$1"
}

# tell_domain: until the domain is proved and the server says so.
tell_domain() {
    [ -n "$domain" ] || return 0
    said=$proved
    seconds=1
    until [ "$said" = "$domain" ]; do
        if knows "$domain"; then found=$domain; else found=$(other_domain) || found=none; fi
        if [ "$found" != "$said" ] && [ "$(ask config set proc-title-template "$(title "$found")")" = OK ]; then
            said=$found
            [ "$said" = "$domain" ] || echo "$(basename "$0"): names of $domain are unknown; the domain that is known: $said" >&2
            continue
        fi
        sleep "$seconds"
        [ "$seconds" -ge 8 ] || seconds=$((seconds * 2))
    done
}

# is_new DIRECTORY: whether it holds nothing but what file systems and the collection put into it.
is_new() {
    for entry in "$1"/*; do
        case $entry in
            "$1/*" | */lost+found) ;;
            *) return 1 ;;
        esac
    done
}

# prove_names: for a server, before it starts. One with data does not wait for it.
prove_names() {
    if is_new "$REDIS_DATA"; then
        refuse_other_domain
    fi
}
