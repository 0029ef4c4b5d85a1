package dnsfwd

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

func recordForwarder(domain string, c Config) *Forwarder {
	c.Domain, c.LocalTTL = domain, 5*time.Second
	c.Records = []Record{
		TXT("motto.lan", "it's here"),
		TXT("long", strings.Repeat("x", 300)),
		SRV("_ldap._tcp.lan", "dc.lan", 389, 1, 2),
		SRV("_ldap._tcp.lan", "dc2.lan", 390, 3, 4),
		SRV("_imap._tcp.lan", ".", 143, 0, 0),
		TXT("vm1.lan", "a guest too"),
		TXT("bad..name", "x"),
	}
	f := newTest(c, first)
	f.SetHosts([]Host{{"vm1", netip.MustParseAddr("192.168.122.10")}})
	return f
}

func TestRecords(t *testing.T) {
	long := `"` + strings.Repeat("x", 255) + `" "` + strings.Repeat("x", 45) + `"`
	tests := []struct {
		cfg   Config
		name  string
		qtype uint16
		rcode int // -1: goes upstream
		data  string
	}{
		{Config{}, "motto.lan", dns.TypeTXT, 0, `"it's here"`},
		{Config{}, "Motto.LAN", dns.TypeANY, 0, `"it's here"`},
		{Config{}, "motto.lan", dns.TypeA, -1, ""},
		{Config{}, "long", dns.TypeTXT, 0, long},
		{Config{}, "_ldap._tcp.lan", dns.TypeSRV, 0, "1 2 389 dc.lan. 3 4 390 dc2.lan."},
		{Config{}, "_imap._tcp.lan", dns.TypeSRV, 0, "0 0 143 ."},
		{Config{}, "_tcp.lan", dns.TypeSRV, -1, ""},
		{Config{}, "vm1.lan", dns.TypeTXT, 0, `"a guest too"`},
		{Config{}, "vm1.lan", dns.TypeA, 0, "192.168.122.10"},
		{Config{LocalOnly: true}, "motto.lan", dns.TypeA, 0, ""},
		{Config{LocalOnly: true}, "_tcp.lan", dns.TypeNS, 0, ""},
		{Config{LocalOnly: true}, "_udp.lan", dns.TypeNS, dns.RcodeNameError, ""},
		{Config{PlainLocal: true}, "vm1", dns.TypeA, 0, "192.168.122.10"},
		{Config{PlainLocal: true}, "vm2", dns.TypeA, dns.RcodeNameError, ""},
		{Config{PlainLocal: true}, "long", dns.TypeA, 0, ""},
		{Config{PlainLocal: true}, "com", dns.TypeNS, dns.RcodeNameError, ""},
		{Config{PlainLocal: true}, ".", dns.TypeNS, -1, ""},
		{Config{PlainLocal: true}, "vm2.example", dns.TypeA, -1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name+"/"+dns.TypeToString[tt.qtype], func(t *testing.T) {
			f := recordForwarder("lan", tt.cfg)
			a := f.Query(start, guest, pack(t, question(tt.name, tt.qtype)))
			if tt.rcode < 0 {
				want(t, a, Send, Forwarded)
				return
			}
			m := unpack(t, want(t, a, Answer, Local).Msg)
			if m.Rcode != tt.rcode {
				t.Errorf("reply\n%v", m)
			}
			if diff := cmp.Diff(tt.data, joinData(m.Answer)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A name is asked of the resolvers of the longest zone around it.
func TestZones(t *testing.T) {
	third := netip.MustParseAddrPort("192.0.2.3:5353")
	self := netip.MustParseAddr("192.168.122.1")
	f := newTest(Config{
		Self: []Host{{"gw", self}},
		Zones: []Zone{
			{"Corp.Example.", []netip.AddrPort{netip.AddrPortFrom(self, 53), third, second}},
			{"public.corp.example", nil},
			{"alone.example", []netip.AddrPort{third}},
		},
	}, first)
	for name, upstream := range map[string]netip.AddrPort{
		"example": first, "www.example": first, "corp.example": third, "a.b.CORP.example": third, "xcorp.example": first,
		"www.public.corp.example": first, "alone.example": third,
	} {
		if a := asked(t, f, start, guest, question(name, dns.TypeA)); a.Ask.Upstream != upstream {
			t.Errorf("%s is asked of %v, want %v", name, a.Ask.Upstream, upstream)
		}
	}

	// The next of the zone's own is asked where the first cannot be, and that one,
	// which another zone has too, is known to be silent there.
	a := asked(t, f, start, guest, question("x.corp.example", dns.TypeA))
	if next := only(t, f.Failed(start, a.Ask), Send); next.Ask.Upstream != second {
		t.Errorf("then %v", next.Ask.Upstream)
	}
	if s := f.server(third); s.misses != 1 || s.asked == 0 {
		t.Errorf("%+v", s)
	}
	if a := asked(t, f, start, client(1), question("y.corp.example", dns.TypeA)); a.Ask.Upstream != second {
		t.Errorf("the silent one is asked first: %v", a.Ask.Upstream)
	}

	closed := newTest(Config{Closed: true, Zones: []Zone{{"corp.example", []netip.AddrPort{third}}, {"a.corp.example", nil}}}, first)
	asked(t, closed, start, guest, question("x.corp.example", dns.TypeA))
	want(t, closed.Query(start, guest, pack(t, question("x.a.corp.example", dns.TypeA))), Answer, Closed)

	// A zone with resolvers of its own needs no others.
	f.SetUpstreams(nil)
	asked(t, f, start, client(2), question("z.corp.example", dns.TypeA))
	want(t, f.Query(start, client(3), pack(t, question("z.public.corp.example", dns.TypeA))), Answer, NoUpstream)
	// One that becomes a common one keeps what is known of it.
	f.SetUpstreams([]netip.AddrPort{third})
	if got := f.Upstreams(start); len(got) != 1 || got[0].Misses != 1 {
		t.Errorf("%+v", got)
	}
}
