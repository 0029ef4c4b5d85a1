package dataplane

import (
	"ubridge/dataplane/frame"
	"ubridge/dataplane/ring"
)

// handoverSlots is how many frames wait for the first worker: what it takes
// about a millisecond to route when they are small.
const handoverSlots = 256

// handover is the way of one worker's frames for the handler to the first
// worker. They are copied: the ring that they came in goes back to the kernel
// with their batch.
type handover struct {
	ring  *ring.SPSC
	arena *frame.Arena // slot i of the ring is buffer i
	heads [handoverSlots]handedFrame
}

// handedFrame says what lies in a slot.
type handedFrame struct {
	in      PortID
	len     int32 // bytes of frame behind frame.Headroom
	offload frame.Offload
}

func newHandover() (*handover, error) {
	r, err := ring.New(handoverSlots)
	if err != nil {
		return nil, err
	}
	arena, err := frame.NewArena(handoverSlots)
	if err != nil {
		return nil, err
	}
	return &handover{ring: r, arena: arena}, nil
}

func (h *handover) close() error { return h.arena.Close() }

// handOver copies frames of the batch that came in on p to the first worker, in
// order. Those that find no slot are dropped.
func (w *Worker) handOver(p *port, which []uint16) {
	h := w.handover
	n := min(len(which), int(h.ring.Room(uint32(len(which)))))
	p.counters.Drops[frame.RouterBusy] += uint64(len(which) - n)
	for k, i := range which[:n] {
		h.fill(h.ring.Slot(uint32(k)), p.id, &w.batch.Frames[i])
	}
	h.ring.Publish(uint32(n))
	if h.ring.NeedsWake() {
		w.all[0].poll.bell.ring()
	}
}

// fill copies f into a slot. A slot holds the longest frame.
func (h *handover) fill(slot uint32, in PortID, f *frame.Frame) {
	n := copy(h.arena.Buf(frame.Handle(slot))[frame.Headroom:], f.Bytes())
	h.heads[slot] = handedFrame{in, int32(n), f.Offload}
}

// takeOver runs a batch of what another worker handed over through the handler;
// false where there is none. It is called on the first worker.
func (w *Worker) takeOver(h *handover, now Time) bool {
	n := min(int(h.ring.Len(frame.BatchSize)), frame.BatchSize)
	if n == 0 {
		return false
	}
	for i := range n {
		slot := h.ring.At(uint32(i))
		head := &h.heads[slot]
		w.batch.Add(h.arena.Buf(frame.Handle(slot)), frame.Headroom, int(head.len)).Offload = head.offload
	}
	for from := 0; from < n; {
		to := h.run(from, n)
		w.route(w.ports[h.heads[h.ring.At(uint32(from))].in], identity[from:to], now)
		from = to
	}
	w.flush(&w.box, &w.batch)
	w.flushOwn()
	h.ring.Release(uint32(n))
	w.batch.Reset()
	return true
}

// run is the end of the frames from from on that came in on the same port.
func (h *handover) run(from, n int) int {
	in := h.heads[h.ring.At(uint32(from))].in
	to := from + 1
	for to < n && h.heads[h.ring.At(uint32(to))].in == in {
		to++
	}
	return to
}

// route gives frames that came in on p to the handler.
func (w *Worker) route(p *port, which []uint16, now Time) {
	w.cycle.in, w.cycle.Now = p, now
	w.handler.FromBridge(&w.cycle, p.bridge, p.id, which)
}

// rest prepares for sleep: every worker that this one leads then rings when it hands
// over. It reports false where something has been handed over already.
func (w *Worker) rest() bool {
	for _, o := range w.led {
		if !o.handover.ring.PrepareSleep() {
			return false
		}
	}
	return true
}

// rise takes the wish to be woken back.
func (w *Worker) rise() {
	for _, o := range w.led {
		o.handover.ring.Awake()
	}
}
