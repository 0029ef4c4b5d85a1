package dataplane

import (
	"ubridge/dataplane/frame"
	"ubridge/dataplane/segment"
	"ubridge/internal/wire"
)

// list is the frames of one batch that leave through one port.
type list struct {
	n  int
	at [frame.BatchSize]uint16
}

// outbox is the egress lists of one batch.
type outbox struct {
	lists []list // by PortID
	dirty []PortID
}

func (o *outbox) grow(ports int) {
	for len(o.lists) < ports {
		o.lists = append(o.lists, list{})
	}
	if cap(o.dirty) < ports {
		o.dirty = append(make([]PortID, 0, ports), o.dirty...)
	}
}

// add puts frame i on the list of port p, which exists: ports come and go between
// batches only. A frame is put at most once on a list, so a list never overflows.
func (o *outbox) add(p PortID, i uint16) {
	l := &o.lists[p]
	if l.n == 0 {
		o.dirty = append(o.dirty, p)
	}
	l.at[l.n] = i
	l.n++
}

// flush sends every list of the batch and empties them.
func (w *Worker) flush(o *outbox, b *frame.Batch) {
	for _, id := range o.dirty {
		l := &o.lists[id]
		w.transmit(w.ports[id], b, l.at[:l.n])
		l.n = 0
	}
	o.dirty = o.dirty[:0]
}

// transmit hands frames to a port, in order: runs of frames that the port takes
// go out in one call, the others are made to fit on the way.
func (w *Worker) transmit(p *port, b *frame.Batch, which []uint16) {
	caps, start := p.Caps(), 0
	keep := which[:0]
	for _, i := range which {
		f := &b.Frames[i]
		if !fits(f, caps.MTU) {
			p.counters.Drops[frame.TooBig]++
			continue
		}
		if !caps.Takes(f.Offload) {
			p.send(b, keep[start:])
			start = len(keep)
			w.cut(p, f, caps)
			continue
		}
		keep = append(keep, i)
	}
	p.send(b, keep[start:])
}

// fits reports whether f, or every segment of it, is within an MTU: the link
// header and one tag do not count, as in the kernel's is_skb_forwardable.
func fits(f *frame.Frame, mtu int) bool {
	limit := mtu + wire.EthernetLen + wire.VLANLen
	if f.Len() <= limit {
		return true
	}
	if !f.Offload.IsGSO() {
		return false
	}
	n, ok := f.Offload.Headers(f.Bytes())
	return ok && n+int(f.Offload.GSOSize) <= limit
}

// cut segments a superframe, or finishes a checksum, in software and sends the
// result.
func (w *Worker) cut(p *port, f *frame.Frame, caps frame.Caps) {
	var c segment.Cutter
	if r := c.Start(f, caps); r != frame.Forwarded {
		p.counters.Drops[r]++
		return
	}
	p.counters.Segmented++
	for done := false; !done; {
		var r frame.Reason
		w.cutBatch.Reset()
		done, r = c.Next(&w.cutBatch)
		if r != frame.Forwarded {
			p.counters.Drops[r]++
			return
		}
		p.send(&w.cutBatch, identity[:w.cutBatch.N])
	}
}

// identity is the indices of a whole batch.
var identity = func() (at [frame.BatchSize]uint16) {
	for i := range at {
		at[i] = uint16(i)
	}
	return at
}()

// send transmits and counts.
func (p *port) send(b *frame.Batch, which []uint16) {
	if len(which) == 0 {
		return
	}
	s := p.tx.Transmit(b, which)
	c := &p.counters
	c.TxFrames += uint64(s.Frames)
	c.TxBytes += s.Bytes
	c.Drops[frame.QueueFull] += uint64(s.Full)
	c.Drops[frame.PortDown] += uint64(s.Down)
	c.Drops[frame.TooBig] += uint64(s.TooBig)
	c.Drops[frame.SendFailed] += uint64(s.Failed)
}
