package fastpath

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

const (
	datagram = 1200 // bytes
	together = 10   // datagrams in a superframe
)

// TestDatagramsInSuperframes: what a guest's kernel sends as one (UDP_SEGMENT) is
// translated as one, both ways, by user space and by the kernel, and arrives as datagrams
// that are whole and in order.
func TestDatagramsInSuperframes(t *testing.T) {
	for _, mode := range []string{"off", "kernel"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			superframes(t, mode)
		})
	}
}

func superframes(t *testing.T, mode string) {
	n := lab.New(t, "uso"+mode[:1])
	s := &scene{Net: n, d: n.Start(lab.Options{Args: []string{"--fastpath", mode}})}
	s.one = s.d.Join("one")
	served := make(chan error, 1)
	server := s.udp(s.Server, func() (*net.UDPConn, error) {
		return net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(lab.ServerAddr+":7300")))
	})
	go func() { served <- answer(server) }()
	client := s.udp(s.one.NS, func() (*net.UDPConn, error) {
		return net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(lab.ServerAddr+":7300")))
	})
	exchange := func(rounds uint32) (err error) {
		for i := range rounds {
			if err == nil {
				err = ask(client, i*together)
			}
		}
		return err
	}
	s.Eventually(patience, "a way to the server", func() error { return ask(client, 0) })
	before := s.d.Port(s.one.Port)
	if err := exchange(50); err != nil {
		t.Error(err)
	}
	if mode == "kernel" {
		s.Eventually(patience, "superframes that need no daemon", func() (err error) {
			s.away(func() { err = exchange(50) })
			return err
		})
	}
	after := s.d.Port(s.one.Port)
	if in, out := after.RxFrames-before.RxFrames, after.TxFrames-before.TxFrames; in < 50 || out < 50 || in > 200 || out > 200 {
		t.Errorf("%d frames came and %d went: 50 or 100 superframes were sent each way", in, out)
	}
	if len(after.Drops) > 0 {
		t.Errorf("dropped: %v", after.Drops)
	}
	if err := errors.Join(client.Close(), server.Close()); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// udp opens a socket that sends in superframes.
func (s *scene) udp(ns *testnet.NS, open func() (*net.UDPConn, error)) (c *net.UDPConn) {
	s.T.Helper()
	err := ns.Do(func() (err error) {
		c, err = open()
		return err
	})
	if err != nil {
		s.T.Fatal(err)
	}
	raw, err := c.SyscallConn()
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, datagram)
		}), err)
	}
	if err != nil {
		s.T.Fatal(err)
	}
	return c
}

// numbered is a superframe of datagrams from first on; what is in one depends on its
// number.
func numbered(first uint32) (data []byte) {
	for i := range uint32(together) {
		d := bytes.Repeat([]byte{byte(first + i)}, datagram)
		binary.BigEndian.PutUint32(d, first+i)
		data = append(data, d...)
	}
	return data
}

// collect receives the datagrams of a superframe and requires them to be what was sent.
// What is left of one whose beginning was lost, as before there was a way, is passed over.
func collect(c *net.UDPConn) (first uint32, from *net.UDPAddr, err error) {
	var got []byte
	buf := make([]byte, 1<<16)
	for len(got) < together*datagram {
		n, addr, err := c.ReadFromUDP(buf)
		if err != nil {
			return 0, nil, err
		}
		if n != datagram {
			return 0, nil, fmt.Errorf("a datagram of %d bytes", n)
		}
		if len(got) == 0 && binary.BigEndian.Uint32(buf)%together != 0 {
			continue
		}
		got, from = append(got, buf[:n]...), addr
	}
	first = binary.BigEndian.Uint32(got)
	if !bytes.Equal(got, numbered(first)) {
		return 0, nil, fmt.Errorf("datagrams from %d on are not what was sent", first)
	}
	return first, from, nil
}

// answer sends back what comes until the socket is closed.
func answer(c *net.UDPConn) error {
	for {
		first, from, err := collect(c)
		if err != nil {
			return err
		}
		if _, err := c.WriteToUDP(numbered(first), from); err != nil {
			return err
		}
	}
}

// ask sends a superframe and waits for the answer.
func ask(c *net.UDPConn, first uint32) error {
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
	if _, err := c.Write(numbered(first)); err != nil {
		return err
	}
	got, _, err := collect(c)
	if err == nil && got != first {
		err = fmt.Errorf("the answer is to %d, the question was %d", got, first)
	}
	return err
}
