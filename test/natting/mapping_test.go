package natting

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
)

// TestMapping looks at which outside port a guest's socket gets, and at who may
// answer there.
func TestMapping(t *testing.T) {
	b := newBed(t)
	b.serveTCP(b.server, serverAddr+":80")
	b.serveTCP(b.server, thirdAddr+":80")
	b.echoUDP(b.server, serverAddr+":7")
	b.echoUDP(b.server, thirdAddr+":7")
	b.run("same outside port for all remotes", func(b *bed) {
		conn := b.bindUDP(b.guest, "192.168.122.11:62345")
		one, two := b.askUDP(conn, serverAddr+":7", []byte("a")), b.askUDP(conn, thirdAddr+":7", []byte("b"))
		if one != two {
			b.Errorf("UDP: %s to one server, %s to the other", one, two)
		}
		b.outside(one)
		s1 := b.connect(b.guest, "192.168.122.11:40000", serverAddr+":80")
		s2 := b.connect(b.guest, "192.168.122.11:40000", thirdAddr+":80")
		if s1.seen != s2.seen {
			b.Errorf("TCP: %s to one server, %s to the other", s1.seen, s2.seen)
		}
		b.outside(s1.seen)
		if s1.seen.Port() == 40000 {
			b.Error("the guest's port was kept outside of the pool")
		}
	})
	b.run("guests apart", func(b *bed) {
		mine := b.askUDP(b.bindUDP(b.guest, ":6000"), serverAddr+":7", nil)
		theirs := b.askUDP(b.bindUDP(b.other, ":6000"), serverAddr+":7", nil)
		if mine == theirs {
			b.Errorf("two guests have one outside endpoint %s", mine)
		}
	})
	b.run("filtering", filtering)
	b.run("unsolicited", unsolicited)
	b.run("errors of the guest", func(b *bed) {
		guest, remote := b.bindUDP(b.guest, "192.168.122.11:9100"), b.bindUDP(b.server, serverAddr+":7700")
		if _, err := guest.WriteTo([]byte("open"), remote.LocalAddr()); err != nil {
			b.Fatal(err)
		}
		_ = remote.SetReadDeadline(time.Now().Add(patience))
		_, seen, err := remote.ReadFrom(make([]byte, 99))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = guest.Close(), remote.Close()
		dialer := net.Dialer{LocalAddr: remote.LocalAddr()}
		conn := in(b, b.server, func() (net.Conn, error) { return dialer.Dial("udp4", seen.String()) })
		defer conn.Close()
		if err := refused(conn); err != nil {
			b.Error(err)
		}
	})
}

// filtering lets the remote's endpoint in that the guest sent to, and no other.
func filtering(b *bed) {
	guest := b.bindUDP(b.guest, "192.168.122.11:7000")
	seen := b.askUDP(guest, serverAddr+":7", []byte("open"))
	for _, from := range []string{serverAddr + ":8", thirdAddr + ":7777"} {
		stranger := b.bindUDP(b.server, from)
		b.drop("eth0", "filtered", func() {
			if _, err := stranger.WriteTo([]byte("let me in"), udpAddr(seen)); err != nil {
				b.Fatal(err)
			}
		})
	}
	_ = guest.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, from, err := guest.ReadFrom(make([]byte, 99)); !errors.Is(err, os.ErrDeadlineExceeded) {
		b.Errorf("%d bytes of %v came in, %v", n, from, err)
	}
	b.askUDP(guest, serverAddr+":7", []byte("and still"))
}

// unsolicited has the outside begin: the host answers for its own ports, and
// nobody for held ones.
func unsolicited(b *bed) {
	s := b.connect(b.guest, "192.168.122.11:8000", serverAddr+":80")
	b.drop("eth0", "filtered", func() {
		conn, err := dialFor(b, s.seen)
		if err == nil {
			_ = conn.Close()
		}
		if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
			b.Errorf("a connection to the held port %s: %v", s.seen, err)
		}
	})
	free := netip.AddrPortFrom(s.seen.Addr(), 61001)
	for len(b.flows(func(f api.Flow) bool { return f.Outside == free.String() })) > 0 {
		free = netip.AddrPortFrom(free.Addr(), free.Port()+1)
	}
	if _, err := dialFor(b, free); err == nil || !strings.Contains(err.Error(), "refused") {
		b.Errorf("a connection to the port %s that nobody holds: %v", free, err)
	}
	b.exchange(s, 1000, 1000)
	b.drop("eth0", "no-mapping", func() { b.ping(b.host, serverAddr) }) // the reply is the host's
	b.ping(b.server, uplinkAddr)
}

// dialFor connects from the server, for half a second.
func dialFor(b *bed, to netip.AddrPort) (conn net.Conn, err error) {
	dialer := net.Dialer{Timeout: 500 * time.Millisecond}
	err = b.server.Do(func() (err error) { conn, err = dialer.Dial("tcp4", to.String()); return err })
	return conn, err
}

// TestStates follows the timeouts of flows as they go.
func TestStates(t *testing.T) {
	b := newBed(t)
	b.serveTCP(b.server, serverAddr+":80")
	b.echoUDP(b.server, serverAddr+":7")
	for _, tc := range []struct {
		name  string
		until float64 // seconds that are left at most
		end   func(*net.TCPConn) error
	}{
		{"closed", 120, (*net.TCPConn).Close},
		{"reset", 10, func(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) }},
	} {
		b.run(tc.name, func(b *bed) {
			s := b.connect(b.guest, "", serverAddr+":80")
			of := func(f api.Flow) bool { return f.Inside == s.LocalAddr().String() }
			b.flow("five days", func(f api.Flow) bool { return of(f) && f.ExpiresIn > 4*24*3600 })
			if err := tc.end(s.Conn.(*net.TCPConn)); err != nil {
				b.Fatal(err)
			}
			b.flow("a short rest", func(f api.Flow) bool { return of(f) && f.ExpiresIn <= tc.until })
		})
	}
	b.run("udp", func(b *bed) {
		conn := b.bindUDP(b.guest, "192.168.122.11:9000")
		of := func(f api.Flow) bool { return f.Inside == "192.168.122.11:9000" && f.ExpiresIn > 0 }
		b.askUDP(conn, serverAddr+":7", nil)
		b.flow("half a minute", func(f api.Flow) bool { return of(f) && f.ExpiresIn <= 30 })
		b.lab.Eventually(patience, "two minutes for a stream", func() error {
			b.askUDP(conn, serverAddr+":7", nil)
			f := b.flow("the UDP flow", of)
			if f.ExpiresIn < 100 || f.ExpiresIn > 120 {
				return errors.New(f.State)
			}
			return nil
		})
	})
}
