package nexthop

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ubridge/internal/hostnet/internal/nstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const gatewayMAC = "02:00:00:00:01:fe"

// bed is a host with every sort of route:
//
//	10.1.0.0/24  v0 ─── v1 :gateway 10.1.0.254 (the default route)
//	10.2.0.0/24  br9    a bridge for nobody but this host's guests
//	10.3.0.0/24  tun9   no Ethernet header
type bed struct {
	*Follower
	host, gateway *nstest.NS
	changed       chan struct{}
	local         chan *LocalSet
}

func newBed(t *testing.T, o Options) *bed {
	t.Parallel()
	b := &bed{
		host: nstest.New(t), gateway: nstest.New(t),
		changed: make(chan struct{}, 1000), local: make(chan *LocalSet, 1000),
	}
	nstest.Veth(b.host, "v0", b.gateway, "v1")
	b.gateway.Run("ip link set v1 address " + gatewayMAC + "\nip addr add 10.1.0.254/24 dev v1\nip addr add fe80::9/64 dev v1 nodad")
	b.host.Run(`ip link set v0 address 02:00:00:00:01:01
		ip addr add 10.1.0.1/24 brd + dev v0
		ip link add br9 type bridge
		ip addr add 10.2.0.1/24 dev br9
		ip link set br9 up
		ip tuntap add tun9 mode tun
		ip addr add 10.3.0.1/24 dev tun9
		ip link set tun9 mtu 1420 up
		ip route add default via 10.1.0.254
		ip route add 10.20.0.0/16 via 10.1.0.254 mtu 1300
		ip route add 10.21.0.0/16 via 10.1.0.254 src 10.2.0.1
		ip route add prohibit 10.30.0.0/16
		ip route add blackhole 10.31.0.0/16
		ip route add unreachable 10.32.0.0/16
		ip route add local 10.40.0.0/16 dev lo
		ip route add 10.50.0.0/16 via inet6 fe80::9 dev v0`)
	o.Changed = func() { b.changed <- struct{}{} }
	o.LocalChanged = func(s *LocalSet) { b.local <- s }
	b.host.Must(func() (err error) {
		b.Follower, err = Open(o)
		return err
	})
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// follow runs the Follower until the test ends.
func (b *bed) follow(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// settle waits until no change has come for a while, and forgets them.
func (b *bed) settle() {
	for {
		select {
		case <-b.changed:
		case <-time.After(200 * time.Millisecond):
			return
		}
	}
}

// comes tells whether a change comes within a second.
func (b *bed) comes() bool {
	select {
	case <-b.changed:
		return true
	case <-time.After(time.Second):
		return false
	}
}

func (b *bed) resolve(t *testing.T, dst string) Hop {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	hop, err := b.Resolve(ctx, netip.MustParseAddr(dst))
	if err != nil {
		t.Fatal(err)
	}
	return hop
}

func mac(text string) (m [6]byte) {
	parsed, _ := net.ParseMAC(text)
	copy(m[:], parsed)
	return m
}
