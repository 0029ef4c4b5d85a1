package afpacket

// Stuck reports whether the kernel has dropped frames since the last call, and
// received none: a sign that the ring will never take another frame.
//
// For a superframe of a kind that the vnet header has no word for (UFO from an
// old guest's virtio card, SCTP), tpacket_rcv reserves the ring's next slot,
// drops the frame, and forgets to give the slot back: each later frame finds it
// taken (net/packet/af_packet.c, rx_owner_map; Linux 5.6 to 6.18 at least).
// Nothing but a new socket helps. A ring that was merely full may look the same
// when nothing came after; a new socket does no harm then.
//
// It may be called from any goroutine before Close, but from one at a time.
func (p *Port) Stuck() (bool, error) {
	now, err := p.Stats()
	before := p.judged
	p.judged = now
	return now.Dropped > before.Dropped && now.Received == before.Received, err
}
