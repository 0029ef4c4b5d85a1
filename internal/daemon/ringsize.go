package daemon

const (
	// fullRing is the receive ring of a port where there are few, in bytes: 512
	// slots of 2 KiB.
	fullRing = 1 << 20

	// fewRings is how many ports have full rings.
	fewRings = 32

	// longRing is how long the ring of a port gets that ran over, 2048 slots: at 64
	// bytes the highest rate without loss (RFC 2544) then was that of the kernel's
	// bridge, beside 0.21 of it. A longer ring is no better for ports that do not run
	// over, since each frame lies in memory that no cache holds: at 400,000 frames a
	// second one costs a fifth more.
	longRing = 4 << 20

	// ringsBudget bounds what all rings may have for one of them to become longer.
	ringsBudget = 128 << 20
)

// ringBytes is how long the ring of one more port is at first, where so many are
// attached already. The kernel pins rings, so the more there are, the shorter they
// get: 256 ports have 96 MiB. Bulk TCP was as fast with a quarter; what a short ring
// costs is frames of a burst, and those that lose some get a longer one.
func ringBytes(attached int) int {
	switch {
	case attached < fewRings:
		return fullRing
	case attached < 2*fewRings:
		return fullRing / 2
	}
	return fullRing / 4
}

// grownRing is how long a ring is to be that has run over, where all rings together
// have total bytes.
func grownRing(now, total int) int {
	if now >= longRing || total-now+longRing > ringsBudget {
		return now
	}
	return longRing
}

// ringsTotal is the memory of all ports' rings in bytes.
func (d *Daemon) ringsTotal() (sum int) {
	for _, n := range d.nets {
		if n.share != nil && n.share.nic != nil {
			sum += n.share.nic.RingBytes()
		}
		for _, a := range n.ports {
			if a.port != nil {
				sum += a.port.RingBytes()
			}
		}
	}
	return sum
}

// attached counts the ports that have a ring.
func (d *Daemon) attached() (count int) {
	for _, n := range d.nets {
		for _, a := range n.ports {
			if a.port != nil {
				count++
			}
		}
	}
	return count
}
