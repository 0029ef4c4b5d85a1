package dataplane_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"ubridge/dataplane"
	"ubridge/dataplane/afpacket"
	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/dataplane/tap"
	"ubridge/fdb"
	"ubridge/internal/wire"
)

var (
	_ dataplane.Port = (*afpacket.Port)(nil)
	_ dataplane.Port = (*tap.Port)(nil)
	_ dataplane.Port = (*memport.Port)(nil)
)

// bedWorkers is how many workers the switches of a pass have.
var bedWorkers int

// TestMain runs every test with one worker, then with more than some have ports.
func TestMain(m *testing.M) {
	for _, bedWorkers = range []int{1, 3} {
		if code := m.Run(); code != 0 {
			fmt.Printf("failed with %d workers\n", bedWorkers)
			os.Exit(code)
		}
		if fuzzing() {
			return // it has no workers but its own
		}
	}
}

// fuzzing reports whether the run searches for new inputs.
func fuzzing() bool {
	f := flag.Lookup("test.fuzz")
	return f != nil && f.Value.String() != ""
}

// bed is a switch on in-memory ports, run round by round.
type bed struct {
	t      *testing.T
	w      *dataplane.Worker
	table  *fdb.Table
	ports  []*memport.Port
	router *recorder
}

var station = wire.MAC{0x52, 0x54, 0, 0xff, 0, 1}

// recorder is a Handler that notes what it is given and drops it.
type recorder struct {
	station, uplink int
	last            wire.Ethernet
	do              func(c *dataplane.Cycle, br dataplane.BridgeID, i uint16)
}

func (r *recorder) FromBridge(c *dataplane.Cycle, br dataplane.BridgeID, _ dataplane.PortID, which []uint16) {
	for _, i := range which {
		r.station++
		r.last = append(wire.Ethernet(nil), c.Frame(i).Bytes()...)
		if r.do != nil {
			r.do(c, br, i)
		}
	}
}

func (r *recorder) FromUplink(_ *dataplane.Cycle, _ dataplane.PortID, which []uint16) {
	r.uplink += len(which)
}
func (r *recorder) Tick(*dataplane.Cycle) bool { return false }

var fullCaps = frame.Caps{Csum: true, TSO4: true, TSO6: true, USO: true, MTU: 1500}

func newBed(t *testing.T, caps ...frame.Caps) *bed {
	t.Helper()
	b := &bed{t: t, router: &recorder{}}
	var err error
	if b.table, err = fdb.New(fdb.Config{Entries: make([]fdb.Entry, 256), Seed: 1, PortLimit: 4, MaxPorts: 64}); err != nil {
		t.Fatal(err)
	}
	if b.w, err = dataplane.NewWorker(b.router, bedWorkers); err != nil {
		t.Fatal(err)
	}
	b.w.AddBridge(1, dataplane.BridgeConfig{FDB: b.table, Station: station, TakeDHCP: true})
	for i, c := range caps {
		p, err := memport.NewPolled(c)
		if err != nil {
			t.Fatal(err)
		}
		b.ports = append(b.ports, p)
		b.w.AddPort(dataplane.PortID(i+1), 1, "p", p)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return b
}

func mac(n byte) wire.MAC { return wire.MAC{0x52, 0x54, 0, 0, 0, n} }

// ether is a frame of n bytes.
func ether(dst, src wire.MAC, typ uint16, n int) []byte {
	b := make([]byte, n)
	e := wire.Ethernet(b)
	e.SetDst(dst)
	e.SetSrc(src)
	e.SetType(typ)
	for i := wire.EthernetLen; i < n; i++ {
		b[i] = byte(i)
	}
	return b
}

// inject puts frames in on port p (from 1) and waits until the worker took
// them.
func (b *bed) inject(p int, frames ...[]byte) {
	b.t.Helper()
	list := make([]memport.Frame, len(frames))
	for i, f := range frames {
		list[i].Data = f
	}
	b.injectFrames(p, list...)
}

func (b *bed) injectFrames(p int, frames ...memport.Frame) {
	b.t.Helper()
	before := b.seen(p)
	b.ports[p-1].Inject(frames...)
	deadline := time.Now().Add(5 * time.Second)
	for b.seen(p) < before+uint64(len(frames)) {
		if time.Now().After(deadline) {
			b.t.Fatalf("port %d: the worker took %d of %d frames", p, b.seen(p)-before, len(frames))
		}
	}
}

// seen is how many frames of port p were decided.
func (b *bed) seen(p int) (n uint64) {
	b.t.Helper()
	b.do(func(w *dataplane.Worker) {
		info, _ := w.Port(dataplane.PortID(p))
		n = info.Counters.RxFrames + info.Counters.Drops[frame.Runt]
	})
	return n
}

func (b *bed) do(fn func(*dataplane.Worker)) {
	b.t.Helper()
	if err := b.w.Do(b.t.Context(), fn); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) drops(p int) (d frame.Drops) {
	b.do(func(w *dataplane.Worker) {
		info, _ := w.Port(dataplane.PortID(p))
		d = info.Counters.Drops
	})
	return d
}

// wantSent checks how many frames each port sent since the last call.
func (b *bed) wantSent(counts ...int) [][]memport.Frame {
	b.t.Helper()
	var all [][]memport.Frame
	for i, want := range counts {
		sent := b.ports[i].Sent()
		if len(sent) != want {
			b.t.Errorf("port %d sent %d frames, want %d", i+1, len(sent), want)
		}
		all = append(all, sent)
	}
	return all
}

func TestUnknownUnicastIsFloodedAndAReplyIsNot(t *testing.T) {
	b := newBed(t, fullCaps, fullCaps, fullCaps)
	b.inject(1, ether(mac(2), mac(1), 0x88b5, 60))
	b.wantSent(0, 1, 1)
	b.inject(2, ether(mac(1), mac(2), 0x88b5, 60))
	b.wantSent(1, 0, 0)
	b.inject(1, ether(mac(2), mac(1), 0x88b5, 60))
	b.wantSent(0, 1, 0)
}

func TestBroadcastAndMulticastGoToAllOthers(t *testing.T) {
	b := newBed(t, fullCaps, fullCaps, fullCaps)
	b.inject(1, ether(wire.Broadcast, mac(1), wire.TypeARP, 60), ether(wire.MAC{0x33, 0x33, 0, 0, 0, 1}, mac(1), wire.TypeIPv6, 90))
	b.wantSent(0, 2, 2)
}

func TestAStationThatMovesIsFollowedAtOnce(t *testing.T) {
	b := newBed(t, fullCaps, fullCaps, fullCaps)
	b.inject(1, ether(mac(9), mac(1), 0x88b5, 60))
	b.inject(2, ether(wire.Broadcast, mac(1), 0x88b5, 60)) // moved to port 2
	b.wantSent(1, 1, 2)
	b.inject(3, ether(mac(1), mac(3), 0x88b5, 60))
	b.wantSent(0, 1, 0)
	b.inject(1, ether(wire.Broadcast, mac(1), 0x88b5, 60)) // and back
	b.wantSent(0, 1, 1)
	b.inject(3, ether(mac(1), mac(3), 0x88b5, 60))
	b.wantSent(1, 0, 0)
}

func TestFramesAreNeverEchoedToTheirPort(t *testing.T) {
	b := newBed(t, fullCaps, fullCaps)
	b.inject(1, ether(wire.Broadcast, mac(1), 0x88b5, 60), ether(wire.Broadcast, mac(2), 0x88b5, 60))
	b.wantSent(0, 2)
	b.inject(1, ether(mac(1), mac(2), 0x88b5, 60))
	b.wantSent(0, 0)
	if n := b.drops(1)[frame.SamePort]; n != 1 {
		t.Errorf("same-port drops: %d, want 1", n)
	}
}

func TestWhatABridgeDoesNotForwardIsDroppedByName(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame []byte
		want  frame.Reason
	}{
		{"runt", make([]byte, 13), frame.Runt},
		{"empty", nil, frame.Runt},
		{"BPDU", ether(wire.MAC{1, 0x80, 0xc2, 0, 0, 0}, mac(1), 38, 60), frame.Reserved},
		{"LLDP", ether(wire.MAC{1, 0x80, 0xc2, 0, 0, 0x0e}, mac(1), 0x88cc, 60), frame.Reserved},
		{"group source", ether(mac(2), wire.MAC{1, 2, 3, 4, 5, 6}, 0x88b5, 60), frame.BadSourceMAC},
		{"zero source", ether(mac(2), wire.MAC{}, 0x88b5, 60), frame.BadSourceMAC},
		{"the network's own source", ether(mac(2), station, 0x88b5, 60), frame.OwnSource},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, fullCaps, fullCaps)
			b.inject(1, c.frame)
			b.wantSent(0, 0)
			if d := b.drops(1); d[c.want] != 1 {
				t.Errorf("%s: %d drops, want 1; all: %v", c.want, d[c.want], d)
			}
			b.do(func(*dataplane.Worker) {
				if n := b.table.PortLen(1); n != 0 {
					t.Errorf("%d stations learned", n)
				}
			})
		})
	}
}

func TestALyingVnetHeaderIsDropped(t *testing.T) {
	for name, o := range map[string]frame.Offload{
		"checksum behind the end":     {Flags: frame.NeedsCsum, CsumStart: 50, CsumOffset: 16},
		"checksum in the link header": {Flags: frame.NeedsCsum, CsumStart: 2, CsumOffset: 6},
		"superframe of no kind":       {GSO: 7, GSOSize: 100},
		"superframe without size":     {Flags: frame.NeedsCsum, GSO: frame.GSOTCP4, CsumStart: 34, CsumOffset: 16},
		"superframe without checksum": {GSO: frame.GSOTCP4, GSOSize: 100},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, fullCaps, fullCaps)
			b.injectFrames(1, memport.Frame{Data: ether(mac(2), mac(1), wire.TypeIPv4, 60), Offload: o})
			b.wantSent(0, 0)
			if n := b.drops(1)[frame.BadOffload]; n != 1 {
				t.Errorf("bad-offload drops: %d, want 1", n)
			}
		})
	}
}

func TestBeyondTheLearningLimitFramesAreStillForwarded(t *testing.T) {
	b := newBed(t, fullCaps, fullCaps)
	for i := range 10 {
		b.inject(1, ether(wire.Broadcast, mac(byte(i+1)), 0x88b5, 60))
	}
	b.wantSent(0, 10)
	b.do(func(w *dataplane.Worker) {
		if n := b.table.PortLen(1); n != 4 {
			t.Errorf("%d stations learned, want 4", n)
		}
		if info, _ := w.Port(1); info.Counters.LearnLimited != 6 {
			t.Errorf("learn-limited %d, want 6", info.Counters.LearnLimited)
		}
	})
	b.inject(2, ether(mac(9), mac(100), 0x88b5, 60)) // not learned: flooded
	b.wantSent(1, 0)
}

func TestFramesForTheStationGoToTheHandler(t *testing.T) {
	b := newBed(t, fullCaps, fullCaps)
	b.inject(1, ether(station, mac(1), wire.TypeIPv4, 60))
	b.wantSent(0, 0)
	if b.router.station != 1 {
		t.Errorf("the handler got %d frames, want 1", b.router.station)
	}
}

func TestADHCPBroadcastGoesToTheHandlerAndNowhereElse(t *testing.T) {
	b := newBed(t, fullCaps, fullCaps)
	req := ether(wire.Broadcast, mac(1), wire.TypeIPv4, 300)
	req[14], req[23], req[36], req[37] = 0x45, wire.ProtoUDP, 0, 67
	other := append([]byte(nil), req...)
	other[37] = 68
	b.inject(1, req, other)
	b.wantSent(0, 1)
	if b.router.station != 1 {
		t.Errorf("the handler got %d frames, want 1", b.router.station)
	}
}

func TestOversizedFramesAreDroppedAtTheEgress(t *testing.T) {
	small := fullCaps
	jumbo := fullCaps
	jumbo.MTU = 9000
	b := newBed(t, jumbo, jumbo, small)
	b.inject(1, ether(wire.Broadcast, mac(1), 0x88b5, 9014))
	b.wantSent(0, 1, 0)
	if n := b.drops(3)[frame.TooBig]; n != 1 {
		t.Errorf("too-big drops on the small port: %d, want 1", n)
	}
	// A tagged frame may be longer by its tag.
	b.inject(1, ether(wire.Broadcast, mac(1), wire.TypeVLAN, 1518))
	b.wantSent(0, 1, 1)
}

func TestAgeingForgetsSilentStations(t *testing.T) {
	b := newBed(t, fullCaps, fullCaps, fullCaps)
	b.inject(1, ether(wire.Broadcast, mac(1), 0x88b5, 60))
	b.wantSent(0, 1, 1)
	b.do(func(w *dataplane.Worker) {
		if n := b.table.Expire(w.Now().Seconds()+301, 1<<20); n != 1 {
			t.Errorf("%d stations aged out, want 1", n)
		}
	})
	b.inject(2, ether(mac(1), mac(2), 0x88b5, 60))
	b.wantSent(1, 0, 1)
}

func TestAPortThatIsDownComesBack(t *testing.T) {
	b := newBed(t, fullCaps, fullCaps)
	b.ports[1].SetDown(true)
	b.inject(1, ether(wire.Broadcast, mac(1), 0x88b5, 60))
	if n := b.drops(2)[frame.PortDown]; n != 1 {
		t.Errorf("port-down drops: %d, want 1", n)
	}
	time.Sleep(250 * time.Millisecond) // the worker notices, and asks at its ticks
	b.ports[1].SetDown(false)
	b.inject(2, ether(wire.Broadcast, mac(2), 0x88b5, 60))
	b.inject(1, ether(wire.Broadcast, mac(1), 0x88b5, 60))
	b.wantSent(1, 1)
}

func TestARemovedPortIsForgotten(t *testing.T) {
	b := newBed(t, fullCaps, fullCaps, fullCaps)
	b.inject(2, ether(wire.Broadcast, mac(2), 0x88b5, 60))
	b.wantSent(1, 0, 1)
	b.do(func(w *dataplane.Worker) {
		if err := w.RemovePort(2).Close(); err != nil {
			t.Error(err)
		}
	})
	b.inject(1, ether(mac(2), mac(1), 0x88b5, 60))
	b.wantSent(0, 0, 1)
}

func TestTheHostPortGetsNoUnknownUnicast(t *testing.T) {
	b := newBed(t, fullCaps, fullCaps, fullCaps)
	b.do(func(w *dataplane.Worker) { w.SetHostPort(3) })
	b.inject(1, ether(mac(7), mac(1), 0x88b5, 60), ether(wire.Broadcast, mac(1), 0x88b5, 60))
	b.wantSent(0, 2, 1)
	b.inject(3, ether(mac(1), station, 0x88b5, 60))
	b.wantSent(1, 0, 0)
}

func TestTheHandlerOriginatesMoreThanABatch(t *testing.T) {
	b := newBed(t, fullCaps, fullCaps)
	b.router.do = func(c *dataplane.Cycle, br dataplane.BridgeID, i uint16) {
		for range 3 * frame.BatchSize {
			j, f := c.Originate()
			if f == nil {
				t.Error("no frame")
				return
			}
			copy(f.Grow(60), ether(mac(1), station, 0x88b5, 60))
			c.Own().ToBridge(j, br)
		}
	}
	b.inject(1, ether(station, mac(1), wire.TypeIPv4, 60))
	b.wantSent(3*frame.BatchSize, 0)
}
