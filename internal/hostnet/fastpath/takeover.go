package fastpath

import (
	"errors"
	"fmt"
	"maps"

	"github.com/cilium/ebpf"

	"ubridge/internal/hostnet/steer"
)

// left finds the maps that a dead daemon's program on a device still holds, by the
// names of the spec; nil where there are none, or they are of another layout.
// Descriptors by id need CAP_SYS_ADMIN.
func left(spec *ebpf.CollectionSpec, device int) (map[string]*ebpf.Map, error) {
	if device == 0 {
		return nil, nil
	}
	id, err := steer.ForwardID(device)
	if err != nil || id == 0 {
		return nil, err
	}
	program, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
	if err != nil {
		return nil, fmt.Errorf("find the fast path of the last run: %w", err)
	}
	defer program.Close()
	info, err := program.Info()
	if err != nil {
		return nil, err
	}
	ids, _ := info.MapIDs()
	found := map[string]*ebpf.Map{}
	for _, id := range ids {
		if err := collect(spec, found, id); err != nil {
			closeAll(found)
			return nil, err
		}
	}
	return found, nil
}

// kept are the maps whose contents a daemon goes on with. What it holds of the
// processors' work in hand, and of programs, is each daemon's own.
var kept = []string{fastMapPorts, fastMapNetworks, fastMapStations, fastMapFlows, fastMapUsed, fastMapControl, fastMapCounters}

// collect adds the map to found if it is one that is kept.
func collect(spec *ebpf.CollectionSpec, found map[string]*ebpf.Map, id ebpf.MapID) error {
	m, err := ebpf.NewMapFromID(id)
	if err != nil {
		return fmt.Errorf("find a map of the last run: %w", err)
	}
	info, err := m.Info()
	if err != nil {
		return errors.Join(err, m.Close())
	}
	for _, name := range kept {
		if info.Name != name {
			continue
		}
		if err := spec.Maps[name].Compatible(m); err != nil {
			return errors.Join(fmt.Errorf("map %s of the last run: %w", name, err), m.Close())
		}
		found[name] = m
		return nil
	}
	return m.Close()
}

// recallPorts learns which ports a dead daemon had, whose stations and counters are
// those of who comes next on the same device.
func (p *Path) recallPorts() error {
	var ifindex uint32
	var v fastPort
	it := p.objects.Ports.Iterate()
	for it.Next(&ifindex, &v) {
		p.ports[int(ifindex)] = member(v)
	}
	return it.Err()
}

// Keep forgets the ports of a dead daemon that are not to stay. A device may be an
// uplink and a network's port, of which one stays.
func (p *Path) Keep(stays func(ifindex int, uplink bool) bool) (err error) {
	p.mu.Lock()
	all := maps.Clone(p.ports)
	p.mu.Unlock()
	for ifindex, m := range all {
		if m.is(Uplink) && !stays(ifindex, true) {
			err = errors.Join(err, p.RemovePort(ifindex, Uplink))
		}
		if kind := Kind(m.Flags) &^ Uplink; (kind != 0 || !m.is(Uplink)) && !stays(ifindex, false) {
			err = errors.Join(err, p.RemovePort(ifindex, kind))
		}
	}
	return err
}

func closeAll(list map[string]*ebpf.Map) {
	for _, m := range list {
		_ = m.Close()
	}
}
