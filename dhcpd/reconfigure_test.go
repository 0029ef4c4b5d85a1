package dhcpd

import (
	"strings"
	"testing"
	"time"
)

// next is the server with another configuration.
func (s *server) next(cfg Config) (*server, []Cut) {
	s.t.Helper()
	e, cuts, err := s.Reconfigured(cfg, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	return &server{s.t, e, s.now}, cuts
}

func TestReconfiguredKeepsLeasesAndOffers(t *testing.T) {
	s := newServer(t, testConfig())
	one, two, three := guest{mac: mac(1)}, guest{mac: mac(2), id: "\xffx"}, guest{mac: mac(3)}
	had := s.lease(one, withName("one"))
	offered := s.discover(two).Address
	gone := s.lease(three)
	s.declines(three, gone)

	cfg := testConfig()
	cfg.LeaseTime, cfg.Domain = 2*time.Hour, "lab.example"
	s, cuts := s.next(cfg)
	if len(cuts) > 0 {
		t.Errorf("cuts %v", cuts)
	}
	if l := s.held(had); l.Hostname != "one" || !l.Live(s.now) {
		t.Errorf("lease %+v", l)
	}
	s.want(s.take(two, offered), Ack) // a promise of before
	if l := s.held(offered); !l.Expires.Equal(s.now.Add(2 * time.Hour)) {
		t.Errorf("new lease ends %v", l.Expires)
	}
	if l := s.held(had); !l.Expires.Equal(start.Add(time.Hour)) {
		t.Errorf("old lease ends %v", l.Expires)
	}
	s.want(s.renew(one, had), Ack)
	if a := s.lease(guest{mac: mac(3)}); a == gone {
		t.Error("a declined address is given out at once")
	}
	if s.Counters().Verdicts[Declined] != 1 {
		t.Error("the counters began anew")
	}
}

func TestReconfiguredNamesReservedGuests(t *testing.T) {
	s := newServer(t, testConfig())
	one, two := guest{mac: mac(1)}, guest{mac: mac(2)}
	a, b := s.lease(one, withName("old")), s.lease(two, withName("web"))
	cfg := testConfig()
	cfg.Hosts = []Host{{MAC: mac(1), Name: "web"}}
	s, cuts := s.next(cfg)
	if len(cuts) > 0 || s.held(a).Hostname != "web" || s.held(b).Hostname != "" {
		t.Errorf("cuts %v, names %q and %q", cuts, s.held(a).Hostname, s.held(b).Hostname)
	}
}

func TestCuts(t *testing.T) {
	one := guest{mac: mac(1)}
	for name, tt := range map[string]struct {
		change func(cfg *Config, had string)
		want   string // empty: none
	}{
		"nothing":                   {func(*Config, string) {}, ""},
		"range without it":          {func(c *Config, _ string) { c.Ranges = []Range{{ip("192.168.122.250"), ip("192.168.122.254")}} }, "no range holds it"},
		"reserved for another":      {func(c *Config, had string) { c.Hosts = []Host{{MAC: mac(9), IP: ip(had)}} }, "reserved for 52:54:00:00:00:09"},
		"reserved for its holder":   {func(c *Config, had string) { c.Hosts = []Host{{MAC: mac(1), IP: ip(had)}} }, ""},
		"holder is to have another": {func(c *Config, _ string) { c.Hosts = []Host{{MAC: mac(1), IP: ip("192.168.122.9")}} }, ""},
		"static only":               {func(c *Config, _ string) { c.ReservedOnly = true }, "no range holds it"},
		"static only, its own": {func(c *Config, had string) {
			c.ReservedOnly, c.Hosts = true, []Host{{MAC: mac(1), IP: ip(had)}}
		}, ""},
		"the gateway moves there": {func(c *Config, had string) { c.Server = ip(had) }, "the gateway's own"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, rangeOf("192.168.122.20", "192.168.122.40"))
			had := s.lease(one)
			cfg := rangeOf("192.168.122.20", "192.168.122.40")
			tt.change(&cfg, had.String())
			_, cuts := s.next(cfg)
			switch {
			case tt.want == "" && len(cuts) > 0:
				t.Errorf("cuts %v", cuts)
			case tt.want != "" && (len(cuts) != 1 || !strings.Contains(cuts[0].String(), tt.want) || !strings.Contains(cuts[0].String(), had.String())):
				t.Errorf("cuts %v, want %q", cuts, tt.want)
			}
		})
	}
}

// A reservation that goes takes its address out of reach where no range holds it.
func TestCutByAReservationThatGoes(t *testing.T) {
	cfg := rangeOf("192.168.122.20", "192.168.122.40")
	cfg.Hosts = []Host{{MAC: mac(1), IP: ip("192.168.122.100")}}
	s := newServer(t, cfg)
	s.lease(guest{mac: mac(1)})
	_, cuts := s.next(rangeOf("192.168.122.20", "192.168.122.40"))
	if len(cuts) != 1 {
		t.Errorf("cuts %v", cuts)
	}
	s.now = s.now.Add(2 * time.Hour)
	if _, cuts := s.next(rangeOf("192.168.122.20", "192.168.122.40")); len(cuts) > 0 {
		t.Errorf("of a lease that is over: %v", cuts)
	}
}
