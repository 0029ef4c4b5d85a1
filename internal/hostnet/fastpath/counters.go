package fastpath

import "fmt"

// Counters are frames and bytes that went by the fast path, as on the port's wire: a
// superframe counts once, with its whole length.
type Counters struct {
	RxFrames, RxBytes, TxFrames, TxBytes uint64

	Held uint64 // frames dropped for stations that were Held
	Bad  uint64 // frames dropped that asked for a checksum across what is translated
}

// Counters are those of a port since it was made one; zero for a device that is none. An
// uplink has its own, of flows only.
func (p *Path) Counters(ifindex int, uplink bool) (sum Counters, err error) {
	m, _ := p.find(ifindex)
	index := m.Index
	if uplink {
		index = m.Uplink
	}
	if index == 0 {
		return sum, nil
	}
	var each []fastCounters
	if err := p.objects.Counters.Lookup(uint32(index), &each); err != nil {
		return sum, fmt.Errorf("read the counters of port %d: %w", ifindex, err)
	}
	for _, c := range each {
		sum.RxFrames += c.RxFrames
		sum.RxBytes += c.RxBytes
		sum.TxFrames += c.TxFrames
		sum.TxBytes += c.TxBytes
		sum.Held += c.Held
		sum.Bad += c.Bad
	}
	return sum, nil
}
