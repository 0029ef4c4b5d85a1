package dataplane

import (
	"ubridge/dataplane/frame"
	"ubridge/fdb"
	"ubridge/internal/wire"
)

// PortID names a port of a switch. Identifiers are used again after a port was
// removed.
type PortID uint16

// BridgeID names a bridge of a switch.
type BridgeID uint16

// NoPort is no port's identifier.
const NoPort PortID = 0xffff

// NoBridge is no bridge's identifier: uplinks are members of it.
const NoBridge BridgeID = 0xffff

// Bridge is a learning domain. All workers read it; it changes only while they
// are parked (see barrier).
type Bridge struct {
	id      BridgeID
	fdb     *fdb.Table
	members []member
	held    Time // when a port was last held; see hold

	// station is the address of the network's own station, and host the port on
	// which the host's stack has that address; NoPort while there is none.
	station wire.MAC
	host    PortID
	takes   bool // DHCP requests, also broadcast ones, go to the handler
	judges  bool // IPv4 from the host goes to the handler
	bare    bool // what is for the station goes to the host port like any other
	told    func(src wire.MAC, on PortID)
	relays  Relay
}

// member is a port of a bridge and its split-horizon group, and as such also where
// a frame comes from: what it may not go back to.
type member struct {
	port  PortID
	group uint8 // 0 for none
	held  bool  // nothing is flooded to it, see hold
}

// reaches reports whether a frame from m may go out of port to of group group: not
// back, and not to another port of m's own group. The kernel's bridge knows one
// such group, the ports that are BR_ISOLATED.
func (m member) reaches(to PortID, group uint8) bool {
	return to != m.port && (group == 0 || group != m.group)
}

// member is the port as its bridge's list has it.
func (p *port) member() member { return member{p.id, p.group, p.hold != nil} }

// member is port id as its bridge's list has it; NoPort, in no group, where it is
// none.
func (w *Worker) member(id PortID) member {
	if id == NoPort {
		return member{port: NoPort}
	}
	return w.ports[id].member()
}

// BridgeConfig describes a bridge to AddBridge.
type BridgeConfig struct {
	FDB      *fdb.Table
	Station  wire.MAC // the network's own address; zero for a bridge without a station
	TakeDHCP bool     // hand DHCP requests to the handler instead of flooding them

	// JudgeHost hands IPv4 from the host port to the handler, which switches what
	// may enter by Cycle.ToBridge: a host that forwards sends more than its own.
	JudgeHost bool

	// Bare leaves the handler out: the station is the host itself, and what is for
	// it goes to the host port.
	Bare bool

	// Told is called by the worker that has learned a station on a port where it
	// was not before, ahead of the frame that told; nil for nobody. It may be called
	// by several workers at once, and must not wait.
	Told func(src wire.MAC, on PortID)

	Relay Relay // groups to flood that a bridge else keeps to itself
}

// Relay is what a bridge floods of the groups that are reserved for bridges. Other
// ones may not be asked for: they are for one wire (802.1Q table 8-3), and the kernel's
// bridge refuses most of them too (BR_GROUPFWD_RESTRICTED).
type Relay struct {
	STP bool // bridge protocol data units, Cisco's for each VLAN included
	PAE bool // IEEE 802.1X
}

// allows reports whether frames to a reserved group are flooded.
func (r Relay) allows(group wire.MAC) bool {
	switch group {
	case wire.STPGroup, wire.PVSTGroup:
		return r.STP
	case wire.PAEGroup:
		return r.PAE
	}
	return false
}

// FDB is the bridge's forwarding database, for use inside Do.
func (b *Bridge) FDB() *fdb.Table { return b.fdb }

// Members are the ports of the bridge, for use inside Do.
func (b *Bridge) Members() []PortID {
	ids := make([]PortID, len(b.members))
	for i, m := range b.members {
		ids[i] = m.port
	}
	return ids
}

// found is the latest result of a lookup for a port's frames. It holds while the
// table is of the same generation.
type found struct {
	bridge *Bridge // nil for none
	dst    wire.MAC
	port   PortID
	gen    uint32
}

// learned is the latest source that a port's frames came from. It holds within
// the second and while the table is of the same generation.
type learned struct {
	src wire.MAC // zero for none
	now uint32
	gen uint32
}

// lookup finds the port behind which dst was last seen, for a frame that came in
// on p; NoPort if unknown.
func (b *Bridge) lookup(p *port, dst wire.MAC, now uint32) PortID {
	gen := b.fdb.Gen()
	if c := &p.found; c.gen == gen && c.dst == dst && c.bridge == b {
		return c.port
	}
	port, ok := b.fdb.Lookup(dst, now)
	if !ok {
		return NoPort
	}
	p.found = found{b, dst, PortID(port), gen}
	return PortID(port)
}

// learn notes where src was seen. It reports a reason to drop the frame, or
// frame.Forwarded: a station that cannot be remembered is still served. strayed
// tells that the station was, or still is, known on another port.
func (b *Bridge) learn(p *port, src wire.MAC, now uint32) (r frame.Reason, strayed bool) {
	gen := b.fdb.Gen()
	if c := &p.learned; c.src == src && c.now == now && c.gen == gen {
		return frame.Forwarded, false
	}
	if src == b.station && p.id != b.host {
		return frame.OwnSource, false
	}
	switch b.fdb.Learn(src, uint16(p.id), now) {
	case fdb.Moved:
		strayed = true
		fallthrough
	case fdb.Learned:
		if b.told != nil {
			b.told(src, p.id)
		}
	case fdb.RefusedSource:
		return frame.BadSourceMAC, false
	case fdb.PortLimit:
		p.counters.LearnLimited++
		return frame.Forwarded, b.elsewhere(p, src, now) // not kept: there may be room the next time
	case fdb.Busy:
		return frame.Forwarded, false // another worker is writing: the next frame learns it
	}
	p.learned = learned{src, now, gen}
	return frame.Forwarded, strayed
}
