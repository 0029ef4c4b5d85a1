package dnsfwd

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

func localForwarder(domain string, localOnly bool) *Forwarder {
	f := newTest(Config{
		Domain:    domain,
		LocalOnly: localOnly,
		LocalTTL:  5 * time.Second,
		Subnets:   []netip.Prefix{netip.MustParsePrefix("192.168.122.0/24"), netip.MustParsePrefix("fd00:1::/64")},
		Self:      []Host{{"gw", netip.MustParseAddr("192.168.122.1")}, {"nas.example.org", netip.MustParseAddr("198.51.100.7")}},
	}, first)
	f.SetHosts([]Host{
		{"vm1", netip.MustParseAddr("192.168.122.10")},
		{"VM2", netip.MustParseAddr("192.168.122.11")},
		{"vm1", netip.MustParseAddr("fd00:1::10")},
		{"gw", netip.MustParseAddr("192.168.122.66")},
		{"wpad", netip.MustParseAddr("192.168.122.67")},
		{"www.google.com", netip.MustParseAddr("192.168.122.68")},
		{"bad name", netip.MustParseAddr("192.168.122.69")},
	})
	return f
}

func TestLocalAnswers(t *testing.T) {
	const ptr1 = "10.122.168.192.in-addr.arpa"
	v6 := "0.1." + strings.Repeat("0.", 14) + "0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa"
	tests := []struct {
		domain string
		only   bool
		name   string
		qtype  uint16
		rcode  int    // -1: goes upstream
		data   string // of the answers, joined
	}{
		{"", false, "vm1", dns.TypeA, 0, "192.168.122.10"},
		{"", false, "VM1", dns.TypeA, 0, "192.168.122.10"},
		{"", false, "vm2", dns.TypeA, 0, "192.168.122.11"},
		{"", false, "vm2", dns.TypeAAAA, 0, ""},
		{"", false, "vm2", dns.TypeMX, 0, ""},
		{"", false, "vm1", dns.TypeAAAA, 0, "fd00:1::10"},
		{"", false, "vm1", dns.TypeANY, 0, "192.168.122.10 fd00:1::10"},
		{"", false, "vm1.lan", dns.TypeA, -1, ""},
		{"", false, "vm3", dns.TypeA, -1, ""},
		{"", false, "gw", dns.TypeA, 0, "192.168.122.1"},
		{"", false, "wpad", dns.TypeA, -1, ""},
		{"", false, "www.google.com", dns.TypeA, -1, ""},
		{"", false, "nas.example.org", dns.TypeA, 0, "198.51.100.7"},
		{"lan", false, "vm1.lan", dns.TypeA, 0, "192.168.122.10"},
		{"lan", false, "vm1", dns.TypeA, 0, "192.168.122.10"},
		{"lan", false, "vm3.lan", dns.TypeA, -1, ""},
		{"lan", false, "lan", dns.TypeSOA, -1, ""},
		{"lan", true, "vm3.lan", dns.TypeA, dns.RcodeNameError, ""},
		{"lan", true, "x.vm1.LAN", dns.TypeA, dns.RcodeNameError, ""},
		{"lan", true, "lan", dns.TypeSOA, 0, ""},
		{"lan", true, "vm3.plan", dns.TypeA, -1, ""},
		{"lan", true, "vm3", dns.TypeA, -1, ""},
		{"Lab.Example.", true, "vm1.lab.example", dns.TypeA, 0, "192.168.122.10"},

		{"", false, ptr1, dns.TypePTR, 0, "vm1."},
		{"lan", false, ptr1, dns.TypePTR, 0, "vm1.lan."},
		{"lan", false, ptr1, dns.TypeA, 0, ""},
		{"lan", false, "1.122.168.192.in-addr.arpa", dns.TypePTR, 0, "gw.lan."},
		{"lan", false, "7.100.51.198.in-addr.arpa", dns.TypePTR, 0, "nas.example.org."},
		{"", false, "99.122.168.192.IN-ADDR.arpa", dns.TypePTR, dns.RcodeNameError, ""},
		{"", false, "lb._dns-sd._udp.0.122.168.192.in-addr.arpa", dns.TypePTR, dns.RcodeNameError, ""},
		{"", false, "0-25.122.168.192.in-addr.arpa", dns.TypeNS, dns.RcodeNameError, ""},
		{"", false, "010.122.168.192.in-addr.arpa", dns.TypePTR, dns.RcodeNameError, ""},
		{"", false, "122.168.192.in-addr.arpa", dns.TypeSOA, 0, ""},
		{"", false, "168.192.in-addr.arpa", dns.TypeSOA, -1, ""},
		{"", false, "10.123.168.192.in-addr.arpa", dns.TypePTR, -1, ""},
		{"", false, "in-addr.arpa", dns.TypeNS, -1, ""},
		{"", false, v6, dns.TypePTR, 0, "vm1."},
		{"", false, "9" + v6[1:], dns.TypePTR, dns.RcodeNameError, ""},
		{"", false, v6[len("0.1."+strings.Repeat("0.", 14)):], dns.TypeSOA, 0, ""},
		{"", false, "d.f.ip6.arpa", dns.TypeSOA, -1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.domain+"/"+tt.name+"/"+dns.TypeToString[tt.qtype], func(t *testing.T) {
			f := localForwarder(tt.domain, tt.only)
			a := f.Query(start, guest, pack(t, question(tt.name, tt.qtype)))
			if tt.rcode < 0 {
				want(t, a, Send, Forwarded)
				return
			}
			m := unpack(t, want(t, a, Answer, Local).Msg)
			if m.Rcode != tt.rcode || !m.Authoritative || !m.RecursionAvailable || m.Question[0].Name != dns.Fqdn(tt.name) {
				t.Errorf("reply\n%v", m)
			}
			if diff := cmp.Diff(tt.data, joinData(m.Answer)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// joinData also holds that every answer belongs to the question and has the
// configured TTL.
func joinData(rrs []dns.RR) string {
	var data []string
	for _, r := range rrs {
		if r.Header().Ttl != 5 {
			data = append(data, "bad TTL in "+r.String())
		}
		data = append(data, strings.TrimPrefix(r.String(), r.Header().String()))
	}
	return strings.Join(data, " ")
}

func TestOtherClassIsNotLocal(t *testing.T) {
	m := question("vm1", dns.TypeA)
	m.Question[0].Qclass = dns.ClassCHAOS
	asked(t, localForwarder("", false), start, guest, m)
}

// A label may contain the bytes that look like a zone's own labels.
func TestZoneNeedsLabelBoundary(t *testing.T) {
	inner := "1\\007in-addr"
	name := "10.122.168." + inner + ".arpa"
	asked(t, localForwarder("", false), start, guest, question(name, dns.TypePTR))
}

func TestSetHostsReplaces(t *testing.T) {
	f := localForwarder("", false)
	f.SetHosts([]Host{{"other", netip.MustParseAddr("192.168.122.10")}})
	asked(t, f, start, guest, question("vm1", dns.TypeA))
	m := unpack(t, f.Query(start, guest, pack(t, question("10.122.168.192.in-addr.arpa", dns.TypePTR))).Msg)
	if got := m.Answer[0].(*dns.PTR).Ptr; got != "other." {
		t.Errorf("PTR %s", got)
	}
}

func TestManyAddressesAreTruncated(t *testing.T) {
	f := newTest(Config{}, first)
	var hosts []Host
	name := strings.Repeat("n", 63)
	for i := range 30 {
		addr := netip.MustParseAddr("fd00::").As16()
		addr[15] = byte(i)
		hosts = append(hosts, Host{name, netip.AddrFrom16(addr)})
	}
	f.SetHosts(hosts)
	msg := want(t, f.Query(start, guest, pack(t, question(name, dns.TypeAAAA))), Answer, Local).Msg
	if m := unpack(t, msg); len(msg) > minUDPSize || !m.Truncated || len(m.Answer) == 0 {
		t.Errorf("%d bytes, %d answers, TC %v", len(msg), len(m.Answer), m.Truncated)
	}
	tcp := guest
	tcp.TCP = true
	if m := unpack(t, f.Query(start, tcp, pack(t, question(name, dns.TypeAAAA))).Msg); m.Truncated || len(m.Answer) != maxAddrs {
		t.Errorf("over TCP: %d answers, TC %v", len(m.Answer), m.Truncated)
	}
}
