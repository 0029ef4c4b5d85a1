package dataplane_test

import (
	"testing"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/internal/wire"
)

// A port that is replaced keeps its stations and its counters; its frames come
// from and go to the new attachment, and those that both have are forwarded once.
func TestReplacePort(t *testing.T) {
	b := newBed(t, fullCaps, fullCaps)
	b.inject(1, ether(mac(9), mac(1), wire.TypeIPv4, 60))
	fresh, err := memport.NewPolled(fullCaps)
	if err != nil {
		t.Fatal(err)
	}
	old := b.ports[0]
	var replaced, none dataplane.Port
	b.do(func(w *dataplane.Worker) {
		for i := range byte(70) {
			waiting := memport.Frame{Data: ether(mac(2), mac(1), 0x88b5, 61+int(i))}
			old.Inject(waiting)
			fresh.Inject(waiting)
		}
		replaced, none = w.ReplacePort(1, fresh), w.ReplacePort(7, fresh)
		w.CountDrops(1, frame.RingFull, 3)
		w.CountDrops(7, frame.RingFull, 3)
	})
	if replaced != dataplane.Port(old) || none != nil {
		t.Fatalf("replaced %v and %v", replaced, none)
	}
	if err := old.Close(); err != nil {
		t.Error(err)
	}
	out := b.ports[1].Sent()
	for i, f := range out {
		if len(f.Data) != 60+i {
			t.Fatalf("frame %d has %d bytes, want %d", i, len(f.Data), 60+i)
		}
	}
	if len(out) != 71 {
		t.Errorf("%d frames were forwarded, want 71", len(out))
	}
	b.ports[0] = fresh
	b.inject(2, ether(mac(1), mac(2), wire.TypeIPv4, 60)) // known still: not flooded
	if n, m := len(fresh.Sent()), len(old.Sent()); n != 1 || m != 0 {
		t.Errorf("%d frames went to the new attachment, %d to the old", n, m)
	}
	b.inject(1, ether(mac(2), mac(1), wire.TypeIPv4, 60))
	if c := b.counters(1); c.RxFrames != 72 || c.TxFrames != 1 || c.Drops[frame.RingFull] != 3 {
		t.Errorf("counters %+v", c)
	}
}
