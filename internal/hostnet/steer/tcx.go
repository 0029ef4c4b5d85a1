package steer

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// tcxHooks are a device's, as the programs there see a packet.
var tcxHooks = []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress}

// attachFirst attaches a program to the device itself, ahead of all others there: unlike
// a link it outlives the process.
func attachFirst(at ebpf.AttachType, p *ebpf.Program, ifindex int) error {
	return link.RawAttachProgram(link.RawAttachProgramOptions{Target: ifindex, Program: p, Attach: at, Anchor: link.Head()})
}

// attached lists the programs at a hook that no link holds, with where they are in the
// order of all. A device that is gone, or a kernel without tcx, has none.
func attached(at ebpf.AttachType, ifindex int) (all *link.QueryResult, ours []int, err error) {
	all, err = link.QueryPrograms(link.QueryOptions{Target: ifindex, Attach: at})
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) || errors.Is(err, ebpf.ErrNotSupported) {
		return &link.QueryResult{}, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list the programs at device %d: %w", ifindex, err)
	}
	for i := range all.Programs {
		if _, linked := all.Programs[i].LinkID(); !linked {
			ours = append(ours, i)
		}
	}
	return all, ours, nil
}

// detachWhere detaches the programs that no link holds and that want is true of.
func detachWhere(at ebpf.AttachType, ifindex int, want func(ebpf.ProgramID) bool) error {
	for {
		all, candidates, err := attached(at, ifindex)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(candidates, func(i int) bool { return want(all.Programs[i].ID) })
		if i < 0 {
			return nil
		}
		err = detachAt(at, ifindex, all, candidates[i])
		if err != nil && !errors.Is(err, unix.ESTALE) { // somebody else changed the list meanwhile
			return fmt.Errorf("detach program %d from device %d: %w", all.Programs[candidates[i]].ID, ifindex, err)
		}
	}
}

// detachRequest is the part of union bpf_attr (linux/bpf.h) for BPF_PROG_DETACH.
type detachRequest struct {
	ifindex, program, hook, flags, replaced, relative uint32
	revision                                          uint64
}

// detachAt detaches the program in a place of the list. It is named by the one before
// it: for a descriptor of its own we would need CAP_SYS_ADMIN, where another process
// has attached it.
func detachAt(at ebpf.AttachType, ifindex int, all *link.QueryResult, place int) error {
	r := detachRequest{ifindex: uint32(ifindex), hook: uint32(at), flags: unix.BPF_F_BEFORE, revision: all.Revision}
	if place > 0 {
		r.flags, r.relative = unix.BPF_F_AFTER|unix.BPF_F_ID, uint32(all.Programs[place-1].ID)
	}
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_DETACH, uintptr(unsafe.Pointer(&r)), unsafe.Sizeof(r))
	if errno != 0 {
		return errno
	}
	return nil
}
