package fastpath

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf"
)

// Kind says what a port is.
type Kind uint8

// Kinds of port.
const (
	Guest  Kind = 0
	Uplink Kind = 1 // of no network
	Host   Kind = 2 // leads to the host's stack
)

// maxPorts is how many ports have counters.
const maxPorts = 4096

// Port is a device that takes part.
type Port struct {
	Ifindex int
	Network uint16
	Group   uint8 // split-horizon group, 0 for none
	Kind    Kind
	MTU     int // bytes of packet
	Floor   int // the smallest MTU of the network's ports
}

// SetPort makes a device a port or changes what is known of it. From then on what
// comes in there and is known is sent on by the kernel, if the programs are attached.
// Where the group changes, its stations are forgotten: Add them again.
func (p *Path) SetPort(port Port) error {
	was := p.member(port.Ifindex)
	if err := p.setPort(port); err != nil {
		return err
	}
	if was.group != port.Group {
		return p.ForgetBehind(port.Ifindex)
	}
	return nil
}

func (p *Path) setPort(port Port) error {
	defer p.changed()
	p.mu.Lock()
	defer p.mu.Unlock()
	index := p.ports[port.Ifindex].index
	if _, ok := p.ports[port.Ifindex]; !ok {
		if index, ok = p.freeIndex(); !ok {
			return fmt.Errorf("the fast path has counters for %d ports only", maxPorts)
		}
	}
	v := fastPort{
		Network: port.Network, Index: index, Mtu: uint16(min(port.MTU, 0xffff)), Floor: uint16(min(port.Floor, 0xffff)),
		Group: port.Group, Flags: uint8(port.Kind),
	}
	if err := p.objects.Ports.Put(uint32(port.Ifindex), v); err != nil {
		return fmt.Errorf("tell the kernel of port %d: %w", port.Ifindex, err)
	}
	p.ports[port.Ifindex] = member{index, port.Group, port.Kind}
	return nil
}

func (p *Path) freeIndex() (uint16, bool) {
	taken := make(map[uint16]bool, len(p.ports))
	for _, m := range p.ports {
		taken[m.index] = true
	}
	for i := range uint16(maxPorts) {
		if !taken[i] {
			return i, true
		}
	}
	return 0, false
}

// RemovePort forgets a device, its stations and its counters: take those with
// Counters first.
func (p *Path) RemovePort(ifindex int) error {
	return errors.Join(p.dropPort(ifindex), p.ForgetBehind(ifindex))
}

func (p *Path) dropPort(ifindex int) error {
	defer p.changed()
	p.mu.Lock()
	defer p.mu.Unlock()
	m, ok := p.ports[ifindex]
	if !ok {
		return nil
	}
	delete(p.ports, ifindex)
	return errors.Join(absent(p.objects.Ports.Delete(uint32(ifindex))),
		p.objects.Counters.Put(uint32(m.index), make([]fastCounters, ebpf.MustPossibleCPU())))
}

// Keep forgets the ports of a dead daemon that are not to stay.
func (p *Path) Keep(stays func(ifindex int) bool) error {
	p.mu.Lock()
	all := slices.Collect(maps.Keys(p.ports))
	p.mu.Unlock()
	var err error
	for _, ifindex := range all {
		if !stays(ifindex) {
			err = errors.Join(err, p.RemovePort(ifindex))
		}
	}
	return err
}

// recallPorts learns which ports a dead daemon had, whose stations and counters are
// those of who comes next on the same device.
func (p *Path) recallPorts() error {
	var ifindex uint32
	var v fastPort
	it := p.objects.Ports.Iterate()
	for it.Next(&ifindex, &v) {
		p.ports[int(ifindex)] = member{v.Index, v.Group, Kind(v.Flags)}
	}
	return it.Err()
}

// SetNetwork tells of a network's own station: gateway's address, and whether its
// DHCP and DNS are user space's.
func (p *Path) SetNetwork(id uint16, gateway netip.Prefix, services bool) error {
	a := gateway.Addr().As4()
	mask := ^uint32(0) << (32 - gateway.Bits())
	v := fastNetwork{Gateway: binary.NativeEndian.Uint32(a[:])}
	v.Mask = binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, mask))
	if services {
		v.Services = 1
	}
	if err := p.objects.Networks.Put(id, v); err != nil {
		return fmt.Errorf("tell the kernel of network %s: %w", gateway, err)
	}
	return nil
}

// RemoveNetwork undoes SetNetwork.
func (p *Path) RemoveNetwork(id uint16) error {
	return absent(p.objects.Networks.Delete(id))
}

// Counters are frames and bytes that went by the fast path, as on the port's wire: a
// superframe counts once, with its whole length.
type Counters struct {
	RxFrames, RxBytes, TxFrames, TxBytes uint64

	Slow uint64 // frames that came in and went to user space
	Held uint64 // frames dropped for stations that were Held
	Bad  uint64 // frames dropped that asked for a checksum across what is translated
}

// Counters are those of a port since it was made one; zero for a device that is none.
func (p *Path) Counters(ifindex int) (sum Counters, err error) {
	p.mu.Lock()
	m, ok := p.ports[ifindex]
	p.mu.Unlock()
	if !ok {
		return sum, nil
	}
	var each []fastCounters
	if err := p.objects.Counters.Lookup(uint32(m.index), &each); err != nil {
		return sum, fmt.Errorf("read the counters of port %d: %w", ifindex, err)
	}
	for _, c := range each {
		sum.RxFrames += c.RxFrames
		sum.RxBytes += c.RxBytes
		sum.TxFrames += c.TxFrames
		sum.TxBytes += c.TxBytes
		sum.Slow += c.Slow
		sum.Held += c.Held
		sum.Bad += c.Bad
	}
	return sum, nil
}
