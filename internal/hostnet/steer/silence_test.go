package steer

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/internal/hostnet/internal/nstest"
)

// TestSilence pings the host's address and the all-nodes group from a guest's
// side: without silence the host answers, with it only packet sockets hear it.
func TestSilence(t *testing.T) {
	backends(t, func(t *testing.T, o Options) {
		b := newBed(t)
		s := open(t, b.host, o)
		wantAnswers(t, b, true)
		for range 2 { // the second attach replaces the first
			b.host.Must(func() error { return s.AttachSilence(b.ifindex) })
		}
		heard := listen(t, b.host, b.ifindex, nil)
		b.peer.Run("ip neigh flush all")
		wantAnswers(t, b, false)
		if !heard(unix.ETH_P_ARP) {
			t.Error("the packet socket did not see the guest's ARP request")
		}
		for range 2 {
			b.host.Must(func() error { return s.DetachSilence(b.ifindex) })
		}
		wantNothingLeft(t, b.host, "v0")
		b.peer.Run("ip neigh flush all")
		wantAnswers(t, b, true)
	})
}

func wantAnswers(t *testing.T, b *bed, want bool) {
	t.Helper()
	for _, command := range []string{"ping -c 2 -i 0.2 -W 1 10.9.0.1", "ping -6 -c 2 -i 0.2 -W 1 ff02::1%v1"} {
		deadline := time.Now().Add(4 * time.Second) // IPv6 addresses are tentative at first
		for {
			out, err := b.peer.Try(command)
			answered := err == nil && strings.Contains(out, "bytes from") && fromHost(b, out)
			if answered == want {
				break
			}
			if !want || time.Now().After(deadline) {
				t.Errorf("%s: answered %v, want %v\n%s", command, answered, want, out)
				break
			}
		}
	}
}

// fromHost leaves out the peer's answers to its own multicast.
func fromHost(b *bed, out string) bool {
	own := b.peer.Run("ip -o addr show dev v1")
	for line := range strings.Lines(out) {
		_, rest, ok := strings.Cut(line, "bytes from ")
		if !ok {
			continue
		}
		addr, _, _ := strings.Cut(rest, ": ")
		addr, _, _ = strings.Cut(addr, "%")
		if !strings.Contains(own, " "+addr+"/") {
			return true
		}
	}
	return false
}

// listen opens a packet socket on the device and returns a function that tells
// whether a frame of the ethertype came in.
func listen(t *testing.T, ns *nstest.NS, ifindex int, prepare func(fd int) error) func(ethertype uint16) bool {
	t.Helper()
	fd := packetSocket(t, ns, ifindex, prepare)
	return func(ethertype uint16) bool {
		buf := make([]byte, 65536)
		for {
			_, from, err := unix.Recvfrom(fd, buf, 0)
			if err != nil {
				return false
			}
			if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Protocol == swap(ethertype) {
				return true
			}
		}
	}
}

func swap(v uint16) uint16 { return v<<8 | v>>8 }

func packetSocket(t *testing.T, ns *nstest.NS, ifindex int, prepare func(fd int) error) (fd int) {
	t.Helper()
	ns.Must(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if prepare != nil {
			if err := prepare(fd); err != nil {
				return err
			}
		}
		tv := unix.NsecToTimeval(int64(maxWait))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: swap(unix.ETH_P_ALL), Ifindex: ifindex})
	})
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}
