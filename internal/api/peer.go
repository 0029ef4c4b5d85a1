package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Peer is the process at the other end of a connection, as the kernel knew it
// when it connected (SO_PEERCRED, SO_PEERGROUPS).
type Peer struct {
	PID    int // in the daemon's PID namespace, 0 if it is not in there
	UID    int
	GID    int
	Groups []int // supplementary
}

// In reports whether the peer is a member of the group.
func (p Peer) In(gid int) bool { return p.GID == gid || slices.Contains(p.Groups, gid) }

type peerKey struct{}

// WithPeer gives a context that carries a peer's credentials.
func WithPeer(ctx context.Context, p Peer) context.Context {
	return context.WithValue(ctx, peerKey{}, p)
}

// PeerOf finds the credentials of the peer whose request a Backend serves.
func PeerOf(ctx context.Context) (Peer, bool) {
	p, ok := ctx.Value(peerKey{}).(Peer)
	return p, ok
}

// MayChange tells whether a peer may change anything by the listener's socket.
func (l *Listener) MayChange(p Peer) bool { return mayChange(p, l.group) }

// mayChange tells whether the peer may change anything: root, the daemon's own
// user, or a member of the socket's group (-1: none).
func mayChange(p Peer, group int) bool {
	return p.UID == 0 || p.UID == os.Geteuid() || group >= 0 && p.In(group)
}

// Credentials asks the kernel about the other end of a unix socket.
func Credentials(c net.Conn) (p Peer, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return p, fmt.Errorf("peer credentials: %T is no unix socket", c)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return p, fmt.Errorf("peer credentials: %w", err)
	}
	ctlErr := raw.Control(func(fd uintptr) { p, err = peerOfFD(int(fd)) })
	return p, errors.Join(ctlErr, err)
}

func peerOfFD(fd int) (Peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return Peer{}, fmt.Errorf("SO_PEERCRED: %w", err)
	}
	p := Peer{PID: int(cred.Pid), UID: int(cred.Uid), GID: int(cred.Gid)}
	p.Groups, err = peerGroups(fd)
	return p, err
}

// peerGroups reads the supplementary groups; a process has at most 65536
// (limits.h), few have more than the first try takes.
func peerGroups(fd int) ([]int, error) {
	ids := make([]uint32, 64)
	for {
		size := uint32(4 * len(ids))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&ids[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == unix.ERANGE && int(size/4) > len(ids):
			ids = make([]uint32, size/4)
			continue
		case errno != 0:
			return nil, fmt.Errorf("SO_PEERGROUPS: %w", errno)
		}
		groups := make([]int, size/4)
		for i := range groups {
			groups[i] = int(ids[i])
		}
		return groups, nil
	}
}
