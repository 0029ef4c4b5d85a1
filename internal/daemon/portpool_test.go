package daemon

import (
	"net/netip"
	"strings"
	"testing"

	"ubridge/internal/config"
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

func TestOnePoolServesAllNetworks(t *testing.T) {
	with := func(first, last uint16) definition {
		n := config.Default("x")
		n.NAT.Ports = config.PortRange{First: first, Last: last}
		return definition{Network: n}
	}
	p, err := choosePool(map[string]definition{"a": with(0, 0), "b": with(50000, 51000), "c": with(50000, 51000)})
	if err != nil || p.pool != (hostnet.PortRange{First: 50000, Last: 51000}) {
		t.Errorf("pool %v, %v", p.pool, err)
	}
	if !p.serves(with(0, 0).Network) || !p.serves(with(50000, 51000).Network) || p.serves(with(1, 2).Network) {
		t.Error("the pool serves what it is, and who asks for none")
	}
	_, err = choosePool(map[string]definition{"b": with(50000, 51000), "c": with(50000, 52000)})
	if err == nil || !strings.Contains(err.Error(), "50000-52000") || !strings.Contains(err.Error(), "networks b and c") {
		t.Errorf("error %v does not name the networks and what they ask for", err)
	}
}
