package demo

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ubridge/internal/testnet"
)

// leaseScript makes a namespace match its lease, for either client.
//
//go:embed lease.script
var leaseScript []byte

// client is the command line of a DHCP client in the foreground, so that it
// renews as long as a kept tour lasts.
type client struct {
	name    string
	command func(script, dir, host string) []string
}

var udhcpc = client{"udhcpc", func(script, _, host string) []string {
	return []string{"udhcpc", "-f", "-i", "eth0", "-s", script, "-x", "hostname:" + host, "-t", "20", "-T", "1"}
}}

var busyboxUDHCPC = client{"busybox udhcpc", func(script, dir, host string) []string {
	return append([]string{"busybox"}, udhcpc.command(script, dir, host)...)
}}

var dhclient = client{"dhclient", func(script, dir, host string) []string {
	file := func(suffix string) string { return filepath.Join(dir, host+suffix) }
	return []string{"dhclient", "-4", "-d", "-sf", script, "-cf", file(".conf"),
		"-lf", file(".leases"), "-pf", file(".pid"), "eth0"}
}}

// dhcpClient chooses what is installed, nil for none.
func dhcpClient() *client {
	switch {
	case installed("udhcpc"):
		return &udhcpc
	case busyboxHas("udhcpc"):
		return &busyboxUDHCPC
	case installed("dhclient"):
		return &dhclient
	}
	return nil
}

func (t *tour) leaseBoth() string {
	c := dhcpClient()
	script := filepath.Join(t.lab.Dir(), "lease.script")
	if err := os.WriteFile(script, leaseScript, 0o755); err != nil {
		t.Fatalf("%v", err)
	}
	for _, guest := range []struct {
		ns   *testnet.NS
		name string
	}{{t.first, firstName}, {t.second, secondName}} {
		t.writeDhclientConf(guest.name)
		args := c.command(script, t.lab.Dir(), guest.name)
		t.clients = append(t.clients, t.start(guest.ns.Command(args...)))
	}
	t.firstAddr = t.awaitLease(t.first, t.clients[0])
	t.secondAddr = t.awaitLease(t.second, t.clients[1])
	return fmt.Sprintf("guest1 %s, guest2 %s, by %s", t.firstAddr, t.secondAddr, c.name)
}

// writeDhclientConf gives dhclient the name to send; it has no option for it on
// every version.
func (t *tour) writeDhclientConf(host string) {
	text := fmt.Sprintf("send host-name %q;\nrequest subnet-mask, routers, domain-name-servers;\nretry 1;\n", host)
	if err := os.WriteFile(filepath.Join(t.lab.Dir(), host+".conf"), []byte(text), 0o644); err != nil {
		t.Fatalf("%v", err)
	}
}

// awaitLease waits until the client has given eth0 of its namespace an address
// of the network, and a default route.
func (t *tour) awaitLease(n *testnet.NS, client *testnet.Proc) (addr string) {
	t.eventually(20*time.Second, "lease in "+n.Name, func() (err error) {
		if !client.Running() {
			t.Fatalf("%s ended: %s", client, tail(client.Output(), 5))
		}
		if addr, err = addressIn(n, "eth0"); err == nil {
			err = n.Do(defaultRoute)
		}
		return err
	})
	if ip, err := netip.ParseAddr(addr); err != nil || !guestNetwork.Contains(ip) {
		t.Fatalf("the lease %s is not of the network %s", addr, guestNetwork)
	}
	return addr
}

// defaultRoute errs while the calling thread's namespace has no IPv4 default route.
func defaultRoute() error {
	table, err := os.ReadFile("/proc/thread-self/net/route")
	for line := range strings.Lines(string(table)) {
		if to := strings.Fields(line)[1]; to == "00000000" { // destination, in hexadecimal
			return nil
		}
	}
	return errors.Join(errors.New("no default route yet"), err)
}

// guestNetwork is the default network's; nothing in a tour overlaps it.
var guestNetwork = netip.MustParsePrefix("192.168.122.0/24")

// addressIn returns the IPv4 address of a device.
func addressIn(n *testnet.NS, dev string) (addr string, err error) {
	err = n.Do(func() error {
		ifc, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		all, err := ifc.Addrs()
		if err != nil {
			return err
		}
		for _, a := range all {
			if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil {
				addr = ip.IP.String()
				return nil
			}
		}
		return errors.New("no address yet")
	})
	return addr, err
}
