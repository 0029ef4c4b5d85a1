package steer

import (
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/internal/hostnet/internal/nstest"
)

// experimental is the EtherType for local experiments, which no stack answers.
const experimental = 0x88b5

// counter counts what comes in on a device of that type.
type counter struct{ fd int }

func newCounter(t *testing.T, ns *nstest.NS, device string) *counter {
	t.Helper()
	c := &counter{packetOn(t, ns, device, unix.ETH_P_ALL)}
	t.Cleanup(func() { _ = unix.Close(c.fd) })
	return c
}

func packetOn(t *testing.T, ns *nstest.NS, device string, protocol uint16) (fd int) {
	t.Helper()
	ns.Must(func() (err error) {
		link, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		to := &unix.SockaddrLinklayer{Protocol: protocol<<8 | protocol>>8, Ifindex: link.Index}
		return errors.Join(unix.Bind(fd, to), unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20))
	})
	return fd
}

// take counts frames for dst; it waits a moment for the first of those that are
// wanted.
func (c *counter) take(dst [6]byte, wanted int) (n int) {
	buf := make([]byte, 2048)
	deadline := time.Now().Add(maxWait)
	for {
		got, from, err := unix.Recvfrom(c.fd, buf, unix.MSG_DONTWAIT)
		switch {
		case err == nil && got >= 14 && from.(*unix.SockaddrLinklayer).Pkttype != unix.PACKET_OUTGOING &&
			[6]byte(buf) == dst && buf[12] == experimental>>8 && buf[13] == experimental&0xff:
			n++
		case err == nil:
		case n >= wanted || time.Now().After(deadline):
			return n
		default:
			time.Sleep(time.Millisecond)
		}
	}
}

// sendOn sends frames out of a device as the host's own.
func sendOn(t *testing.T, ns *nstest.NS, device string, dst [6]byte, count int) {
	t.Helper()
	fd := packetOn(t, ns, device, 0)
	defer unix.Close(fd)
	f := append(dst[:], 2, 0, 0, 0, 0, 0x77, experimental>>8, experimental&0xff)
	f = append(f, make([]byte, 46)...)
	for range count {
		if _, err := unix.Write(fd, f); err != nil {
			t.Fatal(err)
		}
	}
}
