package dataplane

import (
	"ubridge/dataplane/frame"
)

// Handler is what the daemon plugs into the first worker: the networks' own stations
// and the way to the outside. The worker calls it, from its own goroutine, with
// whole batches. It decides every frame that it is given by at most one of
// Cycle's methods, or copies it for itself; a frame that is neither sent nor
// taken is to be counted by Drop.
type Handler interface {
	// FromBridge takes the frames of c.Batch whose indices are in which: they
	// came in on port in of bridge br and are for the bridge's station, or are
	// DHCP requests, or IPv4 from the host port.
	FromBridge(c *Cycle, br BridgeID, in PortID, which []uint16)

	// FromUplink takes frames that came in on an uplink.
	FromUplink(c *Cycle, in PortID, which []uint16)

	// Tick is called about every TickInterval while there is traffic, and every
	// IdleInterval while there is none, unless it said the last time that
	// something waits for the next one. It may originate frames.
	Tick(c *Cycle) (waiting bool)
}

// Cycle is a handler's view of the batch in work, and its way to decide.
type Cycle struct {
	w     *Worker
	in    *port
	box   *outbox
	Batch *frame.Batch
	Now   Time
}

// Frame is the frame with index i.
func (c *Cycle) Frame(i uint16) *frame.Frame { return &c.Batch.Frames[i] }

// Drop counts frame i as dropped on the port that it came in on.
func (c *Cycle) Drop(_ uint16, r frame.Reason) { c.in.counters.Drops[r]++ }

// ToPort sends frame i out of port p; it is dropped as UplinkDown where p has
// been removed since the handler learned of it.
func (c *Cycle) ToPort(i uint16, p PortID) {
	if int(p) >= len(c.w.ports) || c.w.ports[p] == nil {
		c.Drop(i, frame.UplinkDown)
		return
	}
	c.box.add(p, i)
}

// ToBridge switches frame i by its destination address on bridge br, as a frame
// of the station itself.
func (c *Cycle) ToBridge(i uint16, br BridgeID) {
	b := c.w.bridges[br]
	if r := c.w.deliver(b, c.box, c.Batch, i, c.in, c.w.member(b.host), c.Now.Seconds()); r != frame.Forwarded {
		c.Drop(i, r)
	}
}

// ToHost sends frame i to the host's stack; it is dropped as NoPort on a bridge
// without a host port.
func (c *Cycle) ToHost(i uint16, br BridgeID) {
	if host := c.w.bridges[br].host; host != NoPort {
		c.ToPort(i, host)
		return
	}
	c.Drop(i, frame.NoPort)
}

// Flood sends frame i to every member of br but the port it came in on, and those
// of its group.
func (c *Cycle) Flood(i uint16, br BridgeID) {
	c.w.bridges[br].flood(c.box, i, c.in.member())
}

// Originate makes an empty frame with room for frame.MaxLen bytes, in a batch
// of its own: nil when the arena is used up. The caller grows it by Grow and sends
// it by the Cycle of Own, before it originates the next one.
func (c *Cycle) Originate() (uint16, *frame.Frame) { return c.w.originate() }

// FlushOwn sends what was originated so far. After it a whole batch can be
// originated without an implied flush, which would take the memory of a frame
// that is not decided yet.
func (c *Cycle) FlushOwn() { c.w.flushOwn() }

// Own is the cycle of originated frames: its methods take the indices that
// Originate gave. Drops are counted on the port of c.
func (c *Cycle) Own() *Cycle {
	own := &c.w.own
	own.in, own.Now = c.in, c.Now
	return own
}

// In is the port that the cycle's frames came in on; NoPort for a cycle that no
// port began.
func (c *Cycle) In() PortID { return c.in.id }

// CountOn makes the cycle count drops on port p, where it still is: for frames
// that a handler kept and goes on with now.
func (c *Cycle) CountOn(p PortID) {
	if int(p) < len(c.w.ports) && c.w.ports[p] != nil {
		c.in = c.w.ports[p]
	}
}

// CountRouter adds n drops to the router's own, for frames that a handler kept
// and gave up by itself.
func (c *Cycle) CountRouter(r frame.Reason, n uint64) { c.w.internal.counters.Drops[r] += n }

// Worker is the worker that runs the cycle.
func (c *Cycle) Worker() *Worker { return c.w }
