package natting

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
)

// TestFollowsRoutes changes the host's routes and addresses while guests run.
func TestFollowsRoutes(t *testing.T) {
	b := newBed(t)
	b.serveTCP(b.server, serverAddr+":80")
	b.lab.Veth(b.host, "eth1", b.router, "eth2")
	b.host.Addr("eth1", "10.7.0.2/24")
	b.router.Addr("eth2", "10.7.0.1/24")
	b.seenAs(uplinkAddr)
	b.run("no route", func(b *bed) {
		b.host.Run("ip", "route", "del", "default")
		b.eventually(gateway+" icmp_seq=1 Destination Net Unreachable", "ping", "-c1", "-W1", serverAddr)
		b.host.Route("default", "via", routerAddr)
		b.seenAs(uplinkAddr)
	})
	b.run("another uplink", func(b *bed) {
		b.host.Run("ip", "route", "replace", "default", "via", "10.7.0.1")
		b.seenAs("10.7.0.2")
		b.host.Run("ip", "route", "replace", "default", "via", routerAddr)
		b.seenAs(uplinkAddr)
	})
	b.run("a way of its own", func(b *bed) {
		b.host.Run("ip", "route", "add", serverAddr, "via", "10.7.0.1")
		b.seenAs("10.7.0.2")
		b.host.Run("ip", "route", "del", serverAddr)
		b.seenAs(uplinkAddr)
	})
	b.run("prohibited", func(b *bed) {
		b.host.Run("ip", "route", "add", "prohibit", serverAddr)
		b.eventually("Packet filtered", "ping", "-c1", "-W1", serverAddr)
		b.host.Run("ip", "route", "del", "prohibit", serverAddr)
		b.seenAs(uplinkAddr)
	})
	b.run("another address", func(b *bed) {
		old := b.connect(b.guest, "", serverAddr+":80")
		b.host.Run("ip", "addr", "del", uplinkAddr+"/24", "dev", "eth0")
		b.host.Addr("eth0", "10.9.0.3/24")
		b.host.Run("ip", "route", "replace", "default", "via", routerAddr) // went with the address
		b.seenAs("10.9.0.3")
		b.noFlows(old.seen.Addr().String())
	})
}

// seenAs waits until new connections of the guest come from an address.
func (b *bed) seenAs(addr string) {
	b.Helper()
	b.lab.Eventually(patience, "new connections to come from "+addr, func() error {
		s, err := connect(b.guest, "", serverAddr+":80")
		if err != nil {
			return err
		}
		defer s.Close()
		if got := s.seen.Addr().String(); got != addr {
			return fmt.Errorf("they come from %s", got)
		}
		return s.exchange(100_000, 100_000)
	})
}

// noFlows waits until no flow uses an outside address.
func (b *bed) noFlows(outside string) {
	b.Helper()
	b.lab.Eventually(patience, "the flows of "+outside+" to end", func() error {
		list := b.flows(func(f api.Flow) bool { return strings.HasPrefix(f.Outside, outside+":") })
		if len(list) > 0 {
			return fmt.Errorf("%d flows, the first of them %+v", len(list), list[0])
		}
		return nil
	})
}

// eventually waits until a command of the guest prints a word.
func (b *bed) eventually(word string, args ...string) {
	b.Helper()
	b.lab.Eventually(patience, strings.Join(args, " ")+" to say "+word, func() error {
		out, err := b.guest.Try(args...)
		if text := fmt.Sprint(out, err); !strings.Contains(text, word) {
			return fmt.Errorf("%s", text)
		}
		return nil
	})
}

// TestFollowsDevices takes the uplink away and brings it back.
func TestFollowsDevices(t *testing.T) {
	b := newTopology(t)
	b.serveTCP(b.server, serverAddr+":80")
	wire := func() {
		b.lab.Veth(b.host, "eth0", b.router, "eth0")
		b.host.Addr("eth0", uplinkAddr+"/24")
		b.router.Addr("eth0", routerAddr+"/24")
		b.host.Route("default", "via", routerAddr)
	}
	b.host.Run("ip", "link", "del", "eth0")
	b.start()
	if out := b.daemon.Output(); !strings.Contains(out, "no IPv4 default route") {
		t.Errorf("that there is no way out is not said:\n%s", out)
	}
	b.addGuests()
	b.eventually("Net Unreachable", "ping", "-c1", "-W1", serverAddr)
	b.run("comes after the start", func(b *bed) { wire(); b.seenAs(uplinkAddr) })
	b.run("made anew", func(b *bed) {
		b.host.Run("ip", "link", "del", "eth0")
		b.eventually("Net Unreachable", "ping", "-c1", "-W1", serverAddr)
		wire()
		b.seenAs(uplinkAddr)
	})
	b.run("down and up", func(b *bed) {
		b.host.Run("ip", "link", "set", "eth0", "down")
		b.eventually("Net Unreachable", "ping", "-c1", "-W1", serverAddr)
		b.host.Run("ip", "link", "set", "eth0", "up")
		b.host.Route("default", "via", routerAddr)
		b.seenAs(uplinkAddr)
	})
	b.run("renamed", func(b *bed) {
		b.host.Run("ip", "link", "set", "eth0", "down")
		b.host.Run("ip", "link", "set", "eth0", "name", "wan0")
		b.host.Run("ip", "link", "set", "wan0", "up")
		b.host.Route("default", "via", routerAddr)
		b.seenAs(uplinkAddr)
		b.lab.Eventually(patience, "the uplink to be listed by its new name", func() error {
			_, _ = b.guest.Try("ping", "-c1", "-W1", serverAddr) // an uplink is opened by need
			ports, err := b.api.Ports(b.Context(), "")
			if !slices.ContainsFunc(ports, func(p api.Port) bool { return p.Name == "wan0" }) {
				return fmt.Errorf("%v, %w", ports, err)
			}
			return nil
		})
	})
	b.run("made anew while the daemon is dead", func(b *bed) {
		b.host.Run("ip", "link", "set", "wan0", "name", "eth0")
		b.host.Run("ip", "route", "replace", "default", "via", routerAddr)
		b.seenAs(uplinkAddr)
		b.daemon.Kill()
		b.host.Run("ip", "link", "del", "eth0")
		wire()
		b.start()
		b.seenAs(uplinkAddr)
	})
	b.run("made anew with another address", func(b *bed) {
		b.seenAs(uplinkAddr)
		b.host.Run("ip", "link", "del", "eth0")
		wire()
		b.host.Run("ip", "addr", "del", uplinkAddr+"/24", "dev", "eth0")
		b.host.Addr("eth0", "10.9.0.4/24")
		b.host.Run("ip", "route", "replace", "default", "via", routerAddr)
		b.seenAs("10.9.0.4")
		b.noFlows(uplinkAddr)
	})
	b.run("another address while the daemon is dead", func(b *bed) {
		b.daemon.Kill()
		b.host.Run("ip", "addr", "del", "10.9.0.4/24", "dev", "eth0")
		b.host.Addr("eth0", uplinkAddr+"/24")
		b.host.Run("ip", "route", "replace", "default", "via", routerAddr)
		b.start()
		b.noFlows("10.9.0.4")
		b.seenAs(uplinkAddr)
	})
	b.run("stops cleanly", func(b *bed) {
		if err := b.daemon.Stop(); err != nil {
			b.Error(err)
		}
		if out := b.host.Run("tc", "filter", "show", "dev", "eth0", "ingress"); out != "" {
			b.Errorf("left on the uplink:\n%s", out)
		}
	})
}

// TestNextHops has next hops that move, and that are not there.
func TestNextHops(t *testing.T) {
	testNeeds(t, "arping")
	b := newBed(t)
	b.serveTCP(b.server, serverAddr+":80")
	b.serveTCP(b.server, thirdAddr+":80")
	s := b.connect(b.guest, "", serverAddr+":80")
	b.exchange(s, 1000, 1000)
	b.run("another MAC", func(b *bed) {
		b.router.Run("ip", "link", "set", "eth0", "address", "02:00:00:00:0a:0a")
		_, _ = b.router.Try("arping", "-c1", "-w1", "-U", "-i", "eth0", routerAddr) // announces; nobody answers
		b.exchange(s, 1<<20, 1<<20)
	})
	b.run("nobody there", func(b *bed) {
		b.host.Route("203.0.113.0/24", "via", "10.9.0.99")
		b.drop("vg1", "neighbour-failed", func() {
			b.answers(b.guest, "From "+gateway+" icmp_seq=1 Destination Host Unreachable", "ping", "-c1", "-W8", "203.0.113.1")
		})
	})
	b.run("a scan of the dead delays nobody", func(b *bed) {
		raw, mac := b.openRaw(b.guest), b.gatewayMAC()
		for i := 20; i < 250; i++ {
			raw.send(mac, datagram("192.168.122.11:1000", fmt.Sprintf("10.9.0.%d:9", i), nil))
		}
		start := time.Now()
		b.exchange(b.connect(b.other, "", thirdAddr+":80"), 1000, 1000)
		if d := time.Since(start); d > 800*time.Millisecond {
			b.Errorf("another guest's connection took %v", d)
		}
	})
}
