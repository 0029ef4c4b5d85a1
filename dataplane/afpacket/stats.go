package afpacket

import (
	"sync"

	"golang.org/x/sys/unix"
)

// Stats is what the kernel counted on the port's socket since Open.
type Stats struct {
	Received uint64 // frames put into the ring
	Dropped  uint64 // frames that found the ring full
}

// totals sums up the kernel's counters, which it clears when they are read.
type totals struct {
	sync.Mutex
	Stats
}

// Stats reads the kernel's counters (PACKET_STATISTICS). It may be called from
// any goroutine before Close.
func (p *Port) Stats() (Stats, error) {
	p.stats.Lock()
	defer p.stats.Unlock()
	ts, err := unix.GetsockoptTpacketStats(p.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return Stats{}, err
	}
	p.stats.Received += uint64(ts.Packets - ts.Drops) // the kernel counts drops among the packets
	p.stats.Dropped += uint64(ts.Drops)
	return p.stats.Stats, nil
}
