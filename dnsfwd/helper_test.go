package dnsfwd

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var (
	start  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	first  = netip.MustParseAddrPort("192.0.2.1:53")
	second = netip.MustParseAddrPort("192.0.2.2:53")
	guest  = Client{From: netip.MustParseAddrPort("192.168.122.10:4000"), Token: 1}
)

// counter returns a Rand that never repeats within a test.
func counter() func() uint16 {
	var n uint16 = 100
	return func() uint16 { n++; return n }
}

func newTest(c Config, upstreams ...netip.AddrPort) *Forwarder {
	if c.Rand == nil {
		c.Rand = counter()
	}
	f := New(c)
	f.SetUpstreams(upstreams)
	return f
}

// client returns the nth other client.
func client(n int) Client {
	addr := netip.AddrFrom4([4]byte{192, 168, 122, byte(20 + n%200)})
	return Client{From: netip.AddrPortFrom(addr, uint16(5000+n)), Token: uint64(1000 + n)}
}

func question(name string, qtype uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), qtype)
	m.Id = 7
	return m
}

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unpack(t testing.TB, b []byte) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		t.Fatalf("unpack %x: %v", b, err)
	}
	return m
}

func rr(t testing.TB, s string, args ...any) dns.RR {
	t.Helper()
	r, err := dns.NewRR(fmt.Sprintf(s, args...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// want fails the test unless the action is as said.
func want(t testing.TB, a Action, k Kind, v Verdict) Action {
	t.Helper()
	if a.Kind != k || a.Verdict != v {
		t.Fatalf("action is kind %d %v, want kind %d %v", a.Kind, a.Verdict, k, v)
	}
	return a
}

// only returns the single action of a kind.
func only(t testing.TB, actions []Action, k Kind) Action {
	t.Helper()
	var found []Action
	for _, a := range actions {
		if a.Kind == k {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d actions of kind %d in %v, want one", len(found), k, actions)
	}
	return found[0]
}

// asked sends a question that must go upstream.
func asked(t testing.TB, f *Forwarder, now time.Time, c Client, m *dns.Msg) Action {
	t.Helper()
	return want(t, f.Query(now, c, pack(t, m)), Send, Forwarded)
}

// respond answers an ask with a code and records.
func respond(t testing.TB, ask Action, rcode int, rrs ...dns.RR) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetReply(unpack(t, ask.Msg))
	m.Rcode = rcode
	m.RecursionAvailable = true
	for _, r := range rrs {
		if r.Header().Rrtype == dns.TypeSOA {
			m.Ns = append(m.Ns, r)
		} else {
			m.Answer = append(m.Answer, r)
		}
	}
	return pack(t, m)
}
