package switching

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"ubridge/internal/testnet"
)

// cable joins the port's tap with a tap eth0 in the guest, as QEMU joins a tap
// with a card. With offloads both sides speak vnet headers and promise each
// other everything; without, the kernel cuts and finishes what comes in, on
// both.
func (b *bed) cable(g *guest, offloads bool) {
	b.t.Helper()
	outer := openTap(b.t, b.Host, g.port, offloads)
	inner := openTap(b.t, g.ns, "eth0", offloads)
	g.wire = outer
	go relay(outer, inner)
	go relay(inner, outer)
}

// relay moves frames until one end is closed. A frame that the other side does
// not take (its device is down, or its vnet header lies) is lost, as on a wire.
func relay(from, to *os.File) {
	buf := make([]byte, 70000)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		_, _ = to.Write(buf[:n])
	}
}

// openTap opens a tap, made where it is not there, for the length of the test.
func openTap(t *testing.T, ns *testnet.NS, name string, offloads bool) *os.File {
	t.Helper()
	var tap *os.File
	err := ns.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		flags, promise := uint16(unix.IFF_TAP|unix.IFF_NO_PI), 0
		if offloads {
			flags |= unix.IFF_VNET_HDR
			promise = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6 | unix.TUN_F_TSO_ECN | unix.TUN_F_USO4 | unix.TUN_F_USO6
		}
		ifr, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		ifr.SetUint16(flags)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
			return err
		}
		if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, promise); err != nil {
			return err
		}
		tap = os.NewFile(uintptr(fd), name) // after TUNSETIFF: before it, a tap cannot be polled
		return nil
	})
	if err != nil {
		t.Fatalf("tap %s: %v", name, err)
	}
	t.Cleanup(func() { tap.Close() })
	return tap
}
