package dataplane

import (
	"slices"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// The methods of this file change which ports and bridges a worker has. They
// run on the worker's goroutine: call them inside Do, or before Run.

// AddBridge makes bridge id, without members. The caller chooses an identifier
// that is free: one that it keeps over restarts is what a resumed NAT flow knows
// its network by.
func (w *Worker) AddBridge(id BridgeID, cfg BridgeConfig) *Bridge {
	for len(w.bridges) <= int(id) {
		w.bridges = append(w.bridges, nil)
	}
	b := &Bridge{
		id: id, fdb: cfg.FDB, station: cfg.Station, takes: cfg.TakeDHCP, judges: cfg.JudgeHost,
		host: NoPort, cachedPort: NoPort,
	}
	w.bridges[id] = b
	return b
}

// RemoveBridge forgets a bridge; its ports are removed and closed.
func (w *Worker) RemoveBridge(id BridgeID) error {
	var first error
	for _, m := range slices.Clone(w.bridges[id].members) {
		if err := w.RemovePort(m); err != nil && first == nil {
			first = err
		}
	}
	w.bridges[id] = nil
	return first
}

// AddPort makes p, as port id, a member of bridge br, or an uplink where br is
// NoBridge. The caller chooses an identifier that is free: one that it keeps over
// restarts lets a forwarding database in a mapped file stay true. name is for
// counters and messages.
func (w *Worker) AddPort(id PortID, br BridgeID, name string, p Port) {
	for len(w.ports) <= int(id) {
		w.ports = append(w.ports, nil)
	}
	w.ports[id] = &port{Port: p, id: id, bridge: br, name: name, up: true}
	if br != NoBridge {
		b := w.bridges[br]
		b.members = append(b.members, id)
	}
	w.rebuild()
}

// SetHostPort says that port p of its bridge leads to the host's own stack,
// which has the station's address.
func (w *Worker) SetHostPort(p PortID) {
	b := w.bridges[w.ports[p].bridge]
	b.host = p
	b.fdb.SetStatic(b.station, uint16(p))
	b.forget()
}

// RemovePort takes a port away and closes it. Stations learned on it are
// forgotten.
func (w *Worker) RemovePort(id PortID) error {
	p := w.ports[id]
	if p.bridge != NoBridge {
		w.bridges[p.bridge].drop(id)
	}
	w.ports[id] = nil
	w.rebuild()
	return p.Close()
}

// ReplacePort puts another attachment to the same device in the place of port
// id, which keeps its bridge, stations and counters. It returns the old one,
// which the worker uses no more, for the caller to close; nil, and nothing is
// replaced, where there is no such port.
func (w *Worker) ReplacePort(id PortID, with Port) (old Port) {
	if int(id) >= len(w.ports) || w.ports[id] == nil {
		return nil
	}
	p := w.ports[id]
	old, p.Port, p.up, p.ready = p.Port, with, true, true
	w.rebuild()
	return old
}

// CountDrops adds drops that were noticed outside of the pipeline.
func (w *Worker) CountDrops(id PortID, r frame.Reason, n uint64) {
	if int(id) < len(w.ports) && w.ports[id] != nil {
		w.ports[id].counters.Drops[r] += n
	}
}

// drop forgets a member and what was learned on it.
func (b *Bridge) drop(id PortID) {
	b.members = slices.DeleteFunc(b.members, func(m PortID) bool { return m == id })
	if b.host == id {
		b.fdb.Delete(b.station)
		b.host = NoPort
	}
	b.fdb.FlushPort(uint16(id))
	b.forget()
}

// PortInfo is a snapshot of a port.
type PortInfo struct {
	ID       PortID
	Bridge   BridgeID
	Name     string
	Up       bool
	Counters Counters
}

// Port is a snapshot of port id; ok is false where there is none.
func (w *Worker) Port(id PortID) (info PortInfo, ok bool) {
	if int(id) >= len(w.ports) || w.ports[id] == nil {
		return PortInfo{}, false
	}
	p := w.ports[id]
	return PortInfo{ID: id, Bridge: p.bridge, Name: p.name, Up: p.up, Counters: p.counters}, true
}

// RouterDrops is what was dropped of frames that no port brought in: those that
// the handler originated by itself.
func (w *Worker) RouterDrops() Counters { return w.internal.counters }

// Bridge is bridge id, nil where there is none.
func (w *Worker) Bridge(id BridgeID) *Bridge { return w.bridges[id] }

// Station is the bridge's own address.
func (b *Bridge) Station() wire.MAC { return b.station }

// HostPort is the port that leads to the host's stack, NoPort for none.
func (b *Bridge) HostPort() PortID { return b.host }

// Now is the worker's clock.
func (w *Worker) Now() Time { return w.clock.Now() }
