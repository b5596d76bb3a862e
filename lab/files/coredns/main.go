// Copyright: (c) 2026, slotwise.redis contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// Command coredns is CoreDNS with only the plugins that a cluster needs.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

// The order is the order in which a query passes the plugins.
func init() {
	dnsserver.Directives = []string{
		"reload", "health", "ready", "errors", "cache", "loadbalance", "kubernetes", "forward",
	}
}

func main() { coremain.Run() }
