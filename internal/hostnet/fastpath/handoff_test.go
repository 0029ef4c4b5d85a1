package fastpath

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"ubridge/internal/wire"
)

// leave leaves a verdict for the classifier on the bed's processor.
func (b *coreBed) leave(v fastVerdict) error {
	var each []fastVerdict
	if err := b.path.objects.Decided.Lookup(uint32(0), &each); err != nil {
		return err
	}
	each[b.cpu] = v
	return b.path.objects.Decided.Put(uint32(0), each)
}

// TestAVerdictIsForItsFrameOnly, and once.
func TestAVerdictIsForItsFrameOnly(t *testing.T) {
	b := newCoreBed(t)
	ip := wire.IPv4{0x45, 0, 0, 40, 0, 0, 0, 0, 64, wire.ProtoTCP, 0, 0, 10, 7, 0, 1, 198, 51, 100, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0x50, 16, 0, 0, 0, 0, 0, 0}
	ip.FillChecksum()
	data := append(append(append([]byte{}, station[:]...), 2, 8, 8, 8, 8, 8), append([]byte{8, 0}, ip...)...) // of an unknown station
	right := fastVerdict{In: uint32(b.ifindex[1]), Len: uint32(len(data)), Act: toPort, Out: uint32(b.ifindex[2])}
	copy(right.Eth.H_dest[:], data)
	copy(right.Eth.H_source[:], data[6:])
	right.Eth.H_proto = binary.NativeEndian.Uint16(data[12:])
	copy(right.Head[:], ip[12:])
	for _, c := range []struct {
		name   string
		change func(v *fastVerdict)
		taken  bool
	}{
		{"right", func(*fastVerdict) {}, true},
		{"another device", func(v *fastVerdict) { v.In++ }, false},
		{"another length", func(v *fastVerdict) { v.Len++ }, false},
		{"another destination", func(v *fastVerdict) { v.Eth.H_dest[5]++ }, false},
		{"another source", func(v *fastVerdict) { v.Eth.H_source[0]++ }, false},
		{"another type", func(v *fastVerdict) { v.Eth.H_proto++ }, false},
		{"right packet for the host", func(v *fastVerdict) { v.Act = toHost }, true},
		{"another packet for the host", func(v *fastVerdict) { v.Act, v.Head[0] = toHost, 9 }, false},
		{"another sequence number", func(v *fastVerdict) { v.Act, v.Head[15] = toHost, 9 }, false},
		{"taken before", func(v *fastVerdict) { v.In = 0 }, false},
	} {
		v := right
		c.change(&v)
		b.ns.Must(func() error {
			if err := b.enter(); err != nil {
				return err
			}
			for i := range 2 {
				if i == 0 {
					if err := b.leave(v); err != nil {
						return err
					}
				}
				d, err := b.decide(1, data, 0)
				if want := c.taken && i == 0; err == nil && (d.port == 2) != want {
					err = fmt.Errorf("%s: look %d: sent to port %d, taken is to be %v", c.name, i, d.port, want)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// TestTagsGoThrough: a frame keeps the tag that the kernel takes off at the ingress,
// and counts with it.
func TestTagsGoThrough(t *testing.T) {
	b := newBed(t)
	b.known(b.a, b.b)
	const tci = 5<<13 | 5
	data := append(append(append([]byte{}, b.b.mac[:]...), b.a.mac[:]...), 0x81, 0, tci>>8, tci&0xff, 0x88, 0xb5)
	data = append(data, make([]byte, 46)...)
	from, to := wireSocket(t, b.a), wireSocket(t, b.b)
	if _, err := unix.Write(from, data); err != nil {
		t.Fatal(err)
	}
	buf, oob := make([]byte, 2000), make([]byte, 100)
	n, k, _, _, err := unix.Recvmsg(to, buf, oob, 0)
	check(t, err)
	control, err := unix.ParseSocketControlMessage(oob[:k])
	check(t, err)
	if got := binary.NativeEndian.Uint16(control[0].Data[16:]); n != len(data)-4 || got != tci {
		t.Errorf("%d bytes with tag %#x, want %d with %#x", n, got, len(data)-4, tci)
	}
	if n := len(b.a.got()); n > 0 {
		t.Errorf("%d frames came to user space", n)
	}
	if c := b.counters(b.a); c.RxFrames != 1 || c.RxBytes != uint64(len(data)) {
		t.Errorf("%+v, want one frame of %d bytes", c, len(data))
	}
}

// wireSocket is a guest's packet socket for the experimental type, which tells of tags.
func wireSocket(t *testing.T, g *guest) (fd int) {
	t.Helper()
	g.Must(func() (err error) {
		link, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		tv := unix.NsecToTimeval(int64(patience))
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0x0300, Ifindex: link.Index}),
		)
	})
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// TestTheHostIsReached by the tap's ingress, and reaches guests by its egress: nothing
// of it comes to the tap's descriptor or the guest's socket.
func TestTheHostIsReached(t *testing.T) {
	b := newBed(t)
	fd := b.tap("ubr0")
	b.host.Run(fmt.Sprintf("ip link set ubr0 address %s up\nip addr add 10.7.0.254/24 dev ubr0\nip neigh replace 10.7.0.1 lladdr %s dev ubr0", station, net.HardwareAddr(b.a.mac[:])))
	b.a.Run(fmt.Sprintf("ip neigh replace 10.7.0.254 lladdr %s dev eth0", station))
	index := b.index("ubr0")
	drain(fd)
	check(t, b.path.SetPort(Port{Ifindex: index, Network: network, Kind: Host, Floor: 1500}))
	check(t, b.path.SetNetwork(network, netip.MustParsePrefix("10.7.0.254/24"), true))
	check(t, b.path.Learn(Station{Network: network, MAC: station, Ifindex: index, Gateway: true}))
	b.known(b.a, b.b)
	b.host.Must(func() error { return b.steer.AttachHost(index, b.path.HostProgram()) })
	b.a.Run("ping -c 3 -i 0.2 -W 1 10.7.0.254")
	b.host.Run("ping -c 3 -i 0.2 -W 1 10.7.0.1")
	if n := len(b.a.got()) + drain(fd); n > 0 {
		t.Errorf("%d frames came to user space", n)
	}
	if c := b.counters(b.a); c.RxFrames != 6 || c.TxFrames != 6 {
		t.Errorf("%+v, want 6 frames each way", c)
	}
	// What the host forwards for others is not its own.
	b.host.Run("ip addr add 10.6.0.1/24 dev lo")
	b.host.Try("ping -c 1 -W 0.3 -I 10.6.0.1 10.7.0.1")
	if n := drain(fd); n != 1 {
		t.Errorf("%d frames with another source came to user space, 1 was sent", n)
	}
	// Nor is what is for a station beyond it.
	beyond := [6]byte{2, 7, 7, 7, 7, 7}
	check(t, b.path.Learn(Station{Network: network, MAC: beyond, Ifindex: index}))
	b.a.Run(fmt.Sprintf("ip neigh replace 10.7.0.77 lladdr %s dev eth0", net.HardwareAddr(beyond[:])))
	b.a.Try("ping -c 1 -W 0.3 10.7.0.77")
	if n, m := len(b.a.got()), drain(fd); n != 1 || m != 0 {
		t.Errorf("for a station beyond the host: %d frames came to the guest's socket, %d to the tap; 1 was sent", n, m)
	}
}

// tap makes a tap in the host and returns its descriptor.
func (b *bed) tap(name string) (fd int) {
	b.t.Helper()
	b.host.Must(func() (err error) {
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
			return err
		}
		req, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		return unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	})
	b.t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// drain counts the frames that wait at a descriptor, of IPv4 only.
func drain(fd int) (n int) {
	buf := make([]byte, 1<<16)
	for {
		k, err := unix.Read(fd, buf)
		if err != nil {
			return n
		}
		if k >= 14 && wire.Ethernet(buf).Type() == wire.TypeIPv4 {
			n++
		}
	}
}
