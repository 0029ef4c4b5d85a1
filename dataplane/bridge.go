package dataplane

import (
	"ubridge/dataplane/frame"
	"ubridge/fdb"
	"ubridge/internal/wire"
)

// PortID names a port of a worker. Identifiers are used again after a port was
// removed.
type PortID uint16

// BridgeID names a bridge of a worker.
type BridgeID uint16

// NoPort is no port's identifier.
const NoPort PortID = 0xffff

// NoBridge is no bridge's identifier: uplinks are members of it.
const NoBridge BridgeID = 0xffff

// Bridge is a learning domain.
type Bridge struct {
	id      BridgeID
	fdb     *fdb.Table
	members []PortID

	// station is the address of the network's own station, and host the port on
	// which the host's stack has that address; NoPort while there is none.
	station wire.MAC
	host    PortID
	takes   bool // DHCP requests, also broadcast ones, go to the handler
	judges  bool // IPv4 from the host goes to the handler

	// cached is the latest destination looked up and the port it was found on;
	// cachedPort is NoPort after anything that might have moved it.
	cached     wire.MAC
	cachedPort PortID
}

// BridgeConfig describes a bridge to AddBridge.
type BridgeConfig struct {
	FDB      *fdb.Table
	Station  wire.MAC // the network's own address; zero for a bridge without a station
	TakeDHCP bool     // hand DHCP requests to the handler instead of flooding them

	// JudgeHost hands IPv4 from the host port to the handler, which switches what
	// may enter by Cycle.ToBridge: a host that forwards sends more than its own.
	JudgeHost bool
}

// FDB is the bridge's forwarding database, for use inside Do.
func (b *Bridge) FDB() *fdb.Table { return b.fdb }

// Members are the ports of the bridge, for use inside Do.
func (b *Bridge) Members() []PortID { return b.members }

// lookup finds the port behind which dst was last seen; NoPort if unknown.
func (b *Bridge) lookup(dst wire.MAC, now uint32) PortID {
	if b.cachedPort != NoPort && b.cached == dst {
		return b.cachedPort
	}
	port, ok := b.fdb.Lookup(dst, now)
	if !ok {
		return NoPort
	}
	b.cached, b.cachedPort = dst, PortID(port)
	return PortID(port)
}

// forget drops the cached lookup.
func (b *Bridge) forget() { b.cachedPort = NoPort }

// learn notes where src was seen. It reports a reason to drop the frame, or
// frame.Forwarded: a station that cannot be remembered is still served.
func (w *Worker) learn(b *Bridge, p *port, src wire.MAC, now uint32) frame.Reason {
	if p.lastSrc == src && p.lastSeen == now {
		return frame.Forwarded
	}
	if src == b.station && p.id != b.host {
		return frame.OwnSource
	}
	switch b.fdb.Learn(src, uint16(p.id), now) {
	case fdb.RefusedSource:
		return frame.BadSourceMAC
	case fdb.Moved:
		b.forget()
		w.moved(b, src)
	case fdb.PortLimit:
		p.counters.LearnLimited++
		return frame.Forwarded // not cached: there may be room the next time
	}
	p.lastSrc, p.lastSeen = src, now
	return frame.Forwarded
}

// moved makes every member learn src anew: the one-entry cache of the port that
// src left still says that it is known there.
func (w *Worker) moved(b *Bridge, src wire.MAC) {
	for _, m := range b.members {
		if p := w.ports[m]; p.lastSrc == src {
			p.lastSrc = wire.MAC{}
		}
	}
}
