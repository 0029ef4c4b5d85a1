package services

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// How long something may take that takes seconds by its nature, on a busy
// machine.
const waitLong = 40 * time.Second

func TestUdhcpc(t *testing.T)   { t.Parallel(); lease(t, udhcpc) }
func TestDhclient(t *testing.T) { t.Parallel(); lease(t, dhclient) }
func TestDhcpcd(t *testing.T)   { t.Parallel(); lease(t, dhcpcd) }

// life is one client's guest, with what it has seen.
type life struct {
	t    *testing.T
	net  *lab.Net
	d    *lab.Daemon
	c    client
	g    *lab.Guest
	p    *testnet.Proc
	dir  string
	wire *testnet.Capture
}

// lease leads a client through all that a lease goes through.
func lease(t *testing.T, c client) {
	testnet.Require(t, c.name, "tcpdump")
	n := lab.Quiet(t, "svc"+c.name)
	l := &life{t: t, net: n, c: c}
	l.d = n.Start(lab.Options{Config: subnet("192.168.122.1/24")})
	l.g = n.Guest("one")
	l.d.Run("port", "add", "default", l.g.Port)
	l.wire = l.g.Capture("eth0", "udp", "and", "(", "port", "67", "or", "port", "68", ")")
	var err error
	if l.dir, err = os.MkdirTemp(n.Dir(), c.name+"-"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(l.dir, 0o777); err != nil { // dhcpcd writes as a user of its own
		t.Fatal(err)
	}
	l.obtain()
	l.renews()
	l.rebinds()
	l.restarts()
	l.moves()
	l.releases()
}

// subnet is a network at an address; its leases end as soon as leases may.
func subnet(address string) map[string]string {
	return map[string]string{"networks.d/default.toml": fmt.Sprintf("address = %q\n[dhcp]\nlease_time = \"2m\"\n", address)}
}

func (l *life) obtain() {
	l.t.Helper()
	l.p = l.c.start(l.net, l.g, l.dir)
	l.g.Addr = l.bound("192.168.122.")
	if !answered(seen(l.t, l.wire), selecting, dhcpv4.MessageTypeAck) {
		l.t.Errorf("no DISCOVER, OFFER, REQUEST, ACK in %v", seen(l.t, l.wire))
	}
	got := l.leases()
	if len(got) != 1 || got[0].IP != l.g.Addr || got[0].MAC != l.g.MAC() || got[0].Hostname != l.g.Host {
		l.t.Errorf("net leases: %+v, want %s at %s as %s", got, l.g.MAC(), l.g.Addr, l.g.Host)
	}
}

// bound waits until the client has set an address that begins so.
func (l *life) bound(prefix string) (got string) {
	l.t.Helper()
	l.net.Eventually(waitLong, l.c.name+" with an address "+prefix, func() error {
		if !l.p.Running() {
			l.t.Fatalf("%s has ended: %s", l.c.name, l.p.Output())
		}
		if got = address(l.g); !strings.HasPrefix(got, prefix) {
			return fmt.Errorf("it has %q; it wrote:\n%s", got, l.p.Output())
		}
		return nil
	})
	return got
}

// answeredBy waits for an exchange on the wire, and that the address stays.
func (l *life) answeredBy(from int, k kind, with dhcpv4.MessageType) {
	l.t.Helper()
	l.net.Eventually(waitLong, fmt.Sprintf("%s by %s answered with %s", k, l.c.name, with), func() error {
		if all := seen(l.t, l.wire)[from:]; !answered(all, k, with) {
			return fmt.Errorf("seen %v; it wrote:\n%s", all, l.p.Output())
		}
		return nil
	})
}

func (l *life) renews() {
	l.t.Helper()
	from := len(seen(l.t, l.wire))
	if l.c.renew != nil {
		l.c.renew(l.p)
	}
	l.answeredBy(from, renewing, dhcpv4.MessageTypeAck)
	l.keeps("a renewal")
}

// rebinds makes the server deaf to what is sent to its address, so that the
// client comes to ask whoever hears it.
func (l *life) rebinds() {
	l.t.Helper()
	if !l.c.rebinds {
		return
	}
	l.g.Run("nft", "add table ip deaf")
	l.g.Run("nft", "add chain ip deaf out { type filter hook output priority 0; }")
	l.g.Run("nft", "add rule ip deaf out ip daddr 192.168.122.1 udp dport 67 drop")
	from := len(seen(l.t, l.wire))
	if l.c.renew != nil {
		l.c.renew(l.p)
	}
	l.answeredBy(from, rebinding, dhcpv4.MessageTypeAck)
	l.g.Run("nft", "delete table ip deaf")
	l.keeps("a rebind")
}

// restarts kills the client and starts it again.
func (l *life) restarts() {
	l.t.Helper()
	from := len(seen(l.t, l.wire))
	l.p.Kill()
	l.p = l.c.start(l.net, l.g, l.dir)
	if l.c.reboots {
		l.answeredBy(from, initReboot, dhcpv4.MessageTypeAck)
	} else {
		l.answeredBy(from, selecting, dhcpv4.MessageTypeAck)
	}
	l.bound(l.g.Addr)
	l.keeps("a restart of the client")
}

// moves gives the network another subnet, in which the client's old lease is
// refused.
func (l *life) moves() {
	l.t.Helper()
	l.p.Kill()
	l.d.Stop()
	from := len(seen(l.t, l.wire))
	l.d = l.net.Start(lab.Options{Config: subnet("192.168.77.1/24"), Dirs: l.d.Dirs})
	l.p = l.c.start(l.net, l.g, l.dir)
	if l.c.reboots {
		l.answeredBy(from, initReboot, dhcpv4.MessageTypeNak)
	}
	l.g.Addr = l.bound("192.168.77.")
}

func (l *life) releases() {
	l.t.Helper()
	known(l.net, l.g, "192.168.77.1")
	l.c.release(l.g, l.p, l.dir)
	l.net.Eventually(waitLong, "a released lease", func() error {
		if got := l.leases(); len(got) != 0 {
			return fmt.Errorf("net leases: %+v", got)
		}
		return nil
	})
	all := seen(l.t, l.wire)
	if !slices.ContainsFunc(all, func(m message) bool { return m.MessageType() == dhcpv4.MessageTypeRelease }) {
		l.t.Errorf("%s has sent no RELEASE, so the lease has just expired: %v", l.c.name, all)
	}
}

// known makes the guest know the server's station: clients take their address
// off the card just after the RELEASE, and one that still waits for ARP is lost.
func known(n *lab.Net, g *lab.Guest, server string) {
	n.T.Helper()
	n.Eventually(waitLong, "the server's station", func() error { return g.Reach(server) })
}

// keeps holds the client to its one address.
func (l *life) keeps(after string) {
	l.t.Helper()
	err := errors.Join(same("the card", address(l.g), l.g.Addr))
	for _, lease := range l.leases() {
		err = errors.Join(err, same("net leases", lease.IP, l.g.Addr))
	}
	if err != nil {
		l.t.Errorf("after %s: %v", after, err)
	}
}

func same(what, got, want string) error {
	if got != want {
		return fmt.Errorf("%s has %q, want %q", what, got, want)
	}
	return nil
}

func (l *life) leases() []api.Lease { return l.d.Leases("default") }
