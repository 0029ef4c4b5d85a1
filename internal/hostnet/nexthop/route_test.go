package nexthop

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var hopDiff = []cmp.Option{
	cmpopts.EquateComparable(netip.Addr{}),
	cmpopts.IgnoreFields(Hop{}, "Ifindex"),
}

// TestRoute asks for one destination of every sort.
func TestRoute(t *testing.T) {
	b := newBed(t, Options{})
	v0 := Hop{
		Name: "v0", Source: netip.MustParseAddr("10.1.0.1"), Next: netip.MustParseAddr("10.1.0.254"),
		SrcMAC: mac("02:00:00:00:01:01"), MTU: 1500,
	}
	with := func(change func(*Hop)) Hop {
		h := v0
		change(&h)
		return h
	}
	for dst, want := range map[string]Hop{
		"192.0.2.1":       v0,
		"10.1.0.7":        with(func(h *Hop) { h.Next = netip.MustParseAddr("10.1.0.7") }),
		"10.20.0.1":       with(func(h *Hop) { h.MTU = 1300 }),
		"10.21.0.1":       with(func(h *Hop) { h.Source = netip.MustParseAddr("10.2.0.1") }),
		"10.50.0.1":       with(func(h *Hop) { h.Next = netip.MustParseAddr("fe80::9") }),
		"10.1.0.1":        {Kind: Local},
		"127.0.0.9":       {Kind: Local},
		"10.40.1.2":       {Kind: Local},
		"10.1.0.255":      {Kind: Broadcast},
		"255.255.255.255": {Kind: Broadcast},
		"224.0.0.251":     {Kind: Multicast},
		"10.30.0.1":       {Kind: Prohibited},
		"10.31.0.1":       {Kind: Blackholed},
		"10.32.0.1":       {Kind: NoRoute},
		"10.3.0.9": {
			Name: "tun9", L3: true, Source: netip.MustParseAddr("10.3.0.1"),
			Next: netip.MustParseAddr("10.3.0.9"), MTU: 1420,
		},
	} {
		got, err := b.Route(netip.MustParseAddr(dst))
		if diff := cmp.Diff(want, got, hopDiff...); err != nil || diff != "" {
			t.Errorf("%s: %v %s", dst, err, diff)
		}
	}
	b.host.Run("ip route del default")
	if got, err := b.Route(netip.MustParseAddr("192.0.2.1")); err != nil || got.Kind != NoRoute {
		t.Errorf("without a default route: %v, %v", got.Kind, err)
	}
	if _, err := b.Route(netip.MustParseAddr("2001:db8::1")); err == nil {
		t.Error("an IPv6 destination was accepted")
	}
}

// TestVirtual judges bridges, host ports and the list of allowed ones.
func TestVirtual(t *testing.T) {
	b := newBed(t, Options{})
	b.follow(t)
	for _, tc := range []struct {
		name, setup       string
		hostPorts, egress []string
		all               bool
		dst               string
		want              Kind
	}{
		{name: "a bridge for guests", dst: "10.2.0.9", want: Virtual},
		{name: "allowed", egress: []string{"br9"}, dst: "10.2.0.9", want: Forward},
		{name: "all allowed", all: true, dst: "10.2.0.9", want: Forward},
		{name: "another host port", hostPorts: []string{"v0"}, dst: "192.0.2.1", want: Virtual},
		{name: "host port allowed", hostPorts: []string{"v0"}, egress: []string{"v0"}, dst: "192.0.2.1", want: Forward},
		{name: "a bridge with a default route", setup: "ip route add default via 10.2.0.254 metric 50", dst: "10.2.0.9", want: Forward},
		{name: "a bridge that lost it", setup: "ip route del default via 10.2.0.254", dst: "10.2.0.9", want: Virtual},
		{name: "one of two next hops", setup: "ip route add default metric 60 nexthop via 10.1.0.254 nexthop via 10.2.0.254", dst: "10.2.0.9", want: Forward},
	} {
		b.SetPolicy(Policy{HostPorts: tc.hostPorts, Egress: tc.egress, All: tc.all})
		b.settle()
		if tc.setup != "" {
			b.host.Run(tc.setup)
			if !b.comes() {
				t.Errorf("%s: no change was told", tc.name)
			}
		}
		if got, err := b.Route(netip.MustParseAddr(tc.dst)); err != nil || got.Kind != tc.want {
			t.Errorf("%s: %v (%v), want %v", tc.name, got.Kind, err, tc.want)
		}
	}
}

// TestEntries lists where packets may come from.
func TestEntries(t *testing.T) {
	b := newBed(t, Options{})
	b.follow(t)
	b.host.Run("ip link add d9 type veth peer name d8")
	for _, tc := range []struct {
		setup  string
		policy Policy
		want   []Device
	}{
		{want: []Device{{Name: "v0"}, {Name: "tun9", L3: true}}},
		{policy: Policy{All: true}, want: []Device{{Name: "v0"}, {Name: "br9"}, {Name: "tun9", L3: true}}},
		{policy: Policy{All: true, HostPorts: []string{"br9", "v0"}}, want: []Device{{Name: "tun9", L3: true}}},
		{setup: "ip link set d9 up", want: []Device{{Name: "v0"}, {Name: "tun9", L3: true}}},
		{setup: "ip route add 10.60.0.0/24 dev d9", want: []Device{{Name: "v0"}, {Name: "tun9", L3: true}, {Name: "d9"}}},
		{setup: "ip link del tun9", want: []Device{{Name: "v0"}, {Name: "d9"}}},
	} {
		b.SetPolicy(tc.policy)
		b.host.Run(tc.setup)
		got, err := b.Entries()
		if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(Device{}, "Ifindex")); err != nil || diff != "" {
			t.Errorf("%s, %+v: %v %s", tc.setup, tc.policy, err, diff)
		}
	}
}

// TestLocalAddrs looks addresses up and follows the table live.
func TestLocalAddrs(t *testing.T) {
	b := newBed(t, Options{})
	b.follow(t)
	look := func(addr string) Kind { return b.LocalAddrs().Lookup(netip.MustParseAddr(addr).As4()) }
	for addr, want := range map[string]Kind{
		"10.1.0.1": Local, "10.2.0.1": Local, "127.0.0.1": Local, "127.9.9.9": Local, "10.40.255.1": Local,
		"10.1.0.255": Broadcast, "127.255.255.255": Broadcast,
		"10.1.0.2": Forward, "192.0.2.1": Forward, "10.41.0.0": Forward,
	} {
		if got := look(addr); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
	for _, step := range []struct {
		command string
		want    Kind
	}{{"ip addr add 192.0.2.5/32 dev v0", Local}, {"ip addr del 192.0.2.5/32 dev v0", Forward}} {
		b.host.Run(step.command)
		if set := <-b.local; set.Lookup([4]byte{192, 0, 2, 5}) != step.want || look("192.0.2.5") != step.want {
			t.Errorf("after %s: %v", step.command, look("192.0.2.5"))
		}
	}
	var list []string
	for _, a := range b.LocalAddrs().Addrs() {
		list = append(list, a.String())
	}
	if got, want := strings.Join(list, " "), "10.1.0.1 10.2.0.1 10.3.0.1 127.0.0.1"; got != want {
		t.Errorf("addresses %s, want %s", got, want)
	}
	if (*LocalSet)(nil).Lookup([4]byte{127, 0, 0, 1}) != Forward {
		t.Error("the nil set is not empty")
	}
}

// TestLookupDoesNotAllocate, since workers look at every packet.
func TestLookupDoesNotAllocate(t *testing.T) {
	s := &LocalSet{
		hosts:    map[[4]byte]Kind{{10, 1, 0, 1}: Local},
		prefixes: []localPrefix{{netip.MustParsePrefix("127.0.0.0/8"), Local}},
	}
	for _, addr := range [][4]byte{{10, 1, 0, 1}, {127, 1, 1, 1}, {192, 0, 2, 1}} {
		if n := testing.AllocsPerRun(100, func() { s.Lookup(addr) }); n != 0 {
			t.Errorf("looking up %v allocates %v times", addr, n)
		}
	}
}
