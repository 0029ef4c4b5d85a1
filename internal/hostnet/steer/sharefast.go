package steer

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
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
// AttachNIC: one at its ingress and one at its egress. They end with the process, and
// Leave takes them away too.
func (s *Share) AttachForward(ifindex int, ingress, egress *ebpf.Program) error {
	if err := s.Forwardable(); err != nil {
		return err
	}
	in, err := s.link(ebpf.AttachTCXIngress, ingress, ifindex)
	if err != nil {
		return fmt.Errorf("forward what comes in by device %d: %w", ifindex, err)
	}
	out, err := s.link(ebpf.AttachTCXEgress, egress, ifindex)
	if err != nil {
		return errors.Join(fmt.Errorf("forward what the host sends on device %d: %w", ifindex, err), in.Close())
	}
	s.forward = []link.Link{in, out}
	return nil
}

// DetachForward undoes AttachForward.
func (s *Share) DetachForward() (err error) {
	for _, l := range s.forward {
		err = errors.Join(err, l.Close())
	}
	s.forward = nil
	return err
}
