package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ubridge/dnsfwd"
)

func pinned(rs ...netip.AddrPort) Options { return Options{Upstreams: rs} }

func TestForwardsCachesAndAnswersLocally(t *testing.T) {
	r := startResolver(t, says("192.0.2.1"))
	s := run(t, dnsfwd.Config{}, pinned(r.addr))
	s.SetHosts([]dnsfwd.Host{{Name: "vm1", Addr: guest.Addr()}})
	for range 2 {
		if got := address(ask(t, s, "a.example", dns.TypeA)); got != "192.0.2.1" {
			t.Errorf("a.example is %s", got)
		}
	}
	if got := address(ask(t, s, "vm1", dns.TypeA)); got != guest.Addr().String() {
		t.Errorf("vm1 is %s", got)
	}
	if n := r.udp.Load(); n != 1 {
		t.Errorf("the resolver was asked %d times", n)
	}
	st := s.Status()
	if st.Counters["cache"] != 1 || st.Counters["local"] != 1 || st.Counters["resolved"] != 1 ||
		st.CacheEntries != 1 || st.LocalNames != 1 || st.Inflight != 0 || st.Source != "pinned" || st.Problem != "" {
		t.Errorf("status %+v", st)
	}
	if len(st.Resolvers) != 1 || !st.Resolvers[0].Healthy || st.Resolvers[0].Answered != 1 {
		t.Errorf("resolvers %+v", st.Resolvers)
	}
}

func TestFailsOver(t *testing.T) {
	tests := []struct {
		name  string
		first func(t *testing.T) netip.AddrPort
		most  time.Duration
		dead  bool
	}{
		{"silent", func(t *testing.T) netip.AddrPort { return startResolver(t, silent).addr }, 5 * time.Second, true},
		{"nothing listens", closedPort, 900 * time.Millisecond, true},
		{"no route", func(*testing.T) netip.AddrPort { return netip.MustParseAddrPort("[fe80::1%no-such-link]:53") }, 900 * time.Millisecond, true},
		{"SERVFAIL", func(t *testing.T) netip.AddrPort {
			return startResolver(t, func(w dns.ResponseWriter, q *dns.Msg) {
				w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
			}).addr
		}, 900 * time.Millisecond, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good := startResolver(t, says("192.0.2.2"))
			s := run(t, dnsfwd.Config{Timeout: time.Second}, pinned(tt.first(t), good.addr))
			began := time.Now()
			if got := address(ask(t, s, "a.example", dns.TypeA)); got != "192.0.2.2" {
				t.Errorf("a.example is %s", got)
			}
			if took := time.Since(began); took > tt.most {
				t.Errorf("took %v, at most %v", took, tt.most)
			}
			if healthy := s.Status().Resolvers[0].Healthy; healthy == tt.dead {
				t.Errorf("healthy %v", healthy)
			}
		})
	}
}

// many answers with more than a datagram holds, over UDP with TC.
func many(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	for i := range 40 {
		rr, _ := dns.NewRR(fmt.Sprintf("%s 60 TXT \"%d %s\"", q.Question[0].Name, i, strings.Repeat("x", 60)))
		m.Answer = append(m.Answer, rr)
	}
	if w.RemoteAddr().Network() == "udp" {
		m.Truncate(512)
	}
	w.WriteMsg(m)
}

func TestTruncatedIsAskedOverTCP(t *testing.T) {
	r := startResolver(t, many)
	s := run(t, dnsfwd.Config{}, pinned(r.addr))
	m := ask(t, s, "big.example", dns.TypeTXT)
	m.Compress = true // as it came
	if !m.Truncated || m.Len() > 512 {
		t.Errorf("UDP client got %d bytes, TC %v", m.Len(), m.Truncated)
	}
	if r.udp.Load() != 1 || r.tcp.Load() != 1 {
		t.Errorf("asked %d times over UDP, %d over TCP", r.udp.Load(), r.tcp.Load())
	}
	c := dns.Client{Net: "tcp"}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion("big.example.", dns.TypeTXT), listen(t, s))
	if err != nil || len(m.Answer) != 40 || m.Truncated {
		t.Errorf("TCP client got %v, %v", m, err)
	}
	if r.udp.Load()+r.tcp.Load() != 2 {
		t.Error("the whole answer was not cached")
	}
}

// A datagram that does not fit the ask must not end the wait for one that does.
func TestForgedDatagramIsPassedOver(t *testing.T) {
	r := startResolver(t, func(w dns.ResponseWriter, q *dns.Msg) {
		forged := q.Copy()
		forged.Id++
		says("192.0.2.66")(w, forged)
		says("192.0.2.1")(w, q)
	})
	s := run(t, dnsfwd.Config{}, pinned(r.addr))
	if got := address(ask(t, s, "a.example", dns.TypeA)); got != "192.0.2.1" {
		t.Errorf("a.example is %s", got)
	}
	if n := s.Status().Counters["mismatched-response"]; n != 1 {
		t.Errorf("%d mismatched responses", n)
	}
}

func TestNoResolver(t *testing.T) {
	s := run(t, dnsfwd.Config{}, Options{})
	if got := address(ask(t, s, "a.example", dns.TypeA)); got != "SERVFAIL" {
		t.Errorf("a.example is %s", got)
	}
	if st := s.Status(); st.Problem == "" || len(st.Resolvers) != 0 {
		t.Errorf("status %+v", st)
	}
}

func TestSubmitNeverBlocks(t *testing.T) {
	s := New(dnsfwd.Config{}, Options{})
	reply := func([]byte) { t.Error("replied without Run") }
	for range queueLen {
		if !s.Submit(guest, nil, reply) {
			t.Fatal("refused before the queue was full")
		}
	}
	if s.Submit(guest, nil, reply) {
		t.Error("accepted beyond the queue")
	}
	if n := s.Status().Counters["queue-full"]; n != 1 {
		t.Errorf("counted %d", n)
	}
}

func TestRunEnds(t *testing.T) {
	r := startResolver(t, silent)
	s := New(dnsfwd.Config{}, pinned(r.addr))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	q, _ := new(dns.Msg).SetQuestion("a.example.", dns.TypeA).Pack()
	s.Submit(guest, q, func([]byte) { t.Error("replied") })
	for r.udp.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if s.Submit(guest, q, nil) {
		t.Error("submit after the end")
	}
	if err := s.Run(t.Context()); !errors.Is(err, errRunTwice) {
		t.Errorf("second run: %v", err)
	}
}

// A reply may call back into the Service.
func TestReplyMayCallTheService(t *testing.T) {
	s := run(t, dnsfwd.Config{}, Options{})
	done := make(chan int, 1)
	q, _ := new(dns.Msg).SetQuestion("a.example.", dns.TypeA).Pack()
	s.Submit(guest, q, func([]byte) {
		s.SetHosts([]dnsfwd.Host{{Name: "vm1", Addr: guest.Addr()}})
		done <- s.Status().LocalNames
	})
	if n := <-done; n != 1 {
		t.Errorf("%d names", n)
	}
}
