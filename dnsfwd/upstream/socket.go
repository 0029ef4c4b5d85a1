package upstream

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"

	"ubridge/dnsfwd"
)

// readSize is more than a resolver may send over UDP: asks tell it 1232 or
// nothing. What is cut off fails to decode, and the next resolver is asked.
const readSize = 4096

var readBuffers = sync.Pool{New: func() any { b := make([]byte, readSize); return &b }}

// An event is what became of an ask: a message, or the error that ended it.
type event struct {
	ask dnsfwd.Ask
	msg []byte
	err error
}

// open sends a message to a resolver and listens until the ask is released.
func (s *Service) open(ctx context.Context, ask dnsfwd.Ask, msg []byte) {
	ctx, cancel := context.WithCancel(ctx)
	s.asks[ask] = cancel
	s.tasks.Go(func() {
		err := s.converse(ctx, ask, msg)
		if ctx.Err() == nil {
			s.post(ctx, event{ask: ask, err: err})
		}
		<-ctx.Done() // the loop's to cancel
	})
}

// converse holds the socket of an ask. It returns when ctx is cancelled or
// nothing more can come.
func (s *Service) converse(ctx context.Context, ask dnsfwd.Ask, msg []byte) error {
	network := "udp"
	if ask.TCP {
		network = "tcp"
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, ask.Upstream.String())
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	if ask.TCP {
		return s.converseTCP(ctx, conn, ask, msg)
	}
	return s.converseUDP(ctx, conn, ask, msg)
}

// converseUDP reads on after a message, since the Forwarder may find that it
// is forged.
func (s *Service) converseUDP(ctx context.Context, conn net.Conn, ask dnsfwd.Ask, msg []byte) error {
	if _, err := conn.Write(msg); err != nil {
		return err
	}
	buf := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(buf)
	for {
		n, err := conn.Read(*buf)
		if err != nil {
			return err
		}
		if !s.post(ctx, event{ask: ask, msg: slices.Clone((*buf)[:n])}) {
			return ctx.Err()
		}
	}
}

func (s *Service) converseTCP(ctx context.Context, conn net.Conn, ask dnsfwd.Ask, msg []byte) error {
	if err := writeMessage(conn, msg); err != nil {
		return err
	}
	for {
		msg, err := readMessage(conn)
		if err != nil {
			return err
		}
		if !s.post(ctx, event{ask: ask, msg: msg}) {
			return ctx.Err()
		}
	}
}

// post hands an event to the loop; false means that nobody wants it any more.
func (s *Service) post(ctx context.Context, e event) bool {
	select {
	case s.events <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

var errTooLong = errors.New("dns message is longer than 65535 bytes")

// writeMessage sends a message with its length (RFC 1035 §4.2.2), both in one
// write (RFC 7766 §8).
func writeMessage(w io.Writer, msg []byte) error {
	if len(msg) > 65535 {
		return errTooLong
	}
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(msg)), uint16(len(msg)))
	_, err := w.Write(append(b, msg...))
	return err
}

func readMessage(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(r, msg)
	return msg, err
}
