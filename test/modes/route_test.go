package modes

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

var oneRoute = networks{"route1": everyMode["route1"]}

// TestRoutedTraffic runs through a routed network what a router owes: transfers with
// offloads both ways, its place in a traceroute, and the errors of a narrow way.
func TestRoutedTraffic(t *testing.T) {
	for _, steering := range []string{"bpf", "nft"} {
		t.Run(steering, func(t *testing.T) {
			b := newBedWith(t, oneRoute, "steering = \""+steering+"\"\n"+testnet.DaemonConfig())
			b.Server.Sysctl("net.ipv4.icmp_ratelimit", "0")
			b.Server.Route("10.20.0.0/16", "via", lab.HostAddr)
			g := b.join("route1", "guest")
			routedTransfers(t, b, g)
			routedHops(t, b, g)
			routedMTU(t, b, g)
			if n := len(b.Flows("route1")); n != 0 {
				t.Errorf("%d translated flows", n)
			}
			b.wantNothingLeft()
		})
	}
}

// routedTransfers moves bytes both ways, opened from either side.
func routedTransfers(t *testing.T, b *bed, g *lab.Guest) {
	t.Helper()
	if err := lab.Fetch(g.NS, 8<<20); err != nil {
		t.Error(err)
	}
	// Opened from outside, before the guest has sent anything there.
	g.Start("socat", "TCP-LISTEN:99,fork,reuseaddr", "SYSTEM:head -c 8388608 /dev/zero")
	b.Eventually(patience, "8 MiB from the guest", func() error {
		out, err := b.Server.Try("sh", "-c", "socat -u TCP:"+g.Addr+":99,connect-timeout=3 STDOUT | wc -c")
		if err == nil && strings.TrimSpace(out) != "8388608" {
			err = fmt.Errorf("%s bytes", out)
		}
		return err
	})
	b.wantPing(b.Server, g.Addr, "yes")
	for _, size := range []string{"5000", "20000"} { // in fragments
		if out, err := b.Server.Try("ping", "-c1", "-W3", "-s", size, g.Addr); err != nil {
			t.Errorf("%s bytes: %s", size, out)
		}
		if out, err := g.NS.Try("ping", "-c1", "-W3", "-s", size, lab.ServerAddr); err != nil {
			t.Errorf("%s bytes outwards: %s", size, out)
		}
	}
}

// routedHops counts hops: the gateway is one, both ways; nobody behind an address is
// said by it.
func routedHops(t *testing.T, b *bed, g *lab.Guest) {
	t.Helper()
	for _, c := range []struct {
		from *testnet.NS
		to   string
		hops []string
	}{
		{g.NS, lab.ServerAddr, []string{" 1  10.20.7.1", " 2  " + lab.ServerAddr}},
		{b.Server, g.Addr, []string{" 1  10.20.7.1", " 2  " + g.Addr}},
	} {
		out := c.from.Run("traceroute", "-n", "-q1", "-w5", "-m5", c.to)
		for _, hop := range c.hops {
			if !strings.Contains(out, hop) {
				t.Errorf("want %q in %s", hop, out)
			}
		}
	}
	out, err := b.Server.Try("ping", "-n", "-c1", "-W8", "10.20.7.250")
	if !strings.Contains(fmt.Sprint(out, err), "From 10.20.7.1 icmp_seq=1 Destination Host Unreachable") {
		t.Errorf("nobody's address: %s %v", out, err)
	}
	b.wantPing(b.Server, "10.20.7.1", "yes") // the host's own
}

// routedMTU narrows the way outside, then the guests' side.
func routedMTU(t *testing.T, b *bed, g *lab.Guest) {
	t.Helper()
	b.Host.MTU("eth0", 1400)
	b.Eventually(patience, "an error of the narrow way", func() error {
		out, err := g.NS.Try("ping", "-n", "-c1", "-W2", "-M", "do", "-s", "1450", lab.ServerAddr)
		if text := fmt.Sprint(out, err); !strings.Contains(text, "mtu = 1400") && !strings.Contains(text, "mtu=1400") {
			return errors.New(text)
		}
		return nil
	})
	if err := lab.Fetch(g.NS, 1<<20); err != nil {
		t.Errorf("over the narrow way: %v", err)
	}
	b.Host.MTU("eth0", 1500)
}

// TestANarrowRoutedNetwork: who sends more than the guests' MTU from outside is told.
func TestANarrowRoutedNetwork(t *testing.T) {
	b := newBed(t, networks{"route1": everyMode["route1"] + "mtu = 1300\n"})
	b.Server.Route("10.20.0.0/16", "via", lab.HostAddr)
	g := b.join("route1", "guest")
	g.MTU("eth0", 1300)
	b.wantPing(b.Server, g.Addr, "yes")
	out, err := b.Server.Try("ping", "-n", "-c1", "-W3", "-M", "do", "-s", "1400", g.Addr)
	if text := fmt.Sprint(out, err); !strings.Contains(text, "From 10.20.7.1") || !strings.Contains(text, "mtu = 1300") {
		t.Errorf("no error of the gateway: %s", text)
	}
	if err := lab.Fetch(g.NS, 1<<20); err != nil {
		t.Error(err)
	}
}

// TestEveryWayIn: packets for a routed network are taken on whichever device of the host
// they come in, also on one that gets an address later, and wherever the answers leave.
func TestEveryWayIn(t *testing.T) {
	b := newBed(t, networks{"route1": everyMode["route1"], "nat1": everyMode["nat1"]})
	g := b.join("route1", "guest")
	b.addSecond()
	b.second.Route("10.20.0.0/16", "via", hostSecondAddr)
	b.wantPing(b.second, g.Addr, "yes")
	// From an address that the host reaches by its default route: the answer leaves by
	// eth0, and the server outside brings it to nobody.
	b.second.Addr("lo", "203.0.113.5/32")
	answers := b.Server.Capture("eth0", "icmp[0] = 0 and dst 203.0.113.5")
	_, _ = b.second.Try("ping", "-c2", "-W1", "-I", "203.0.113.5", g.Addr)
	if n := answers.Count(); n == 0 {
		t.Error("no answer left by the host's route")
	}
	// A guest of the nat network is not reached so.
	natted := b.join("nat1", "natted")
	b.wantPing(b.second, natted.Addr, "silence")
}

// TestRoutedOverACrash kills the daemon. While it is dead the host, which here would
// forward, says nothing about the guests' packets; the next daemon takes them without
// any guest having sent.
func TestRoutedOverACrash(t *testing.T) {
	b := newBed(t, oneRoute)
	b.Server.Route("10.20.0.0/16", "via", lab.HostAddr)
	g := b.join("route1", "guest")
	b.wantPing(b.Server, g.Addr, "yes")
	b.Host.Sysctl("net.ipv4.ip_forward", "1")
	b.Host.Run("nft", "delete table inet docker")
	// A connection that lasts over it.
	g.Start("socat", "TCP-LISTEN:98,reuseaddr", "SYSTEM:sleep 6; echo done")
	waiting := b.Server.Start("socat", "-u", "TCP:"+g.Addr+":98,retry=20,interval=0.2", "STDOUT")
	b.Eventually(patience, "a connection", func() error {
		if out := g.Run("ss", "-Htn", "state", "established"); !strings.Contains(out, ":98") {
			return errors.New(out)
		}
		return nil
	})
	errs := b.Server.Capture("eth0", "src "+lab.HostAddr+" or icmp[0] = 3 or icmp[0] = 5 or tcp[13] & 4 != 0")
	b.Crash()
	for range 3 {
		b.wantPing(b.Server, g.Addr, "silence")
	}
	if n := errs.Count("icmp", "or", "tcp"); n != 0 {
		t.Errorf("the host said %d times something while the daemon was dead: %v", n, errs.Frames())
	}
	b.Daemon = b.Again()
	b.AwaitPort(g.Port, "up")
	b.wantPing(b.Server, g.Addr, "yes")
	waiting.WaitFor("done", patience)
	if n := errs.Count("icmp[0] = 3 or icmp[0] = 5 or tcp[13] & 4 != 0"); n != 0 {
		t.Errorf("%d errors over the crash: %v", n, errs.Frames())
	}
	b.wantNothingLeft()
}

// TestARoutedNetworkStopsAndStarts: while it is stopped its subnet is the host's affair.
func TestARoutedNetworkStopsAndStarts(t *testing.T) {
	b := newBed(t, networks{"route1": everyMode["route1"], "nat1": everyMode["nat1"]})
	b.Server.Route("10.20.0.0/16", "via", lab.HostAddr)
	g, natted := b.join("route1", "guest"), b.join("nat1", "natted")
	for range 2 {
		b.wantPing(b.Server, g.Addr, "yes")
		b.wantPing(natted.NS, g.Addr, "yes")
		b.Run("net", "stop", "route1")
		b.Host.Addr("lo", g.Addr+"/32") // who answers now?
		b.wantPing(b.Server, g.Addr, "yes")
		b.Host.Run("ip", "addr", "del", g.Addr+"/32", "dev", "lo")
		b.wantPing(b.Server, g.Addr, "silence")
		b.Run("net", "start", "route1")
		b.AwaitPort(g.Port, "up")
	}
	b.wantNothingLeft()
}
