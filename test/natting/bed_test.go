package natting

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
)

// Addresses of the topology in doc.go.
const (
	gateway    = "192.168.122.1"
	uplinkAddr = "10.9.0.2"
	routerAddr = "10.9.0.1"
	serverAddr = "198.51.100.1"
	thirdAddr  = "198.51.100.2" // on the server as well, but another remote
	patience   = 15 * time.Second
)

// bed is one test's world.
type bed struct {
	*testing.T
	lab                  *testnet.Lab
	host, router, server *testnet.NS
	guest, other         *testnet.NS
	dir, runtime         string // of the daemon's state, and on a tmpfs
	config               string // of the daemon; empty: none
	daemon               *testnet.Proc
	api                  *api.Client
}

// newBed builds the topology, with the daemon running and both guests attached.
func newBed(t *testing.T) *bed {
	b := newTopology(t)
	b.start()
	b.addGuests()
	return b
}

// newTopology builds everything but the daemon.
func newTopology(t *testing.T) *bed {
	testnet.Require(t, "ethtool", "tcpdump", "ping", "traceroute", "nft")
	t.Parallel()
	b := &bed{T: t, lab: testnet.New(t, "natting")}
	b.host, b.router, b.server = b.lab.NS("host"), b.lab.NS("router"), b.lab.NS("server")
	b.guest, b.other = b.lab.NS("guest"), b.lab.NS("other")
	b.lab.Veth(b.host, "eth0", b.router, "eth0")
	b.lab.Veth(b.router, "eth1", b.server, "eth0")
	b.host.Addr("eth0", uplinkAddr+"/24")
	b.host.Route("default", "via", routerAddr)
	b.router.Addr("eth0", routerAddr+"/24")
	b.router.Addr("eth1", "10.8.0.1/24")
	b.router.Route("198.51.100.0/24", "via", "10.8.0.2")
	b.router.Sysctl("net.ipv4.ip_forward", "1")
	b.server.Addr("eth0", "10.8.0.2/24")
	b.server.Addr("lo", serverAddr+"/32")
	b.server.Addr("lo", thirdAddr+"/32")
	b.server.Route("default", "via", "10.8.0.1")
	b.wireGuest(b.guest, "vg1", "192.168.122.11")
	b.wireGuest(b.other, "vg2", "192.168.122.12")
	b.dir, b.runtime = filepath.Join(b.lab.Dir(), "d"), testnet.RuntimeDir(t)
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

// wireGuest joins a guest to the host by the veth that will be its port.
func (b *bed) wireGuest(guest *testnet.NS, port, addr string) {
	b.Helper()
	b.lab.Veth(b.host, port, guest, "eth0")
	guest.Addr("eth0", addr+"/24")
	guest.Route("default", "via", gateway)
}

// start starts the daemon and waits until it answers.
func (b *bed) start() {
	b.Helper()
	args := []string{testnet.Binary(b), "run", "--state-dir", filepath.Join(b.dir, "state"), "--runtime-dir", b.runtime}
	file := filepath.Join(b.dir, "ubridge.toml")
	write(b, file, cmp.Or(b.config, testnet.DaemonConfig()))
	args = append(args, "--config", file)
	b.daemon = b.host.Start(args...)
	b.api = api.NewClient(b.socket())
	b.lab.Eventually(patience, "the daemon to answer", func() error {
		nets, err := b.api.Networks(b.Context())
		if err == nil && (len(nets) == 0 || !nets[0].Active) {
			err = fmt.Errorf("network default is not active: %v", nets)
		}
		if !b.daemon.Running() {
			b.Fatalf("the daemon ended:\n%s", b.daemon.Output())
		}
		return err
	})
	b.Cleanup(b.api.Close)
	b.Cleanup(func() {
		if b.Failed() {
			b.Logf("the daemon said:\n%s", b.daemon.Output())
		}
	})
}

func (b *bed) socket() string { return filepath.Join(b.runtime, "ubridge.sock") }

// addGuests makes both guests' veths ports and waits until they forward.
func (b *bed) addGuests() {
	b.Helper()
	for _, port := range []string{"vg1", "vg2"} {
		if _, err := b.api.AddPort(b.Context(), api.AddPortRequest{Network: "default", Port: port}); err != nil {
			b.Fatal(err)
		}
	}
}

// flows lists the flows that a condition picks.
func (b *bed) flows(pick func(api.Flow) bool) (list []api.Flow) {
	b.Helper()
	for f, err := range b.api.Flows(context.Background(), "default") {
		if err != nil {
			b.Fatal(err)
		}
		if pick(f) {
			list = append(list, f)
		}
	}
	return list
}

// flow waits for the one flow that a condition picks.
func (b *bed) flow(what string, pick func(api.Flow) bool) (f api.Flow) {
	b.Helper()
	b.lab.Eventually(patience, what, func() error {
		list := b.flows(pick)
		if len(list) != 1 {
			return fmt.Errorf("%d flows: %v", len(list), list)
		}
		f = list[0]
		return nil
	})
	return f
}

// drops is how many frames were dropped for a reason on a port.
func (b *bed) drops(port, reason string) uint64 {
	b.Helper()
	ports, err := b.api.Ports(b.Context(), "")
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range ports {
		if p.Name == port {
			return p.Drops[reason]
		}
	}
	b.Fatalf("no port %s in %v", port, ports)
	return 0
}

// drop waits until what do sends is counted under a reason.
func (b *bed) drop(port, reason string, do func()) {
	b.Helper()
	before := b.drops(port, reason)
	do()
	b.lab.Eventually(patience, "a drop as "+reason+" on "+port, func() error {
		if got := b.drops(port, reason); got <= before {
			ports, _ := b.api.Ports(context.Background(), "")
			return fmt.Errorf("still %d; %+v", got, ports)
		}
		return nil
	})
}

// answers runs a command in a namespace, whatever its exit code, and requires a
// word of its output.
func (b *bed) answers(ns *testnet.NS, word string, args ...string) {
	b.Helper()
	out, err := ns.Try(args...)
	if text := fmt.Sprint(out, err); !strings.Contains(text, word) {
		b.Errorf("%s: want %q in\n%s", strings.Join(args, " "), word, text)
	}
}

// ping requires that an address answers a namespace.
func (b *bed) ping(ns *testnet.NS, addr string) {
	b.Helper()
	b.lab.Eventually(patience, addr+" to answer", func() error {
		_, err := ns.Try("ping", "-c1", "-W1", addr)
		return err
	})
}

// run is a subtest that shares the bed.
func (b *bed) run(name string, fn func(b *bed)) {
	b.T.Run(name, func(t *testing.T) {
		sub := *b
		sub.T = t
		defer func() { b.daemon, b.api = sub.daemon, sub.api }()
		fn(&sub)
	})
}
