package bridging

import (
	"fmt"
	"strings"
	"testing"

	"ubridge/internal/api"
	"ubridge/test/lab"
)

// troubled waits until net info tells of trouble with the uplink in these words,
// or of none, and has doctor say the same.
func (s *scene) troubled(d *lab.Daemon, words string) {
	s.T.Helper()
	s.Eventually(patience, fmt.Sprintf("net info with problem %q", words), func() error {
		p := d.Info("lan").Problem
		if words == "" && p != "" || !strings.Contains(p, words) {
			return fmt.Errorf("problem %q", p)
		}
		return nil
	})
	for _, c := range d.Doctor() {
		if c.Check == "network lan" && (c.Status == api.CheckOK) != (words == "") || c.Check == "network lan" && !strings.Contains(c.Detail+": "+c.Fix, words) {
			s.T.Errorf("doctor says %+v, want words %q", c, words)
		}
	}
}

// said counts a line of the log.
func said(d *lab.Daemon, words string) int { return strings.Count(d.Output(), words) }

// TestUplinkFlaps takes the NIC down, and its cable out: guests reach each other
// meanwhile, it is told once each time, and they are on the LAN again at once.
func TestUplinkFlaps(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brflap")
	d := s.Start(lab.Options{})
	s.Server.Run("ip", "link", "set", "eth0", "down")
	s.create(d)
	s.troubled(d, "eth0 has no carrier")
	s.Server.Up("eth0")
	s.troubled(d, "")
	one, two := d.JoinTo("lan", "one"), d.JoinTo("lan", "two")
	for round := range 2 {
		for _, tc := range []struct {
			out, in func()
			words   string
		}{
			{func() { s.Host.Run("ip", "link", "set", "eth0", "down") }, func() { s.Host.Up("eth0") }, "eth0 is down: guests reach each other"},
			{func() { s.Server.Run("ip", "link", "set", "eth0", "down") }, func() { s.Server.Up("eth0") }, "eth0 has no carrier"},
		} {
			tc.out()
			s.troubled(d, tc.words)
			d.AwaitPort("eth0", api.StateDown)
			s.reach(one.NS, two.Addr)
			tc.in()
			s.troubled(d, "")
			d.AwaitPort("eth0", api.StateUp)
			for _, g := range []*lab.Guest{one, two} {
				s.reach(g.NS, stationAddr)
				s.reach(g.NS, lab.HostAddr)
				s.reach(s.station, g.Addr)
			}
			want := round + 1
			if strings.Contains(tc.words, "carrier") {
				want++ // at the start
			}
			if n := said(d, tc.words); n != want {
				t.Errorf("%q is logged %d times by round %d, want %d", tc.words, n, round, want)
			}
		}
	}
}

// TestUplinkIsRenamed follows the NIC under another name, also over a crash, and
// finds it for what has to be put back.
func TestUplinkIsRenamed(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brname")
	d := s.Start(lab.Options{})
	s.create(d)
	g := d.JoinTo("lan", "one")
	rename := func(from, to string) {
		s.Host.Run("sh", "-c", fmt.Sprintf("ip link set %s down; ip link set %s name %s; ip link set %s up", from, from, to, to))
	}
	rename("eth0", "up0")
	s.troubled(d, `eth0 is called up0 now, which is followed until the network stops: define the network with uplink = "up0"`)
	s.reach(g.NS, stationAddr)
	s.reach(s.Host, g.Addr)
	d.AwaitPort("up0", api.StateUp)
	d.Crash()
	d = d.Again()
	s.reach(g.NS, stationAddr)
	s.troubled(d, "eth0 is called up0 now")
	d.Run("net", "stop", "lan")
	if out := s.Host.Run("sh", "-c", "tc qdisc show dev up0; ip -d link show up0"); strings.Contains(out, "clsact") || strings.Contains(out, "promiscuity 1") {
		t.Errorf("left on a renamed NIC:\n%s", out)
	}
	d.Refuse(3, "net", "start", "lan")
	rename("up0", "eth0")
	d.Run("net", "start", "lan")
	s.troubled(d, "")
	s.reach(g.NS, stationAddr)
}

// TestUplinkIsPluggedAgain removes the NIC and brings another one of its name,
// with another address, index and MTU.
func TestUplinkIsPluggedAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brplug")
	d := s.Start(lab.Options{})
	s.create(d)
	one, two := d.JoinTo("lan", "one"), d.JoinTo("lan", "two")
	s.Host.Run("ip", "link", "del", "eth0")
	s.troubled(d, "eth0 is gone: guests reach each other")
	d.AwaitPort("eth0", api.StateAbsent)
	s.reach(one.NS, two.Addr)
	d.Crash()
	d = d.Again() // without the NIC
	s.troubled(d, "eth0 is gone")
	s.reach(one.NS, two.Addr)
	s.Veth(s.Host, "eth0", s.Server, "eth0")
	s.Server.Run("ip", "link", "set", "eth0", "master", "lan")
	s.Host.Addr("eth0", lab.HostAddr+"/24")
	s.Host.MTU("eth0", 1400)
	s.back(d, one)
	s.Host.Run("ip", "link", "del", "eth0")
	s.troubled(d, "eth0 is gone")
	s.Veth(s.Host, "eth0", s.Server, "eth0")
	s.Server.Run("ip", "link", "set", "eth0", "master", "lan")
	s.Host.Addr("eth0", lab.HostAddr+"/24")
	s.back(d, one)
	d.Stop()
	if out := s.Host.Run("sh", "-c", "tc qdisc show dev eth0; ip -d link show eth0"); strings.Contains(out, "clsact") || strings.Contains(out, "promiscuity 1") {
		t.Errorf("left behind:\n%s", out)
	}
}

// back waits until a guest is on the LAN again, and the host beside it.
func (s *scene) back(d *lab.Daemon, g *lab.Guest) {
	s.T.Helper()
	s.troubled(d, "")
	s.reach(g.NS, stationAddr)
	s.reach(s.station, g.Addr)
	s.reach(s.Host, g.Addr)
	s.reach(g.NS, lab.HostAddr)
}

// TestUplinkChanges gives the NIC another MTU and another MAC address: the helper
// has the MTU, and host and guests reach each other by the new address.
func TestUplinkChanges(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brchange")
	d := s.Start(lab.Options{})
	s.create(d)
	g := d.JoinTo("lan", "one")
	helper := d.Info("lan").Bridge
	for _, mtu := range []int{1400, 9000, 1500} {
		s.Host.MTU("eth0", mtu)
		s.Eventually(patience, fmt.Sprintf("the helper with MTU %d", mtu), func() error {
			if out := s.Host.Run("ip", "link", "show", helper); !strings.Contains(out, fmt.Sprintf("mtu %d ", mtu)) {
				return fmt.Errorf("%s", out)
			}
			return nil
		})
		if got := d.Port("eth0").MTU; got != mtu {
			t.Errorf("port list says MTU %d, want %d", got, mtu)
		}
	}
	s.Host.Run("ip", "link", "set", "eth0", "address", "02:00:00:00:77:01")
	g.Run("ip", "neigh", "flush", "all")
	s.back(d, g)
	number := uint32(1)
	host, station := s.end("host", s.Host, "eth0"), s.end("station", s.station, "eth0")
	guest := s.end("guest", g.NS, "eth0")
	if err := send(g.NS, "eth0", numbered(host.mac, guest.mac, number)); err != nil {
		t.Fatal(err)
	}
	s.wantOnce("guest to the host's new address", number, []*end{host, station, guest}, []*end{host})
}

// TestUplinkIsTaken has somebody make the NIC a bridge's port: it is told, with
// what works, and guests go on; when it is free again all is well.
func TestUplinkIsTaken(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brtaken")
	d := s.Start(lab.Options{})
	s.create(d)
	one, two := d.JoinTo("lan", "one"), d.JoinTo("lan", "two")
	s.Host.Run("ip", "link", "add", "br9", "type", "bridge")
	s.Host.Up("br9")
	s.Host.Run("ip", "link", "set", "eth0", "master", "br9")
	s.troubled(d, "eth0 is a port of the bridge br9, which takes its frames: use the bridge itself: --uplink br9")
	s.reach(one.NS, two.Addr)
	s.reach(one.NS, stationAddr)
	s.Host.Run("ip", "link", "set", "eth0", "nomaster")
	s.back(d, one)
	if n := said(d, "eth0 is a port of the bridge br9"); n != 1 {
		t.Errorf("it is logged %d times", n)
	}
	// What was advised works.
	s.Host.Run("ip", "link", "set", "eth0", "master", "br9")
	s.Host.Run("ip", "addr", "flush", "dev", "eth0")
	s.Host.Addr("br9", lab.HostAddr+"/24")
	d.Run("net", "stop", "lan")
	d.Run("net", "undefine", "lan")
	d.Run("net", "create", "lan", "--mode", "bridge", "--uplink", "br9")
	for _, g := range []*lab.Guest{one, two} {
		d.Run("port", "add", "lan", g.Port)
		s.back(d, g)
	}
	s.reach(one.NS, two.Addr)
	d.Stop()
	if out := s.Host.Run("tc", "qdisc", "show"); strings.Contains(out, "clsact") {
		t.Errorf("left behind:\n%s", out)
	}
}

// TestMacvlanBeside has a container with a macvlan on the same NIC: guests and it
// reach each other, and the host reaches the guests only, as macvlan has it.
func TestMacvlanBeside(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brmacv")
	c := s.NS("container")
	s.Host.Run("ip", "link", "add", "mv0", "link", "eth0", "type", "macvlan", "mode", "bridge")
	s.Host.Run("ip", "link", "set", "mv0", "netns", c.Path(), "name", "eth0")
	c.Addr("eth0", "10.9.0.60/24")
	c.Up("eth0")
	s.reach(c, stationAddr)
	d := s.Start(lab.Options{})
	s.create(d)
	g := d.JoinTo("lan", "one")
	s.reach(c, stationAddr)
	s.reach(c, g.Addr)
	s.reach(g.NS, "10.9.0.60")
	s.reach(s.Host, g.Addr)
}
