package dnsfwd

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// big is an answer of about 3 KB.
func big(t testing.TB) (rrs []dns.RR) {
	for i := range 30 {
		rrs = append(rrs, rr(t, "big.example. 60 TXT \"%d %s\"", i, strings.Repeat("x", 80)))
	}
	return rrs
}

func TestReplyFitsTheClient(t *testing.T) {
	tests := []struct {
		name  string
		size  uint16 // 0: no EDNS
		tcp   bool
		limit int
	}{
		{"no EDNS", 0, false, 512},
		{"tiny EDNS", 100, false, 512},
		{"EDNS 900", 900, false, 900},
		{"EDNS 4096", 4096, false, maxUDPSize},
		{"TCP", 0, true, maxMessage},
		{"TCP with EDNS", 512, true, maxMessage},
	}
	f := newTest(Config{}, first)
	lookup(t, f, start, question("big.example", dns.TypeTXT), 0, big(t)...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := question("big.example", dns.TypeTXT)
			if tt.size > 0 {
				q.SetEdns0(tt.size, false)
			}
			c := guest
			c.TCP = tt.tcp
			msg := want(t, f.Query(start, c, pack(t, q)), Answer, CacheHit).Msg
			m := unpack(t, msg)
			if len(msg) > tt.limit || m.Truncated == tt.tcp || (m.IsEdns0() != nil) != (tt.size > 0) {
				t.Errorf("%d bytes, TC %v, OPT %v", len(msg), m.Truncated, m.IsEdns0())
			}
			if len(m.Answer) == 0 || (len(m.Answer) == 30) != tt.tcp {
				t.Errorf("%d answers", len(m.Answer))
			}
			if opt := m.IsEdns0(); opt != nil && opt.UDPSize() != maxUDPSize {
				t.Errorf("OPT %v", opt)
			}
		})
	}
}

// Cutting must not cost a guest's asker more than the answer is worth.
func TestHugeReplyIsCutWhole(t *testing.T) {
	f := newTest(Config{}, first)
	q := question("big.example", dns.TypeTXT)
	q.SetEdns0(1232, false)
	huge := append(append(append(big(t), big(t)...), big(t)...), big(t)...)
	m, _ := lookup(t, f, start, q, 0, huge...)
	if !m.Truncated || len(m.Answer) != 0 || m.IsEdns0() == nil || len(m.Question) != 1 {
		t.Errorf("reply %v", m)
	}
}

// Records that are only helpful can go without a second question over TCP.
func TestAdditionalRecordsGoBeforeTC(t *testing.T) {
	f := newTest(Config{}, first)
	a := asked(t, f, start, guest, question("big.example", dns.TypeTXT))
	m := new(dns.Msg)
	m.SetReply(unpack(t, a.Msg))
	m.Answer = big(t)[:1]
	m.Extra = big(t)
	out := f.Response(start, a.Ask, pack(t, m))
	got := unpack(t, only(t, out, Answer).Msg)
	if got.Truncated || len(got.Answer) != 1 || len(got.Extra) != 0 {
		t.Errorf("reply %v", got)
	}
}

func TestADIsShownToThoseWhoAsk(t *testing.T) {
	tests := []struct {
		name string
		edit func(*dns.Msg)
		ad   bool
	}{
		{"plain", func(*dns.Msg) {}, false},
		{"AD", func(m *dns.Msg) { m.AuthenticatedData = true }, true},
		{"DO", func(m *dns.Msg) { m.SetEdns0(1232, true) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTest(Config{}, first)
			q := question("a.example", dns.TypeA)
			tt.edit(q)
			a := asked(t, f, start, guest, q)
			if !unpack(t, a.Msg).AuthenticatedData {
				t.Error("the upstream is not asked for AD")
			}
			msg := respond(t, a, 0, rr(t, "a.example. 60 A 192.0.2.1"))
			msg[offFlags+1] |= flagAD
			msg[offFlags] |= flagAA >> 8
			m := unpack(t, only(t, f.Response(start, a.Ask, msg), Answer).Msg)
			if m.AuthenticatedData != tt.ad || m.Authoritative || !m.RecursionDesired {
				t.Errorf("header %+v", m.MsgHdr)
			}
		})
	}
}

// The upstream's OPT ends here, what it explains travels on.
func TestUpstreamOPT(t *testing.T) {
	f := newTest(Config{}, first)
	q := question("a.example", dns.TypeA)
	q.SetEdns0(1232, true)
	a := asked(t, f, start, guest, q)
	r := new(dns.Msg)
	r.SetReply(unpack(t, a.Msg))
	r.Answer = []dns.RR{rr(t, "a.example. 60 A 192.0.2.1")}
	r.SetEdns0(4000, true)
	r.IsEdns0().Option = []dns.EDNS0{
		&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "01020304050607080102030405060708"},
		&dns.EDNS0_EDE{InfoCode: 3, ExtraText: "stale"},
	}
	f.Response(start, a.Ask, pack(t, r))
	m := unpack(t, want(t, f.Query(start, guest, pack(t, q)), Answer, CacheHit).Msg)
	opt := m.IsEdns0()
	if opt == nil || len(opt.Option) != 1 || opt.Option[0].Option() != dns.EDNS0EDE || !opt.Do() || len(m.Extra) != 1 {
		t.Errorf("reply %v", m)
	}
}

func TestExtendedCodeTravels(t *testing.T) {
	f := newTest(Config{}, first)
	q := question("a.example", dns.TypeA)
	q.SetEdns0(1232, false)
	a := asked(t, f, start, guest, q)
	r := new(dns.Msg)
	r.SetReply(unpack(t, a.Msg))
	r.SetEdns0(1232, false)
	r.Rcode = dns.RcodeBadCookie
	m := unpack(t, only(t, f.Response(start, a.Ask, pack(t, r)), Answer).Msg)
	if m.Rcode != dns.RcodeBadCookie {
		t.Errorf("reply %v", m)
	}
}

// Local and cached answers cost the reply itself and nothing else.
func TestAnswersAllocateOnce(t *testing.T) {
	f := localForwarder("lan", true)
	lookup(t, f, start, question("a.example", dns.TypeA), 0, rr(t, "a.example. 60 A 192.0.2.1"))
	for _, name := range []string{"vm1.lan", "a.example"} {
		msg := pack(t, question(name, dns.TypeA))
		if n := testing.AllocsPerRun(100, func() { f.Query(start, guest, msg) }); n > 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
