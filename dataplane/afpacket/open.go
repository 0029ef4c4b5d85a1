package afpacket

import (
	"errors"
	"fmt"
	"net"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// Defaults and limits of Config.
const (
	DefaultRingBytes = 1 << 20 // 8 MiB measured no better; the memory cannot be swapped out
	DefaultSlotBytes = 2048    // an Ethernet frame of 1,514 bytes and 114 bytes before it

	rcvbuf = 16 << 20 // bounds the superframes that wait beside the ring: about 200
	sndbuf = 8 << 20  // bounds what one port may have in flight behind it
)

// Config says which device to attach to and how.
type Config struct {
	Name    string // device, in the calling thread's network namespace; or
	Ifindex int    // its index, which is looked at first

	RingBytes int // memory of the receive ring, rounded up to 64 KiB; 0 = DefaultRingBytes
	SlotBytes int // length of a slot of it; 0 = DefaultSlotBytes

	Promiscuous bool   // receive frames for any address: a NIC shared with guests; a tap or veth end needs none
	Mark        uint32 // SO_MARK of what is sent; 0 = none

	Filter   []unix.SockFilter // classic filter of what is received; nil = none
	FilterFD int               // eBPF socket filter program instead; 0 or -1 = none

	L3 bool // the device has no link header though its type says otherwise
}

// Open attaches to a device, which may be down. The calling thread is in the
// device's network namespace; the port works from any namespace afterwards. It
// needs CAP_NET_RAW, and CAP_NET_ADMIN for Mark and for socket buffers larger
// than net.core.rmem_max and wmem_max.
func Open(c Config) (*Port, error) { return open(c, true) }

// open is Open, with or without the vnet header.
func open(c Config, vnet bool) (*Port, error) {
	ifindex, err := c.ifindex()
	if err != nil {
		return nil, err
	}
	fd, err := socket(c, ifindex)
	if err != nil {
		return nil, err
	}
	p := &Port{fd: fd, link: link{ifindex: ifindex}}
	p.link.suspect.Store(true)
	if err := p.setUp(c, vnet); err != nil {
		p.Close()
		return nil, fmt.Errorf("attach to device %d (%s): %w", ifindex, c.Name, err)
	}
	return p, nil
}

// socket opens a packet socket that is bound to the device but to no protocol,
// so that no frame arrives before all options are set. mdlayher/packet opens,
// filters and binds; its descriptor is duplicated and its Conn closed, which
// takes the socket out of the netpoller's epoll set.
func socket(c Config, ifindex int) (int, error) {
	if len(c.Filter) > 0 && c.FilterFD > 0 {
		return -1, errors.New("packet socket: a classic and an eBPF filter are given; use one")
	}
	filter := make([]bpf.RawInstruction, len(c.Filter))
	for i, f := range c.Filter {
		filter[i] = bpf.RawInstruction{Op: f.Code, Jt: f.Jt, Jf: f.Jf, K: f.K}
	}
	conn, err := packet.Listen(&net.Interface{Index: ifindex}, packet.Raw, 0, &packet.Config{Filter: filter})
	if err != nil {
		return -1, fmt.Errorf("open packet socket on device %d (needs CAP_NET_RAW): %w", ifindex, err)
	}
	defer conn.Close()
	if c.Promiscuous {
		if err := conn.SetPromiscuous(true); err != nil {
			return -1, fmt.Errorf("make device %d promiscuous: %w", ifindex, err)
		}
	}
	return duplicate(conn)
}

// duplicate is a descriptor of conn's socket of our own.
func duplicate(conn *packet.Conn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd, dupErr := -1, error(nil)
	err = raw.Control(func(s uintptr) { fd, dupErr = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		err = dupErr
	}
	if err != nil {
		return -1, fmt.Errorf("duplicate packet socket: %w", err)
	}
	return fd, nil
}

// setUp makes the socket ready and binds it to all protocols last.
func (p *Port) setUp(c Config, vnet bool) error {
	if err := p.describe(c); err != nil {
		return err
	}
	if err := p.setOptions(c); err != nil {
		return err
	}
	if vnet && unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1) == nil {
		p.vnet = frame.VnetLen
		p.caps.Csum, p.caps.TSO4, p.caps.TSO6, p.caps.USO = true, true, true, takesUSO()
	}
	var err error
	if p.ring, err = newRing(p.fd, or(c.RingBytes, DefaultRingBytes), or(c.SlotBytes, DefaultSlotBytes)); err != nil {
		return err
	}
	p.tx.init(p)
	all := &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: p.link.ifindex}
	if err := unix.Bind(p.fd, all); err != nil {
		return fmt.Errorf("bind packet socket: %w", err)
	}
	return nil
}

// setOptions sets what has no say in the layout of the ring.
func (p *Port) setOptions(c Config) error {
	if err := unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return fmt.Errorf("leave out frames sent by the host: %w", err)
	}
	if c.Mark != 0 {
		if err := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_MARK, int(c.Mark)); err != nil {
			return fmt.Errorf("set mark %#x (needs CAP_NET_ADMIN): %w", c.Mark, err)
		}
	}
	if c.FilterFD > 0 {
		if err := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, c.FilterFD); err != nil {
			return fmt.Errorf("attach socket filter: %w", err)
		}
		p.filter.Store(int64(c.FilterFD))
	}
	p.setBuffer(unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, rcvbuf)
	p.setBuffer(unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, sndbuf)
	return nil
}

// setBuffer sets a socket buffer past the system's limit, or up to it where the
// privilege is missing: that costs drops under load, which are counted, and is
// no reason not to start.
func (p *Port) setBuffer(force, plain, n int) {
	if unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, force, n) != nil {
		_ = unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, plain, n)
	}
}

// takesUSO reports whether packet sockets take UDP superframes: Linux 6.2 and
// later do. There is no way to ask but to send one.
func takesUSO() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 6 || major == 6 && minor >= 2
}

// or is v, or where it is zero, def.
func or(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

// htons is a 16-bit number in network byte order on a little-endian machine.
func htons(v uint16) uint16 { return v<<8 | v>>8 }
