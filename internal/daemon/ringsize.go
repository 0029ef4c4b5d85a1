package daemon

const (
	// fullRing is the receive ring of a port where there are few, in bytes: 512
	// slots of 2 KiB. 8 MiB measured no better.
	fullRing = 1 << 20

	// fewRings is how many ports have full rings.
	fewRings = 32
)

// ringBytes is how long the ring of one more port is, where so many are attached
// already. The kernel pins rings, so the more there are, the shorter they get: 256
// ports have 96 MiB. Bulk TCP was as fast with a quarter; what a short ring costs is
// frames of a burst.
func ringBytes(attached int) int {
	switch {
	case attached < fewRings:
		return fullRing
	case attached < 2*fewRings:
		return fullRing / 2
	}
	return fullRing / 4
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
