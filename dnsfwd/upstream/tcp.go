package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"ubridge/dnsfwd"
)

// Limits of the TCP side (RFC 7766 §6.2 and §10).
const (
	maxConns          = 256
	maxConnsPerClient = 16
	// maxPipelined is how many queries of one connection are worked on; what
	// follows waits in the socket.
	maxPipelined = 32
	// idleTimeout covers the wait for a query and its arrival.
	idleTimeout  = 10 * time.Second
	writeTimeout = 5 * time.Second
)

// conns counts the connections of one listener.
type conns struct {
	mu    sync.Mutex
	total int
	from  map[netip.Addr]int
}

func (c *conns) enter(a netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.total >= maxConns || c.from[a] >= maxConnsPerClient {
		return false
	}
	c.total++
	c.from[a]++
	return true
}

func (c *conns) leave(a netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total--
	if c.from[a]--; c.from[a] == 0 {
		delete(c.from, a)
	}
}

// ServeTCP answers queries on the listener's connections, several on each,
// until ctx is cancelled or the listener breaks; it closes the listener and
// returns when the last connection has ended. Cancelling is no error.
// Connections beyond 256, or 16 of one address, are closed at once.
func (s *Service) ServeTCP(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	open := &conns{from: make(map[netip.Addr]int)}
	for {
		conn, err := accept(ctx, l)
		if err != nil {
			return acceptError(ctx, err)
		}
		serving.Go(func() { s.serveConn(ctx, conn, open) })
	}
}

// accept waits a little and tries again where the process ran out of
// descriptors, which passes.
func accept(ctx context.Context, l net.Listener) (net.Conn, error) {
	for {
		conn, err := l.Accept()
		var ne net.Error
		//lint:ignore SA1019 no other way tells EMFILE from a closed listener
		if err == nil || !errors.As(err, &ne) || !ne.Temporary() {
			return conn, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func acceptError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("accept dns over tcp: %w", err)
}

func (s *Service) serveConn(ctx context.Context, conn net.Conn, open *conns) {
	defer conn.Close()
	from, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil || !open.enter(from.Addr()) {
		return
	}
	defer open.leave(from.Addr())
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c := &tcpConn{
		service: s, conn: conn, cancel: cancel,
		client:  dnsfwd.Client{From: from, TCP: true},
		slots:   make(chan struct{}, maxPipelined),
		answers: make(chan []byte, maxPipelined),
	}
	var writing sync.WaitGroup
	writing.Go(func() { c.write(ctx) })
	c.read(ctx)
	cancel()
	writing.Wait()
}

// A tcpConn is one client's connection: a reader that submits queries and a
// writer that sends answers in the order they come (RFC 7766 §7).
type tcpConn struct {
	service *Service
	conn    net.Conn
	client  dnsfwd.Client
	cancel  context.CancelFunc
	slots   chan struct{} // one for each query that is worked on
	answers chan []byte   // never full: an answer needs a slot
}

// read submits queries until the client is idle, gone or out of step. A client
// that closed its side still gets what it asked for.
func (c *tcpConn) read(ctx context.Context) {
	defer c.drain(ctx)
	for {
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		c.conn.SetReadDeadline(time.Now().Add(idleTimeout))
		msg, err := readMessage(c.conn)
		if err != nil {
			<-c.slots
			return
		}
		if !c.submit(ctx, msg) {
			return
		}
	}
}

// drain waits until every query has its answer written.
func (c *tcpConn) drain(ctx context.Context) {
	for range maxPipelined {
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

func (c *tcpConn) submit(ctx context.Context, msg []byte) bool {
	select {
	case c.service.queue <- request{c.client, msg, c.done}:
		return true
	case <-ctx.Done():
	case <-c.service.ended:
		c.cancel()
	}
	return false
}

// done is called by the Service's loop. What gets no answer was no DNS query;
// such a client is hung up on.
func (c *tcpConn) done(msg []byte) {
	if msg == nil {
		c.cancel()
		return
	}
	c.answers <- msg
}

func (c *tcpConn) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.service.ended:
			c.cancel()
			return
		case msg := <-c.answers:
			c.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			if writeMessage(c.conn, msg) != nil {
				c.cancel()
				return
			}
			<-c.slots
		}
	}
}
