package switching

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	udpSegment = 1400 // payload bytes of a datagram
	udpBurst   = 20   // datagrams in one superframe
	udpRounds  = 10
)

// copyUDP sends bursts of datagrams, each burst in one system call
// (UDP_SEGMENT: a USO superframe where the device takes one), and sees that each
// datagram arrives, once and unchanged.
func copyUDP(t *testing.T, from, to *guest, ip string) {
	in := listenUDP(t, to, ip)
	out := dialUDP(t, from, in.LocalAddr().String())
	arp(t, out, in)
	seen := make([]bool, udpRounds*udpBurst)
	buf := make([]byte, 2000)
	for round := range udpRounds {
		if _, err := out.Write(burst(round)); err != nil {
			t.Fatal(err)
		}
		for range udpBurst {
			_ = in.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, err := in.Read(buf)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			i := int(binary.BigEndian.Uint32(buf))
			if i >= len(seen) || seen[i] || !bytes.Equal(buf[:n], datagram(i)) {
				t.Fatalf("datagram %d of %d bytes differs or came twice", i, n)
			}
			seen[i] = true
		}
	}
}

func listenUDP(t *testing.T, g *guest, ip string) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	err := g.ns.Do(func() (err error) {
		c, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetReadBuffer(4 << 20)
	return c
}

// dialUDP connects a socket that sends in segments.
func dialUDP(t *testing.T, g *guest, to string) *net.UDPConn {
	t.Helper()
	var c net.Conn
	err := g.ns.Do(func() (err error) { c, err = net.Dial("udp", to); return err })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	raw, err := c.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, udpSegment)
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.UDPConn)
}

// arp resolves the neighbour, so that no burst waits, and is lost, for that.
func arp(t *testing.T, out, in *net.UDPConn) {
	t.Helper()
	var err error
	for range 10 {
		if _, err = out.Write([]byte("who?")); err != nil {
			t.Fatal(err)
		}
		_ = in.SetReadDeadline(time.Now().Add(time.Second))
		if _, err = in.Read(make([]byte, 10)); err == nil {
			return
		}
	}
	t.Fatal(fmt.Errorf("no datagram at all: %w", err))
}

// burst is one superframe's payload.
func burst(round int) (b []byte) {
	for i := range udpBurst {
		b = append(b, datagram(round*udpBurst+i)...)
	}
	return b
}

// datagram i is its number and bytes that depend on it.
func datagram(i int) []byte {
	b := make([]byte, udpSegment)
	for k := range b {
		b[k] = byte(i*31 + k*7)
	}
	binary.BigEndian.PutUint32(b, uint32(i))
	return b
}
