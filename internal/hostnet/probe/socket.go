package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"ubridge/internal/hostnet"
)

// Holder is a process that holds a socket. PID is 0 and Name empty if it cannot
// be seen from here (another user's, another PID namespace, or the kernel).
type Holder struct {
	Address netip.AddrPort // what the socket is bound to
	PID     int
	Name    string // comm, at most 15 bytes
}

// PortHolder tells which socket takes the address and port for TCP or UDP,
// itself or by a wildcard address, and whose it is; nil if the port is free.
func PortHolder(proto hostnet.Transport, addr netip.AddrPort) (*Holder, error) {
	bound, err := hostnet.Bound(proto, addr)
	if err != nil || bound == nil {
		return nil, err
	}
	h := &Holder{Address: bound.Address}
	if h.PID, err = ownerOf(bound.Inode); err != nil || h.PID == 0 {
		return h, err
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", h.PID))
	if err != nil && !vanished(err) {
		return h, fmt.Errorf("name of process %d: %w", h.PID, err)
	}
	h.Name = strings.TrimSpace(string(comm))
	return h, nil
}

// ownerOf finds a process with a descriptor of the socket; 0 if none is seen.
func ownerOf(inode uint32) (int, error) {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return 0, fmt.Errorf("look for the socket's process: %w", err)
	}
	want := fmt.Sprintf("socket:[%d]", inode)
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		if holds(pid, want) {
			return pid, nil
		}
	}
	return 0, nil
}

// holds looks through a process' descriptors; those it may not see, or that go
// meanwhile, are not there.
func holds(pid int, want string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, fd := range fds {
		if target, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && target == want {
			return true
		}
	}
	return false
}

func vanished(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
}
