package fastpath

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/internal/hostnet/internal/nstest"
	"ubridge/internal/hostnet/steer"
)

const (
	network  = 7
	patience = 3 * time.Second
)

// guest is a namespace on a wire of its own to the bed's host.
type guest struct {
	*nstest.NS
	name    string // of the device at the host's end
	ifindex int
	mac     [6]byte
	addr    netip.Addr
	socket  int // a packet socket at the host's end, with the filter
}

// bed is a host between guests:
//
//	a 10.7.0.1 ─── pa :host: pb ─── b 10.7.0.2
type bed struct {
	t     *testing.T
	host  *nstest.NS
	path  *Path
	steer *steer.Steering
	a, b  *guest
}

func newBed(t *testing.T) *bed {
	b := &bed{t: t, host: nstest.New(t)}
	b.host.Run("sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
	b.steer = load(t, b.host)
	b.open(Options{Stations: 16, Flows: 16})
	b.a, b.b = b.guest(1), b.guest(2)
	return b
}

func load(t *testing.T, ns *nstest.NS) (s *steer.Steering) {
	ns.Must(func() (err error) { s, err = steer.Load(); return err })
	t.Cleanup(func() { ns.Must(s.Close) })
	return s
}

// open opens the path, which is closed with the test.
func (b *bed) open(o Options) {
	b.t.Helper()
	b.host.Must(func() (err error) { b.path, err = Open(o, b.steer.FilterFD()); return err })
	p := b.path
	b.t.Cleanup(func() { b.host.Must(p.Close) })
}

// guest makes guest n with a port that is on the fast path, and whose stations
// nobody has learned.
func (b *bed) guest(n int) *guest {
	b.t.Helper()
	g := &guest{NS: nstest.New(b.t), name: fmt.Sprintf("p%c", 'a'+n-1), addr: netip.AddrFrom4([4]byte{10, 7, 0, byte(n)}), socket: -1}
	g.Run("sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
	nstest.Veth(b.host, g.name, g.NS, "eth0")
	g.mac = [6]byte{2, 0, 0, 0, 0, byte(n)}
	g.Run(fmt.Sprintf("ip link set eth0 address %s\nip addr add %s/24 dev eth0", net.HardwareAddr(g.mac[:]), g.addr))
	g.ifindex = b.index(g.name)
	b.attach(g, Port{Ifindex: g.ifindex, Network: network, Floor: 1500})
	return g
}

func (b *bed) index(name string) (ifindex int) {
	b.t.Helper()
	b.host.Must(func() error {
		i, err := net.InterfaceByName(name)
		if err == nil {
			ifindex = i.Index
		}
		return err
	})
	return ifindex
}

// attach puts a guest's port on the fast path.
func (b *bed) attach(g *guest, p Port) {
	b.t.Helper()
	b.host.Must(func() error {
		return errors.Join(b.path.SetPort(p), b.steer.AttachForward(g.ifindex, b.path.PortProgram()))
	})
	g.socket = b.socket(g.ifindex, b.path.PortFilter())
}

// socket is a packet socket of the host's on a device, with a filter.
func (b *bed) socket(ifindex, filter int) (fd int) {
	b.t.Helper()
	b.host.Must(func() (err error) {
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
			return err
		}
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, filter),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0x0300, Ifindex: ifindex}),
		)
	})
	b.t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// got takes the frames that came to user space.
func (g *guest) got() (frames [][]byte) {
	buf := make([]byte, 1<<17)
	for {
		n, err := unix.Read(g.socket, buf)
		if err != nil {
			return frames
		}
		frames = append(frames, append([]byte(nil), buf[:n]...))
	}
}

// known puts guests into the map, as if they had been learned, and tells them of one
// another.
func (b *bed) known(guests ...*guest) {
	b.t.Helper()
	for _, g := range guests {
		if err := b.path.Learn(Station{Network: network, MAC: g.mac, Ifindex: g.ifindex}); err != nil {
			b.t.Fatal(err)
		}
		for _, other := range guests {
			if other != g {
				g.Run(fmt.Sprintf("ip neigh replace %s lladdr %s dev eth0", other.addr, net.HardwareAddr(other.mac[:])))
			}
		}
	}
}

// counters are those of a guest's port.
func (b *bed) counters(g *guest) Counters {
	b.t.Helper()
	c, err := b.path.Counters(g.ifindex, false)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}
