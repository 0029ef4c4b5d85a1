package dnsfwd

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// tick advances to the next deadline and returns it with the actions.
func tick(t testing.TB, f *Forwarder) (time.Time, []Action) {
	t.Helper()
	at, ok := f.Next()
	if !ok {
		t.Fatal("nothing is due")
	}
	if early := f.Tick(at.Add(-1)); len(early) != 0 {
		t.Fatalf("early actions %v", early)
	}
	return at, f.Tick(at)
}

// idle fails the test where a question left something behind.
func idle(t testing.TB, f *Forwarder) {
	t.Helper()
	if _, ok := f.Next(); ok || f.inflight != 0 || len(f.asks)+len(f.pendings)+len(f.clients) != 0 {
		t.Errorf("left behind: inflight %d, asks %d, pendings %d, clients %v, timer %v",
			f.inflight, len(f.asks), len(f.pendings), f.clients, ok)
	}
}

func TestSilentUpstreamFailsOverAndIsTriedLast(t *testing.T) {
	f := newTest(Config{}, first, second)
	a := asked(t, f, start, guest, question("a.example", dns.TypeA))
	if a.Ask.Upstream != first {
		t.Fatalf("asked %v first", a.Ask.Upstream)
	}
	now, out := tick(t, f)
	b := want(t, only(t, out, Send), Send, Failover)
	if b.Ask.Upstream != second || b.Ask.ID == a.Ask.ID || now != start.Add(DefaultTimeout) {
		t.Fatalf("at %v asked %+v", now.Sub(start), b.Ask)
	}
	out = f.Response(now, b.Ask, respond(t, b, 0, rr(t, "a.example. 60 A 192.0.2.9")))
	want(t, only(t, out, Answer), Answer, Resolved)
	idle(t, f)

	if b = asked(t, f, now, guest, question("b.example", dns.TypeA)); b.Ask.Upstream != second {
		t.Errorf("the dead upstream is asked while remembered: %v", b.Ask)
	}
	later := now.Add(deadFor)
	if b = asked(t, f, later, guest, question("c.example", dns.TypeA)); b.Ask.Upstream != first {
		t.Errorf("the dead upstream gets no probe: %v", b.Ask)
	}
	if c := asked(t, f, later, guest, question("d.example", dns.TypeA)); c.Ask.Upstream != second {
		t.Errorf("a second question probes too: %v", c.Ask)
	}
	f.Response(later, b.Ask, respond(t, b, 0))
	if b = asked(t, f, later, guest, question("e.example", dns.TypeA)); b.Ask.Upstream != first {
		t.Errorf("the upstream that is back is not first: %v", b.Ask)
	}
}

func TestDeadTimeDoubles(t *testing.T) {
	s := &server{}
	now := start
	var waits []time.Duration
	for range 5 {
		s.missed(now)
		s.missed(now) // of another question, at the same time
		waits = append(waits, s.retryAt.Sub(now))
		now = s.retryAt
		s.take(now, time.Second)
		now = s.retryAt
	}
	for i, d := range []time.Duration{10, 20, 40, 60, 60} {
		if waits[i] != d*time.Second {
			t.Errorf("silence %d: %v, want %v", i+1, waits[i], d*time.Second)
		}
	}
}

func TestLateAnswerIsTaken(t *testing.T) {
	f := newTest(Config{}, first, second)
	a := asked(t, f, start, guest, question("a.example", dns.TypeA))
	now, out := tick(t, f)
	b := only(t, out, Send)
	out = f.Response(now, a.Ask, respond(t, a, 0, rr(t, "a.example. 60 A 192.0.2.9")))
	want(t, only(t, out, Answer), Answer, Resolved)
	if len(out) != 3 {
		t.Errorf("%d actions, want an answer and two releases", len(out))
	}
	want(t, f.Response(now, b.Ask, respond(t, b, 0))[0], Drop, StrayResponse)
	idle(t, f)
}

func TestLostDatagramIsSentAgain(t *testing.T) {
	f := newTest(Config{}, first)
	asked(t, f, start, guest, question("a.example", dns.TypeA))
	_, out := tick(t, f)
	if b := only(t, out, Send); b.Ask.Upstream != first {
		t.Errorf("asked %v", b.Ask)
	}
	_, out = tick(t, f)
	a := want(t, only(t, out, Answer), Answer, Unanswered)
	if m := unpack(t, a.Msg); m.Rcode != dns.RcodeServerFailure || m.Id != 7 {
		t.Errorf("reply %v", m)
	}
	idle(t, f)
}

func TestGivesUpInTime(t *testing.T) {
	var many []netip.AddrPort
	for i := range maxUpstreams {
		many = append(many, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 53))
	}
	f := newTest(Config{}, many...)
	asked(t, f, start, guest, question("a.example", dns.TypeA))
	for {
		now, out := tick(t, f)
		if out[0].Kind == Send {
			continue
		}
		only(t, out, Answer)
		if now.Sub(start) != answerBudget {
			t.Errorf("gave up after %v", now.Sub(start))
		}
		break
	}
	idle(t, f)
}

func TestFailureGoesToTheNext(t *testing.T) {
	header := func(rcode byte) func(t *testing.T, f *Forwarder, a Action) []Action {
		return func(t *testing.T, f *Forwarder, a Action) []Action {
			return f.Response(start, a.Ask, []byte{byte(a.Ask.ID >> 8), byte(a.Ask.ID), 0x80, rcode, 0, 0, 0, 0, 0, 0, 0, 0})
		}
	}
	code := func(rcode int) func(t *testing.T, f *Forwarder, a Action) []Action {
		return func(t *testing.T, f *Forwarder, a Action) []Action {
			return f.Response(start, a.Ask, respond(t, a, rcode))
		}
	}
	tests := []struct {
		name string
		fail func(t *testing.T, f *Forwarder, a Action) []Action
		last int // the code that the client gets where all fail so
	}{
		{"SERVFAIL", code(dns.RcodeServerFailure), dns.RcodeServerFailure},
		{"REFUSED", code(dns.RcodeRefused), dns.RcodeRefused},
		{"REFUSED without question", header(5), dns.RcodeServerFailure},
		{"undecodable", func(t *testing.T, f *Forwarder, a Action) []Action {
			msg := respond(t, a, 0, rr(t, "a.example. 60 A 192.0.2.9"))
			return f.Response(start, a.Ask, msg[:len(msg)-1])
		}, dns.RcodeServerFailure},
		{"unreachable", func(t *testing.T, f *Forwarder, a Action) []Action {
			return f.Failed(start, a.Ask)
		}, dns.RcodeServerFailure},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTest(Config{}, first, second)
			a := asked(t, f, start, guest, question("a.example", dns.TypeA))
			out := tt.fail(t, f, a)
			if r := only(t, out, Release); r.Ask != a.Ask {
				t.Errorf("released %v", r.Ask)
			}
			b := want(t, only(t, out, Send), Send, Failover)
			if b.Ask.Upstream != second {
				t.Fatalf("asked %v", b.Ask)
			}
			out = tt.fail(t, f, b)
			last := want(t, only(t, out, Answer), Answer, Unanswered)
			if m := unpack(t, last.Msg); m.Rcode != tt.last || len(m.Question) != 1 {
				t.Errorf("reply %v", m)
			}
			idle(t, f)
		})
	}
}

func TestForgedResponsesAreDropped(t *testing.T) {
	f := newTest(Config{}, first)
	a := asked(t, f, start, guest, question("a.example", dns.TypeA))
	good := respond(t, a, 0, rr(t, "a.example. 60 A 192.0.2.9"))
	edit := func(at int, x byte) []byte { b := append([]byte(nil), good...); b[at] ^= x; return b }
	from := func(change func(*Ask)) Ask { b := a.Ask; change(&b); return b }
	tests := []struct {
		name    string
		ask     Ask
		msg     []byte
		verdict Verdict
	}{
		{"other upstream", from(func(b *Ask) { b.Upstream = second }), good, StrayResponse},
		{"other transport", from(func(b *Ask) { b.TCP = true }), good, StrayResponse},
		{"unknown id", from(func(b *Ask) { b.ID++ }), good, StrayResponse},
		{"other id inside", a.Ask, edit(1, 1), MismatchedResponse},
		{"a query", a.Ask, edit(offFlags, 0x80), MismatchedResponse},
		{"opcode", a.Ask, edit(offFlags, 0x08), MismatchedResponse},
		{"other name", a.Ask, edit(headerLen+1, 1), MismatchedResponse},
		{"other type", a.Ask, edit(headerLen+12, 1), MismatchedResponse},
		{"other class", a.Ask, edit(headerLen+14, 1), MismatchedResponse},
		{"no question but data", a.Ask, edit(offQD+1, 1), MismatchedResponse},
		{"short", a.Ask, good[:11], MismatchedResponse},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := f.Response(start, tt.ask, tt.msg)
			if len(out) != 1 {
				t.Fatalf("actions %v", out)
			}
			want(t, out[0], Drop, tt.verdict)
		})
	}
	want(t, only(t, f.Response(start, a.Ask, edit(headerLen+1, 0x20)), Answer), Answer, Resolved)
	idle(t, f)
}

func TestTruncatedIsAskedOverTCP(t *testing.T) {
	truncated := func(t *testing.T, f *Forwarder) Action {
		t.Helper()
		a := asked(t, f, start, guest, question("a.example", dns.TypeA))
		msg := respond(t, a, 0, rr(t, "a.example. 60 A 192.0.2.1"))
		msg[offFlags] |= flagTC >> 8
		out := f.Response(start, a.Ask, msg)
		only(t, out, Release)
		b := want(t, only(t, out, Send), Send, RetryTCP)
		if !b.Ask.TCP || b.Ask.Upstream != first {
			t.Fatalf("ask %+v", b.Ask)
		}
		return b
	}
	t.Run("whole", func(t *testing.T) {
		f := newTest(Config{}, first, second)
		b := truncated(t, f)
		out := f.Response(start, b.Ask, respond(t, b, 0, rr(t, "a.example. 60 A 192.0.2.1"), rr(t, "a.example. 60 A 192.0.2.2")))
		if m := unpack(t, only(t, out, Answer).Msg); len(m.Answer) != 2 || m.Truncated {
			t.Errorf("reply %v", m)
		}
		idle(t, f)
	})
	t.Run("TCP fails", func(t *testing.T) {
		f := newTest(Config{}, first)
		b := truncated(t, f)
		out := f.Failed(start, b.Ask)
		if m := unpack(t, only(t, out, Answer).Msg); len(m.Answer) != 1 || !m.Truncated {
			t.Errorf("reply %v", m)
		}
		if !f.Upstreams(start)[0].Healthy {
			t.Error("the upstream counts as dead for its TCP")
		}
		idle(t, f)
	})
	t.Run("TCP silent", func(t *testing.T) {
		f := newTest(Config{}, first, second)
		truncated(t, f)
		now, out := tick(t, f)
		if b := only(t, out, Send); b.Ask.Upstream != second || now != start.Add(2*DefaultTimeout) {
			t.Errorf("at %v ask %+v", now.Sub(start), b.Ask)
		}
	})
}

func TestSetUpstreams(t *testing.T) {
	self := netip.MustParseAddr("192.168.122.1")
	f := newTest(Config{Self: []Host{{"gw", self}}})
	m := question("a.example", dns.TypeA)
	a := want(t, f.Query(start, guest, pack(t, m)), Answer, NoUpstream)
	if got := unpack(t, a.Msg); got.Rcode != dns.RcodeServerFailure {
		t.Errorf("reply %v", got)
	}
	f.SetUpstreams([]netip.AddrPort{{}, netip.AddrPortFrom(self, 53), first, first, second})
	if got := f.Upstreams(start); len(got) != 2 || got[0].Addr != first || got[1].Addr != second {
		t.Fatalf("upstreams %v", got)
	}
	resolve := func() {
		a := asked(t, f, start, guest, m)
		f.Response(start, a.Ask, respond(t, a, 0, rr(t, "a.example. 60 A 192.0.2.9")))
		want(t, f.Query(start, guest, pack(t, m)), Answer, CacheHit)
	}
	resolve()
	f.SetUpstreams([]netip.AddrPort{first, second})
	want(t, f.Query(start, guest, pack(t, m)), Answer, CacheHit)
	f.SetUpstreams([]netip.AddrPort{second})
	old := asked(t, f, start, guest, m) // forgotten with the old resolvers
	f.SetUpstreams([]netip.AddrPort{first})
	fresh := asked(t, f, start, guest, m) // and not joined
	only(t, f.Response(start, old.Ask, respond(t, old, 0, rr(t, "a.example. 60 A 192.0.2.66"))), Answer)
	want(t, f.Query(start, client(1), pack(t, m)), Wait, Joined) // the old answer is not kept
	out := f.Response(start, fresh.Ask, respond(t, fresh, 0, rr(t, "a.example. 60 A 192.0.2.9")))
	if len(out) != 3 {
		t.Errorf("actions %v", out)
	}
	idle(t, f)
	resolveCached := unpack(t, want(t, f.Query(start, guest, pack(t, m)), Answer, CacheHit).Msg)
	if got := resolveCached.Answer[0].(*dns.A).A.String(); got != "192.0.2.9" {
		t.Errorf("cached %s", got)
	}
}
