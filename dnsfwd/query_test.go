package dnsfwd

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

func TestBadQueries(t *testing.T) {
	good := pack(t, question("example.com", dns.TypeA))
	edit := func(f func(b []byte)) []byte { b := bytes.Clone(good); f(b); return b }
	opt := func(version uint8, options ...byte) []byte {
		b := edit(func(b []byte) { b[offAR+1]++ })
		b = appendOPT(b, false, 0, options)
		b[len(good)+6] = version
		return b
	}
	tests := []struct {
		name    string
		msg     []byte
		kind    Kind
		verdict Verdict
		rcode   int
	}{
		{"empty", nil, Drop, RuntQuery, 0},
		{"header cut", good[:11], Drop, RuntQuery, 0},
		{"a response", edit(func(b []byte) { b[offFlags] |= 0x80 }), Drop, NotQuery, 0},
		{"opcode NOTIFY", edit(func(b []byte) { b[offFlags] |= 4 << 3 }), Answer, UnknownOpcode, dns.RcodeNotImplemented},
		{"no question", good[:12], Answer, MalformedQuery, dns.RcodeFormatError},
		{"count zero", edit(func(b []byte) { b[offQD+1] = 0 }), Answer, MalformedQuery, dns.RcodeFormatError},
		{"two questions", append(edit(func(b []byte) { b[offQD+1] = 2 }), good[12:]...), Answer, MalformedQuery, dns.RcodeFormatError},
		{"name cut", good[:20], Answer, MalformedQuery, dns.RcodeFormatError},
		{"class cut", good[:len(good)-1], Answer, MalformedQuery, dns.RcodeFormatError},
		{"pointer in name", edit(func(b []byte) { b[12], b[13] = 0xc0, 12 }), Answer, MalformedQuery, dns.RcodeFormatError},
		{"bytes behind the end", append(bytes.Clone(good), 0), Answer, MalformedQuery, dns.RcodeFormatError},
		{"record missing", edit(func(b []byte) { b[offAR+1] = 1 }), Answer, MalformedQuery, dns.RcodeFormatError},
		{"option cut", opt(0, 0, 8, 0, 9, 1), Answer, MalformedQuery, dns.RcodeFormatError},
		{"two OPT", append(edit(func(b []byte) { b[offAR+1] = 2 }), append(opt(0)[len(good):], opt(0)[len(good):]...)...), Answer, MalformedQuery, dns.RcodeFormatError},
		{"EDNS version 1", opt(1), Answer, UnknownEDNS, dns.RcodeBadVers},
		{"AXFR", pack(t, question("example.com", dns.TypeAXFR)), Answer, Transfer, dns.RcodeRefused},
		{"IXFR", pack(t, question("example.com", dns.TypeIXFR)), Answer, Transfer, dns.RcodeRefused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTest(Config{}, first)
			a := want(t, f.Query(start, guest, tt.msg), tt.kind, tt.verdict)
			if diff := cmp.Diff(guest, a.Client, cmp.Comparer(func(a, b Client) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
			if got := f.Stats().Verdicts[tt.verdict]; got != 1 {
				t.Errorf("%v counted %d times", tt.verdict, got)
			}
			if tt.kind == Drop {
				return
			}
			if m := unpack(t, a.Msg); m.Rcode != tt.rcode || m.Id != 7 || !m.Response {
				t.Errorf("reply %v, want rcode %d, id 7", m, tt.rcode)
			}
		})
	}
}

func TestQueryFromPortZeroIsDropped(t *testing.T) {
	f := newTest(Config{}, first)
	want(t, f.Query(start, Client{}, pack(t, question("a.example", dns.TypeA))), Drop, RuntQuery)
}

func TestVerdictsHaveDistinctNames(t *testing.T) {
	seen := map[string]bool{}
	for v := range NumVerdicts {
		if v.String() == "" || seen[v.String()] {
			t.Errorf("verdict %d is named %q", v, v)
		}
		seen[v.String()] = true
	}
}

func TestUpstreamMessage(t *testing.T) {
	tests := []struct {
		name    string
		edit    func(m *dns.Msg)
		do      bool
		edns    bool
		options []uint16
	}{
		{"plain", func(m *dns.Msg) {}, false, false, nil},
		{"large EDNS", func(m *dns.Msg) { m.SetEdns0(4096, true) }, true, true, nil},
		{"small EDNS", func(m *dns.Msg) { m.SetEdns0(512, false) }, false, true, nil},
		{"cookie stays here, subnet goes on", func(m *dns.Msg) {
			m.SetEdns0(4096, false)
			m.IsEdns0().Option = []dns.EDNS0{
				&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"},
				&dns.EDNS0_LOCAL{Code: dns.EDNS0LOCALSTART, Data: []byte("x")},
			}
		}, false, true, []uint16{dns.EDNS0LOCALSTART}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := question("Example.COM", dns.TypeTXT)
			m.CheckingDisabled = true
			tt.edit(m)
			a := asked(t, newTest(Config{}, first), start, guest, m)
			got := unpack(t, a.Msg)
			if got.Id != a.Ask.ID || got.Id == m.Id || !got.RecursionDesired || !got.CheckingDisabled {
				t.Errorf("header %+v", got.MsgHdr)
			}
			if diff := cmp.Diff(m.Question, got.Question); diff != "" {
				t.Error(diff)
			}
			opt := got.IsEdns0()
			if (opt != nil) != tt.edns {
				t.Fatalf("OPT %v, want %v", opt, tt.edns)
			}
			if opt == nil {
				return
			}
			var codes []uint16
			for _, o := range opt.Option {
				codes = append(codes, o.Option())
			}
			if opt.Do() != tt.do || opt.UDPSize() != maxUDPSize || !cmp.Equal(codes, tt.options) {
				t.Errorf("OPT %v", opt)
			}
		})
	}
}

// A closed forwarder answers its own names, asks for those of zones that have resolvers
// of their own, and refuses the rest, whoever it could ask.
func TestAClosedForwarder(t *testing.T) {
	f := newTest(Config{Closed: true, Zones: []Zone{{Domain: "corp.example", Upstreams: []netip.AddrPort{second}}, {Domain: "none.corp.example"}}, Domain: "net.example", Self: []Host{{"_gateway", netip.MustParseAddr("192.168.122.1")}}}, first)
	a := want(t, f.Query(start, guest, pack(t, question("_gateway", dns.TypeA))), Answer, Local)
	if got := unpack(t, a.Msg); got.Rcode != dns.RcodeSuccess || len(got.Answer) != 1 {
		t.Errorf("its own name: %v", got)
	}
	for _, name := range []string{"a.example", "a.none.corp.example"} {
		a = want(t, f.Query(start, guest, pack(t, question(name, dns.TypeA))), Answer, Closed)
		if got := unpack(t, a.Msg); got.Rcode != dns.RcodeRefused || len(got.Question) != 1 {
			t.Errorf("%s: %v", name, got)
		}
	}
	if a = f.Query(start, guest, pack(t, question("a.corp.example", dns.TypeA))); a.Kind != Send || a.Ask.Upstream != second {
		t.Errorf("a name of a zone: %+v", a)
	}
}
