package fastpath

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/internal/wire"
)

// TestAChecksumDoesNotUndoTheTranslation: a guest may leave its checksum to the device
// where the checksum is, and nowhere before.
func TestAChecksumDoesNotUndoTheTranslation(t *testing.T) {
	l := newLiveBed(t)
	l.ns.Run("ethtool -K d6 tx off") // so that checksums are finished where they leave
	var server net.PacketConn
	l.server.Must(func() (err error) { server, err = net.ListenPacket("udp4", "198.51.100.1:80"); return err })
	defer server.Close()
	fd := vnetSocket(t, l.guest)
	data := plainUDP()
	l.live(t, func() {
		for range 8 {
			check(t, sendPartial(fd, data, 34, 6))
			time.Sleep(250 * time.Millisecond)
		}
	})
	want := hear(server, 200*time.Millisecond)
	if len(want) < 7 {
		t.Fatalf("%d of 8 datagrams arrived", len(want))
	}
	for _, c := range []struct {
		start, offset uint16
		bad           bool
	}{
		{34, 6, false}, {34, 0, true}, {34, 2, true}, {14, 12, true}, {14, 16, true}, {0, 0, true}, {26, 0, true}, {34, 8, false},
	} {
		before := l.passed(t, 1)
		err := sendPartial(fd, data, c.start, c.offset)
		if errors.Is(err, unix.EINVAL) && c.bad {
			t.Logf("%+v: refused by the sender's kernel", c)
			continue
		}
		check(t, err)
		from := hear(server, 100*time.Millisecond)
		after := l.passed(t, 1)
		if after.Bad-before.Bad != map[bool]uint64{true: 1}[c.bad] || after.RxFrames-before.RxFrames != map[bool]uint64{false: 1}[c.bad] {
			t.Errorf("%+v: from %+v to %+v", c, before, after)
		}
		if len(from) > 0 && from[0] != want[0] {
			t.Errorf("%+v: a datagram from %s, not %s", c, from[0], want[0])
		}
		if c.offset == 6 && len(from) != 1 {
			t.Errorf("%+v: %d datagrams arrived", c, len(from))
		}
	}
}

// plainUDP is a datagram of the guest's with an unfinished checksum.
func plainUDP() []byte {
	udp := []byte{4, 0, 0, 80, 0, 24, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}
	ip := wire.IPv4{0x45, 0, 0, 44, 0, 0, 0x40, 0, 64, wire.ProtoUDP, 0, 0, 10, 7, 0, 1, 198, 51, 100, 1}
	ip.FillChecksum()
	wire.UDP(udp).SetChecksum(wire.Fold(wire.PseudoIPv4(ip.Src(), ip.Dst(), wire.ProtoUDP, len(udp))))
	mac := vmMAC(1)
	head := append(append(append([]byte{}, station[:]...), mac[:]...), 8, 0)
	return append(append(head, ip...), udp...)
}

// vnetSocket is a guest's packet socket that says which checksum to finish.
func vnetSocket(t *testing.T, g *guest) (fd int) {
	t.Helper()
	g.Must(func() (err error) {
		link, err := net.InterfaceByName("e1")
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1),
			unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: link.Index}),
		)
	})
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// sendPartial sends a frame whose checksum the device is to finish.
func sendPartial(fd int, data []byte, start, offset uint16) error {
	header := []byte{1, 0, 0, 0, 0, 0, byte(start), byte(start >> 8), byte(offset), byte(offset >> 8)}
	if n, err := unix.Write(fd, append(header, data...)); err != nil {
		return fmt.Errorf("%d bytes sent: %w", n, err)
	}
	return nil
}

// hear tells from where datagrams come within a while.
func hear(c net.PacketConn, d time.Duration) (from []string) {
	_ = c.SetReadDeadline(time.Now().Add(d))
	for {
		_, addr, err := c.ReadFrom(make([]byte, 2000))
		if err != nil {
			return from
		}
		from = append(from, addr.String())
	}
}
