package fastpath

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// Kind says what a port is.
type Kind uint8

// Kinds of port. A device that is an uplink may be something else too.
const (
	Guest  Kind = 0
	Uplink Kind = 1 // flows come in there; of no network
	Host   Kind = 2 // leads to the host's stack

	kindNIC    Kind = 4 // see SetNIC
	kindHelper Kind = 8
)

// maxPorts is how many ports have counters.
const maxPorts = 4096

// Port is a device that takes part.
type Port struct {
	Ifindex int
	Network uint16
	Group   uint8 // split-horizon group, 0 for none
	Kind    Kind
	Floor   int // the smallest MTU of the network's ports

	beside     int // see NIC
	echo, slow uint16
}

// member is what the kernel knows of a port.
type member fastPort

// is reports whether a device is a port of a kind.
func (m member) is(kind Kind) bool {
	if kind == Guest {
		return m.Flags == uint8(Guest)
	}
	return Kind(m.Flags)&kind != 0
}

// index is the place of its counters.
func (m member) index(kind Kind) uint16 {
	if kind == Uplink {
		return m.Uplink
	}
	return m.Index
}

// SetPort makes a device a port or changes what is known of it. From then on what
// comes in there and is known is sent on by the kernel, if the programs are attached.
// Where the group changes, its stations are forgotten: Add them again.
func (p *Path) SetPort(port Port) error {
	was, there := p.find(port.Ifindex)
	if err := p.setPort(port); err != nil {
		return err
	}
	if there && port.Kind != Uplink && was.Group != port.Group {
		return p.ForgetBehind(port.Ifindex)
	}
	return nil
}

func (p *Path) setPort(port Port) error {
	defer p.changed()
	p.mu.Lock()
	defer p.mu.Unlock()
	m, there := p.ports[port.Ifindex]
	if !there || !m.is(port.Kind) {
		index, ok := p.freeIndex()
		switch {
		case !ok:
			return fmt.Errorf("the fast path has counters for %d ports only", maxPorts)
		case port.Kind == Uplink:
			m.Uplink = index
		default:
			m.Index = index
		}
	}
	return p.put(port.Ifindex, m.with(port))
}

// with is a member changed to what is said of the port.
func (m member) with(port Port) member {
	uplink := Kind(m.Flags) & Uplink
	if port.Kind == Uplink {
		m.Flags |= uint8(Uplink)
		return m
	}
	return member{
		Network: port.Network, Group: port.Group, Floor: uint16(min(port.Floor, 0xffff)), Flags: uint8(port.Kind | uplink),
		Beside: uint32(port.beside), Echo: port.echo, Slow: port.slow, Index: m.Index, Uplink: m.Uplink,
	}
}

// put tells the kernel of a port. mu is held.
func (p *Path) put(ifindex int, m member) error {
	if err := p.objects.Ports.Put(uint32(ifindex), fastPort(m)); err != nil {
		return fmt.Errorf("tell the kernel of port %d: %w", ifindex, err)
	}
	p.ports[ifindex] = m
	return nil
}

// freeIndex is a place for counters. The first one is nobody's.
func (p *Path) freeIndex() (uint16, bool) {
	taken := make(map[uint16]bool, len(p.ports))
	for _, m := range p.ports {
		taken[m.Index], taken[m.Uplink] = true, true
	}
	for i := range uint16(maxPorts) {
		if i > 0 && !taken[i] {
			return i, true
		}
	}
	return 0, false
}

// find is what is known of a device.
func (p *Path) find(ifindex int) (m member, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, ok = p.ports[ifindex]
	return m, ok
}

// RemovePort forgets that a device is a port of a kind, its stations and its counters:
// take those with Counters first.
func (p *Path) RemovePort(ifindex int, kind Kind) error {
	err := p.dropPort(ifindex, kind)
	if kind == Uplink {
		return err
	}
	return errors.Join(err, p.ForgetBehind(ifindex))
}

func (p *Path) dropPort(ifindex int, kind Kind) error {
	defer p.changed()
	p.mu.Lock()
	defer p.mu.Unlock()
	m, ok := p.ports[ifindex]
	if !ok || !m.is(kind) {
		return nil
	}
	index := m.index(kind)
	var err error
	switch {
	case kind == Uplink && Kind(m.Flags) != Uplink:
		m.Uplink, m.Flags = 0, m.Flags&^uint8(Uplink)
		err = p.put(ifindex, m)
	case kind != Uplink && m.is(Uplink):
		err = p.put(ifindex, member{Uplink: m.Uplink, Flags: uint8(Uplink)})
	default:
		delete(p.ports, ifindex)
		err = absent(p.objects.Ports.Delete(uint32(ifindex)))
	}
	return errors.Join(err, p.objects.Counters.Put(uint32(index), make([]fastCounters, ebpf.MustPossibleCPU())))
}
