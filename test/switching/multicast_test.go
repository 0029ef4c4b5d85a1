package switching

import (
	"net"
	"testing"
	"time"
)

// Multicast reaches each other guest once: mDNS over both families, and
// all-nodes, which neighbour discovery lives by.
func TestMulticast(t *testing.T) {
	b := newBed(t, "")
	from := b.guest(plug{})
	others := []*guest{b.guest(plug{tap: true}), b.guest(plug{off: true})}
	for _, group := range []string{"224.0.0.251", "ff02::fb"} {
		var members []*net.UDPConn
		for _, g := range others {
			members = append(members, g.join(t, group))
		}
		out := from.sender(t, group)
		if _, err := out.Write([]byte("who is there?")); err != nil {
			t.Fatal(err)
		}
		for i, c := range members {
			if n := hear(c); n != 1 {
				t.Errorf("%s: guest %d heard it %d times, want once", group, i, n)
			}
		}
	}
	from.ns.Run("ping", "-6", "-c", "2", "-i", "0.2", "-W", "5", others[0].ip6)
}

// join listens for a group on port 5353.
func (g *guest) join(t *testing.T, group string) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	err := g.ns.Do(func() error {
		dev, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		c, err = net.ListenMulticastUDP("udp", dev, &net.UDPAddr{IP: net.ParseIP(group), Port: 5353})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// sender sends to a group by eth0.
func (g *guest) sender(t *testing.T, group string) net.Conn {
	t.Helper()
	to, local := net.JoinHostPort(group, "5353"), net.ParseIP(g.ip4)
	if net.ParseIP(group).To4() == nil {
		to, local = net.JoinHostPort(group+"%eth0", "5353"), net.ParseIP(g.ip6)
	} else {
		g.ns.Route("224.0.0.0/4", "dev", "eth0")
	}
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: local}}
	var c net.Conn
	if err := g.ns.Do(func() (err error) { c, err = d.Dial("udp", to); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// hear counts datagrams until half a second after the first; five seconds for
// that one.
func hear(c *net.UDPConn) (n int) {
	buf := make([]byte, 100)
	for wait := 5 * time.Second; ; wait = 500 * time.Millisecond {
		_ = c.SetReadDeadline(time.Now().Add(wait))
		if _, err := c.Read(buf); err != nil {
			return n
		}
		n++
	}
}
