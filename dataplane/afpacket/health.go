package afpacket

// Health is what became of a port's frames between two calls of Health.
type Health struct {
	Dropped uint64 // frames that found the ring full

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
	dropped := now.Dropped - before.Dropped
	return Health{Dropped: dropped, Stuck: dropped > 0 && now.Received == before.Received}, err
}

// RingBytes is the memory of the receive ring.
func (p *Port) RingBytes() int { return len(p.ring.mem) }
