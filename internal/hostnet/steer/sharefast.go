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

// errClassic is why a NIC is not on the fast path where the kernel is older.
var errClassic = errors.New("programs beside others at a shared NIC need tcx (Linux 6.6)")

// Forwardable reports why AttachForward cannot be; nil if it can.
func (s *Share) Forwardable() error {
	if s.classic {
		return errClassic
	}
	return nil
}

// Echo is the tc_index that tells what is handed to the host from what the LAN sends.
func (s *Share) Echo() uint16 { return uint16(s.control[echoWord]) }

// AttachForward puts programs of the fast path before all others at the NIC, after
// AttachNIC: one at its ingress and one at its egress. They outlive the process, so that
// what is known goes on; DetachForward takes them away by their numbers (see ProgramID).
func (s *Share) AttachForward(ifindex int, ingress, egress *ebpf.Program) error {
	if err := s.Forwardable(); err != nil {
		return err
	}
	if err := attachFirst(ebpf.AttachTCXIngress, ingress, ifindex); err != nil {
		return fmt.Errorf("forward what comes in by device %d: %w", ifindex, err)
	}
	if err := attachFirst(ebpf.AttachTCXEgress, egress, ifindex); err != nil {
		return fmt.Errorf("forward what the host sends on device %d: %w", ifindex, err)
	}
	return nil
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

// Forwarding reports whether one of the programs with these numbers is at a device's
// ingress.
func Forwarding(ifindex int, ids []uint32) (bool, error) {
	all, ours, err := attached(ebpf.AttachTCXIngress, ifindex)
	return slices.ContainsFunc(ours, func(i int) bool { return slices.Contains(ids, uint32(all.Programs[i].ID)) }), err
}

// DetachForward removes the programs with these numbers from a device, also those of a
// dead process. A device that is gone or has none is no error.
func DetachForward(ifindex int, ids []uint32) (err error) {
	for _, at := range tcxHooks {
		err = errors.Join(err, detachWhere(at, ifindex, func(id ebpf.ProgramID) bool { return slices.Contains(ids, uint32(id)) }))
	}
	return err
}

// HasForward reports whether programs of AttachForward are at a device, whoever attached
// them, by their names. To ask for the name of another process's program takes
// CAP_SYS_ADMIN; without it nothing is found.
func HasForward(ifindex int) bool {
	return slices.ContainsFunc(tcxHooks, func(at ebpf.AttachType) bool {
		all, ours, err := attached(at, ifindex)
		return err == nil && slices.ContainsFunc(ours, func(i int) bool { return forwards(programName(all.Programs[i].ID)) })
	})
}

// sweepForward removes what HasForward finds.
func sweepForward(ifindex int) (removed []string, err error) {
	for _, at := range tcxHooks {
		err = errors.Join(err, detachWhere(at, ifindex, func(id ebpf.ProgramID) bool {
			name := programName(id)
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

func programName(id ebpf.ProgramID) string {
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
