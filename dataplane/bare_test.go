package dataplane_test

import (
	"slices"
	"sync"
	"testing"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/internal/wire"
)

// told is what a bridge has said of new stations.
type told struct {
	mu   sync.Mutex
	list []string
}

func (l *told) note(src wire.MAC, on dataplane.PortID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, src.String()+" on "+string('0'+rune(on)))
}

// want compares with what was said since the last call.
func (l *told) want(t *testing.T, list ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.list, list) {
		t.Errorf("told %q, want %q", l.list, list)
	}
	l.list = nil
}

// bareBed is a bridge on a LAN: two guests, the NIC, and the host, who has the
// station's address; the last two are of one group.
func bareBed(t *testing.T) (*bed, *told) {
	t.Helper()
	b, l := newBed(t), &told{}
	b.do(func(w *dataplane.Worker) {
		w.RemoveBridge(1)
		w.AddBridge(1, dataplane.BridgeConfig{FDB: b.table, Station: station, Bare: true, Told: l.note})
		for i := range 4 {
			p, err := memport.NewPolled(fullCaps)
			if err != nil {
				t.Error(err)
				return
			}
			b.ports = append(b.ports, p)
			w.AddPort(dataplane.PortID(i+1), 1, "p", p)
		}
		w.SetHostPort(4)
		w.SetPortGroup(3, 1)
		w.SetPortGroup(4, 1)
	})
	return b, l
}

// What is for the host goes to its port and to no handler; what nobody knows goes
// to guests and the LAN, not to the host.
func TestABareBridgeHasTheHostAsAnyStation(t *testing.T) {
	b, _ := bareBed(t)
	b.inject(1, ether(station, mac(1), wire.TypeIPv4, 60), ether(wire.Broadcast, mac(1), wire.TypeARP, 60), ether(mac(9), mac(1), 0x88b5, 60))
	b.wantSent(0, 2, 2, 2)
	b.inject(3, ether(wire.Broadcast, mac(3), wire.TypeARP, 60), ether(station, mac(3), 0x88b5, 60), ether(mac(1), mac(3), 0x88b5, 60))
	b.wantSent(2, 1, 0, 0)
	b.inject(4, ether(mac(1), station, 0x88b5, 60), ether(mac(3), station, 0x88b5, 60), ether(wire.Broadcast, station, wire.TypeARP, 60))
	b.wantSent(2, 1, 0, 0)
	if b.router.station != 0 {
		t.Errorf("%d frames went to the handler", b.router.station)
	}
	for port, want := range map[int]frame.Reason{3: frame.PortGroup, 4: frame.PortGroup} {
		if got := b.drops(port)[want]; got != 1 {
			t.Errorf("port %d: %d drops as %s, want 1", port, got, want)
		}
	}
}

// Nobody is told twice, nor of who may not be learned, and each move counts.
func TestNewStationsAreTold(t *testing.T) {
	b, l := bareBed(t)
	f := ether(wire.Broadcast, mac(1), wire.TypeARP, 60)
	b.inject(1, f, f, ether(wire.Broadcast, station, wire.TypeARP, 60), ether(wire.Broadcast, wire.MAC{1, 0, 0, 0, 0, 1}, wire.TypeARP, 60))
	l.want(t, "52:54:00:00:00:01 on 1")
	if d := b.drops(1); d[frame.OwnSource] != 1 || d[frame.BadSourceMAC] != 1 {
		t.Errorf("drops %v", d)
	}
	b.inject(3, f)
	b.inject(2, f)
	l.want(t, "52:54:00:00:00:01 on 3", "52:54:00:00:00:01 on 2")
	b.inject(4, ether(wire.Broadcast, station, wire.TypeARP, 60))
	l.want(t)
}

// The host's NIC gets another address: the old one is anybody's.
func TestTheStationGetsAnotherAddress(t *testing.T) {
	b, _ := bareBed(t)
	next := wire.MAC{0x52, 0x54, 0, 0xff, 0, 2}
	b.inject(1, ether(wire.Broadcast, next, 0x88b5, 60)) // a guest had it before
	b.wantSent(0, 1, 1, 1)
	b.do(func(w *dataplane.Worker) { w.SetStation(1, next) })
	b.inject(2, ether(next, mac(2), 0x88b5, 60), ether(station, mac(2), 0x88b5, 60))
	b.wantSent(1, 0, 1, 1)
	b.inject(1, ether(wire.Broadcast, next, 0x88b5, 60), ether(wire.Broadcast, station, 0x88b5, 60))
	b.wantSent(0, 1, 1, 1)
	if n := b.drops(1)[frame.OwnSource]; n != 1 {
		t.Errorf("%d drops as own source, want 1", n)
	}
}
