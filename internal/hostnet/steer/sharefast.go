package steer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
)

// Names of the fast path's programs at a shared NIC, by which the kernel knows them and
// Sweep finds those that a dead daemon left. They are short enough to be kept whole.
const (
	NICIngressName = "ubridge_uplink"
	NICEgressName  = "ubridge_nicout"
)

// Echo is the tc_index that tells what is handed to the host from what the LAN sends.
func (s *Share) Echo() uint16 { return uint16(s.control[echoWord]) }

// AttachForward puts programs of the fast path before all others at the NIC, after
// AttachNIC: one at its ingress and one at its egress. They outlive the process, so that
// what is known goes on, and take the place of those that one before left, whose numbers
// (see ProgramID) are in left.
func (s *Share) AttachForward(ifindex int, ingress, egress *ebpf.Program, left []uint32) error {
	if err := s.forward(nicInRole, ebpf.AttachTCXIngress, ifindex, ingress); err != nil {
		return fmt.Errorf("forward what comes in by device %d: %w", ifindex, err)
	}
	if err := s.forward(nicOutRole, ebpf.AttachTCXEgress, ifindex, egress); err != nil {
		return fmt.Errorf("forward what the host sends on device %d: %w", ifindex, err)
	}
	if s.classic { // the filters that are there are the ones just attached
		return detachNumbers(ifindex, left)
	}
	return DetachForward(ifindex, left)
}

// forward attaches a program in the one way or the other.
func (s *Share) forward(r role, at ebpf.AttachType, ifindex int, p *ebpf.Program) error {
	if s.classic {
		return replaceFilter(r, ifindex, p.FD())
	}
	return attachFirst(at, p, ifindex)
}

// ProgramID is the kernel's number of a program.
func ProgramID(p *ebpf.Program) (uint32, error) {
	info, err := p.Info()
	if err != nil {
		return 0, fmt.Errorf("ask the kernel about a program: %w", err)
	}
	id, ok := info.ID()
	if !ok {
		return 0, errors.New("this kernel does not tell the number of a program")
	}
	return uint32(id), nil
}

// Forwarding reports whether AttachForward's programs are at a device's ingress: a
// clsact filter, or a program with one of these numbers.
func Forwarding(ifindex int, ids []uint32) (bool, error) {
	f, err := findFilter(nicInRole, ifindex)
	if f != nil || err != nil {
		return f != nil, err
	}
	all, ours, err := attached(ebpf.AttachTCXIngress, ifindex)
	return slices.ContainsFunc(ours, func(i int) bool { return slices.Contains(ids, uint32(all.Programs[i].ID)) }), err
}

// DetachForward undoes AttachForward of programs with these numbers, also that of a dead
// process. A device that is gone or has none is no error.
func DetachForward(ifindex int, ids []uint32) error {
	return errors.Join(detachNumbers(ifindex, ids), removeForward(ifindex))
}

func detachNumbers(ifindex int, ids []uint32) (err error) {
	for _, at := range tcxHooks {
		err = errors.Join(err, detachWhere(at, ifindex, func(id ebpf.ProgramID) bool { return slices.Contains(ids, uint32(id)) }))
	}
	return err
}

func removeForward(ifindex int) error {
	return errors.Join(removeFilter(nicInRole, ifindex), removeFilter(nicOutRole, ifindex))
}

// HasForward reports whether programs of AttachForward are at a device, whoever attached
// them, by their names. To ask for the name of another process's program takes
// CAP_SYS_ADMIN; without it nothing is found.
func HasForward(ifindex int) bool {
	if f, err := findFilter(nicInRole, ifindex); err == nil && f != nil {
		return true
	}
	return slices.ContainsFunc(tcxHooks, func(at ebpf.AttachType) bool {
		all, ours, err := attached(at, ifindex)
		return err == nil && slices.ContainsFunc(ours, func(i int) bool { return forwards(ProgramName(all.Programs[i].ID)) })
	})
}

// sweepForward removes what HasForward finds.
func sweepForward(ifindex int) (removed []string, err error) {
	for _, at := range tcxHooks {
		err = errors.Join(err, detachWhere(at, ifindex, func(id ebpf.ProgramID) bool {
			name := ProgramName(id)
			if !forwards(name) {
				return false
			}
			removed = append(removed, "tcx program "+name)
			return true
		}))
	}
	return removed, err
}

func forwards(name string) bool { return name == NICIngressName || name == NICEgressName }

// ProgramName is the name of a program, of whichever process; empty where it is gone or
// may not be asked for (CAP_SYS_ADMIN).
func ProgramName(id ebpf.ProgramID) string {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return ""
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return ""
	}
	return info.Name
}
