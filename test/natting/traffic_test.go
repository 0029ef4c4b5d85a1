package natting

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"ubridge/internal/testnet"
)

// serveTCP answers on addr: it says who connected, then for each request of two
// lengths takes the first of them, answers its SHA-256, sends the second, and
// its SHA-256.
func (b *bed) serveTCP(ns *testnet.NS, addr string) {
	b.Helper()
	l := in(b, ns, func() (net.Listener, error) { return net.Listen("tcp4", addr) })
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = serve(conn); _ = conn.Close() }()
		}
	}()
}

func serve(conn net.Conn) error {
	if _, err := fmt.Fprintln(conn, conn.RemoteAddr()); err != nil {
		return err
	}
	var sizes [2]int64
	for {
		if err := binary.Read(conn, binary.BigEndian, &sizes); err != nil {
			return err
		}
		sum := sha256.New()
		if _, err := io.CopyN(sum, conn, sizes[0]); err != nil {
			return err
		}
		if _, err := conn.Write(sum.Sum(nil)); err != nil {
			return err
		}
		if err := sendHashed(conn, sizes[1]); err != nil {
			return err
		}
	}
}

// sendHashed sends n random bytes and their SHA-256.
func sendHashed(w io.Writer, n int64) error {
	sum := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(w, sum), noise(), n); err != nil {
		return err
	}
	_, err := w.Write(sum.Sum(nil))
	return err
}

func noise() io.Reader {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], rand.Uint64())
	return rand.NewChaCha8(seed)
}

// in opens something in a namespace.
func in[S any](b *bed, ns *testnet.NS, open func() (S, error)) (s S) {
	b.Helper()
	err := ns.Do(func() (err error) { s, err = open(); return err })
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// stream is a connection to serveTCP.
type stream struct {
	net.Conn
	r    *bufio.Reader
	seen netip.AddrPort // the client, as the server sees it
}

// connect connects to a serveTCP; local is empty or an address:port.
func connect(ns *testnet.NS, local, remote string) (*stream, error) {
	dialer := net.Dialer{Timeout: patience, Control: reuse}
	if local != "" {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.MustParseAddrPort(local))
	}
	s := &stream{}
	err := ns.Do(func() (err error) { s.Conn, err = dialer.Dial("tcp4", remote); return err })
	if err != nil {
		return nil, err
	}
	_ = s.SetDeadline(time.Now().Add(2 * patience))
	s.r = bufio.NewReader(s.Conn)
	line, err := s.r.ReadString('\n')
	if err == nil {
		s.seen, err = netip.ParseAddrPort(strings.TrimSpace(line))
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// connect is the package's connect that must succeed.
func (b *bed) connect(ns *testnet.NS, local, remote string) *stream {
	b.Helper()
	s, err := connect(ns, local, remote)
	if err != nil {
		b.Fatalf("%s → %s: %v", ns.Name, remote, err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// exchange sends up bytes and fetches down bytes, both verified by SHA-256.
func (s *stream) exchange(up, down int64) error {
	_ = s.SetDeadline(time.Now().Add(2 * patience))
	if err := binary.Write(s, binary.BigEndian, [2]int64{up, down}); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(s, sum), noise(), up); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	if err := s.hash("up", sum.Sum(nil)); err != nil {
		return err
	}
	sum.Reset()
	if _, err := io.CopyN(sum, s.r, down); err != nil {
		return fmt.Errorf("down: %w", err)
	}
	return s.hash("down", sum.Sum(nil))
}

// hash compares the hash that the server sends with our own.
func (s *stream) hash(what string, want []byte) error {
	got := make([]byte, sha256.Size)
	if _, err := io.ReadFull(s.r, got); err != nil {
		return fmt.Errorf("%s: hash: %w", what, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s: payload arrived changed", what)
	}
	return nil
}

// exchange is stream.exchange that must succeed.
func (b *bed) exchange(s *stream, up, down int64) {
	b.Helper()
	if err := s.exchange(up, down); err != nil {
		b.Errorf("%s → %s: %v", s.LocalAddr(), s.RemoteAddr(), err)
	}
}

// echoUDP sends datagrams back, the sender's address as the server sees it
// before them.
func (b *bed) echoUDP(ns *testnet.NS, addr string) net.PacketConn {
	b.Helper()
	conn := in(b, ns, func() (net.PacketConn, error) { return net.ListenPacket("udp4", addr) })
	b.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(slices.Concat([]byte(from.String()+"|"), buf[:n]), from)
		}
	}()
	return conn
}

// bindUDP opens a guest's UDP socket.
func (b *bed) bindUDP(ns *testnet.NS, local string) *net.UDPConn {
	b.Helper()
	conn := in(b, ns, func() (net.PacketConn, error) { return net.ListenPacket("udp4", local) }).(*net.UDPConn)
	b.Cleanup(func() { _ = conn.Close() })
	return conn
}

// askUDP sends payload to an echoUDP and returns who the server saw.
func askUDP(conn *net.UDPConn, remote string, payload []byte) (netip.AddrPort, error) {
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(remote))
	buf := make([]byte, 65536)
	var err error
	for range 5 {
		if _, err = conn.WriteTo(payload, to); err != nil {
			return netip.AddrPort{}, err
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		var n int
		if n, _, err = conn.ReadFrom(buf); err != nil {
			continue
		}
		seen, got, _ := bytes.Cut(buf[:n], []byte("|"))
		if !bytes.Equal(got, payload) {
			return netip.AddrPort{}, fmt.Errorf("%d bytes came back changed, as %d", len(payload), len(got))
		}
		return netip.ParseAddrPort(string(seen))
	}
	return netip.AddrPort{}, err
}

// askUDP is the package's askUDP that must succeed.
func (b *bed) askUDP(conn *net.UDPConn, remote string, payload []byte) netip.AddrPort {
	b.Helper()
	seen, err := askUDP(conn, remote, payload)
	if err != nil {
		b.Errorf("%s ⇄ %s: %v", conn.LocalAddr(), remote, err)
	}
	return seen
}

// random is n random bytes.
func random(n int) []byte {
	p := make([]byte, n)
	_, _ = io.ReadFull(noise(), p)
	return p
}

// connectUDP opens a UDP socket that is connected: ICMP errors come as errors.
func (b *bed) connectUDP(ns *testnet.NS, remote string) net.Conn {
	b.Helper()
	conn := in(b, ns, func() (net.Conn, error) { return net.Dial("udp4", remote) })
	b.Cleanup(func() { _ = conn.Close() })
	return conn
}

// refused requires that an ICMP error about what conn sent comes back to it.
func refused(conn net.Conn) error {
	for range 10 {
		if _, err := conn.Write([]byte("anyone?")); err != nil {
			return is(err, syscall.ECONNREFUSED)
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			return is(err, syscall.ECONNREFUSED)
		}
	}
	return fmt.Errorf("%s: no error came", conn.RemoteAddr())
}

func is(err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("got %w, want %v", err, want)
}

func udpAddr(a netip.AddrPort) net.Addr { return net.UDPAddrFromAddrPort(a) }
