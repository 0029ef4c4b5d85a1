package dataplane

import (
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/fdb"
	"ubridge/internal/wire"
)

// replay is a port that receives the same frames again and again and counts what
// it sends.
type replay struct {
	bufs [][]byte
	n    []int
	sent int
}

func (l *replay) Receive(b *frame.Batch, _ *frame.Drops) error {
	for i, buf := range l.bufs {
		b.Add(buf, frame.Headroom, l.n[i])
	}
	return nil
}

func (l *replay) Transmit(_ *frame.Batch, which []uint16) frame.Sent {
	l.sent += len(which)
	return frame.Sent{Frames: uint32(len(which))}
}

func (l *replay) Release()                {}
func (l *replay) NewSender() frame.Sender { return l }
func (l *replay) Caps() frame.Caps        { return frame.Caps{Csum: true, TSO4: true, MTU: 1500} }
func (l *replay) FD() int                 { return -1 }
func (l *replay) Pending() bool           { return len(l.bufs) > 0 }
func (l *replay) Close() error            { return nil }

func (l *replay) add(dst, src wire.MAC) {
	buf := make([]byte, frame.Headroom+60)
	e := wire.Ethernet(buf[frame.Headroom:])
	e.SetDst(dst)
	e.SetSrc(src)
	l.bufs, l.n = append(l.bufs, buf), append(l.n, 60)
}

// The packet path allocates nothing: a batch from receive to transmit, with
// learning, moves, lookup, flooding, split-horizon groups and drops.
func TestSwitchingAllocatesNothing(t *testing.T) {
	w, in, out := replays(t)
	peer := &replay{}
	w.AddPort(3, 0, "peer", peer)
	w.SetPortGroup(1, 1)
	w.SetPortGroup(3, 1)
	near := wire.MAC{2, 0, 0, 0, 0, 10}
	peer.add(wire.Broadcast, near)
	w.process(w.ports[3], w.clock.Now())
	far := wire.MAC{2, 0, 0, 0, 0, 9}
	out.add(wire.Broadcast, far)
	w.process(w.ports[2], w.clock.Now())
	for i := range byte(8) {
		in.add(far, wire.MAC{2, 0, 0, 0, 0, i + 1})
		in.add(wire.Broadcast, wire.MAC{2, 0, 0, 0, 0, i + 1})
		in.add(near, wire.MAC{2, 0, 0, 0, 0, i + 1}) // refused
		in.add(wire.MAC{1, 0x80, 0xc2, 0, 0, 0}, wire.MAC{2, 0, 0, 0, 0, i + 1})
	}
	in.add(wire.Broadcast, far) // moves
	now := w.clock.Now()
	allocs := testing.AllocsPerRun(100, func() {
		w.process(w.ports[1], now)
		w.process(w.ports[2], now) // and moves back
	})
	if allocs != 0 {
		t.Errorf("%v allocations a batch, want 0", allocs)
	}
	if out.sent == 0 || w.ports[1].counters.Drops[frame.PortGroup] == 0 {
		t.Errorf("sent %d, refused %d: the test proves nothing", out.sent, w.ports[1].counters.Drops[frame.PortGroup])
	}
}

func replays(tb testing.TB) (w *Worker, in, out *replay) {
	tb.Helper()
	table, err := fdb.New(fdb.Config{Entries: make([]fdb.Entry, 1024), Seed: 1, MaxPorts: 8})
	if err != nil {
		tb.Fatal(err)
	}
	if w, err = NewWorker(nil, 1); err != nil {
		tb.Fatal(err)
	}
	in, out = &replay{}, &replay{}
	w.AddBridge(0, BridgeConfig{FDB: table})
	w.AddPort(1, 0, "in", in)
	w.AddPort(2, 0, "out", out)
	return w, in, out
}

// BenchmarkUnicastBatch is the pipeline without its ports: 32 frames from one
// station to another.
func BenchmarkUnicastBatch(b *testing.B) {
	w, in, out := replays(b)
	far := wire.MAC{2, 0, 0, 0, 0, 9}
	out.add(wire.Broadcast, far)
	w.process(w.ports[2], w.clock.Now())
	for range frame.BatchSize {
		in.add(far, wire.MAC{2, 0, 0, 0, 0, 1})
	}
	now := w.clock.Now()
	for b.Loop() {
		w.process(w.ports[1], now)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/frame.BatchSize, "ns/frame")
}
