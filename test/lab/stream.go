package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"ubridge/internal/testnet"
)

// streamPort is where the server takes the connections of streams.
const streamPort = "7000"

// advanceTime is how long a stream may take to go on.
const advanceTime = 30 * time.Second

// Stream is a connection through NAT on which both ends send ever higher numbers
// to each other, some every few milliseconds.
type Stream struct {
	net            *Net
	inward, upward atomic.Int64 // the last ones received: by the guest, by the server
	failed         atomic.Pointer[error]
}

// Stream opens a connection from a guest to the server. It ends with the test.
func (n *Net) Stream(from *Guest) *Stream {
	n.T.Helper()
	s := &Stream{net: n}
	var l net.Listener
	err := n.Server.Do(func() (err error) {
		l, err = net.Listen("tcp4", net.JoinHostPort(ServerAddr, streamPort))
		return err
	})
	if err != nil {
		n.T.Fatal(err)
	}
	defer l.Close()
	guest := n.dial(from.NS, l)
	server, err := l.Accept()
	if err != nil {
		n.T.Fatal(err)
	}
	for _, c := range []net.Conn{guest, server} {
		n.T.Cleanup(func() { _ = c.Close() })
		go s.send(c)
	}
	go s.receive(guest, &s.inward)
	go s.receive(server, &s.upward)
	return s
}

func (n *Net) dial(from *testnet.NS, l net.Listener) (c net.Conn) {
	n.T.Helper()
	err := from.Do(func() (err error) {
		c, err = net.DialTimeout("tcp4", l.Addr().String(), advanceTime)
		return err
	})
	if err != nil {
		n.T.Fatalf("through NAT: %v", err)
	}
	return c
}

func (s *Stream) send(c net.Conn) {
	for i := int64(1); ; i++ {
		if err := binary.Write(c, binary.BigEndian, i); err != nil {
			s.failed.CompareAndSwap(nil, &err)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *Stream) receive(c net.Conn, last *atomic.Int64) {
	for i := int64(1); ; i++ {
		var got int64
		err := binary.Read(c, binary.BigEndian, &got)
		if err == nil && got != i {
			err = fmt.Errorf("received %d, want %d", got, i)
		}
		if err != nil {
			s.failed.CompareAndSwap(nil, &err)
			return
		}
		last.Store(i)
	}
}

// Advances waits until both ends have received more.
func (s *Stream) Advances(when string) {
	s.net.T.Helper()
	inward, upward := s.inward.Load(), s.upward.Load()
	s.net.Eventually(advanceTime, "a stream that goes on "+when, func() error {
		if err := s.failed.Load(); err != nil {
			s.net.T.Fatalf("%s the stream broke: %v", when, *err)
		}
		if in, up := s.inward.Load(), s.upward.Load(); in < inward+20 || up < upward+20 {
			return fmt.Errorf("received by the guest %d, by the server %d", in-inward, up-upward)
		}
		return nil
	})
}

// Received are how many numbers have come: to the guest, and to the server.
func (s *Stream) Received() (inward, upward int64) { return s.inward.Load(), s.upward.Load() }
