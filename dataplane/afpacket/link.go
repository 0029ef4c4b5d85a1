package afpacket

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// link is what the port knows of its device's state.
type link struct {
	ifindex int
	idle    bool     // the last Receive found nothing, so the next may ask the socket
	scrap   [64]byte // where a frame without a buffer is read to

	// What senders notice too.
	suspect atomic.Bool // the socket has reported ENETDOWN; the device is to be asked
	gone    atomic.Bool // the device has left the namespace, for ever
}

// ifindex finds the device that c names.
func (c Config) ifindex() (int, error) {
	if c.Ifindex > 0 {
		return c.Ifindex, nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("look up device %q: %w", c.Name, err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(c.Name)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr)
	}
	if err != nil {
		return 0, fmt.Errorf("look up device %q: %w", c.Name, err)
	}
	return int(ifr.Uint32()), nil
}

// request asks the kernel one thing (SIOCGIF…) of the port's device. It goes by
// index to the name first, since devices are renamed.
func (p *Port) request(what uint) (*unix.Ifreq, error) {
	ifr, _ := unix.NewIfreq("")
	ifr.SetUint32(uint32(p.link.ifindex))
	if err := unix.IoctlIfreq(p.fd, unix.SIOCGIFNAME, ifr); err != nil {
		return nil, err
	}
	return ifr, unix.IoctlIfreq(p.fd, what, ifr)
}

// describe reads the device's MTU and whether it has a link header.
func (p *Port) describe(c Config) error {
	mtu, err := p.request(unix.SIOCGIFMTU)
	if err != nil {
		return fmt.Errorf("read the device's MTU: %w", err)
	}
	p.caps.MTU = int(mtu.Uint32())
	typ, err := p.request(unix.SIOCGIFHWADDR)
	if err != nil {
		return fmt.Errorf("read the device's type: %w", err)
	}
	switch typ.Uint16() {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		p.l3 = c.L3
	case unix.ARPHRD_NONE, unix.ARPHRD_PPP, unix.ARPHRD_RAWIP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6, unix.ARPHRD_SIT:
		p.l3 = true
	default:
		return fmt.Errorf("link type %d is neither Ethernet nor plain IP", typ.Uint16())
	}
	return nil
}

// state is the device's state as seen by a Receive that found no frame. A
// socket that reports ENETDOWN polls as ready until someone reads the error, so
// it is read here, but only when the Receive before found nothing either: a
// busy port makes no system call for it.
func (p *Port) state() error {
	l := &p.link
	if l.gone.Load() {
		return frame.ErrDown
	}
	if !l.idle && !l.suspect.Load() {
		l.idle = true
		return nil
	}
	if p.socketError() != 0 {
		l.suspect.Store(true)
	}
	if l.suspect.Load() && !p.askUp() {
		return frame.ErrDown
	}
	l.suspect.Store(false)
	return nil
}

// askUp asks the kernel whether the device is there and up.
func (p *Port) askUp() bool {
	if !p.bound() {
		p.link.gone.Store(true)
		return false
	}
	ifr, err := p.request(unix.SIOCGIFFLAGS)
	return err == nil && ifr.Uint16()&unix.IFF_UP != 0
}

// bound reports whether the socket still belongs to the device: the kernel sets
// the index to -1 when the device is unregistered.
func (p *Port) bound() bool {
	sa, err := unix.Getsockname(p.fd)
	if err != nil {
		return false
	}
	ll, ok := sa.(*unix.SockaddrLinklayer)
	return ok && ll.Ifindex == p.link.ifindex
}

// socketError reads and clears the socket's pending error (SO_ERROR), 0 for
// none.
func (p *Port) socketError() int32 {
	var v int32
	n := uint32(unsafe.Sizeof(v))
	unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(p.fd), unix.SOL_SOCKET, unix.SO_ERROR,
		uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&n)), 0)
	return v
}
