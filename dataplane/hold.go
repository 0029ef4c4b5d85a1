package dataplane

import (
	"slices"
	"sync/atomic"
	"time"

	"ubridge/dataplane/frame"
	"ubridge/dataplane/loop"
	"ubridge/internal/wire"
)

// hold is the state of a port that was found to be one end of a loop: nothing is
// flooded from it or to it, which breaks the loop, as a blocking port of a spanning
// tree would, while what its own stations and others know of one another goes on.
// All workers' views of the port have the same hold.
type hold struct {
	with  PortID        // the other end; NoPort where none was seen
	since Time          // start of the hold
	ends  []PortID      // ports where the storm taught what is not so; nil once that is forgotten
	heard atomic.Uint32 // second of the latest sign of the loop; the owner's
}

// settleTime is how long after a storm what was still queued of it is over.
const settleTime = 200 * time.Millisecond

// strayed notes that flooded frame f on p is from a station that was known behind
// another port. report says later whether that makes a loop.
func (p *port) strayed(f *frame.Frame, now uint32) {
	if p.watch.Strayed(f.Bytes(), now) {
		p.looped = true
	}
}

// elsewhere reports whether a station is behind another port than p, and was heard
// there not long ago.
func (b *Bridge) elsewhere(p *port, src wire.MAC, now uint32) bool {
	if src == b.station {
		return p.id != b.host
	}
	at, age, ok := b.fdb.Seen(src, now)
	return ok && PortID(at) != p.id && age <= loop.Fresh
}

// known reports whether dst is one station, whose port is known.
func (b *Bridge) known(dst wire.MAC, now uint32) bool {
	if dst.IsGroup() {
		return false
	}
	_, ok := b.fdb.Lookup(dst, now)
	return ok || dst == b.station && !dst.IsZero()
}

// admitHeld is admit for a port that is held. What came back by it is a sign of the
// loop; that, and what would be flooded, teaches nothing and goes nowhere.
func (b *Bridge) admitHeld(p *port, e wire.Ethernet, now uint32) frame.Reason {
	if b.elsewhere(p, e.Src(), now) {
		p.hold.heard.Store(now)
		return frame.Loop
	}
	if !b.known(e.Dst(), now) {
		return frame.Loop
	}
	r, _ := b.learn(p, e.Src(), now)
	return r
}

// report has the first worker hold a port of p's bridge, when p's frames came back.
func (w *Worker) report(p *port) {
	p.looped = false
	id := p.id
	w.all[0].Post(func(first *Worker) { first.breakLoop(id) })
}

// breakLoop holds one end of a loop that was seen at port id. It runs while all
// workers are parked.
func (w *Worker) breakLoop(id PortID) {
	if int(id) >= len(w.ports) || w.ports[id] == nil || w.ports[id].bridge == NoBridge || w.ports[id].hold != nil {
		return
	}
	b, now := w.bridges[w.ports[id].bridge], w.clock.Now()
	if b.held != 0 && now < b.held.Add(loop.Pause) {
		return // what was queued before tells nothing of after
	}
	ends := w.loopEnds(b, now.Seconds())
	with := NoPort
	for _, end := range ends {
		if end != id && with == NoPort {
			with = end
		}
	}
	if w.shared(b, id) && with != NoPort {
		id, with = with, id
	}
	b.held = now
	h := &hold{with: with, since: now, ends: ends}
	h.heard.Store(now.Seconds())
	w.setHold(id, h)
}

// shared reports whether all guests need a port, so that of a loop's two ends the
// other one is held: the host's port, and the NIC that it shares, which is in its group.
func (w *Worker) shared(b *Bridge, id PortID) bool {
	return id == b.host || b.host != NoPort && w.ports[id].group != 0 && w.ports[id].group == w.ports[b.host].group
}

// loopEnds are the ports of b at which frames came back just now, the most first.
func (w *Worker) loopEnds(b *Bridge, now uint32) (ends []PortID) {
	for _, m := range b.members {
		if w.back(m.port, now) > 0 {
			ends = append(ends, m.port)
		}
	}
	slices.SortStableFunc(ends, func(x, y PortID) int { return w.back(y, now) - w.back(x, now) })
	return ends
}

// back is how many frames the owner of a port has seen come back.
func (w *Worker) back(id PortID, now uint32) (n int) {
	for _, o := range w.all {
		n = max(n, o.ports[id].watch.Back(now))
	}
	return n
}

// setHold begins or, with nil, ends a hold.
func (w *Worker) setHold(id PortID, h *hold) {
	b, was := w.bridges[w.ports[id].bridge], w.ports[id].member()
	for _, o := range w.all {
		o.ports[id].hold = h
	}
	b.members[slices.Index(b.members, was)].held = h != nil
	w.holds = slices.DeleteFunc(w.holds, func(x PortID) bool { return x == id })
	if h != nil {
		w.holds = append(w.holds, id)
	}
	w.held.Add(1)
}

// watchHolds forgets, once the storm is over, what it taught, and ends the holds of
// ports that had no sign of a loop for HoldTime.
func (w *Worker) watchHolds(now Time) (waiting bool) {
	for _, id := range w.holds {
		h := w.ports[id].hold
		if h.ends != nil {
			waiting = !w.forget(h, w.ports[id].bridge, now) || waiting
		}
		if now.Seconds()-h.heard.Load() >= uint32(loop.HoldTime.Seconds()) {
			w.Post(func(w *Worker) { w.release(id) })
		}
	}
	return waiting
}

// forget forgets the stations that were learned at the ends of a loop, when what was
// queued of the storm is over: honest ones are learned again with their next frame.
func (w *Worker) forget(h *hold, br BridgeID, now Time) bool {
	if now < h.since.Add(settleTime) {
		return false
	}
	for _, end := range h.ends {
		w.bridges[br].fdb.FlushPort(uint16(end))
	}
	h.ends = nil
	return true
}

// release ends the hold of a port that still has none but old signs.
func (w *Worker) release(id PortID) {
	if int(id) < len(w.ports) && w.ports[id] != nil && w.ports[id].hold != nil {
		w.setHold(id, nil)
	}
}

// Hold says that a port is one end of a loop, see Worker.Holds.
type Hold struct {
	Port   PortID
	Bridge BridgeID
	With   PortID // the other end; NoPort where none was seen
	Since  Time
}

// Holds are the ports from which and to which nothing is flooded, since they were
// found to be ends of loops. Call it inside Do.
func (w *Worker) Holds() (list []Hold) {
	for _, id := range w.holds {
		p := w.ports[id]
		list = append(list, Hold{id, p.bridge, p.hold.with, p.hold.since})
	}
	return list
}

// HoldChanges counts the beginnings and ends of holds. It may be called from any
// goroutine.
func (w *Worker) HoldChanges() uint64 { return w.held.Load() }
