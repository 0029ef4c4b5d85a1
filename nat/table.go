package nat

import (
	"errors"
	"fmt"

	"ubridge/internal/wire"
)

// Defaults for Config fields that are zero.
const (
	DefaultSessions      = 1 << 18 // 16 MiB
	DefaultMappings      = 1 << 15 // 1 MiB
	DefaultFragments     = 1024
	DefaultFragmentBytes = 2 << 20
)

// Config says what a Table is made of. Only Seed has no default.
type Config struct {
	Sessions, Mappings int // slots; with Memory set, its lengths count

	// FirstPort to LastPort, for TCP and UDP each, are given out from the start;
	// both zero: none until AddPorts. Echo identifiers are all given out.
	FirstPort, LastPort uint16

	// PortBits, of PortBitWords words, is set bit by bit while a mapping or its
	// quarantine holds an outside port: proto*65536+port, TCP first. It is
	// shared with the kernel and written with atomic stores; may be nil.
	PortBits []uint64

	Memory   State     // sessions and mappings, perhaps with flows to resume
	Seed     [2]uint64 // key of all hashes: random, from a secure source
	Timeouts Timeouts

	Fragments     int // datagrams of which fragments are known
	FragmentBytes int // memory for fragments that wait, 2 KiB or more each

	// Now is the time of resuming; Valid says whether a network still exists
	// and an outside address is still the host's. Nil: all are.
	Now   Time
	Valid func(network uint16, outside wire.IP4) bool

	// Bound is called, if not nil, whenever an outside port was given out. It
	// must not block, nor call the table.
	Bound func()
}

// PortBitWords is the length of Config.PortBits.
const PortBitWords = portBitLen

// Table translates and tracks the flows of all nat networks of a daemon. One
// goroutine owns it.
type Table struct {
	hash   hasher
	timers timers
	pools  [numProtos]*pool

	sessions     []Session
	sessionNodes []node
	freeSessions freeList
	outbound     index // sessions by how a guest's packets look
	inbound      index // sessions by how a remote's packets look
	sessionHand  ref

	mappings     []Mapping
	mappingNodes []node
	freeMappings freeList
	mappingIndex index
	mappingHand  ref

	perNetwork [1 << 16]uint32 // sessions by network

	guests     []guest
	freeGuests freeList
	guestIndex index
	loosest    [numProtos]ref // the guest with the most sessions and ports that are not established

	frags *datagrams
	bound func() // Config.Bound

	kernel      Kernel // nil for nobody
	recalled    Offer  // scratch, so that Recall does not allocate
	carriedHand ref

	picks uint64 // ports chosen at random so far
	stats Stats
}

// New makes a table and resumes the flows that cfg.Memory holds: entries that
// are torn, over or no longer valid are dropped, all else that a table knows is
// built from the others, and PortBits is made to agree.
func New(cfg Config) (*Table, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("nat table: %w", err)
	}
	t := &Table{
		hash: newHasher(cfg.Seed), timers: cfg.Timeouts.timers(),
		sessions: cfg.Memory.Sessions, sessionNodes: make([]node, cfg.Sessions),
		outbound: newIndex(cfg.Sessions), inbound: newIndex(cfg.Sessions),
		mappings: cfg.Memory.Mappings, mappingNodes: make([]node, cfg.Mappings),
		mappingIndex: newIndex(cfg.Mappings),
		guests:       make([]guest, cfg.Mappings), guestIndex: newIndex(cfg.Mappings),
		frags: newDatagrams(cfg.Fragments, cfg.FragmentBytes), bound: cfg.Bound,
	}
	t.pools[TCP] = newPool(cfg.FirstPort, cfg.LastPort)
	t.pools[UDP] = newPool(cfg.FirstPort, cfg.LastPort)
	t.pools[Echo] = newPool(0, numPorts-1)
	t.freeGuests.fill(cfg.Mappings, 0, nil)
	t.resume(cfg.Memory, cfg.Now, cfg.Valid)
	if cfg.PortBits != nil {
		t.pools[TCP].publish(cfg.PortBits[:portWords])
		t.pools[UDP].publish(cfg.PortBits[portWords:])
	}
	return t, nil
}

// complete fills in defaults and checks what has none.
func (c *Config) complete() error {
	setDefault(&c.Sessions, DefaultSessions)
	setDefault(&c.Mappings, DefaultMappings)
	setDefault(&c.Fragments, DefaultFragments)
	setDefault(&c.FragmentBytes, DefaultFragmentBytes)
	if c.Memory.Sessions == nil {
		c.Memory.Sessions = make([]Session, c.Sessions)
	}
	if c.Memory.Mappings == nil {
		c.Memory.Mappings = make([]Mapping, c.Mappings)
	}
	c.Sessions, c.Mappings = len(c.Memory.Sessions), len(c.Memory.Mappings)
	switch {
	case c.Seed == [2]uint64{}:
		return errors.New("the seed is zero: guests could foresee ports; give 128 random bits")
	case c.FirstPort > c.LastPort || c.FirstPort == 0 && c.LastPort != 0:
		return fmt.Errorf("outside ports %d to %d are no range: give the lower one first, from 1 on", c.FirstPort, c.LastPort)
	case c.PortBits != nil && len(c.PortBits) != portBitLen:
		return fmt.Errorf("port bits have %d words, not %d", len(c.PortBits), portBitLen)
	case c.Sessions < 1 || c.Mappings < 1:
		return errors.New("no session or mapping slots: give one or more of each")
	case c.Fragments < 1 || c.FragmentBytes < maxRun*chunkBytes:
		return fmt.Errorf("fragment memory of %d records and %d bytes holds no datagram: give %d bytes or more",
			c.Fragments, c.FragmentBytes, maxRun*chunkBytes)
	case c.Memory.ZeroSessions < 0 || c.Memory.ZeroSessions > c.Sessions ||
		c.Memory.ZeroMappings < 0 || c.Memory.ZeroMappings > c.Mappings:
		return fmt.Errorf("%d sessions and %d mappings are said to be zero, of %d and %d: give no more than there are",
			c.Memory.ZeroSessions, c.Memory.ZeroMappings, c.Sessions, c.Mappings)
	}
	return nil
}

// maxRun is the number of chunks that the longest fragment takes.
const maxRun = (ReleasedOffset + maxPacket + chunkBytes - 1) / chunkBytes

func setDefault(v *int, d int) {
	if *v == 0 {
		*v = d
	}
}
