package afpacket

// Health is what became of a port's frames between two calls of Health.
type Health struct {
	Received, Dropped uint64 // frames put into the ring, and that found it full

	// Stuck reports that the kernel dropped frames, and received none: a sign that
	// the ring will never take another frame.
	//
	// For a superframe of a kind that the vnet header has no word for (UFO from an
	// old guest's virtio card, SCTP), tpacket_rcv reserves the ring's next slot,
	// drops the frame, and forgets to give the slot back: each later frame finds it
	// taken (net/packet/af_packet.c, rx_owner_map; Linux 5.6 to 6.18 at least).
	// Nothing but a new socket helps. A ring that was merely full may look the same
	// when nothing came after; a new socket does no harm then.
	Stuck bool
}

// Health asks the kernel, with one system call. It may be called from any goroutine
// before Close, but from one at a time.
func (p *Port) Health() (Health, error) {
	now, err := p.Stats()
	before := p.judged
	p.judged = now
	h := Health{Received: now.Received - before.Received, Dropped: now.Dropped - before.Dropped}
	h.Stuck = h.Dropped > 0 && h.Received == 0
	return h, err
}

// RingBytes is the memory of the receive ring.
func (p *Port) RingBytes() int { return len(p.ring.mem) }
