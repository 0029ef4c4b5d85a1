package fastpath

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"ubridge/internal/hostnet/steer"
)

// slots of the programs' array of filters, as in maps.h.
const (
	slowUplink = iota
	slowNIC
	slowFilters = 1024
)

// NICProgram is the classifier of a shared NIC's ingress.
func (p *Path) NICProgram() *ebpf.Program { return p.objects.Uplink }

// NICHostProgram is the classifier of a shared NIC's egress: it sends on what the host
// has for guests.
func (p *Path) NICHostProgram() *ebpf.Program { return p.objects.NicHost }

// NICPrograms are the kernel's numbers of both.
func (p *Path) NICPrograms() (ids []uint32, err error) {
	for _, program := range []*ebpf.Program{p.NICProgram(), p.NICHostProgram()} {
		id, err := steer.ProgramID(program)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// NICFilter is the filter of a shared NIC's packet socket. SetNIC comes before.
func (p *Path) NICFilter() int { return p.objects.NicFilter.FD() }

// NIC is a device that guests of a network share with the host, and the helper that
// stands for the host.
type NIC struct {
	Network     uint16
	NIC, Helper int    // interface indices
	Group       uint8  // split-horizon group of both
	Floor       int    // the smallest MTU of the network's ports
	Echo        uint16 // tc_index of what is handed to the host
	Filter      int    // descriptor of the filter that the NIC's socket would have without a fast path
}

// SetNIC makes a NIC and its helper ports or changes what is known of them. They send
// and get nothing before stations are said to be behind them. A helper that takes the
// place of a dead daemon's takes over its counters.
func (p *Path) SetNIC(n NIC) error {
	if was, there := p.find(n.NIC); there && was.is(kindNIC) && int(was.Beside) != n.Helper {
		if err := p.replaceHelper(int(was.Beside), n.Helper); err != nil {
			return err
		}
	}
	slot, err := p.slot(n.NIC)
	if err != nil {
		return err
	}
	if err := p.objects.Slow.Put(uint32(slot), uint32(n.Filter)); err != nil {
		return fmt.Errorf("name the filter of a shared NIC to the fast path: %w", err)
	}
	port := Port{Ifindex: n.Helper, Network: n.Network, Group: n.Group, Kind: kindHelper, Floor: n.Floor, beside: n.NIC, echo: n.Echo}
	if err := p.SetPort(port); err != nil {
		return err
	}
	port.Ifindex, port.Kind, port.beside, port.slow = n.NIC, kindNIC, n.Helper, slot
	return p.SetPort(port)
}

func (p *Path) replaceHelper(was, now int) error {
	defer p.changed()
	p.mu.Lock()
	defer p.mu.Unlock()
	m, there := p.ports[was]
	if !there || !m.is(kindHelper) {
		return nil
	}
	if err := p.put(now, m); err != nil {
		return err
	}
	delete(p.ports, was)
	return absent(p.objects.Ports.Delete(uint32(was)))
}

// slot is the place of a NIC's filter: the one that it has, or one that is free.
func (p *Path) slot(ifindex int) (uint16, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := map[uint16]bool{}
	for at, m := range p.ports {
		if m.Slow != 0 && at == ifindex {
			return m.Slow, nil
		}
		taken[m.Slow] = true
	}
	for slot := uint16(slowNIC); slot < slowFilters; slot++ {
		if !taken[slot] {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("the fast path has room for %d shared NICs only", slowFilters-slowNIC)
}

// RemoveNIC forgets both, and the stations behind them. The NIC's socket has its own
// filter by then.
func (p *Path) RemoveNIC(n NIC) error {
	return errors.Join(p.RemovePort(n.NIC, kindNIC), p.RemovePort(n.Helper, kindHelper))
}
