package upstream

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"ubridge/dnsfwd"
)

// Every test runs on loopback with ports that the kernel chose.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var guest = netip.MustParseAddrPort("192.168.122.10:4000")

// A resolver is a DNS server of the test's.
type resolver struct {
	addr     netip.AddrPort
	udp, tcp atomic.Int64 // queries seen
}

// startResolver answers with the handler on one port over UDP and TCP.
func startResolver(t *testing.T, handle dns.HandlerFunc) *resolver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &resolver{addr: netip.MustParseAddrPort(l.Addr().String())}
	pc, err := net.ListenPacket("udp", r.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	count := func(w dns.ResponseWriter, m *dns.Msg) {
		if w.RemoteAddr().Network() == "udp" {
			r.udp.Add(1)
		} else {
			r.tcp.Add(1)
		}
		handle(w, m)
	}
	serve(t, &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(count)})
	serve(t, &dns.Server{Listener: l, Handler: dns.HandlerFunc(count)})
	return r
}

func serve(t *testing.T, s *dns.Server) {
	started, ended := make(chan struct{}), make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	go func() {
		defer close(ended)
		s.ActivateAndServe()
	}()
	<-started
	t.Cleanup(func() {
		s.Shutdown()
		<-ended
	})
}

// says answers every question for an address with this one.
func says(addr string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Answer = []dns.RR{&dns.A{
			Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60},
			A:   net.ParseIP(addr),
		}}
		w.WriteMsg(m)
	}
}

func silent(dns.ResponseWriter, *dns.Msg) {}

// closedPort returns an address where nothing listens.
func closedPort(t *testing.T) netip.AddrPort {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	return netip.MustParseAddrPort(pc.LocalAddr().String())
}

// run starts a Service and ends it with the test.
func run(t *testing.T, cfg dnsfwd.Config, opts Options) *Service {
	t.Helper()
	opts.Log = slog.New(slog.DiscardHandler)
	s := New(cfg, opts)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return s
}

// ask submits a question as the dataplane would and waits for the answer.
func ask(t *testing.T, s *Service, name string, qtype uint16) *dns.Msg {
	t.Helper()
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	msg, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan []byte, 1)
	if !s.Submit(guest, msg, func(b []byte) { answers <- b }) {
		t.Fatal("queue full")
	}
	select {
	case b := <-answers:
		m := new(dns.Msg)
		if err := m.Unpack(b); err != nil || m.Id != q.Id {
			t.Fatalf("answer %x: %v", b, err)
		}
		return m
	case <-time.After(10 * time.Second):
		t.Fatalf("no answer for %s", name)
		return nil
	}
}

// address returns the one address in an answer, or the name of its code.
func address(m *dns.Msg) string {
	if len(m.Answer) == 1 {
		if a, ok := m.Answer[0].(*dns.A); ok {
			return a.A.String()
		}
	}
	return dns.RcodeToString[m.Rcode]
}
