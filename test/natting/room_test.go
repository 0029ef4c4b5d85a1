package natting

import (
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"

	"github.com/songgao/water"

	"ubridge/internal/testnet"
)

// testNeeds names what a test needs beyond what newBed asks for.
func testNeeds(t *testing.T, commands ...string) {
	t.Helper()
	testnet.Require(t, commands...)
}

// TestNoRoomAbove raises the host's own range of ports to the end: single ports
// are taken from the host, which cannot have them meanwhile.
func TestNoRoomAbove(t *testing.T) {
	b := newTopology(t)
	b.host.Sysctl("net.ipv4.ip_local_port_range", "1024 65535")
	b.start()
	b.addGuests()
	b.serveTCP(b.server, serverAddr+":80")
	b.echoUDP(b.server, serverAddr+":7")
	var last *stream
	b.lab.Eventually(patience, "the first connection", func() (err error) {
		last, err = connect(b.guest, "", serverAddr+":80")
		return err
	})
	defer last.Close()
	for range 50 {
		last = b.connect(b.guest, "", serverAddr+":80")
	}
	b.exchange(last, 1<<20, 1<<20)
	b.exchange(b.connect(b.host, "", serverAddr+":80"), 1<<20, 1<<20)
	seen := b.askUDP(b.bindUDP(b.guest, ":0"), serverAddr+":7", []byte("udp"))
	err := b.host.Do(func() error {
		l, err := net.Listen("tcp4", uplinkAddr+":"+strconv.Itoa(int(last.seen.Port())))
		if err == nil {
			_ = l.Close()
		}
		conn, other := net.ListenPacket("udp4", uplinkAddr+":"+strconv.Itoa(int(seen.Port())))
		if other == nil {
			_ = conn.Close()
		}
		return errors.Join(is(err, syscall.EADDRINUSE), is(other, syscall.EADDRINUSE))
	})
	if err != nil {
		t.Error("the host can bind what a flow holds:", err)
	}
	b.run("after a kill", func(b *bed) {
		b.daemon.Kill()
		b.start()
		b.exchange(last, 1<<20, 1<<20)
		err := b.host.Do(func() error {
			l, err := net.Listen("tcp4", uplinkAddr+":"+strconv.Itoa(int(last.seen.Port())))
			if err == nil {
				_ = l.Close()
			}
			return is(err, syscall.EADDRINUSE)
		})
		if err != nil {
			b.Error("the host can bind what a resumed flow holds:", err)
		}
	})
}

// TestTunUplink sends through a device without Ethernet, as of a VPN: two tun
// devices whose packets the test carries from one to the other.
func TestTunUplink(t *testing.T) {
	b := newTopology(t)
	b.host.Run("ip", "link", "del", "eth0")
	here, there := b.openTun(b.host, "tun0"), b.openTun(b.router, "tun1")
	go carry(here, there)
	go carry(there, here)
	b.host.Addr("tun0", "10.6.0.2/24")
	b.router.Addr("tun1", "10.6.0.1/24")
	b.host.Route("default", "via", "10.6.0.1")
	b.start()
	b.addGuests()
	b.serveTCP(b.server, serverAddr+":80")
	b.echoUDP(b.server, serverAddr+":7")
	b.run("tcp", func(b *bed) {
		s := b.connect(b.guest, "", serverAddr+":80")
		b.exchange(s, 4<<20, 4<<20)
		if s.seen.Addr().String() != "10.6.0.2" {
			b.Errorf("the server sees %s", s.seen)
		}
	})
	b.run("udp", func(b *bed) { b.askUDP(b.bindUDP(b.guest, ":0"), serverAddr+":7", random(9000)) })
	b.run("icmp", func(b *bed) {
		b.ping(b.guest, serverAddr)
		b.answers(b.guest, " 2  10.6.0.1", "traceroute", "-n", "-q1", "-w5", "-m3", serverAddr)
	})
}

func (b *bed) openTun(ns *testnet.NS, name string) *water.Interface {
	b.Helper()
	tun := in(b, ns, func() (*water.Interface, error) {
		return water.New(water.Config{DeviceType: water.TUN, PlatformSpecificParams: water.PlatformSpecificParams{Name: name}})
	})
	b.Cleanup(func() { _ = tun.Close() })
	ns.Up(name)
	return tun
}

// carry moves packets until one end is closed.
func carry(from, to *water.Interface) {
	buf := make([]byte, 65536)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
