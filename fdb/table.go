package fdb

import (
	"fmt"
	"math/bits"
	"time"

	"ubridge/internal/wire"
)

// DefaultAgeing is how long a silent station is remembered: IEEE 802.1Q table
// 8-6, and the Linux bridge's default.
const DefaultAgeing = 300 * time.Second

// Config is what a table is made of.
type Config struct {
	// Entries is the table's memory. Its length is a power of two, at least 2;
	// half as many stations fit. If it is not empty, the stations in it are
	// resumed.
	Entries []Entry

	// Seed keys the hash; it must be a secret of this host.
	Seed uint64

	// Ageing is how long a silent station is remembered, in whole seconds; zero
	// is DefaultAgeing.
	Ageing time.Duration

	// PortLimit is how many stations may be learned on one port; zero is no
	// limit but the table's own.
	PortLimit int

	// MaxPorts is the number of ports: they are numbered from 0 to MaxPorts-1.
	MaxPorts int

	// Now is the present second, for the ages of resumed stations.
	Now uint32

	// Remap gives the present number of a port that had number old when the
	// entries were written; ok is false for a port that is no more. If nil, the
	// numbers are the same.
	Remap func(old uint16) (port uint16, ok bool)
}

// Table is the forwarding database of one network. Make it with New.
type Table struct {
	entries  []Entry
	learned  []uint32 // stations by port, static ones left out
	seed     uint64
	mask     uint // len(entries) - 1
	ageing   uint32
	limit    uint32 // of each element of learned
	n        int
	cursor   uint // where Expire goes on
	restored Restored
}

// New makes a table in c.Entries and resumes the stations that it finds there.
// Restored tells what it found. It errs on a configuration that no table can
// have.
func New(c Config) (*Table, error) {
	if c.Ageing == 0 {
		c.Ageing = DefaultAgeing
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("forwarding database: %w", err)
	}
	t := &Table{
		entries: c.Entries,
		learned: make([]uint32, c.MaxPorts),
		seed:    c.Seed,
		mask:    uint(len(c.Entries) - 1),
		ageing:  uint32(c.Ageing / time.Second),
		limit:   uint32(c.PortLimit),
	}
	if c.PortLimit == 0 {
		t.limit = ^uint32(0)
	}
	t.restore(c)
	return t, nil
}

func (c Config) check() error {
	n := len(c.Entries)
	switch {
	case n < 2 || n&(n-1) != 0:
		return fmt.Errorf("%d entries: make it a power of two, at least 2", n)
	case c.Ageing < time.Second || c.Ageing > 1e6*time.Second || c.Ageing%time.Second != 0:
		return fmt.Errorf("ageing of %s: give 1 to 1,000,000 whole seconds", c.Ageing)
	case c.MaxPorts < 1 || c.MaxPorts > 1<<16:
		return fmt.Errorf("%d ports: give 1 to 65536", c.MaxPorts)
	case c.PortLimit < 0:
		return fmt.Errorf("port limit of %d: give the number of stations, or 0 for no limit", c.PortLimit)
	}
	return nil
}

// Cap is how many stations fit.
func (t *Table) Cap() int { return len(t.entries) / 2 }

// Len is the number of stations, static ones and those aged but not yet expired
// included.
func (t *Table) Len() int { return t.n }

// PortLen is the number of stations learned on a port, which counts towards its
// limit; static ones do not.
func (t *Table) PortLen(port uint16) int {
	if int(port) >= len(t.learned) {
		return 0
	}
	return int(t.learned[port])
}

// Lookup finds the port behind which mac was last seen; ok is false for a
// station unknown or silent for too long, whose frames are flooded.
func (t *Table) Lookup(mac wire.MAC, now uint32) (port uint16, ok bool) {
	at, ok := t.find(mac.Uint64())
	if !ok {
		return 0, false
	}
	e := &t.entries[at]
	if e.aged(now, t.ageing) {
		return 0, false
	}
	return e.port(), true
}

// find gives the place of an address, or the free one where it would go. The
// search ends, since half of the entries are free.
func (t *Table) find(mac uint64) (at uint, found bool) {
	for at = t.home(mac); ; at = (at + 1) & t.mask {
		switch s := t.entries[at].station; {
		case s == 0:
			return at, false
		case s>>16 == mac:
			return at, true
		}
	}
}

// home is where the search for an address starts: two rounds of folded 128-bit
// multiplication, the second keyed like the first, so that collisions of one
// seed say nothing of another.
func (t *Table) home(mac uint64) uint {
	hi, lo := bits.Mul64(mac^t.seed, 0x9e3779b97f4a7c15)
	hi, lo = bits.Mul64(hi^lo, (t.seed^0xd1342543de82ef95)|1)
	return uint(hi^lo) & t.mask
}
