package steer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/internal/hostnet/internal/nstest"
)

const (
	heldPort = 61005
	freePort = 61006
	maxWait  = 300 * time.Millisecond
)

var hostAddr = netip.MustParseAddr("10.9.0.1")

// bed is a host and a peer on one wire:
//
//	host: v0 10.9.0.1/24 ───── v1 10.9.0.2/24 :peer
type bed struct {
	host, peer *nstest.NS
	ifindex    int
}

func newBed(t *testing.T) *bed {
	b := &bed{host: nstest.New(t), peer: nstest.New(t)}
	nstest.Veth(b.host, "v0", b.peer, "v1")
	b.host.Run("ip addr add 10.9.0.1/24 dev v0")
	b.host.Run("sysctl -q -w net.ipv4.icmp_ratelimit=0") // else every second answer only
	b.peer.Run("ip addr add 10.9.0.2/24 dev v1")
	b.ifindex = index(t, b.host, "v0")
	return b
}

func index(t *testing.T, ns *nstest.NS, name string) (ifindex int) {
	t.Helper()
	ns.Must(func() error {
		link, err := net.InterfaceByName(name)
		if err == nil {
			ifindex = link.Index
		}
		return err
	})
	return ifindex
}

// backends runs the test once with each way to keep the host quiet; the range
// of the fallback holds the held port only.
func backends(t *testing.T, f func(t *testing.T, o Options)) {
	for name, o := range map[string]Options{
		"bpf": {First: heldPort, Last: heldPort},
		"nft": {First: heldPort, Last: heldPort, ForceNFT: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, o)
		})
	}
}

func open(t *testing.T, ns *nstest.NS, o Options) (s *Steering) {
	t.Helper()
	ns.Must(func() (err error) {
		s, err = Open(o)
		return err
	})
	if (s.Fallback() != nil) != o.ForceNFT {
		t.Fatalf("fallback: %v, asked for: %v", s.Fallback(), o.ForceNFT)
	}
	t.Cleanup(func() { ns.Must(s.Close) })
	return s
}

func hold(s *Steering, port int) {
	for _, proto := range []int{TCP, UDP} {
		atomic.OrUint64(&s.Ports()[proto*WordsPerProtocol+port/64], 1<<(port%64))
	}
}

// refused dials from the peer and tells whether the host answered with RST or
// port unreachable; silence is false, a connection an error.
func (b *bed) refused(t *testing.T, network string, port, size int) (refused bool) {
	t.Helper()
	b.peer.Must(func() error {
		conn, err := net.DialTimeout(network, fmt.Sprintf("10.9.0.1:%d", port), maxWait)
		if err == nil && network == "udp" {
			defer conn.Close()
			if _, err = conn.Write(make([]byte, size)); err == nil {
				_ = conn.SetReadDeadline(time.Now().Add(maxWait))
				_, err = conn.Read(make([]byte, 1))
			}
		} else if err == nil {
			_ = conn.Close()
		}
		var timeout net.Error
		switch {
		case errors.Is(err, unix.ECONNREFUSED):
			refused = true
			return nil
		case errors.As(err, &timeout) && timeout.Timeout():
			return nil
		}
		return fmt.Errorf("%s to port %d: neither refused nor silent: %v", network, port, err)
	})
	return refused
}

func (b *bed) wantRefused(t *testing.T, network string, port, size int, want bool) {
	t.Helper()
	if got := b.refused(t, network, port, size); got != want {
		t.Errorf("%s port %d, %d bytes: host answered %v, want %v", network, port, size, got, want)
	}
}

// left returns what tc and nft show of us in the namespace.
func left(ns *nstest.NS, device string) string {
	return ns.Run("tc filter show dev "+device+" ingress\ntc qdisc show dev "+device+" clsact\n") + ns.Run("nft list ruleset")
}

func wantNothingLeft(t *testing.T, ns *nstest.NS, device string) {
	t.Helper()
	if out := strings.TrimSpace(left(ns, device)); out != "" {
		t.Errorf("left behind:\n%s", out)
	}
}
