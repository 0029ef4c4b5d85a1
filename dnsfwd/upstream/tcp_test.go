package upstream

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ubridge/dnsfwd"
)

// listen serves TCP until the test ends and returns the address.
func listen(t *testing.T, s *Service) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.ServeTCP(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, addr string) *dns.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(8 * time.Second))
	return &dns.Conn{Conn: c}
}

func send(t *testing.T, c *dns.Conn, id uint16, name string) {
	t.Helper()
	q := new(dns.Msg).SetQuestion(name, dns.TypeA)
	q.Id = id
	if err := c.WriteMsg(q); err != nil {
		t.Fatal(err)
	}
}

// Answers come as they are ready, also after the client closed its side.
func TestPipelinedQueries(t *testing.T) {
	r := startResolver(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if q.Question[0].Name == "slow.example." {
			time.Sleep(100 * time.Millisecond)
		}
		says("192.0.2.1")(w, q)
	})
	s := run(t, dnsfwd.Config{}, pinned(r.addr))
	c := dial(t, listen(t, s))
	send(t, c, 1, "slow.example.")
	send(t, c, 2, "fast.example.")
	c.Conn.(*net.TCPConn).CloseWrite()
	for _, id := range []uint16{2, 1} {
		m, err := c.ReadMsg()
		if err != nil || m.Id != id || address(m) != "192.0.2.1" {
			t.Fatalf("want the answer to %d, got %v, %v", id, m, err)
		}
	}
	if _, err := c.ReadMsg(); err != io.EOF {
		t.Errorf("connection is not closed: %v", err)
	}
}

func TestMoreQueriesThanSlots(t *testing.T) {
	r := startResolver(t, says("192.0.2.1"))
	s := run(t, dnsfwd.Config{}, pinned(r.addr))
	c := dial(t, listen(t, s))
	const n = 3 * maxPipelined
	go func() {
		for id := range uint16(n) {
			q := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
			q.Id = id
			c.WriteMsg(q)
		}
	}()
	seen := map[uint16]bool{}
	for range n {
		m, err := c.ReadMsg()
		if err != nil {
			t.Fatal(err)
		}
		seen[m.Id] = true
	}
	if len(seen) != n {
		t.Errorf("%d answers", len(seen))
	}
}

func TestGarbageIsHungUpOn(t *testing.T) {
	s := run(t, dnsfwd.Config{}, Options{})
	c := dial(t, listen(t, s))
	if _, err := c.Conn.Write([]byte{0, 3, 1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadMsg(); err == nil {
		t.Error("an answer to three bytes")
	}
}

func TestConnectionsPerClientAreBounded(t *testing.T) {
	s := run(t, dnsfwd.Config{Self: []dnsfwd.Host{{Name: "gw", Addr: guest.Addr()}}}, Options{})
	addr := listen(t, s)
	var open []*dns.Conn
	for i := range maxConnsPerClient {
		c := dial(t, addr)
		send(t, c, uint16(i), "gw.")
		if _, err := c.ReadMsg(); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		open = append(open, c)
	}
	if exchange(dial(t, addr)) == nil {
		t.Error("one connection too many is served")
	}
	open[0].Close()
	for range 50 { // until the server has seen the end
		if exchange(dial(t, addr)) == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("a closed connection still counts")
}

// exchange asks once; the error is nil where an answer came.
func exchange(c *dns.Conn) error {
	defer c.Close()
	q := new(dns.Msg).SetQuestion("gw.", dns.TypeA)
	if err := c.WriteMsg(q); err != nil {
		return err
	}
	_, err := c.ReadMsg()
	return err
}

func TestServeTCPEndsWithTheService(t *testing.T) {
	s := New(dnsfwd.Config{}, pinned(startResolver(t, silent).addr))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	c := dial(t, listen(t, s))
	send(t, c, 1, "a.example.")
	for s.Status().Inflight == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-ended
	if m, err := c.ReadMsg(); err == nil {
		t.Errorf("answer %v", m)
	}
}
