package dnsfwd

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestReconfigure(t *testing.T) {
	now := time.Unix(1000, 0)
	up := netip.MustParseAddrPort("192.0.2.53:53")
	f := newTest(Config{Domain: "old.example", Self: []Host{{"printer", netip.MustParseAddr("10.0.0.9")}}}, up)
	query := func(name string) Action { return f.Query(now, client(1), pack(t, question(name, dns.TypeA))) }
	f.SetHosts([]Host{{"web", netip.MustParseAddr("10.0.0.2")}})
	want(t, query("web.old.example."), Answer, Local)

	f.Reconfigure(Config{Domain: "new.example", LocalOnly: true, Self: []Host{{"nas", netip.MustParseAddr("10.0.0.8")}}})
	for _, name := range []string{"web.", "web.new.example.", "nas.new.example.", "absent.new.example."} {
		want(t, query(name), Answer, Local)
	}
	want(t, query("web.old.example."), Send, Forwarded)
	f.Reconfigure(Config{
		Domain: "new.example", LocalOnly: true, Self: []Host{{"nas", netip.MustParseAddr("10.0.0.8")}}, Records: []Record{TXT("note.new.example", "x")},
		Zones: []Zone{{"corp.example", []netip.AddrPort{netip.MustParseAddrPort("192.0.2.99:53")}}},
	})
	if a := want(t, query("a.corp.example."), Send, Forwarded); a.Ask.Upstream.String() != "192.0.2.99:53" {
		t.Errorf("a name of the zone is asked of %v", a.Ask.Upstream)
	}
	want(t, f.Query(now, client(1), pack(t, question("note.new.example.", dns.TypeTXT))), Answer, Local)
	want(t, query("printer.new.example."), Answer, Local)
	m := unpack(t, query("printer.new.example.").Msg)
	if m.Rcode != dns.RcodeNameError {
		t.Errorf("a name of before is answered: %v", m)
	}
}
