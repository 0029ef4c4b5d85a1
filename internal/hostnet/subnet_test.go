package hostnet

import (
	"errors"
	"net/netip"
	"testing"

	"ubridge/internal/hostnet/internal/nstest"
)

// TestConflict asks about subnets on a host with routes of every sort.
func TestConflict(t *testing.T) {
	ns, peer := nstest.New(t), nstest.New(t)
	nstest.Veth(ns, "v0", peer, "v1")
	ns.Run(`ip link add virbr0 type bridge
		ip link add ubr0 type bridge
		ip addr add 192.168.122.1/24 dev virbr0
		ip link set virbr0 up
		ip addr add 192.168.50.1/24 dev ubr0
		ip link set ubr0 up
		ip addr add 10.1.0.1/16 dev v0
		ip route add default via 10.1.0.254
		ip route add 172.20.0.0/14 via 10.1.0.254
		ip route add 192.168.60.0/24 via 10.1.0.254 table 77
		ip route add unreachable 192.168.70.0/24
		ip route add 192.168.80.0/24 nexthop via 10.1.0.254 nexthop via 10.1.0.253`)
	ns.Run("ip addr add 192.168.90.1/24 dev v0 noprefixroute")
	for subnet, want := range map[string]string{
		"192.168.122.0/24":   "192.168.122.0/24 dev virbr0",
		"192.168.122.128/25": "192.168.122.0/24 dev virbr0",
		"192.168.0.0/16":     "192.168.60.0/24 dev v0", // the first in the kernel's order
		"10.1.2.0/24":        "10.1.0.0/16 dev v0",
		"172.21.0.0/24":      "172.20.0.0/14 dev v0",
		"192.168.60.0/24":    "192.168.60.0/24 dev v0",
		"192.168.70.0/24":    "192.168.70.0/24",
		"192.168.80.0/24":    "192.168.80.0/24 dev v0",
		"192.168.90.0/24":    "address 192.168.90.1/24 dev v0",
		"127.5.0.0/16":       "address 127.0.0.1/8 dev lo",
		"192.168.50.0/24":    "",
		"192.168.121.0/24":   "",
		"203.0.113.0/24":     "",
	} {
		var got string
		var conflict bool
		ns.Must(func() (err error) {
			got, conflict, err = Conflict(netip.MustParsePrefix(subnet), "ubr0")
			return err
		})
		if subnet == "192.168.0.0/16" {
			if !conflict {
				t.Errorf("%s: no conflict", subnet)
			}
			continue
		}
		if got != want || conflict != (want != "") {
			t.Errorf("%s: %q %v, want %q", subnet, got, conflict, want)
		}
	}
	var free netip.Prefix
	ns.Must(func() (err error) {
		free, err = FreeSubnet(netip.MustParsePrefix("192.168.122.0/24"), "ubr0")
		return err
	})
	if free.String() != "192.168.123.0/24" {
		t.Errorf("free: %s", free)
	}
}

// TestFreeSubnetGoesRound wraps, skips what is taken, and gives up.
func TestFreeSubnetGoesRound(t *testing.T) {
	taken := func(prefixes ...string) (list []claim) {
		for _, p := range prefixes {
			list = append(list, claim{prefix: netip.MustParsePrefix(p)})
		}
		return list
	}
	for _, tc := range []struct {
		base  string
		taken []claim
		want  string
	}{
		{"192.168.122.0/24", nil, "192.168.122.0/24"},
		{"192.168.122.0/24", taken("192.168.122.0/23"), "192.168.124.0/24"},
		{"192.168.254.0/24", taken("192.168.254.0/23"), "192.168.0.0/24"},
		{"10.0.0.0/8", taken("10.9.9.9/32"), "192.168.1.0/24"},
		{"192.168.122.0/24", taken("192.168.128.0/17", "192.168.64.0/18", "192.168.0.0/19"), "192.168.32.0/24"},
	} {
		got, err := freeSubnet(netip.MustParsePrefix(tc.base), tc.taken)
		if err != nil || got.String() != tc.want {
			t.Errorf("%s: %s %v, want %s", tc.base, got, err, tc.want)
		}
	}
	_, err := freeSubnet(netip.MustParsePrefix("192.168.122.0/24"), taken("192.168.0.0/16"))
	if !errors.Is(err, ErrNoFreeSubnet) {
		t.Errorf("all taken: %v", err)
	}
}
