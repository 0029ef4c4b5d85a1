package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ubridge/internal/testnet"
)

// Guest is a namespace with one card, eth0.
type Guest struct {
	*testnet.NS
	Host string // its name, which it gives to DHCP
	Port string // the host's device behind which it is
	Addr string // leased, without prefix length; empty before Lease
	net  *Net
}

// Guest makes a namespace behind a veth, whose other end lies in the host as
// "v" and the name. It is not a port yet.
func (n *Net) Guest(name string) *Guest {
	n.T.Helper()
	g := &Guest{NS: n.NS(name), Host: name, Port: "v" + name, net: n}
	n.Veth(n.Host, g.Port, g.NS, "eth0")
	return g
}

// Join makes a guest behind a veth, adds its port to the network default, and
// has it take a lease.
func (d *Daemon) Join(name string) *Guest {
	d.net.T.Helper()
	return d.JoinTo("default", name)
}

// JoinTo is Join to another network.
func (d *Daemon) JoinTo(network, name string) *Guest {
	d.net.T.Helper()
	g := d.net.Guest(name)
	d.Run("port", "add", network, g.Port)
	g.Lease()
	return g
}

// MAC is the card's station address.
func (g *Guest) MAC() string { return g.NS.MAC("eth0") }

// Lease has busybox udhcpc take a lease, which must succeed, and sets the
// guest's address, route and resolver by it. Args are added to udhcpc's. It
// returns what udhcpc tells its script: ip, mask, router, dns, lease, serverid,
// and other options by their names.
func (g *Guest) Lease(args ...string) map[string]string {
	g.net.T.Helper()
	got, err := g.TryLease(args...)
	if err != nil {
		g.net.T.Fatalf("guest %s has no lease: %v", g.Host, err)
	}
	g.Addr = got["ip"]
	return got
}

// TryLease is Lease that may fail.
func (g *Guest) TryLease(args ...string) (map[string]string, error) {
	out, err := g.NS.Try(append([]string{
		"busybox", "udhcpc", "-f", "-q", "-n", "-t", "8", "-T", "1", "-i", "eth0",
		"-x", "hostname:" + g.Host, "-s", g.net.script,
	}, args...)...)
	if err != nil {
		return nil, err
	}
	got := parseLease(out)
	if got["ip"] == "" {
		return nil, fmt.Errorf("udhcpc ended without an address: %s", out)
	}
	return got, nil
}

// leaseMark begins the script's lines among udhcpc's own.
const leaseMark = "lease "

func parseLease(out string) map[string]string {
	got := map[string]string{}
	for line := range strings.Lines(out) {
		line, ours := strings.CutPrefix(strings.TrimSpace(line), leaseMark)
		if key, value, pair := strings.Cut(line, "="); ours && pair {
			got[key] = value
		}
	}
	return got
}

// writeScript writes what udhcpc calls on each event.
func (n *Net) writeScript() string {
	n.T.Helper()
	path := filepath.Join(n.Dir(), "udhcpc.script")
	script := `#!/bin/sh
case $1 in
deconfig) ip -4 addr flush dev $interface ;;
bound|renew)
	ip addr replace $ip/$mask dev $interface
	[ -z "$router" ] || ip route replace default via $router
	: >/etc/resolv.conf
	for server in $dns; do echo nameserver $server >>/etc/resolv.conf; done
	;;
esac
echo "` + leaseMark + `event=$1"
env | sed 's/^/` + leaseMark + `/'
`
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		n.T.Fatalf("script of udhcpc: %v", err)
	}
	return path
}

// Reach reports why a ping to an address is not answered.
func (g *Guest) Reach(addr string) error {
	_, err := g.NS.Try("ping", "-n", "-c", "1", "-W", "5", addr)
	return err
}
