package nexthop

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestResolve has the kernel resolve gateways by ARP and by IPv6 discovery.
func TestResolve(t *testing.T) {
	b := newBed(t, Options{})
	b.follow(t)
	if got := b.resolve(t, "192.0.2.1"); got.Kind != Forward || got.MAC != mac(gatewayMAC) {
		t.Errorf("gateway: %+v", got)
	}
	if got := b.resolve(t, "10.3.0.9"); got.Kind != Forward || !got.L3 || got.MAC != [6]byte{} {
		t.Errorf("device without link header: %+v", got)
	}
	deadline := time.Now().Add(5 * time.Second) // link-local addresses are tentative at first
	for got := b.resolve(t, "10.50.0.1"); got.MAC != mac(gatewayMAC); got = b.resolve(t, "10.50.0.1") {
		if time.Now().After(deadline) {
			t.Fatalf("gateway with an IPv6 address: %+v", got)
		}
	}
}

// TestResolveOfTheDead waits no longer than the kernel or the context.
func TestResolveOfTheDead(t *testing.T) {
	b := newBed(t, Options{})
	b.follow(t)
	b.host.Run("sysctl -q -w net.ipv4.neigh.v0.retrans_time_ms=50")
	start := time.Now()
	if got := b.resolve(t, "10.1.0.99"); got.Kind != NoNeighbour || got.Next != netip.MustParseAddr("10.1.0.99") {
		t.Errorf("dead neighbour: %+v", got)
	}
	if d := time.Since(start); d > 1500*time.Millisecond {
		t.Errorf("took %v although the kernel gave up after 150 ms", d)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if got, err := b.Resolve(ctx, netip.MustParseAddr("10.1.0.98")); err != nil || got.Kind != NoNeighbour {
		t.Errorf("impatient: %+v %v", got, err)
	}
	b.gateway.Run("ip addr add 10.1.0.99/24 dev v1")
	if got := b.resolve(t, "10.1.0.99"); got.Kind != Forward || got.MAC != mac(gatewayMAC) {
		t.Errorf("risen: %+v", got)
	}
}

// TestPermanentNeighbourStays: asking for it must not make it an ordinary one.
func TestPermanentNeighbourStays(t *testing.T) {
	b := newBed(t, Options{})
	b.host.Run("ip neigh replace 10.1.0.254 lladdr 02:00:00:00:aa:aa dev v0 nud permanent")
	if got := b.resolve(t, "192.0.2.1"); got.MAC != mac("02:00:00:00:aa:aa") {
		t.Errorf("%+v", got)
	}
	if _, err := b.refresh(time.Now()); err != nil {
		t.Error(err)
	}
	if out := b.host.Run("ip neigh show 10.1.0.254"); !strings.Contains(out, "PERMANENT") {
		t.Errorf("after resolving: %s", out)
	}
}

// TestChanged makes one change after the other on the live host; those on which
// a Hop depends are told, the others not.
func TestChanged(t *testing.T) {
	b := newBed(t, Options{})
	b.follow(t)
	b.resolve(t, "192.0.2.1")
	for _, tc := range []struct {
		command string
		told    bool
	}{
		{"ip route add 198.51.100.0/24 via 10.1.0.254", true},
		{"ip route del 198.51.100.0/24", true},
		{"ip addr add 10.1.0.2/24 dev v0", true},
		{"ip rule add from 10.9.9.9 lookup 9", true},
		{"ip link set v0 mtu 1400", true},
		{"ip link set v0 alias nobody-cares", false},
		{"ip link set v0 txqueuelen 77", false},
		{"ip neigh change 10.1.0.254 dev v0 nud stale", false},
		{"ip neigh add 10.1.0.77 lladdr 02:00:00:00:00:77 dev v0", false},
		{"ip neigh replace 10.1.0.254 lladdr 02:00:00:00:bb:bb dev v0 nud reachable", true},
		{"ip link add t0 type ifb", true},
		{"ip link set t0 up", true},
		{"ip link del t0", true},
	} {
		b.settle()
		b.host.Run(tc.command)
		if got := b.comes(); got != tc.told {
			t.Errorf("%s: told %v, want %v", tc.command, got, tc.told)
		}
	}
}

// TestMACMoves sees a gateway come back with another MAC, by its own ARP.
func TestMACMoves(t *testing.T) {
	b := newBed(t, Options{})
	b.follow(t)
	b.resolve(t, "192.0.2.1")
	b.settle()
	b.gateway.Run("ip link set v1 address 02:00:00:00:cc:cc")
	_, _ = b.gateway.Try("arping -c 1 -U -i v1 10.1.0.254") // announces; nobody answers
	if !b.comes() {
		t.Error("the gateway's new MAC was not told")
	}
	if got := b.resolve(t, "192.0.2.1"); got.MAC != mac("02:00:00:00:cc:cc") {
		t.Errorf("%+v", got)
	}
}

// TestRefresh turns a stale neighbour in use into a reachable one, and forgets
// it, with a word, when it is not in use any more.
func TestRefresh(t *testing.T) {
	b := newBed(t, Options{})
	b.host.Run("ping -c 1 10.1.0.254")
	hop := b.resolve(t, "192.0.2.1")
	b.host.Run("sysctl -q -w net.ipv4.neigh.v0.delay_first_probe_time=0\nip neigh change 10.1.0.254 dev v0 nud stale")
	if forgot, err := b.refresh(time.Now()); forgot || err != nil {
		t.Errorf("in use: forgot %v, %v", forgot, err)
	}
	deadline := time.Now().Add(3 * time.Second)
	for !strings.Contains(b.host.Run("ip neigh show 10.1.0.254"), "REACHABLE") {
		if time.Now().After(deadline) {
			t.Fatalf("not refreshed: %s", b.host.Run("ip neigh show 10.1.0.254"))
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.Use(hop)
	if forgot, err := b.refresh(time.Now().Add(useTime - time.Second)); forgot || err != nil {
		t.Errorf("used lately: forgot %v, %v", forgot, err)
	}
	if forgot, err := b.refresh(time.Now().Add(useTime + time.Second)); !forgot || err != nil {
		t.Errorf("not used any more: forgot %v, %v", forgot, err)
	}
	if len(b.watched()) != 0 {
		t.Errorf("still watched: %v", b.watched())
	}
}

// TestScanLeavesNothing asks for many dead neighbours: none of them is asked
// for again, and none is remembered.
func TestScanLeavesNothing(t *testing.T) {
	b := newBed(t, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for i := range 50 {
		dst := netip.AddrFrom4([4]byte{10, 1, 0, byte(100 + i)})
		if got, err := b.Resolve(ctx, dst); err != nil || got.Kind != NoNeighbour {
			t.Fatalf("%s: %v %v", dst, got.Kind, err)
		}
	}
	keep, forgot := b.expire(time.Now().Add(refreshEvery))
	if len(keep) != 0 || forgot || len(b.watched()) != 0 {
		t.Errorf("kept %d, forgot %v, watched %d", len(keep), forgot, len(b.watched()))
	}
}

// TestOverrun loses notifications and still ends up with the truth.
func TestOverrun(t *testing.T) {
	b := newBed(t, Options{})
	b.host.Run("ping -c 1 10.1.0.254")
	b.resolve(t, "192.0.2.1")
	_ = b.events.conn.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	})
	for i := range 40 {
		b.host.Run(fmt.Sprintf("ip route add 198.51.%d.0/24 via 10.1.0.254", i))
	}
	b.host.Run("ip addr add 192.0.2.77/32 dev v0\nip neigh replace 10.1.0.254 lladdr 02:00:00:00:dd:dd dev v0")
	if err := b.events.receive(nil); !errors.Is(err, errOverrun) {
		t.Fatalf("the socket was not overrun: %v", err)
	}
	if err := b.resync(); err != nil {
		t.Fatal(err)
	}
	if !b.comes() || b.LocalAddrs().Lookup([4]byte{192, 0, 2, 77}) != Local {
		t.Error("after lost notifications: not told, or the new address is missing")
	}
	if got := b.resolve(t, "192.0.2.1"); got.MAC != mac("02:00:00:00:dd:dd") {
		t.Errorf("%+v", got)
	}
}
