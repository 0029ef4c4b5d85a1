package dhcpd

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"
)

// fullConfig configures every option.
func fullConfig() Config {
	cfg := testConfig()
	cfg.DNS = []netip.Addr{ip("192.168.122.1"), ip("9.9.9.9")}
	cfg.Domain, cfg.MTU = "lab.test", 9000
	cfg.Hosts = []Host{{MAC: a.mac, Name: "web", IP: ip("192.168.122.20")}}
	return cfg
}

// options prints a reply's options but for 53, 54 and 61, in order of code.
func options(p *dhcpv4.DHCPv4) []string {
	var codes []int
	for code := range p.Options {
		if code != 53 && code != 54 && code != 61 {
			codes = append(codes, int(code))
		}
	}
	slices.Sort(codes)
	var out []string
	for _, code := range codes {
		out = append(out, fmt.Sprintf("%d=%x", code, p.Options[uint8(code)]))
	}
	return out
}

// A boot ROM finds the file in BOOTP's own fields, and in the options it asks for.
func TestBootFile(t *testing.T) {
	for _, tt := range []struct {
		server netip.Addr
		siaddr string
		mods   []dhcpv4.Modifier
		want   string // options 66 and 67
	}{
		{netip.Addr{}, "192.168.122.1", nil, "192.168.122.1 pxelinux.0"},
		{ip("10.1.2.3"), "10.1.2.3", []dhcpv4.Modifier{dhcpv4.WithRequestedOptions(dhcpv4.OptionBootfileName)}, " pxelinux.0"},
		{ip("10.1.2.3"), "10.1.2.3", []dhcpv4.Modifier{dhcpv4.WithRequestedOptions(dhcpv4.OptionRouter)}, " "},
	} {
		cfg := testConfig()
		cfg.BootFile, cfg.BootServer = "pxelinux.0", tt.server
		s := newServer(t, cfg)
		offer := s.decode(s.discover(b, tt.mods...))
		if offer.BootFileName != "pxelinux.0" || offer.ServerIPAddr.String() != tt.siaddr {
			t.Errorf("file %q from %v", offer.BootFileName, offer.ServerIPAddr)
		}
		if got := offer.TFTPServerName() + " " + offer.BootFileNameOption(); got != tt.want {
			t.Errorf("options say %q, want %q", got, tt.want)
		}
	}
}

func TestOptions(t *testing.T) {
	isolated := testConfig()
	isolated.Router, isolated.DNS = netip.Addr{}, nil
	wants := func(codes ...dhcpv4.OptionCode) dhcpv4.Modifier { return dhcpv4.WithRequestedOptions(codes...) }
	const times = "51=00000e10 58=00000708 59=00000c4e"
	tests := []struct {
		name string
		cfg  Config
		who  guest
		mods []dhcpv4.Modifier
		want string
	}{
		{"everything without a request list", fullConfig(), a, nil,
			"1=ffffff00 3=c0a87a01 6=c0a87a0109090909 12=776562 15=6c61622e74657374 26=2328 28=c0a87aff " + times},
		{"a name only for a host that has one", fullConfig(), b, []dhcpv4.Modifier{withName("guest")},
			"1=ffffff00 3=c0a87a01 6=c0a87a0109090909 15=6c61622e74657374 26=2328 28=c0a87aff " + times},
		{"domain and MTU only where configured", testConfig(), b, nil,
			"1=ffffff00 3=c0a87a01 6=c0a87a01 28=c0a87aff " + times},
		{"no router and no resolver on an isolated network", isolated, b, nil, "1=ffffff00 28=c0a87aff " + times},
		{"the request list is honoured, mask and times go to everyone", fullConfig(), a,
			[]dhcpv4.Modifier{wants(dhcpv4.OptionRouter, dhcpv4.OptionNTPServers)}, "1=ffffff00 3=c0a87a01 " + times},
		{"all that is listed", fullConfig(), a,
			[]dhcpv4.Modifier{wants(dhcpv4.OptionInterfaceMTU, dhcpv4.OptionHostName, dhcpv4.OptionDomainName)},
			"1=ffffff00 12=776562 15=6c61622e74657374 26=2328 " + times},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, tt.cfg)
			addr := s.lease(tt.who, tt.mods...)
			for _, r := range []Result{s.discover(tt.who, tt.mods...), s.renew(tt.who, addr, tt.mods...)} {
				p := s.decode(r)
				if diff := cmp.Diff(strings.Fields(tt.want), options(p)); diff != "" {
					t.Errorf("%v: %s", p.MessageType(), diff)
				}
				if !p.ServerIdentifier().Equal(netIP(tt.cfg.Server)) || string(p.Options.Get(dhcpv4.OptionClientIdentifier)) != tt.who.id {
					t.Errorf("server %v, client %x", p.ServerIdentifier(), p.Options.Get(dhcpv4.OptionClientIdentifier))
				}
				if p.TransactionID != (dhcpv4.TransactionID{1, 2, 3, 4}) || !p.YourIPAddr.Equal(netIP(addr)) || len(r.Reply) < 300 {
					t.Errorf("xid %v, yiaddr %v, %d bytes", p.TransactionID, p.YourIPAddr, len(r.Reply))
				}
			}
		})
	}
}

func TestLeaseTime(t *testing.T) {
	cfg := testConfig()
	cfg.Hosts = []Host{{MAC: b.mac, LeaseTime: 10 * time.Minute}}
	tests := []struct {
		name string
		who  guest
		asks time.Duration // 0: does not
		want time.Duration
	}{
		{"an hour by default", a, 0, time.Hour},
		{"what the client asks for", a, 20 * time.Minute, 20 * time.Minute},
		{"two minutes at least", a, time.Second, 2 * time.Minute},
		{"the configured time at most", a, InfiniteLease, time.Hour},
		{"the reservation's time", b, 0, 10 * time.Minute},
		{"the reservation's time at most", b, time.Hour, 10 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, cfg)
			s.now = s.now.Add(300 * time.Millisecond)
			var mods []dhcpv4.Modifier
			if tt.asks != 0 {
				mods = append(mods, dhcpv4.WithOption(seconds(dhcpv4.OptionIPAddressLeaseTime, tt.asks)))
			}
			addr := s.lease(tt.who, mods...)
			if got := s.decode(s.renew(tt.who, addr, mods...)).IPAddressLeaseTime(0); got != tt.want {
				t.Errorf("told %v, want %v", got, tt.want)
			}
			kept := s.held(addr).Expires.Sub(s.now)
			if kept < tt.want || kept > tt.want+time.Second || s.held(addr).Expires.Nanosecond() != 0 {
				t.Errorf("kept %v, want %v rounded up to a whole second", kept, tt.want)
			}
		})
	}
}

// A client that takes no more than the minimum gets a reply that fits.
func TestReplyFitsClient(t *testing.T) {
	cfg := fullConfig()
	cfg.Domain = strings.Repeat("abcdefghi.", 25) + "abc"
	s := newServer(t, cfg)
	g := guest{mac: a.mac, id: strings.Repeat("x", 200)}
	small := s.discover(g)
	if p := s.decode(small); len(small.Reply) > 576-28 || p.DomainName() != "" || len(p.DNS()) != 2 {
		t.Errorf("%d bytes, domain %q, DNS %v", len(small.Reply), p.DomainName(), p.DNS())
	}
	large := s.discover(g, dhcpv4.WithOption(dhcpv4.OptMaxMessageSize(1500)))
	if p := s.decode(large); p.DomainName() != cfg.Domain {
		t.Errorf("domain %q", p.DomainName())
	}
}

// RFC 3046 §2.2: the server returns the relay agent's option.
func TestRelayAgentOptionIsReturned(t *testing.T) {
	s := newServer(t, testConfig())
	agent := dhcpv4.OptGeneric(dhcpv4.OptionRelayAgentInformation, []byte{1, 2, 'p', '7'})
	relay := dhcpv4.WithGatewayIP(netIP(ip("192.168.122.3")))
	got := s.decode(s.discover(a, relay, dhcpv4.WithOption(agent)))
	if string(got.Options.Get(dhcpv4.OptionRelayAgentInformation)) != "\x01\x02p7" {
		t.Error("lost option 82")
	}
	got = s.decode(s.discover(a, dhcpv4.WithOption(agent)))
	if got.Options.Has(dhcpv4.OptionRelayAgentInformation) {
		t.Error("returned an option 82 that no relay added")
	}
}

// RFC 2132 §9.3: options may continue in the file and sname fields.
func TestOptionOverload(t *testing.T) {
	s := newServer(t, testConfig())
	req := a.message(dhcpv4.MessageTypeDiscover, dhcpv4.WithGeneric(dhcpv4.OptionOptionOverload, []byte{3}))
	copy(req[108:], "\x32\x04\xc0\xa8\x7a\x63\xff") // option 50: 192.168.122.99
	copy(req[44:], "\x0c\x03web\xff")
	got := s.send(req)
	s.want(got, Offer)
	if got.Address != ip("192.168.122.99") {
		t.Errorf("offered %v", got.Address)
	}
	req[109] = 200 // longer than the field
	s.want(s.send(req), Malformed)
}
