package bench

import (
	"net"
	"net/netip"
	"time"

	"ubridge/bench/traffic"
	"ubridge/internal/testnet"
)

// sinkAt starts a sink on eth0 of a namespace, for every n-th frame.
func (b *bed) sinkAt(n *testnet.NS, at, every uint32, c *traffic.Checker) (s *traffic.Sink) {
	b.check(n.Do(func() (err error) {
		s, err = traffic.NewSink("eth0", at, every, c)
		return err
	}))
	b.Cleanup(func() { s.Stop() })
	return s
}

// sender makes a sender from a to b of frames of these sizes (without FCS).
func (b *bed) sender(sizes ...int) (s *traffic.Sender) {
	b.check(b.a.Do(func() (err error) {
		s, err = traffic.NewSender("eth0", mac(macA), mac(macB), sizes...)
		return err
	}))
	b.Cleanup(s.Close)
	return s
}

// mac parses an address of this package.
func mac(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

// listenUDP opens a socket of b.
func (b *bed) listenUDP() (c *net.UDPConn) {
	b.check(b.b.Do(func() (err error) {
		c, err = net.ListenUDP("udp4", &net.UDPAddr{})
		return err
	}))
	b.Cleanup(func() { c.Close() })
	return c
}

// dialUDP opens a socket of a, towards b.
func (b *bed) dialUDP(port uint16) (c *net.UDPConn) {
	to := netip.AddrPortFrom(netip.MustParseAddr(b.target), port)
	b.check(b.a.Do(func() (err error) {
		c, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
		return err
	}))
	b.Cleanup(func() { c.Close() })
	return c
}

// listenTCP opens a listener of b.
func (b *bed) listenTCP() (l *net.TCPListener, err error) {
	err = b.b.Do(func() (err error) {
		l, err = net.ListenTCP("tcp4", &net.TCPAddr{})
		return err
	})
	return l, err
}

// dialTCP connects a to a listener of b.
func (b *bed) dialTCP(l *net.TCPListener, patience time.Duration) (c *net.TCPConn, err error) {
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	to := netip.AddrPortFrom(netip.MustParseAddr(b.target), port)
	err = b.a.Do(func() error {
		dialed, err := net.DialTimeout("tcp4", to.String(), patience)
		if err == nil {
			c = dialed.(*net.TCPConn)
		}
		return err
	})
	return c, err
}

// connection opens a TCP connection from a to b.
func (b *bed) connection() (client, server *net.TCPConn) {
	listener, err := b.listenTCP()
	b.check(err)
	defer listener.Close()
	client, err = b.dialTCP(listener, 5*time.Second)
	b.check(err)
	b.Cleanup(func() { client.Close() })
	b.check(listener.SetDeadline(time.Now().Add(5 * time.Second)))
	server, err = listener.AcceptTCP()
	b.check(err)
	b.Cleanup(func() { server.Close() })
	return client, server
}
