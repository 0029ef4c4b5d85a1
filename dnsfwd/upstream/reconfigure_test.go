package upstream

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ubridge/dnsfwd"
)

func TestUpstreamsArePinnedAndFollowedInTurn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	write(t, path, "nameserver 127.0.0.1\n")
	s := run(t, dnsfwd.Config{}, Options{ResolvConf: path})
	awaitResolver(t, s, "127.0.0.1", notified)

	s.SetUpstreams([]netip.AddrPort{netip.MustParseAddrPort("127.0.0.9:53")})
	awaitResolver(t, s, "127.0.0.9", time.Second)
	write(t, path, "nameserver 127.0.0.2\n")
	time.Sleep(2 * settleFor)
	awaitResolver(t, s, "127.0.0.9", time.Second)

	s.SetUpstreams(nil)
	awaitResolver(t, s, "127.0.0.2", time.Second) // read at once, not when it changes
	write(t, path, "nameserver 127.0.0.3\n")
	awaitResolver(t, s, "127.0.0.3", notified)
	if got := s.Status().Source; got != path {
		t.Errorf("source %q", got)
	}
}

func TestReconfigureWhileServing(t *testing.T) {
	s := run(t, dnsfwd.Config{Domain: "a.example"}, Options{})
	s.SetHosts([]dnsfwd.Host{{Name: "web", Addr: netip.MustParseAddr("10.0.0.2")}})
	s.Reconfigure(dnsfwd.Config{Domain: "b.example"})
	if got := address(ask(t, s, "web.b.example", dns.TypeA)); got != "10.0.0.2" {
		t.Errorf("web.b.example is %s", got)
	}
}

func TestSetUpstreamsAfterTheEnd(t *testing.T) {
	s := New(dnsfwd.Config{}, Options{})
	close(s.ended)
	s.SetUpstreams(nil) // must not block
}
