package steer

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
)

// errNoBPF is what the fallback says of programs.
var errNoBPF = errors.New("nftables stands in for eBPF here")

// AttachForward puts a program (a descriptor) in the place of AttachSilence's: one
// that sends on what it knows and hides the rest from the host's stack.
func (s *Steering) AttachForward(ifindex, program int) error {
	return s.attachProgram(silenceRole, ifindex, program)
}

// AttachHost puts a program at the egress of a host's port.
func (s *Steering) AttachHost(ifindex, program int) error {
	return s.attachProgram(hostRole, ifindex, program)
}

// DetachHost undoes AttachHost. A device that is gone or has none is no error.
func (s *Steering) DetachHost(ifindex int) error { return s.remove(hostRole, ifindex) }

// AttachUplinkForward puts a program before AttachUplink's, which sees what the first
// one lets go on, whichever was attached first.
func (s *Steering) AttachUplinkForward(ifindex, program int) error {
	return s.attachProgram(flowsRole, ifindex, program)
}

// DetachUplinkForward undoes AttachUplinkForward, also that of a dead process.
func (s *Steering) DetachUplinkForward(ifindex int) error { return s.remove(flowsRole, ifindex) }

func (s *Steering) attachProgram(r role, ifindex, program int) error {
	if s.fallback != nil {
		return fmt.Errorf("attach %s to device %d: %w", r, ifindex, errNoBPF)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r == flowsRole {
		if err := removeBehindUplink(ifindex); err != nil {
			return err
		}
	}
	return replaceFilter(r, ifindex, program)
}

// removeBehindUplink removes a filter of flowsRole that uplinkRole's goes before, as
// where a predecessor left the one without the other: of the filters of one preference
// the latest comes first, and one that is replaced stays where it is
// (net/sched/cls_bpf.c, cls_bpf_change).
func removeBehindUplink(ifindex int) error {
	filters, err := listFilters(ifindex, flowsRole.hook())
	if err != nil {
		return err
	}
	for _, f := range filters {
		b, ok := f.(*netlink.BpfFilter)
		switch {
		case ok && isOurs(b, flowsRole):
			return nil
		case ok && isOurs(b, uplinkRole):
			return removeFilter(flowsRole, ifindex)
		}
	}
	return nil
}

func (s *Steering) remove(r role, ifindex int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return removeFilter(r, ifindex)
}

// ForwardID is the kernel's number of the program that AttachForward or
// AttachSilence, of this process or of a dead one, left on a device; 0 for none.
func ForwardID(ifindex int) (uint32, error) {
	f, err := findFilter(silenceRole, ifindex)
	if err != nil || f == nil {
		return 0, err
	}
	return uint32(f.Id), nil
}
