package nat

import (
	"sync/atomic"

	"ubridge/internal/wire"
)

// LayoutVersion numbers the layout of Session and Mapping. Memory written under
// another number must be zeroed before it is given to New.
const LayoutVersion = 1

// Sizes of the stored structs in bytes.
const (
	SessionBytes = 64
	MappingBytes = 32
)

// State is the memory that outlives the process: pointer-free structs of fixed
// size, all zero at first. Free lists, indices and counts are not in it; New
// rebuilds them.
type State struct {
	Sessions []Session
	Mappings []Mapping

	// ZeroSessions and ZeroMappings are how many slots at the end are known to be
	// zero. New does not read them: in a sparse file on tmpfs a page that is read
	// takes memory.
	ZeroSessions, ZeroMappings int
}

// tuple names a flow as its guest and its remote see it, and the outside port
// between them. For an echo the ports are the identifier and remotePort is 0.
type tuple struct {
	inside, outside, remote             uint32
	insidePort, outsidePort, remotePort uint16
	network                             uint16
	proto                               Proto
	_                                   [3]uint8
}

// Session is one flow: a mapping and a remote address and port. One cache line.
type Session struct {
	seq     uint32 // odd while being written: SIGKILL then leaves it torn
	used    Time   // last packet that renewed it
	tuple   tuple
	mapping ref
	born    Time
	state   ConnState
	fins    side // who sent FIN
	mac     wire.MAC
	offered Time  // when it was last offered to the Kernel
	kernel  bool  // whether that does it
	packets uint8 // of its guest's, up to offerAfter
	_       [10]uint8
}

// Mapping is an outside port held for an inside endpoint, whatever the remotes.
type Mapping struct {
	seq                     uint32
	expires                 Time // while no session uses it: when the port is free
	inside, outside         uint32
	insidePort, outsidePort uint16
	network                 uint16
	proto                   Proto
	live                    bool
	_                       [8]uint8
}

// begin and end frame a write of several fields. The parity is set, not
// counted: an entry left odd by a kill becomes even with the next whole write.
func begin(seq *uint32) { atomic.StoreUint32(seq, *seq|1) }
func end(seq *uint32)   { atomic.StoreUint32(seq, (*seq|1)+1) }

func (s *Session) whole() bool { return s.seq&1 == 0 }
func (m *Mapping) whole() bool { return m.seq&1 == 0 }

// owns reports whether t is a flow of mapping m.
func (m *Mapping) owns(t *tuple) bool {
	return m.is(t) && m.outsidePort == t.outsidePort
}

// is reports whether m is the mapping of t's inside endpoint (RFC 4787 REQ-1:
// the remote plays no part).
func (m *Mapping) is(t *tuple) bool {
	return m.inside == t.inside && m.insidePort == t.insidePort && m.outside == t.outside &&
		m.network == t.network && m.proto == t.proto
}

func (t *tuple) sameOutbound(o *tuple) bool {
	return t.inside == o.inside && t.remote == o.remote && t.insidePort == o.insidePort &&
		t.remotePort == o.remotePort && t.outside == o.outside && t.network == o.network && t.proto == o.proto
}

func (t *tuple) sameInbound(o *tuple) bool {
	return t.remote == o.remote && t.outsidePort == o.outsidePort && t.remotePort == o.remotePort &&
		t.outside == o.outside && t.proto == o.proto
}

func (t *tuple) outboundHash(h *hasher) uint32 {
	return h.sum(uint64(t.inside)<<32|uint64(t.remote),
		uint64(t.insidePort)<<48|uint64(t.remotePort)<<32|uint64(t.network)<<16|uint64(t.proto),
		uint64(t.outside))
}

func (t *tuple) inboundHash(h *hasher) uint32 {
	return h.sum(uint64(t.outside)<<32|uint64(t.remote),
		uint64(t.outsidePort)<<48|uint64(t.remotePort)<<32|uint64(t.proto), 0)
}

func (t *tuple) mappingHash(h *hasher) uint32 {
	return h.sum(uint64(t.inside)<<32|uint64(t.outside),
		uint64(t.insidePort)<<48|uint64(t.network)<<16|uint64(t.proto), 1)
}

// tuple is m's side of a flow, with no remote.
func (m *Mapping) tuple() tuple {
	return tuple{inside: m.inside, outside: m.outside, insidePort: m.insidePort,
		outsidePort: m.outsidePort, network: m.network, proto: m.proto}
}
