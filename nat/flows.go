package nat

import (
	"net/netip"

	"ubridge/dataplane/frame"

	"ubridge/internal/wire"
)

// Flow is one session as `nat flows` shows it.
type Flow struct {
	Network   uint16
	Proto     Proto
	Inside    netip.AddrPort // of an echo, the identifier stands for the port
	Outside   netip.AddrPort
	Remote    netip.AddrPort // of an echo, port 0
	State     ConnState
	ExpiresIn uint32 // seconds without a packet
}

// Networks says which networks' flows or counts are meant.
type Networks struct {
	All bool
	One uint16 // where All is false
}

func (n Networks) has(network uint16) bool { return n.All || n.One == network }

// flowsVisit bounds the slots that one call of Flows looks at, which keeps the
// worker that makes it from its packets for some 10 µs.
const flowsVisit = 4096

// Flows writes live flows of some networks to out and tells how many; next is
// where the following call goes on, or -1 at the end. The first call starts at
// 0. A flow that lives throughout is given exactly once.
func (t *Table) Flows(now Time, which Networks, start int, out []Flow) (n, next int) {
	stop := min(start+flowsVisit, int(t.freeSessions.high))
	for i := start; i < stop; i++ {
		if n == len(out) {
			return n, i
		}
		s := &t.sessions[i]
		if s.state == free || !which.has(s.tuple.network) {
			continue
		}
		if t.catchUp(now, ref(i+1)); t.deadline(s) <= now {
			continue
		}
		out[n] = s.flow(t.deadline(s) - now)
		n++
	}
	if stop >= int(t.freeSessions.high) {
		return n, -1
	}
	return n, stop
}

func (s *Session) flow(left Time) Flow {
	k := &s.tuple
	return Flow{
		Network: k.network, Proto: k.proto, State: s.state, ExpiresIn: uint32(left),
		Inside:  endpoint(k.inside, k.insidePort),
		Outside: endpoint(k.outside, k.outsidePort),
		Remote:  endpoint(k.remote, k.remotePort),
	}
}

func endpoint(addr uint32, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(wire.IP4FromUint32(addr).Addr(), port)
}

// PoolStats is the use of one protocol's outside ports.
type PoolStats struct {
	Held  int // by a mapping or its quarantine
	Total int // that may be given out, held ones included
}

// Stats is a table's counts.
type Stats struct {
	Sessions, SessionSlots int
	Mappings, MappingSlots int
	Guests                 int
	Ports                  [numProtos]PoolStats // by Proto
	Datagrams              int                  // of which fragments are known
	FragmentBytes          int                  // memory that waiting fragments take

	Opened, Ended uint64 // sessions since New; resumed ones are not counted as opened
	Reclaimed     uint64 // sessions and ports given up for the same guest's new ones
}

// Stats counts what the table holds.
func (t *Table) Stats() Stats {
	s := t.stats
	s.SessionSlots, s.MappingSlots = len(t.sessions), len(t.mappings)
	s.Sessions = len(t.sessions) - int(t.freeSessions.len())
	s.Mappings = len(t.mappings) - int(t.freeMappings.len())
	s.Guests = len(t.guests) - int(t.freeGuests.len())
	for p := range Proto(numProtos) {
		s.Ports[p].Held, s.Ports[p].Total = t.pools[p].held, t.pools[p].members
	}
	d := t.frags
	s.Datagrams = len(d.records) - int(d.unused.len())
	s.FragmentBytes = (len(d.store.used) - int(d.store.unused)) * chunkBytes
	return s
}

// GuestStats is what one guest holds.
type GuestStats struct {
	Sessions int
	Ports    [numProtos]int // by Proto
}

// GuestStats counts what the guest at an inside address holds.
func (t *Table) GuestStats(network uint16, addr wire.IP4) (s GuestStats) {
	r := t.findGuest(network, addr.Uint32())
	if r == none {
		return s
	}
	g := &t.guests[r-1]
	s.Sessions = int(g.sessions)
	for p, n := range g.ports {
		s.Ports[p] = int(n)
	}
	return s
}

// SessionsOf counts a network's sessions, those included that are over and were
// not come by yet.
func (t *Table) SessionsOf(network uint16) int { return int(t.perNetwork[network]) }

// Drops counts, by reason, fragments that the table had kept (Packet.Held) and
// that were never released: their drop was nobody's verdict. They only grow.
func (t *Table) Drops() frame.Drops { return t.frags.drops }
