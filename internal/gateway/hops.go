package gateway

import (
	"time"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// HopState says whether a destination can be reached.
type HopState uint8

// States of a next hop.
const (
	HopUnknown    HopState = iota // not asked yet, or the answer is on its way
	HopReady                      // send to it
	HopLocal                      // an address of the host itself
	HopNoRoute                    // the host has no route
	HopRefused                    // a network that is virtual on this host, or a prohibit route
	HopBlackhole                  // a blackhole route, or a group: dropped without a word
	HopUnresolved                 // the next hop does not answer ARP
)

// Hop is the way to one destination, as the host's routing table has it now.
type Hop struct {
	State   HopState
	Virtual bool // the egress device is virtual on this host: needs egress = [...]

	// Inside says that the egress device is the host port of our own network Bridge,
	// on which Dst is: packets that are not translated go there without the device.
	Inside bool
	Bridge dataplane.BridgeID

	Port    dataplane.PortID // the uplink; NoPort while none is open
	Device  int32            // interface index of the egress device
	MTU     int32            // of the route, in bytes of IP packet
	Outside wire.IP4         // the host's own address there: what guests masquerade as
	Dst     wire.MAC         // of the next hop; zero on a device without Ethernet
	Src     wire.MAC         // of the egress device
}

const (
	maxHops     = 1 << 16                // cached destinations; when full, those not used of late are forgotten
	maxWaiting  = 3                      // frames that wait for one destination (as the kernel's unres_qlen of old)
	waitingRoom = frame.BatchSize        // frames that wait in all
	portShare   = waitingRoom / 2        // of them from one port, lest one guest's scan keep the others out
	waitTime    = 4 * time.Second        // the kernel gives up an address after three one-second probes, and says so
	retryTime   = 1 * time.Second        // how long "cannot be reached" is believed
	refreshTime = 15 * time.Second       // a hop in use is asked for again, which keeps its neighbour entry fresh
	askAgain    = 500 * time.Millisecond // a question that got no answer
)

// entry is a cached hop.
type entry struct {
	hop     Hop
	gen     uint32         // of the routing that the answer was true for
	askGen  uint32         // of the routing when the slow path was last asked
	asked   dataplane.Time // when the slow path was last asked
	learned dataplane.Time // when it answered
}

// askRate bounds the questions that the guests of one port cause: the slow path
// answers some thousands a second, and a scan of the internet must leave some
// for the others.
var askRate = rate{perSecond: 1000, burst: 500}

// hops is the cache of next hops, in two generations: when the recent one is
// full, it becomes the older one, and that is forgotten, except for what was
// looked up meanwhile. So a guest that scans does not push the others' hops
// out. It holds no pointers.
type hops struct {
	recent, older map[wire.IP4]entry
	gen           uint32
	asks          buckets
	waiting       []waiting
}

func newHops() hops {
	return hops{recent: make(map[wire.IP4]entry), older: make(map[wire.IP4]entry)}
}

// get is the entry of dst.
func (h *hops) get(dst wire.IP4) (e entry, known bool) {
	if e, known = h.recent[dst]; known {
		return e, true
	}
	if e, known = h.older[dst]; known {
		h.put(dst, e)
	}
	return e, known
}

func (h *hops) put(dst wire.IP4, e entry) {
	if len(h.recent) >= maxHops/2 {
		h.recent, h.older = h.older, h.recent
		clear(h.recent)
	}
	h.recent[dst] = e
}

// waiting is a frame that waits for its next hop, copied to the arena.
type waiting struct {
	dst     wire.IP4
	buf     frame.Handle
	n       int
	offload frame.Offload
	bridge  dataplane.BridgeID // NoBridge: from outside
	in      dataplane.PortID
	since   dataplane.Time
}

// lookup is the hop to dst, asking the slow path where the answer is missing,
// stale or old. A stale way is used meanwhile; a stale "cannot be reached" is
// not believed any more.
func (r *Router) lookup(c *dataplane.Cycle, dst wire.IP4) Hop {
	e, known := r.hops.get(dst)
	stale := e.gen != r.hops.gen
	doubted := e.dead() && (stale || c.Now > e.learned.Add(retryTime))
	if known && !stale && !doubted && c.Now < e.asked.Add(refreshTime) {
		return e.hop
	}
	if !known || c.Now > e.asked.Add(askAgain) || stale && e.askGen != r.hops.gen {
		if r.hops.asks.take(c.Now, c.In(), askRate) && r.cfg.Resolve(c.In(), dst) {
			e.asked, e.askGen = c.Now, r.hops.gen
			r.hops.put(dst, e)
		}
	}
	if doubted {
		return Hop{}
	}
	return e.hop
}

// dead reports whether e says that a destination cannot be reached, or not yet,
// since its uplink is not open.
func (e entry) dead() bool {
	return e.hop.State > HopLocal || e.hop.State == HopReady && e.hop.Port == dataplane.NoPort && !e.hop.Inside
}

// hold copies frame i, which came from network br or from outside, to wait for the
// next hop to dst.
func (r *Router) hold(c *dataplane.Cycle, br dataplane.BridgeID, i uint16, dst wire.IP4) {
	count, own := 0, 0
	for _, w := range r.hops.waiting {
		if w.dst == dst {
			count++
		}
		if w.in == c.In() {
			own++
		}
	}
	if count >= maxWaiting || own >= portShare || len(r.hops.waiting) == waitingRoom {
		c.Drop(i, frame.NextHopWait)
		return
	}
	h, buf := c.Batch.Arena.Get()
	if buf == nil {
		c.Drop(i, frame.NoBuffer)
		return
	}
	f := c.Frame(i)
	r.hops.waiting = append(r.hops.waiting, waiting{
		dst: dst, buf: h, n: copy(buf, f.Bytes()), offload: f.Offload, bridge: br, in: c.In(), since: c.Now,
	})
}

// SetHop stores the slow path's answer and sends what waited for it. The answer
// is true for the routing when it was asked for: a change since then may have
// come too late for it.
func (r *Router) SetHop(c *dataplane.Cycle, dst wire.IP4, h Hop) {
	e, _ := r.hops.get(dst)
	if e.hop.State == HopReady && e.hop != h {
		r.reroute()
	}
	e.hop, e.gen, e.learned = h, e.askGen, c.Now
	r.hops.put(dst, e)
	r.release(c, func(w waiting) bool { return w.dst == dst })
}

// RoutingChanged makes every cached hop stale.
func (r *Router) RoutingChanged() {
	r.hops.gen++
	r.reroute()
}

// release sends, or drops, the waiting frames that done picks.
func (r *Router) release(c *dataplane.Cycle, done func(waiting) bool) {
	keep := r.hops.waiting[:0]
	var ready [waitingRoom]waiting
	n := 0
	for _, w := range r.hops.waiting {
		if done(w) {
			ready[n] = w
			n++
			continue
		}
		keep = append(keep, w)
	}
	r.hops.waiting = keep
	for _, w := range ready[:n] {
		r.resume(c, w)
	}
}

// resume runs a frame that waited through the router again.
func (r *Router) resume(c *dataplane.Cycle, w waiting) {
	arena := c.Batch.Arena
	defer arena.Put(w.buf)
	own := c.Own()
	own.CountOn(w.in)
	if e, _ := r.hops.get(w.dst); e.hop.State == HopUnknown {
		own.Drop(0, frame.NeighbourFailed)
		return
	}
	n := r.network(w.bridge)
	c.FlushOwn() // what is decided below may originate an error of its own
	i, f := c.Originate()
	outside := w.bridge == dataplane.NoBridge
	if f == nil || n == nil && !outside {
		own.Drop(0, frame.NoBuffer)
		return
	}
	copy(f.Grow(w.n), arena.Buf(w.buf))
	f.Offload = w.offload
	if outside {
		r.fromOutside(own, i)
		return
	}
	r.fromGuest(own, n, i)
}

// expireWaiting gives frames up that waited too long.
func (r *Router) expireWaiting(c *dataplane.Cycle) {
	if len(r.hops.waiting) > 0 {
		r.release(c, func(w waiting) bool { return c.Now > w.since.Add(waitTime) })
	}
}
