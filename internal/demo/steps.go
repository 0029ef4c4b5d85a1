package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ubridge/internal/shm"
	"ubridge/internal/testnet"
)

// steps are the tour.
var steps = []step{
	{"namespaces", (*tour).makeNamespaces},
	{"outside server", (*tour).startOutside},
	{"ubridge run", (*tour).startDaemon},
	{"port add", (*tour).addPorts},
	{"leases", (*tour).leaseBoth},
	{"names", (*tour).askNames},
	{"ping", (*tour).pingGuests},
	{"NAT, download", (*tour).download},
	{"guest to guest", (*tour).rateInside},
	{"guest to outside", (*tour).rateOutside},
	{"real guest", (*tour).bootGuest},
	{"net leases", (*tour).showLeases},
	{"port list", (*tour).showPorts},
	{"fdb", (*tour).showFDB},
	{"nat flows", (*tour).showFlows},
}

// The addresses of the world outside; RFC 5737 keeps 198.51.100.0/24 for such.
const (
	hostOutside   = "10.9.0.2"
	serverNear    = "10.9.0.1"
	serverFar     = "198.51.100.1"
	serverName    = "download.example"
	gateway       = "192.168.122.1"
	firstName     = "guest1"
	secondName    = "guest2"
	realGuestName = "guest3"
)

func (t *tour) makeNamespaces() string {
	for _, dir := range testnet.LeftOvers(prefix) { // of tours that were killed
		if err := forgetTables(dir); err != nil {
			t.Fatalf("%v", err)
		}
	}
	t.lab = testnet.New(t, prefix)
	if t.opts.Keep {
		t.lab.Keep()
	}
	t.host, t.server = t.lab.NS("host"), t.lab.NS("server")
	t.first, t.second = t.lab.NS(firstName), t.lab.NS(secondName)
	t.checkContext()
	t.lab.Veth(t.host, "eth0", t.server, "eth0")
	t.host.Addr("eth0", hostOutside+"/24")
	t.server.Addr("eth0", serverNear+"/24")
	t.server.Addr("lo", serverFar+"/32")
	t.host.Route("default", "via", serverNear)
	t.host.Etc("resolv.conf", "nameserver "+serverNear+"\n")
	t.lab.Veth(t.host, "veth1", t.first, "eth0")
	t.lab.Veth(t.host, "veth2", t.second, "eth0")
	for _, n := range []*testnet.NS{t.first, t.second, t.server} {
		n.Unpaced()
	}
	return "host, server, guest1, guest2, joined by virtual wires"
}

func (t *tour) startOutside() string {
	cmd := t.server.Command(t.opts.Self, "demo")
	cmd.Env = append(os.Environ(), roleVariable+"="+outsideRole)
	t.outside = t.start(cmd)
	t.said(t.outside, outsideReady)
	return fmt.Sprintf("%s: HTTP, DNS and a sink for throughput at %s", serverName, serverFar)
}

// startDaemon runs it as a user would, but for its directories. The empty
// configuration file keeps it from reading this machine's /etc/ubridge.
func (t *tour) startDaemon() string {
	config := filepath.Join(t.lab.Dir(), "etc", "ubridge.toml")
	for _, dir := range []string{filepath.Dir(config), t.stateDir(), t.runtimeDir()} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatalf("%v", err)
		}
	}
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	var err error
	if t.shm, _, err = shm.Dir(t.runtimeDir()); err != nil {
		t.Fatalf("%v", err)
	}
	if t.hostLinks, err = linksIn(t.host); err != nil {
		t.Fatalf("%v", err)
	}
	t.daemon = t.start(t.host.Command(t.opts.Self, "run", "--config", config,
		"--state-dir", t.stateDir(), "--runtime-dir", t.runtimeDir(), "--socket", t.socket()))
	t.eventually(15*time.Second, "the daemon answers", t.daemonAnswers)
	return "network default: nat, " + gateway + "/24 on ubr0"
}

func (t *tour) daemonAnswers() error {
	if !t.daemon.Running() {
		t.Fatalf("the daemon ended: %v", t.daemon.Wait(time.Second))
	}
	out, err := t.host.TryContext(t.ctx, t.opts.Self, "--socket", t.socket(), "net", "list")
	if err == nil && !strings.Contains(out, "active") {
		err = fmt.Errorf("the network is not active:\n%s", out)
	}
	return err
}

func (t *tour) addPorts() string {
	t.ubridge("port", "add", "default", "veth1")
	t.ubridge("port", "add", "default", "veth2")
	return "veth1 (guest1) and veth2 (guest2) forward"
}
