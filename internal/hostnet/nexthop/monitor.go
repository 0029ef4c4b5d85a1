package nexthop

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// receiveBuffer holds the notifications of a few thousand changes at once.
const receiveBuffer = 1 << 20

// groups are the notifications on which a Hop or the local set depends.
var groups = []int{
	unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH, unix.RTNLGRP_IPV4_IFADDR,
	unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_NEXTHOP,
}

// errOverrun says that the kernel had to drop notifications.
var errOverrun = errors.New("netlink notifications were lost")

// monitor is a socket that hears the kernel's route notifications.
type monitor struct {
	file *os.File
	conn syscall.RawConn
	buf  []byte
}

func openMonitor() (*monitor, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	m := &monitor{file: os.NewFile(uintptr(fd), "rtnetlink"), buf: make([]byte, 1<<16)}
	if err := subscribe(fd); err != nil {
		return nil, errors.Join(err, m.file.Close())
	}
	if m.conn, err = m.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, m.file.Close())
	}
	return m, nil
}

func subscribe(fd int) error {
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("bind netlink socket: %w", err)
	}
	for _, g := range groups {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, g); err != nil {
			return fmt.Errorf("subscribe to netlink group %d: %w", g, err)
		}
	}
	// Without CAP_NET_ADMIN the limit of the host applies, and overruns come
	// sooner; they are no loss, only work.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	return nil
}

// Close closes the socket.
func (m *monitor) Close() error { return m.file.Close() }

// wake ends a receive that waits, now or later, until the next deadline is set.
func (m *monitor) wake() { _ = m.file.SetReadDeadline(time.Unix(1, 0)) }

// receive waits until the deadline for notifications and hands f each message
// there is; os.ErrDeadlineExceeded if there was none, errOverrun if some were
// lost.
func (m *monitor) receive(f func(syscall.NetlinkMessage)) error {
	var failed error
	err := m.conn.Read(func(fd uintptr) bool {
		for got := false; ; got = true {
			n, from, err := unix.Recvfrom(int(fd), m.buf, unix.MSG_DONTWAIT)
			switch {
			case err == unix.EINTR:
				continue
			case err == unix.EAGAIN:
				return got
			case err == unix.ENOBUFS:
				err = errOverrun
			}
			if err != nil {
				failed = err
				return true
			}
			if kernel, ok := from.(*unix.SockaddrNetlink); ok && kernel.Pid == 0 {
				failed = errors.Join(failed, each(m.buf[:n], f))
			}
		}
	})
	return errors.Join(err, failed)
}

func each(b []byte, f func(syscall.NetlinkMessage)) error {
	msgs, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return fmt.Errorf("parse netlink notification: %w", err)
	}
	for _, m := range msgs {
		f(m)
	}
	return nil
}
