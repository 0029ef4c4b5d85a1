package dataplane_test

import (
	"testing"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/internal/wire"
)

// grouped is a bed whose ports are in split-horizon groups; the last port is the
// host's.
func grouped(t *testing.T, groups ...uint8) *bed {
	t.Helper()
	caps := make([]frame.Caps, len(groups))
	for i := range caps {
		caps[i] = fullCaps
	}
	b := newBed(t, caps...)
	b.do(func(w *dataplane.Worker) {
		for i, g := range groups {
			w.SetPortGroup(dataplane.PortID(i+1), g)
		}
		w.SetPortGroup(60, 1) // no such port: nothing happens
		w.SetHostPort(dataplane.PortID(len(groups)))
	})
	return b
}

// Ports of one group reach everybody but one another: flooded, known and unknown.
func TestPortsOfOneGroupExchangeNothing(t *testing.T) {
	b := grouped(t, 1, 1, 2, 0, 0) // two isolated guests, one of another group, one of none, the host
	b.inject(1, ether(wire.Broadcast, mac(1), wire.TypeARP, 60), ether(wire.MAC{0x33, 0x33, 0, 0, 0, 0xfb}, mac(1), wire.TypeIPv6, 90))
	b.wantSent(0, 0, 2, 2, 2)
	b.inject(4, ether(wire.Broadcast, mac(4), wire.TypeARP, 60))
	b.wantSent(1, 1, 1, 0, 1)
	b.inject(2, ether(mac(9), mac(2), 0x88b5, 60)) // unknown
	b.wantSent(0, 0, 1, 1, 0)
	b.inject(1, ether(mac(2), mac(1), 0x88b5, 60)) // known
	b.wantSent(0, 0, 0, 0, 0)
	if n := b.drops(1)[frame.PortGroup]; n != 1 {
		t.Errorf("port-group drops: %d, want 1", n)
	}
	b.inject(4, ether(mac(2), mac(4), 0x88b5, 60), ether(mac(1), mac(4), 0x88b5, 60))
	b.wantSent(1, 1, 0, 0, 0)
	b.inject(1, ether(mac(4), mac(1), 0x88b5, 60))
	b.wantSent(0, 0, 0, 1, 0)
}

// Unknown unicast that only ports of the sender's group could have got is counted.
func TestUnknownUnicastWithinAGroupIsCounted(t *testing.T) {
	b := grouped(t, 1, 1, 0)
	b.inject(1, ether(mac(9), mac(1), 0x88b5, 60))
	b.wantSent(0, 0, 0)
	if n := b.drops(1)[frame.PortGroup]; n != 1 {
		t.Errorf("port-group drops: %d, want 1", n)
	}
}

// The station and the host's stack reach every port of a group, and are reached.
func TestTheStationReachesAGroup(t *testing.T) {
	b := grouped(t, 1, 1, 0)
	b.inject(1, ether(mac(9), mac(1), 0x88b5, 60))
	b.inject(3, ether(mac(1), station, 0x88b5, 60), ether(wire.Broadcast, station, wire.TypeARP, 60))
	b.wantSent(2, 1, 0)
	b.router.do = func(c *dataplane.Cycle, br dataplane.BridgeID, _ uint16) {
		i, f := c.Originate()
		copy(f.Grow(60), ether(mac(1), station, 0x88b5, 60))
		c.Own().ToBridge(i, br)
	}
	b.inject(2, ether(station, mac(2), 0x88b5, 60))
	b.wantSent(1, 0, 0)
	b.router.do = func(c *dataplane.Cycle, br dataplane.BridgeID, i uint16) { c.Flood(i, br) }
	b.inject(2, ether(station, mac(2), 0x88b5, 60)) // what a handler floods stays a guest's frame
	b.wantSent(0, 0, 1)
}

// A port that is replaced stays in its group; one that is added anew is in none.
func TestAGroupIsKeptByTheAttachment(t *testing.T) {
	b := grouped(t, 1, 1, 0)
	replace := func(id dataplane.PortID, remove bool) {
		fresh, err := memport.NewPolled(fullCaps)
		if err != nil {
			t.Fatal(err)
		}
		var old dataplane.Port
		b.do(func(w *dataplane.Worker) {
			if remove {
				old = w.RemovePort(id)
				w.AddPort(id, 1, "p", fresh)
				return
			}
			old = w.ReplacePort(id, fresh)
		})
		if err := old.Close(); err != nil {
			t.Error(err)
		}
		b.ports[id-1] = fresh
	}
	replace(2, false)
	b.inject(1, ether(wire.Broadcast, mac(1), wire.TypeARP, 60))
	b.wantSent(0, 0, 1)
	replace(2, true)
	b.inject(1, ether(wire.Broadcast, mac(1), wire.TypeARP, 60))
	b.wantSent(0, 1, 1)
	b.do(func(w *dataplane.Worker) { w.SetPortGroup(2, 1) })
	b.inject(2, ether(mac(1), mac(2), 0x88b5, 60))
	b.wantSent(0, 0, 0)
	b.do(func(w *dataplane.Worker) { w.SetPortGroup(2, 0) })
	b.inject(2, ether(mac(1), mac(2), 0x88b5, 60))
	b.wantSent(1, 0, 0)
}
