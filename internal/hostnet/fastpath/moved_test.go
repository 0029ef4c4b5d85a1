package fastpath

import (
	"fmt"
	"math"
	"testing"

	"ubridge/internal/wire"
)

// TestTheDeadDoNotMislead: once the daemon gives no sign of life, the programs note
// stations that are heard elsewhere and send nothing to where they were; while it lives,
// that is its business.
func TestTheDeadDoNotMislead(t *testing.T) {
	const one, two = sharedGuest, sharedGuest + 1
	moving, other := vmMAC(0x55), vmMAC(0x66)
	all := wire.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	for _, c := range []struct {
		name     string
		alive    uint32
		from     int // where the station is heard
		dst, src wire.MAC
		back     bool // and then where it was
		want     int  // where it is sent to, 0: to user space
	}{
		{"by all, on the LAN", 0, nicPort, all, moving, false, 0},
		{"by one, at another guest's port", 0, two, vmMAC(0x77), moving, false, 0},
		{"by the host, on the LAN", 0, nicPort, nic, moving, false, 0},
		{"and is back", 0, nicPort, all, moving, true, one},
		{"where it is", 0, one, all, moving, false, one},
		{"another one elsewhere", 0, two, all, vmMAC(0x77), false, one},
		{"while the daemon lives", math.MaxUint32, nicPort, all, moving, false, one},
		{"the host's own address on the LAN", 0, nicPort, all, nic, false, one},
	} {
		b := newCoreBed(t)
		b.path.Vouch(c.alive)
		for mac, on := range map[wire.MAC]int{moving: one, other: two} {
			check(t, b.path.Learn(Station{Network: shared, MAC: mac, Ifindex: b.ifindex[on]}))
		}
		arp := func(dst, src wire.MAC) []byte {
			return append(append(append([]byte{}, dst[:]...), src[:]...), append([]byte{8, 6}, make([]byte, 28)...)...)
		}
		b.ns.Must(func() error {
			if err := b.enter(); err != nil {
				return err
			}
			wants := func(when string, from int, src wire.MAC, want int) error {
				d, err := b.decide(from, arp(moving, src), 0)
				if err == nil && d.port != want {
					err = fmt.Errorf("%s: %s: what port %d has for the station goes to %d, want %d", c.name, when, from, d.port, want)
				}
				return err
			}
			if err := wants("before", two, other, one); err != nil {
				return err
			}
			if _, err := b.decide(c.from, arp(c.dst, c.src), 0); err != nil {
				return err
			}
			if c.back {
				if _, err := b.decide(one, arp(all, moving), 0); err != nil {
					return err
				}
			}
			if err := wants("from a guest", two, other, c.want); err != nil {
				return err
			}
			return wants("from the host", helperPort, nic, c.want)
		})
		moved := 0
		check(t, b.path.Stations(func(s Station) {
			if s.Moved {
				moved++
			}
		}))
		if (moved == 1) != (c.want == 0) || moved > 1 {
			t.Errorf("%s: %d stations have moved", c.name, moved)
		}
	}
}
