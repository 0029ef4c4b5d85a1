package fdb

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultAgeing is how long a silent station is remembered: IEEE 802.1Q table
// 8-6, and the Linux bridge's default.
const DefaultAgeing = 300 * time.Second

// maxAgeing is the longest that IEEE 802.1Q-2018 table 8-8 has.
const maxAgeing = 1_000_000 * time.Second

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

// apart keeps what writers write out of the cache lines that every frame reads:
// two lines, since x86 processors fetch them in pairs.
const apart = 128

// Table is the forwarding database of one network. Make it with New.
type Table struct {
	entries []Entry
	statics []uint32 // a bit for each entry: static; what Lookup may read of flags
	learned []uint32 // stations by port, static ones left out
	seed    uint64
	mask    uint // len(entries) - 1
	ageing  uint32
	limit   uint32        // of each element of learned
	gen     atomic.Uint32 // see Gen; odd during a change
	_       [apart]byte

	mu       sync.Mutex // held by who writes more than an age
	n        int
	restored Restored // written by New only

	cursor uint // where Expire goes on; belongs to its caller
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
		statics: make([]uint32, (len(c.Entries)+31)/32),
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
	case c.Ageing < time.Second || c.Ageing > maxAgeing || c.Ageing%time.Second != 0:
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
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// PortLen is the number of stations learned on a port, which counts towards its
// limit; static ones do not.
func (t *Table) PortLen(port uint16) int {
	if int(port) >= len(t.learned) {
		return 0
	}
	return int(atomic.LoadUint32(&t.learned[port]))
}

// count notes delta more stations learned on a port. The lock is held; the store
// is atomic for those who ask without it whether a port is full.
func (t *Table) count(port uint16, delta int32) {
	atomic.AddUint32(&t.learned[port], uint32(delta))
}

// put writes an entry in a place. The lock is held.
func (t *Table) put(at uint, v Entry) {
	if v.static() != t.static(at) {
		atomic.StoreUint32(&t.statics[at/32], t.statics[at/32]^1<<(at%32))
	}
	t.entries[at].write(v)
}
