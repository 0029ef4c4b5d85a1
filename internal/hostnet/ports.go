package hostnet

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// PortRange is a range of ports, both ends included.
type PortRange struct{ First, Last uint16 }

// Len counts the ports of the range; an inverted range is empty.
func (r PortRange) Len() int { return max(0, int(r.Last)-int(r.First)+1) }

// Contains reports whether the range holds the port.
func (r PortRange) Contains(port uint16) bool { return port >= r.First && port <= r.Last }

// LocalPortRange reads ip_local_port_range, from which the host takes ports for
// its own connections.
func LocalPortRange() (PortRange, error) {
	text, err := readSysctl("ipv4/ip_local_port_range")
	if err != nil {
		return PortRange{}, err
	}
	var r PortRange
	if _, err := fmt.Sscan(text, &r.First, &r.Last); err != nil {
		return PortRange{}, fmt.Errorf("sysctl net/ipv4/ip_local_port_range is %q: %w", text, err)
	}
	return r, nil
}

// PoolAbove returns the ports above the host's own range, which a translated
// flow may use without asking; empty where the host's range ends at 65535.
func PoolAbove(local PortRange) PortRange {
	if local.Last == 65535 {
		return PortRange{First: 65535, Last: 65534}
	}
	return PortRange{First: local.Last + 1, Last: 65535}
}

// Transport is a transport protocol by its IP protocol number.
type Transport uint8

// The transports that have ports.
const (
	TCP Transport = unix.IPPROTO_TCP
	UDP Transport = unix.IPPROTO_UDP
)

// String gives the protocol's usual name.
func (p Transport) String() string {
	if p == TCP {
		return "tcp"
	}
	return "udp"
}

// tcpListen is TCP_LISTEN of net/tcp_states.h.
const tcpListen = 10

// BusyPorts lists the local ports in the range that sockets of the host use,
// IPv4 and IPv6 (an IPv6 socket may serve IPv4 as well). Sockets that are bound
// but neither listen nor are connected are not in the kernel's tables, so only
// a bind finds those.
func BusyPorts(proto Transport, within PortRange) (map[uint16]bool, error) {
	sockets, err := sockets(proto)
	if err != nil {
		return nil, err
	}
	busy := make(map[uint16]bool)
	for _, s := range sockets {
		if within.Contains(s.ID.SourcePort) {
			busy[s.ID.SourcePort] = true
		}
	}
	return busy, nil
}

// sockets dumps the host's sockets of a protocol by sock_diag.
func sockets(proto Transport) (all []*netlink.Socket, err error) {
	dump := netlink.SocketDiagTCP
	if proto == UDP {
		dump = netlink.SocketDiagUDP
	}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		list, err := dump(family)
		if os.IsNotExist(err) && family == unix.AF_INET6 {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("list %s sockets by sock_diag: %w", proto, err)
		}
		all = append(all, list...)
	}
	return all, nil
}

// BoundSocket is a socket of the host that takes a port.
type BoundSocket struct {
	Address netip.AddrPort
	Inode   uint32 // of the socket, as in /proc/PID/fd; 0 for a TIME_WAIT
}

// Bound finds the socket that takes the address and port from others: one that
// is bound to it or to a wildcard, and for TCP listens. nil if there is none. The
// IPv6 wildcard counts, although a socket with IPV6_V6ONLY would not be in the way.
func Bound(proto Transport, addr netip.AddrPort) (*BoundSocket, error) {
	all, err := sockets(proto)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.ID.SourcePort != addr.Port() || proto == TCP && s.State != tcpListen {
			continue
		}
		local, ok := netip.AddrFromSlice(s.ID.Source)
		if local = local.Unmap(); ok && (local.IsUnspecified() || local == addr.Addr()) {
			return &BoundSocket{netip.AddrPortFrom(local, addr.Port()), s.INode}, nil
		}
	}
	return nil, nil
}
