package fastpath

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/memport"
	"ubridge/internal/hostnet/internal/nstest"
	"ubridge/internal/hostnet/steer"
	"ubridge/internal/wire"
)

// liveBed is a core whose first guest and uplink are real:
//
//	guest 10.7.0.1 ─── d1 :host: d6 ─── server 198.51.100.1
//
// What the packet sockets of d1 and d6 get goes through the core and out again, without
// offloads. The host's stack has no address.
type liveBed struct {
	coreBed
	steer         *steer.Steering
	guest, server *guest
	slow          [lastPort + 1]int // frames that the core was given, by port
}

func newLiveBed(t *testing.T) *liveBed {
	l := &liveBed{coreBed: coreBed{ns: nstest.New(t), mtu: 1500}}
	l.ns.Run("sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
	l.steer = load(t, l.ns)
	l.bits = l.steer.Ports()
	l.start(t, l.steer.FilterFD())
	check(t, l.steer.SetOutside([]netip.Addr{outside.Addr()}))
	l.guest = l.end(t, 1, vmMAC(1), vmIP(1), gatewayIP, station)
	l.server = l.end(t, uplinkPort, nextHop, servers[0], outside, nic)
	l.ns.Must(func() error {
		d1, d6 := l.ifindex[1], l.ifindex[uplinkPort]
		return errors.Join(
			l.steer.AttachForward(d1, l.path.PortProgram()), l.steer.AttachUplink(d6),
			l.steer.AttachUplinkForward(d6, l.path.UplinkProgram()),
		)
	})
	b := &bed{t: t, host: l.ns}
	l.guest.socket = b.socket(l.ifindex[1], l.path.PortFilter())
	l.server.socket = b.socket(l.ifindex[uplinkPort], l.path.UplinkFilter())
	return l
}

// end moves the other end of a port into a namespace, whose only neighbour is peer.
func (l *liveBed) end(t *testing.T, port int, mac wire.MAC, addr, peer wire.IP4, peerMAC wire.MAC) *guest {
	g := &guest{NS: nstest.New(t), name: fmt.Sprintf("d%d", port), addr: addr.Addr()}
	g.Run("sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
	l.ns.Run(fmt.Sprintf("ip link set e%d netns %s\nip link set %s up", port, g.Path(), g.name))
	g.Run(fmt.Sprintf("ip link set e%d address %s up\nip addr add %s/24 dev e%d", port, mac, g.addr, port))
	g.Run(fmt.Sprintf("ip route add %s dev e%d\nip neigh replace %s lladdr %s dev e%d", peer.Addr(), port, peer.Addr(), peerMAC, port))
	g.Try(fmt.Sprintf("ip route add default via %s dev e%d", peer.Addr(), port))
	return g
}

// user plays user space until done is closed: it hands frames to the core, and sends what
// that sends.
func (l *liveBed) user(done <-chan struct{}) error {
	for {
		select {
		case <-done:
			return nil
		case <-time.After(200 * time.Microsecond):
		}
		for port, g := range map[int]*guest{1: l.guest, uplinkPort: l.server} {
			for _, data := range g.got() {
				l.slow[port]++
				sent, err := l.forward(port, memport.Frame{Data: finish(data)})
				if err != nil {
					return err
				}
				l.send(l.guest, sent[1])
				l.send(l.server, sent[uplinkPort])
			}
		}
	}
}

func (l *liveBed) send(g *guest, frames []memport.Frame) {
	for _, f := range frames {
		_, _ = unix.Write(g.socket, f.Data) // TCP sends it again
	}
}

// finish fills in the checksum that a sender has left to its device: the socket here has
// no header that tells.
func finish(data []byte) []byte {
	e := wire.Ethernet(data)
	ip, ok := wire.ParseIPv4(e.Payload())
	at := map[byte]int{wire.ProtoTCP: 16, wire.ProtoUDP: 6}
	if e.Type() != wire.TypeIPv4 || !ok || at[ip.Proto()] == 0 {
		return data
	}
	l4 := ip.Payload()
	c := l4[at[ip.Proto()]:][:2]
	c[0], c[1] = 0, 0
	sum := ^wire.Fold(wire.Sum(l4, wire.PseudoIPv4(ip.Src(), ip.Dst(), ip.Proto(), len(l4))))
	c[0], c[1] = byte(sum>>8), byte(sum)
	return data
}

// live runs fn while user space is played.
func (l *liveBed) live(t *testing.T, fn func()) {
	t.Helper()
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- l.user(done) }()
	fn()
	close(done)
	check(t, <-ended)
}

func (l *liveBed) passed(t *testing.T, port int) Counters {
	t.Helper()
	c, err := l.path.Counters(l.ifindex[port], port == uplinkPort)
	check(t, err)
	return c
}

// TestAConnectionThroughTheKernel: bulk both ways with offloads arrives as it was sent,
// and user space sees the beginning and little else. When it is gone, more goes through.
func TestAConnectionThroughTheKernel(t *testing.T) {
	l := newLiveBed(t)
	var ln net.Listener
	l.server.Must(func() (err error) { ln, err = net.Listen("tcp4", "198.51.100.1:80"); return err })
	defer ln.Close()
	var client, server net.Conn
	l.live(t, func() {
		accepted := make(chan error, 1)
		go func() {
			var err error
			server, err = ln.Accept()
			accepted <- err
		}()
		l.guest.Must(func() (err error) { client, err = net.DialTimeout("tcp4", "198.51.100.1:80", patience); return err })
		check(t, <-accepted)
		for range 10 { // packets of the guest until the flow is offered
			exchange(t, client, server, 100)
			exchange(t, server, client, 100)
		}
		time.Sleep(1100 * time.Millisecond) // what is new is offered once a second
		exchange(t, client, server, 100)
		exchange(t, server, client, 100)
	})
	defer client.Close()
	defer server.Close()
	before, slow := l.passed(t, 1), l.slow
	const size = 16 << 20
	exchange(t, client, server, size) // nobody plays user space now
	exchange(t, server, client, size)
	out, in := l.passed(t, 1), l.passed(t, uplinkPort)
	if out.RxBytes-before.RxBytes < size || in.RxBytes < size || out.TxBytes < size || in.TxBytes < size {
		t.Errorf("of %d bytes each way the kernel counts %+v and %+v", size, out, in)
	}
	if out.RxFrames > size/2000 {
		t.Errorf("%d frames for %d bytes: no superframes", out.RxFrames, size)
	}
	if n := len(l.guest.got()) + len(l.server.got()); n > 0 {
		t.Errorf("%d frames came to user space", n)
	}
	t.Logf("user space saw %d frames of the guest and %d of the server", slow[1], slow[uplinkPort])
}

// exchange sends bytes from one end of a connection and compares what comes.
func exchange(t *testing.T, from, to net.Conn, size int) {
	t.Helper()
	data := bytes.Repeat([]byte("0123456789abcdefg"), size/17+1)[:size]
	_ = from.SetDeadline(time.Now().Add(5 * patience))
	_ = to.SetDeadline(time.Now().Add(5 * patience))
	sent := make(chan error, 1)
	go func() { _, err := from.Write(data); sent <- err }()
	got := make([]byte, size)
	for n := 0; n < size; {
		k, err := to.Read(got[n:])
		if err != nil {
			t.Fatalf("after %d of %d bytes: %v", n, size, err)
		}
		n += k
	}
	check(t, <-sent)
	if !bytes.Equal(got, data) {
		t.Fatal("other bytes arrived")
	}
}

// TestDatagramsAndPings go by the kernel once they are known, also such whose checksum
// the sender's device was to finish.
func TestDatagramsAndPings(t *testing.T) {
	l := newLiveBed(t)
	go echoUDP(t, l.server.NS)
	var c net.Conn
	l.guest.Must(func() (err error) { c, err = net.DialTimeout("udp4", "198.51.100.1:80", patience); return err })
	defer c.Close()
	ask := func(n int) error {
		for i := range n {
			_ = c.SetDeadline(time.Now().Add(patience))
			msg := fmt.Appendf(nil, "message %d", i)
			if _, err := c.Write(msg); err != nil {
				return err
			}
			buf := make([]byte, 100)
			if k, err := c.Read(buf); err != nil || !bytes.Equal(buf[:k], msg) {
				return fmt.Errorf("answer %q to %q: %v", buf[:max(k, 0)], msg, err)
			}
		}
		return nil
	}
	l.live(t, func() {
		check(t, ask(6))
		time.Sleep(1100 * time.Millisecond)
		check(t, ask(2))
		if out, err := l.guest.Try("ping -c 12 -i 0.2 -W 1 198.51.100.1"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	})
	if n := l.passed(t, 1).RxFrames; n < 3 {
		t.Errorf("%d pings went by the kernel", n)
	}
	before := l.passed(t, 1)
	check(t, ask(20))
	after := l.passed(t, 1)
	if after.RxFrames-before.RxFrames != 20 || after.TxFrames-before.TxFrames != 20 {
		t.Errorf("20 exchanges were counted from %+v to %+v", before, after)
	}
	l.path.Reroute()
	if err := ask(1); err == nil {
		t.Error("answered by the kernel though the host's routing changed")
	}
}

// echoUDP answers datagrams until the test ends.
func echoUDP(t *testing.T, ns *nstest.NS) {
	var c net.PacketConn
	if err := ns.Do(func() (err error) { c, err = net.ListenPacket("udp4", "198.51.100.1:80"); return err }); err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() { _ = c.Close() })
	buf := make([]byte, 2000)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		_, _ = c.WriteTo(buf[:n], from)
	}
}
