package bridging

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// nic is what can be seen on the host's NIC of those who use it.
func (s *scene) nic() string {
	s.T.Helper()
	return s.Host.Run("sh", "-c", `ip -d link show dev eth0; ip -o addr show dev eth0 | sed 's/valid_lft.*//'
		tc qdisc show dev eth0; tc filter show dev eth0 ingress; tc filter show dev eth0 egress
		ip route show table all dev eth0; ip -6 route show table all dev eth0 | sed 's/expires.*//'; ethtool -k eth0`)
}

// restored holds that net restore leaves a NIC as it was, says so, and does
// nothing the second time.
func (s *scene) restored(d *lab.Daemon, before, when string, removes bool) {
	s.T.Helper()
	for round := range 2 {
		said := d.Run("net", "restore", "eth0", "--state-dir", d.State, "--config", d.Config+"/ubridge.toml")
		if nothing := strings.Contains(said, "nothing of ubridge's"); nothing != (round == 1 || !removes) {
			s.T.Errorf("%s: net restore said\n%s", when, said)
		}
		if diff := cmp.Diff(before, s.nic()); diff != "" {
			s.T.Errorf("%s: net restore left, before - after +:\n%s", when, diff)
		}
	}
}

// TestNetRestore puts the NIC back from every state: with the network running,
// stopped, the daemon dead and its state gone.
func TestNetRestore(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brrest")
	before := s.nic()
	d := s.Start(lab.Options{})
	s.restored(d, before, "with no network on it", false)
	s.create(d)
	g, inner := d.JoinTo("lan", "one"), d.Join("inner")
	s.reach(inner.NS, stationAddr) // by NAT, whose filter outlives the daemon
	if s.nic() == before {
		t.Error("a shared NIC looks as one that is not: the test proves nothing")
	}
	s.restored(d, before, "while the networks run", true)
	for _, name := range []string{"lan", "default"} {
		d.Run("net", "start", name)
	}
	s.reach(s.Host, g.Addr)
	s.reach(inner.NS, stationAddr)
	d.Crash()
	s.restored(d, before, "while the daemon is dead", true)
	d = d.Again()
	s.reach(s.Host, g.Addr)
	s.reach(inner.NS, stationAddr)
	d.Crash()
	s.Host.Run("rm", "-r", d.State)
	s.restored(d, before, "without any state", true)
	d.Refuse(3, "net", "restore", "eth9")
}

// TestBothNetworksOnOneNIC has guests of NAT go out by the NIC that guests of
// mode bridge share: they reach each other through the host's address, and
// whatever stops first leaves the other as it is.
func TestBothNetworksOnOneNIC(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brnat")
	before := s.nic()
	d := s.Start(lab.Options{})
	inner := d.Join("inner")
	s.create(d)
	outer := d.JoinTo("lan", "outer")
	s.reach(inner.NS, outer.Addr)
	s.reach(inner.NS, stationAddr)
	server := outer.Start("socat", "-u", "TCP-LISTEN:7000,reuseaddr,fork", "OPEN:/dev/null")
	defer server.Kill()
	s.Eventually(patience, "a connection from NAT to a bridged guest", func() error {
		_, err := inner.Try("socat", "-u", "EXEC:head -c 1000000 /dev/zero", fmt.Sprintf("TCP:%s:7000,connect-timeout=2", outer.Addr))
		return err
	})
	flows := d.Flows("default")
	if len(flows) == 0 || !strings.HasPrefix(flows[0].Outside, lab.HostAddr) {
		t.Errorf("flows %v", flows)
	}
	d.Run("net", "stop", "lan")
	s.reach(inner.NS, stationAddr)
	d.Run("net", "start", "lan")
	s.reach(inner.NS, outer.Addr)
	d.Run("net", "stop", "default")
	s.reach(s.Host, outer.Addr)
	d.Run("net", "start", "default")
	s.reach(inner.NS, outer.Addr)
	d.Crash()
	time.Sleep(100 * time.Millisecond)
	d = d.Again()
	s.reach(inner.NS, outer.Addr)
	d.Stop()
	if diff := cmp.Diff(before, s.nic()); diff != "" {
		t.Errorf("after a stop, before - after +:\n%s", diff)
	}
}

// TestTheHostLosesNothing has the host's connections over its NIC watched, with
// its address kept by DHCP, while the network comes and goes and the daemon dies.
func TestTheHostLosesNothing(t *testing.T) {
	t.Parallel()
	testnet.Require(t, "dhclient")
	s := newScene(t, "brsafe")
	s.leaseHost()
	w := s.witness()
	d := s.Start(lab.Options{})
	s.create(d)
	w.goesOn("after net create")
	g := d.JoinTo("lan", "one")
	s.reach(s.Host, g.Addr)
	for range 3 {
		d.Run("net", "stop", "lan")
		d.Run("net", "start", "lan")
		// The guest is silent, the host still has its address: nobody asks for it.
		s.Host.Run("ping", "-n", "-c", "1", "-W", "2", g.Addr)
		w.goesOn("after net start")
	}
	s.renewed()
	for _, after := range []time.Duration{0, 7 * time.Millisecond, 300 * time.Millisecond} {
		time.Sleep(after)
		d.Crash()
		w.goesOn("while the daemon is dead")
		d = d.Again()
		s.reach(s.Host, g.Addr)
		w.goesOn("after a crash")
	}
	d.Run("net", "restore", "eth0")
	d.Run("net", "start", "lan")
	s.reach(s.Host, g.Addr)
	d.Run("net", "undefine", "lan")
	d.Run("net", "stop", "lan")
	s.create(d)
	d.Stop()
	w.goesOn("after the end")
	w.end()
}

// leaseHost has the host keep its address by dhclient, which renews it every few
// seconds.
func (s *scene) leaseHost() {
	s.T.Helper()
	s.Host.Run("ip", "-4", "addr", "flush", "dev", "eth0")
	p := s.Host.Start("dhclient", "-4", "-d", "-sf", "/sbin/dhclient-script", "-lf", s.Dir()+"/host.leases", "-pf", s.Dir()+"/host.pid", "eth0")
	p.WaitFor("bound to "+lab.HostAddr, patience)
}

// renewed waits until the host's lease is renewed.
func (s *scene) renewed() {
	s.T.Helper()
	acks := func() int { return strings.Count(s.router.Output(), "DHCPACK(lan) "+lab.HostAddr+" ") }
	before := acks()
	s.Eventually(patience, "a renewal of the host's lease", func() error {
		if n := acks(); n == before {
			return fmt.Errorf("it was given %d times", n)
		}
		return nil
	})
}

// TestTheNICMayComeLater: a network that starts with the daemon waits for a NIC
// that is not there yet, and serves guests meanwhile; one that is asked for is
// refused.
func TestTheNICMayComeLater(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brlater")
	rename := func(from, to string) {
		s.Host.Run("ip", "link", "set", from, "down")
		s.Host.Run("ip", "link", "set", from, "name", to)
		s.Host.Run("ip", "link", "set", to, "up")
	}
	rename("eth0", "other0")
	d := s.Start(lab.Options{Config: map[string]string{"networks.d/lan.toml": "mode = 'bridge'\nuplink = 'eth0'\n"}})
	one, two := s.Guest("one"), s.Guest("two")
	for i, g := range []*lab.Guest{one, two} {
		d.Run("port", "add", "lan", g.Port)
		g.NS.Addr("eth0", fmt.Sprintf("10.9.0.2%d/24", i))
	}
	s.reach(one.NS, "10.9.0.21")
	if p := d.Port("eth0"); p.State != api.StateAbsent {
		t.Errorf("the NIC that is not there is %s", p.State)
	}
	d.Run("net", "stop", "lan")
	d.Refuse(3, "net", "start", "lan")
	d.Stop()
	d = d.Again()
	rename("other0", "eth0")
	s.reach(one.NS, stationAddr)
	s.reach(one.NS, lab.HostAddr)
	s.reach(s.Host, "10.9.0.21")
	d.Stop()
	if out := s.Host.Run("ip", "link"); strings.Contains(out, "PROMISC") || strings.Contains(out, "ubr") {
		t.Errorf("left behind:\n%s", out)
	}
}
