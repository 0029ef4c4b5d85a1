package fastpath

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"ubridge/internal/hostnet/steer"
)

// unit is the shift from nanoseconds to the time that the maps have.
const unit = 30

// seconds is a time of the maps in seconds of CLOCK_MONOTONIC.
func seconds(t uint32) uint32 { return uint32(uint64(t) << unit / 1e9) }

// inUnits is a time in seconds as the maps have it, not later than it is.
func inUnits(seconds uint32) uint32 { return uint32(uint64(seconds) * 1e9 >> unit) }

// Station is where a station is.
type Station struct {
	Network uint16
	MAC     [6]byte
	Ifindex int
	Gateway bool   // the network's own behind the host's port, or the host beside a shared NIC
	Held    bool   // the kernel drops what it would send on for it
	Moved   bool   // it was heard elsewhere while no daemon was alive; not for Learn
	Seen    uint32 // second of CLOCK_MONOTONIC in which it last sent a frame
}

// flags of a station, as in fast.c.
const (
	gatewayStation = 1 << iota
	heldStation
	stationBeyond
	stackStation
	movedStation
)

// marks of what is sent, as in maps.h.
const (
	sendMark  = 0x756272
	shareMark = steer.ShareMark
)

// record is an element of the map of stations on its way to the kernel.
type record struct {
	key   fastAddress
	value fastStation
}

// Guests decide how often they are learned, so that memory is used again.
var records = sync.Pool{New: func() any { return new(record) }}

// Learn says that a station is behind a device, which is a port, in place of what was
// known of it. It errs where there is no room.
func (p *Path) Learn(s Station) error {
	defer p.changed()
	return p.learn(s, ebpf.UpdateAny)
}

// Add is Learn for a station of which nothing is known yet; else it does nothing.
func (p *Path) Add(s Station) error {
	err := p.learn(s, ebpf.UpdateNoExist)
	if errors.Is(err, ebpf.ErrKeyExist) {
		return nil
	}
	return err
}

func (p *Path) learn(s Station, how ebpf.MapUpdateFlags) error {
	r := records.Get().(*record)
	defer records.Put(r)
	r.key = fastAddress{Network: s.Network, Mac: s.MAC}
	r.value = fastStation{Who: r.key, Ifindex: uint32(s.Ifindex), Seen: inUnits(s.Seen)}
	m, _ := p.find(s.Ifindex)
	r.value.Index, r.value.Group, r.value.Mark = m.Index, m.Group, sendMark
	r.value.Flags = m.station(s)
	if m.is(kindNIC) {
		r.value.Mark = shareMark
	}
	if err := p.objects.Stations.Update(&r.key, &r.value, how); err != nil {
		return fmt.Errorf("tell the kernel where station %x is: %w", s.MAC, err)
	}
	return nil
}

// station is the flags of a station behind a port.
func (m member) station(s Station) (flags uint8) {
	switch {
	case s.Gateway && m.is(kindHelper):
		flags = stackStation
	case s.Gateway:
		flags = gatewayStation
	case m.is(Host) || m.is(kindHelper):
		flags = stationBeyond
	}
	if s.Held {
		flags |= heldStation
	}
	return flags
}

// Forget makes a station unknown.
func (p *Path) Forget(network uint16, mac [6]byte) error {
	defer p.changed()
	r := records.Get().(*record)
	defer records.Put(r)
	r.key = fastAddress{Network: network, Mac: mac}
	if err := absent(p.objects.Stations.Delete(&r.key)); err != nil {
		return fmt.Errorf("have the kernel forget station %x: %w", mac, err)
	}
	return nil
}

// ForgetBehind forgets the stations behind a device.
func (p *Path) ForgetBehind(ifindex int) error {
	var errs []error
	err := p.Stations(func(s Station) {
		if s.Ifindex == ifindex {
			errs = append(errs, p.Forget(s.Network, s.MAC))
		}
	})
	return errors.Join(append(errs, err)...)
}

// batch is how many stations are read with one system call.
const batch = 1024

// Stations shows fn all stations. Beside Learn and Forget one may be missed or shown
// twice.
func (p *Path) Stations(fn func(Station)) error {
	var cursor ebpf.MapBatchCursor
	keys, values := make([]fastAddress, batch), make([]fastStation, batch)
	for {
		n, err := p.objects.Stations.BatchLookup(&cursor, keys, values, nil)
		for i := range n {
			v := &values[i]
			fn(Station{
				Network: keys[i].Network, MAC: keys[i].Mac, Ifindex: int(v.Ifindex), Seen: seconds(v.Seen),
				Gateway: v.Flags&(gatewayStation|stackStation) != 0, Held: v.Flags&heldStation != 0, Moved: v.Flags&movedStation != 0,
			})
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list the kernel's stations: %w", err)
		}
	}
}

// Used gives the second of CLOCK_MONOTONIC in which the flow in a slot was used last by
// the fast path; 0 for never.
func (p *Path) Used(slot int) uint32 { return seconds(uint32(atomic.LoadUint64(&p.used[slot]))) }
