package daemon

import (
	"net/netip"
	"testing"

	"ubridge/internal/hostnet"
	"ubridge/internal/wire"
	"ubridge/nat"
)

func TestThePoolFollowsTheHostsSockets(t *testing.T) {
	table, err := nat.New(nat.Config{FirstPort: 61000, LastPort: 61001, Seed: [2]uint64{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	p := portPool{pool: hostnet.PortRange{First: 61000, Last: 61001}}
	total := func() int {
		_, n := table.Pressure(nat.UDP)
		return n
	}
	p.exclude(table, map[nat.Proto]map[uint16]bool{nat.UDP: {61000: true}})
	if n := total(); n != 1 {
		t.Errorf("%d ports while the host has one, want 1", n)
	}
	p.exclude(table, map[nat.Proto]map[uint16]bool{nat.UDP: {61000: true, 61001: true}})
	if n := total(); n != 0 {
		t.Errorf("%d ports while the host has both, want none", n)
	}
	p.exclude(table, nil)
	if n := total(); n != 2 {
		t.Errorf("%d ports when the host has none, want 2", n)
	}
}

func TestAResumedFlowNeedsItsNetworkAndItsAddress(t *testing.T) {
	d := &Daemon{state: &state{Networks: map[string]*netState{"default": {ID: 3}}}}
	d.out.records = []uplinkRecord{{Outside: []netip.Addr{wire.IP4{10, 9, 0, 2}.Addr()}}}
	for _, c := range []struct {
		network uint16
		outside wire.IP4
		want    bool
	}{
		{3, wire.IP4{10, 9, 0, 2}, true},
		{4, wire.IP4{10, 9, 0, 2}, false},
		{3, wire.IP4{10, 9, 0, 3}, false},
	} {
		if got := d.validFlow(c.network, c.outside); got != c.want {
			t.Errorf("network %d, outside %v: %v", c.network, c.outside.Addr(), got)
		}
	}
}
