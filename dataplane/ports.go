package dataplane

import (
	"slices"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// The methods of this file change which ports and bridges the switch has. They
// run while all workers are parked: call them inside Do, or before Run.

// AddBridge makes bridge id, without members. The caller chooses an identifier
// that is free: one that it keeps over restarts is what a resumed NAT flow knows
// its network by.
func (w *Worker) AddBridge(id BridgeID, cfg BridgeConfig) *Bridge {
	for len(w.bridges) <= int(id) {
		w.bridges = append(w.bridges, nil)
	}
	b := &Bridge{
		id: id, fdb: cfg.FDB, station: cfg.Station, takes: cfg.TakeDHCP, judges: cfg.JudgeHost, relays: cfg.Relay,
		bare: cfg.Bare, told: cfg.Told, host: NoPort,
	}
	w.bridges[id] = b
	w.changed()
	return b
}

// changed gives all workers the list of bridges and makes each list what it
// polls.
func (w *Worker) changed() {
	for _, o := range w.all {
		o.bridges = w.bridges
		o.rebuild()
	}
}

// RemoveBridge forgets a bridge and removes its ports, which it returns for the
// caller to close.
func (w *Worker) RemoveBridge(id BridgeID) (ports []Port) {
	for _, m := range w.bridges[id].Members() {
		ports = append(ports, w.RemovePort(m))
	}
	w.bridges[id] = nil
	w.changed()
	return ports
}

// AddPort makes p, as port id, a member of bridge br, or an uplink where br is
// NoBridge. The caller chooses an identifier that is free: one that it keeps over
// restarts lets a forwarding database in a mapped file stay true. name is for
// counters and messages.
func (w *Worker) AddPort(id PortID, br BridgeID, name string, p Port) {
	owner := w.owner(br, w.owns())
	for _, o := range w.all {
		for len(o.ports) <= int(id) {
			o.ports = append(o.ports, nil)
		}
		o.ports[id] = o.view(id, br, name, p)
		o.ports[id].owned = o == owner
	}
	if br != NoBridge {
		b := w.bridges[br]
		b.members = append(b.members, member{port: id})
	}
	w.changed()
}

// SetHostPort says that port p of its bridge leads to the host's own stack,
// which has the station's address. The first worker receives from it, since its
// frames are for the handler.
func (w *Worker) SetHostPort(p PortID) {
	b := w.bridges[w.ports[p].bridge]
	b.host = p
	b.fdb.SetStatic(b.station, uint16(p))
	w.assign(p, w)
	w.changed()
}

// SetPortGroup puts port id into a split-horizon group of its bridge: ports of one
// group exchange no frames, known, unknown or flooded; a port of group 0, where all
// start, exchanges frames with all. Frames of the bridge's own station come from its
// host port. Nothing is done where there is no such port.
func (w *Worker) SetPortGroup(id PortID, group uint8) {
	if int(id) >= len(w.ports) || w.ports[id] == nil {
		return
	}
	was := w.ports[id].member()
	for _, o := range w.all {
		o.ports[id].group = group
	}
	if br := w.ports[id].bridge; br != NoBridge {
		members := w.bridges[br].members
		members[slices.Index(members, was)].group = group
	}
}

// SetStation gives the station of bridge br, which is on its host port, another
// address.
func (w *Worker) SetStation(br BridgeID, mac wire.MAC) {
	b := w.bridges[br]
	b.fdb.Delete(b.station)
	if b.station = mac; b.host != NoPort {
		b.fdb.SetStatic(mac, uint16(b.host))
	}
}

// RemovePort takes a port away and returns it for the caller to close, outside of
// Do, as closing may wait for the kernel. Stations learned on it are forgotten. It
// is nil where there is no such port.
func (w *Worker) RemovePort(id PortID) Port {
	if int(id) >= len(w.ports) || w.ports[id] == nil {
		return nil
	}
	p := w.ports[id]
	if p.bridge != NoBridge {
		if p.hold != nil {
			w.setHold(id, nil)
		}
		w.bridges[p.bridge].drop(id)
	}
	for _, o := range w.all {
		o.ports[id] = nil
	}
	w.changed()
	return p.Port
}

// ReplacePort puts another attachment to the same device in the place of port
// id, which keeps its bridge, stations and counters. Frames that both have, since
// both were attached for a moment, are taken from the old one only. It returns the
// old one, which no worker uses any more, for the caller to close; nil, and nothing
// is replaced, where there is no such port.
func (w *Worker) ReplacePort(id PortID, with Port) (old Port) {
	if int(id) >= len(w.ports) || w.ports[id] == nil {
		return nil
	}
	old = w.ports[id].Port
	for range replaceTries { // until none came between the last look at one and at the other
		w.drain(w.ports[id])
		if w.discard(with); !old.Pending() {
			break
		}
	}
	for _, o := range w.all {
		p := o.ports[id]
		v := o.view(id, p.bridge, p.name, with)
		v.group, v.hold, v.owned, v.ready, v.counters = p.group, p.hold, p.owned, true, p.counters
		o.ports[id] = v
	}
	w.changed()
	return old
}

// replaceTries bounds how often both attachments of a port that is replaced are
// emptied: a frame that comes after the old one was emptied and before the new one is
// would be in neither.
const replaceTries = 32

// drainBatches bounds what is taken from a port that is replaced: the slots of its
// ring, or as many again that came meanwhile.
const drainBatches = 256

// drain forwards what waits in a port, with this worker's view of it.
func (w *Worker) drain(p *port) {
	now := w.clock.Now()
	for range drainBatches {
		if !w.process(p, now) {
			return
		}
	}
}

// discard lets go of what waits in a port that is not one yet.
func (w *Worker) discard(p Port) {
	var drops frame.Drops
	for range drainBatches {
		_ = p.Receive(&w.batch, &drops) // a device that is down says so again
		more := w.batch.N > 0
		p.Release()
		w.batch.Reset()
		if !more {
			return
		}
	}
}

// CountDrops adds drops that were noticed outside of the pipeline.
func (w *Worker) CountDrops(id PortID, r frame.Reason, n uint64) {
	if int(id) < len(w.ports) && w.ports[id] != nil {
		w.ports[id].counters.Drops[r] += n
	}
}

// drop forgets a member and what was learned on it.
func (b *Bridge) drop(id PortID) {
	b.members = slices.DeleteFunc(b.members, func(m member) bool { return m.port == id })
	if b.host == id {
		b.fdb.Delete(b.station)
		b.host = NoPort
	}
	b.fdb.FlushPort(uint16(id))
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
	return PortInfo{ID: id, Bridge: p.bridge, Name: p.name, Up: w.isUp(id), Counters: w.counters(id)}, true
}

// isUp is what the port's owner knows of its device.
func (w *Worker) isUp(id PortID) bool {
	return slices.ContainsFunc(w.all, func(o *Worker) bool { return o.ports[id].owned && o.ports[id].up })
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
