package afpacket

import (
	"bytes"
	"fmt"
	"testing"

	"ubridge/dataplane/frame"
)

func TestFramesOfAllLengths(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	slot := DefaultSlotBytes - 114 // the longest that fits a slot
	for _, l := range []int{14, 60, 1514, slot - 1, slot, slot + 1, 4000, 9014} {
		t.Run(fmt.Sprint(l), func(t *testing.T) {
			in, want := newBatch(t), ethernet(l, l)
			if s := send(t, a, want); s.Frames != 1 || s.Bytes != uint64(l) {
				t.Fatalf("sent %+v", s)
			}
			receive(t, b, in, 1)
			f := &in.Frames[0]
			if !bytes.Equal(f.Bytes(), want) {
				t.Errorf("received %d bytes, differing from the %d sent", f.Len(), l)
			}
			if len(f.Front(frame.Headroom)) != frame.Headroom {
				t.Errorf("less than %d bytes of headroom", frame.Headroom)
			}
			if f.Offload != (frame.Offload{}) {
				t.Errorf("offload %+v, want none", f.Offload)
			}
			clear(f.Front(frame.Headroom)) // ours to write
			b.Release()
		})
	}
}

func TestLongAndShortFramesKeepTheirOrder(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	out, in := newBatch(t), newBatch(t)
	for i := range frame.BatchSize {
		l := 100
		if i%3 == 0 {
			l = 3000 + i
		}
		out.AddCopy(ethernet(l, i))
	}
	if s := a.Transmit(out, all(out)); s.Frames != frame.BatchSize {
		t.Fatalf("sent %+v", s)
	}
	receive(t, b, in, frame.BatchSize)
	for i := range in.N {
		if !bytes.Equal(in.Frames[i].Bytes(), out.Frames[i].Bytes()) {
			t.Errorf("frame %d differs or is out of order", i)
		}
	}
}

func TestTransmitTakesTheNamedFramesInOrder(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	out, in := newBatch(t), newBatch(t)
	for i := range 5 {
		out.AddCopy(ethernet(100, i))
	}
	a.Transmit(out, []uint16{3, 0, 4})
	receive(t, b, in, 3)
	for k, i := range []int{3, 0, 4} {
		if !bytes.Equal(in.Frames[k].Bytes(), out.Frames[i].Bytes()) {
			t.Errorf("place %d does not hold frame %d", k, i)
		}
	}
}

func TestRingGoesRound(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a := n.port(t, Config{Name: "a"})
	b := n.port(t, Config{Name: "b", RingBytes: 128 << 10}) // 64 slots
	in := newBatch(t)
	const rounds, perRound = 40, 20
	for i := range rounds {
		out := newBatch(t)
		for k := range perRound {
			out.AddCopy(ethernet(64, i*perRound+k))
		}
		a.Transmit(out, all(out))
		receive(t, b, in, perRound)
		for k := range perRound {
			if !bytes.Equal(in.Frames[k].Bytes(), out.Frames[k].Bytes()) {
				t.Fatalf("round %d: frame %d differs", i, k)
			}
		}
		b.Release()
		in.Reset()
	}
}

func TestFullRingDropsAndRecovers(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a := n.port(t, Config{Name: "a"})
	b := n.port(t, Config{Name: "b", RingBytes: 128 << 10})
	out := newBatch(t)
	for k := range frame.BatchSize {
		out.AddCopy(ethernet(64, k))
	}
	for range 4 {
		a.Transmit(out, all(out))
	}
	drops := new(frame.Drops)
	in := [3]*frame.Batch{newBatch(t), newBatch(t), newBatch(t)}
	for _, in := range in { // nothing released in between: every slot is lent
		if err := b.Receive(in, drops); err != nil {
			t.Fatal(err)
		}
	}
	if in[0].N != 32 || in[1].N != 32 || in[2].N != 0 {
		t.Errorf("received %d, %d, %d frames, want 32, 32, 0", in[0].N, in[1].N, in[2].N)
	}
	if b.Pending() {
		t.Error("a lent slot looks pending")
	}
	s, err := b.Stats()
	if want := (Stats{Received: 64, Dropped: 64}); err != nil || s != want {
		t.Errorf("stats %+v, %v, want %+v", s, err, want)
	}
	b.Release()
	last := ethernet(80, 7)
	send(t, a, last)
	in[0].Reset()
	receive(t, b, in[0], 1)
	if !bytes.Equal(in[0].Frames[0].Bytes(), last) {
		t.Error("wrong frame after the ring was full")
	}
}

func TestFrameTooBigDoesNotStopTheOthers(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	out, in := newBatch(t), newBatch(t)
	for _, l := range []int{60, 1600, 61, 1515, 62} {
		out.AddCopy(ethernet(l, l))
	}
	if s, want := a.Transmit(out, all(out)), (frame.Sent{Frames: 3, Bytes: 183, TooBig: 2}); s != want {
		t.Errorf("sent %+v, want %+v", s, want)
	}
	receive(t, b, in, 3)
	for i, l := range []int{60, 61, 62} {
		if in.Frames[i].Len() != l {
			t.Errorf("frame %d has %d bytes, want %d", i, in.Frames[i].Len(), l)
		}
	}
}

func TestBadVnetHeaderIsRefused(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a := n.port(t, Config{Name: "a"})
	out := newBatch(t)
	out.AddCopy(ethernet(60, 0)).Offload = frame.Offload{Flags: frame.NeedsCsum, CsumStart: 4000, CsumOffset: 16}
	out.AddCopy(ethernet(60, 1))
	if s := a.Transmit(out, all(out)); s.Failed != 1 || s.Frames != 1 {
		t.Errorf("sent %+v, want 1 failed and 1 gone", s)
	}
}

func TestArenaUsedUp(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	arena, err := frame.NewArena(1)
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	in := &frame.Batch{Arena: arena}
	for i := range 3 {
		send(t, a, ethernet(5000, i))
	}
	send(t, a, ethernet(100, 3))
	drops := receive(t, b, in, 2)
	if drops[frame.NoBuffer] != 2 {
		t.Errorf("%d frames dropped for want of a buffer, want 2", drops[frame.NoBuffer])
	}
	if !bytes.Equal(in.Frames[1].Bytes(), ethernet(100, 3)) {
		t.Error("the short frame behind them differs")
	}
	b.Release()
	in.Reset()
	send(t, a, ethernet(5000, 9))
	receive(t, b, in, 1)
	if !bytes.Equal(in.Frames[0].Bytes(), ethernet(5000, 9)) {
		t.Error("slots and queue have lost each other")
	}
}

// When slots and the socket's queue differ, frames are lost but none is mixed
// up with another, and they find each other again.
func TestQueueOutOfStepRecovers(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	in := newBatch(t)
	for i := range 3 {
		send(t, a, ethernet(5000, i))
	}
	b.read(b.link.scrap[:]) // steal the first
	drops := new(frame.Drops)
	for range 3 {
		if err := b.Receive(in, drops); err != nil {
			t.Fatal(err)
		}
	}
	if in.N != 0 || drops[frame.RxCut] != 3 {
		t.Errorf("%d frames, %d cut, want 0 and 3", in.N, drops[frame.RxCut])
	}
	if free := in.Arena.Free(); free != 2*frame.BatchSize {
		t.Errorf("%d buffers free, want all", free)
	}
	b.Release()
	send(t, a, ethernet(5000, 4))
	receive(t, b, in, 1)
	if !bytes.Equal(in.Frames[0].Bytes(), ethernet(5000, 4)) {
		t.Error("wrong frame after the queue was out of step")
	}
}

func TestNoAllocation(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	out, in, drops := newBatch(t), newBatch(t), new(frame.Drops)
	for i := range 8 {
		out.AddCopy(ethernet(100+i*1000, i)) // some in slots, some beside
	}
	which := all(out)
	got := testing.AllocsPerRun(100, func() {
		a.Transmit(out, which)
		_ = b.Receive(in, drops)
		_ = b.Receive(in, drops)
		b.Release()
		in.Reset()
	})
	if got != 0 {
		t.Errorf("%v allocations per batch, want none", got)
	}
	s, _ := b.Stats()
	if s.Received < 100*8 {
		t.Errorf("only %d frames were received", s.Received)
	}
}
