package bridging

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// Addresses of the LAN that package lab does not have.
const (
	stationAddr = "10.9.0.3"
	hostAddr6   = "fd09::2"
	station6    = "fd09::3"
	patience    = 20 * time.Second
)

// scene is a host with one NIC on a LAN.
type scene struct {
	*lab.Net
	station *testnet.NS
	router  *testnet.Proc // the LAN's dnsmasq
}

// newScene makes a LAN with a router, which gives addresses, and a station.
func newScene(t *testing.T, prefix string) *scene {
	t.Helper()
	testnet.Require(t, "tcpdump", "ping", "tc", "ethtool")
	s := &scene{Net: lab.Quiet(t, prefix)}
	s.station = s.NS("station")
	s.Server.Run("ip", "link", "add", "lan", "type", "bridge")
	s.Server.Run("ip", "addr", "flush", "dev", "eth0")
	s.Host.Sysctl("net.ipv6.conf.eth0.accept_ra", "0") // its state is compared
	s.Veth(s.Server, "eth1", s.station, "eth0")
	for _, port := range []string{"eth0", "eth1"} {
		s.Server.Run("ip", "link", "set", port, "master", "lan")
	}
	s.Server.Up("lan")
	s.Server.Addr("lan", lab.RouterAddr+"/24")
	s.Server.Addr("lan", "fd09::1/64")
	s.station.Addr("eth0", stationAddr+"/24")
	s.station.Addr("eth0", station6+"/64")
	s.Host.Addr("eth0", hostAddr6+"/64")
	s.Eventually(patience, "the host's addresses to be its own", func() error {
		if out := s.Host.Run("ip", "addr", "show", "dev", "eth0", "tentative"); out != "" {
			return errors.New(out) // its state is compared
		}
		return nil
	})
	s.harden()
	s.serve()
	return s
}

// harden has the host look at what it gets: where its answer would go to, and
// whether the connection is known. Guests' frames are no exception.
func (s *scene) harden() {
	s.T.Helper()
	for _, key := range []string{"all", "eth0"} {
		s.Host.Sysctl("net.ipv4.conf."+key+".rp_filter", "1")
	}
	s.Host.Run("nft", "add table inet wall; add chain inet wall in { type filter hook input priority 0; }; add rule inet wall in ct state invalid drop")
}

// serve gives addresses on the LAN, by DHCP and by router advertisements.
func (s *scene) serve() {
	s.T.Helper()
	s.router = s.Server.Start("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root", "--port=0",
		"--no-ping", "--log-facility=-", "--dhcp-leasefile="+s.Dir()+"/lan.leases", "--interface=lan", "--bind-interfaces",
		"--dhcp-range=10.9.0.100,10.9.0.150,2m", "--dhcp-host="+s.Host.MAC("eth0")+","+lab.HostAddr, "--dhcp-option=58,4", // renew after 4 s
		"--enable-ra", "--dhcp-range=fd09::,ra-only", "--ra-param=lan,4")
	s.router.WaitFor("DHCP, IP range", patience)
}

// create makes the network lan on the host's NIC.
func (s *scene) create(d *lab.Daemon) {
	s.T.Helper()
	d.Run("net", "create", "lan", "--mode", "bridge", "--uplink", "eth0")
}

// reach has a namespace ping an address until it answers.
func (s *scene) reach(from *testnet.NS, addr string) {
	s.T.Helper()
	s.Eventually(patience, addr+" to answer "+from.Name, func() error {
		_, err := from.Try("ping", "-n", "-c", "1", "-W", "2", addr)
		return err
	})
}

// addr6 waits for a guest's address by router advertisement.
func (s *scene) addr6(g *lab.Guest) (addr string) {
	s.T.Helper()
	s.Eventually(patience, "an IPv6 address of guest "+g.Host, func() error {
		for field := range strings.FieldsSeq(g.Run("ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "global")) {
			if strings.HasPrefix(field, "fd09:") {
				addr, _, _ = strings.Cut(field, "/")
				return nil
			}
		}
		return fmt.Errorf("none")
	})
	return addr
}

func TestGuestsAreOnTheLAN(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brlan")
	d := s.Start(lab.Options{})
	s.create(d)
	one, two := d.JoinTo("lan", "one"), d.JoinTo("lan", "two")
	for _, from := range []*lab.Guest{one, two} {
		if !strings.HasPrefix(from.Addr, "10.9.0.1") {
			t.Errorf("guest %s has address %s, which is not the LAN's", from.Host, from.Addr)
		}
		for _, to := range []string{lab.HostAddr, lab.RouterAddr, stationAddr, one.Addr, two.Addr, hostAddr6, station6, s.addr6(one), s.addr6(two)} {
			s.reach(from.NS, to)
		}
		s.reach(s.Host, from.Addr)
		s.reach(s.Host, s.addr6(from))
		s.reach(s.station, from.Addr)
		s.reach(s.station, s.addr6(from))
	}
	t.Log(d.Run("net", "list"), d.Run("net", "info", "lan"), d.Run("port", "list"), d.Run("fdb", "lan"), d.Run("doctor"))
	d.Stop()
	if out := s.Host.Run("sh", "-c", "tc qdisc show dev eth0; tc filter show dev eth0 egress; ip -d link show eth0"); strings.Contains(out, "ubridge") || strings.Contains(out, "clsact") || strings.Contains(out, "promiscuity 1") {
		t.Errorf("left behind:\n%s", out)
	}
}

// pause is short: somebody is waited for who may not come.
func (s *scene) pause() { time.Sleep(4 * time.Millisecond) }

var timers = regexp.MustCompile(`(valid_lft|preferred_lft|_timer) +\S+`)

// untimed leaves out what runs by itself.
func untimed(text string) string { return timers.ReplaceAllString(text, "") }
