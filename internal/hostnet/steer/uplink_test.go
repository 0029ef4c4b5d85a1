package steer

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// TestUplinkDropsHeldPortsOnly asks the host on a held and on a free port,
// whole and in fragments, and serves from a socket of its own meanwhile.
func TestUplinkDropsHeldPortsOnly(t *testing.T) {
	backends(t, func(t *testing.T, o Options) {
		b := newBed(t)
		s := open(t, b.host, o)
		hold(s, heldPort)
		b.host.Must(func() error { return s.SetOutside([]netip.Addr{hostAddr}) })
		wantSteered(t, b, false)
		b.host.Must(func() error { return s.AttachUplink(b.ifindex) })
		wantSteered(t, b, true)
		wantHostServes(t, b)
		b.host.Must(func() error { return s.DetachUplink(b.ifindex) })
		wantNothingLeft(t, b.host, "v0")
		wantSteered(t, b, false)
	})
}

func wantSteered(t *testing.T, b *bed, steered bool) {
	t.Helper()
	for _, network := range []string{"tcp", "udp"} {
		b.wantRefused(t, network, freePort, 10, true)
		b.wantRefused(t, network, heldPort, 10, !steered)
	}
	b.wantRefused(t, "udp", freePort, 4000, true)
	b.wantRefused(t, "udp", heldPort, 4000, !steered)
}

func wantHostServes(t *testing.T, b *bed) {
	t.Helper()
	var listener net.Listener
	b.host.Must(func() (err error) {
		listener, err = net.Listen("tcp", "10.9.0.1:8080")
		return err
	})
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, _ = io.WriteString(conn, "served")
			_ = conn.Close()
		}
	}()
	b.peer.Must(func() error {
		conn, err := net.DialTimeout("tcp", "10.9.0.1:8080", maxWait)
		if err != nil {
			return err
		}
		defer conn.Close()
		got, err := io.ReadAll(conn)
		if string(got) != "served" {
			return fmt.Errorf("host's socket said %q: %v", got, err)
		}
		return nil
	})
}

// TestFragmentTailsDoNotWaitAtTheHost proves by the host's counters that a
// steered datagram's tails never reach its reassembly queue, and that those of
// its own do.
func TestFragmentTailsDoNotWaitAtTheHost(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := open(t, b.host, Options{First: 61000, Last: 65535})
	hold(s, heldPort)
	b.host.Must(func() error {
		if err := s.SetOutside([]netip.Addr{hostAddr}); err != nil {
			return err
		}
		return s.AttachUplink(b.ifindex)
	})
	before := reassemblies(b)
	b.wantRefused(t, "udp", heldPort, 4000, false)
	if got := reassemblies(b) - before; got != 0 {
		t.Errorf("%d fragments of a held port reached the host's reassembly", got)
	}
	b.wantRefused(t, "udp", freePort, 4000, true)
	if got := reassemblies(b) - before; got != 3 {
		t.Errorf("%d fragments of a free port reached the host's reassembly, want 3", got)
	}
}

// reassemblies counts the fragments that came to the host's stack.
func reassemblies(b *bed) (n int) {
	out := b.host.Run("cat /proc/net/snmp")
	var header, values []string
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); fields[0] == "Ip:" {
			header, values = values, fields
		}
	}
	for i, name := range header {
		if name == "ReasmReqds" {
			_, _ = fmt.Sscan(values[i], &n)
		}
	}
	return n
}

// TestOutsideAddressesAreReplaced walks the set through a few contents.
func TestOutsideAddressesAreReplaced(t *testing.T) {
	backends(t, func(t *testing.T, o Options) {
		b := newBed(t)
		s := open(t, b.host, o)
		hold(s, heldPort)
		b.host.Must(func() error { return s.AttachUplink(b.ifindex) })
		other := netip.MustParseAddr("192.0.2.1")
		for _, addrs := range [][]netip.Addr{{}, {hostAddr}, {other}, {other, hostAddr}, nil} {
			b.host.Must(func() error { return s.SetOutside(addrs) })
			ours := false
			for _, a := range addrs {
				ours = ours || a == hostAddr
			}
			b.wantRefused(t, "tcp", heldPort, 0, !ours)
		}
		if err := s.SetOutside([]netip.Addr{netip.MustParseAddr("2001:db8::1")}); err == nil {
			t.Error("an IPv6 address was accepted")
		}
		b.host.Must(func() error { return s.DetachUplink(b.ifindex) })
	})
}
