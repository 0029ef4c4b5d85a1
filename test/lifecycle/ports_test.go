package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/test/lab"
)

// TestTapsBelongToWhomIsNamed opens taps as users who may and who may not.
func TestTapsBelongToWhomIsNamed(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifetaps")
	d := n.Start(lab.Options{})
	d.Run("port", "add", "default", "owned", "--owner", "4242")
	d.Run("port", "add", "default", "shared", "--group", "4343")
	d.Run("port", "add", "default", "roots")
	d.Run("port", "add", "default", "wide", "--owner", "4242", "--queues", "4")
	d.Refuse(2, "port", "add", "default", "both", "--owner", "4242", "--group", "4343")
	d.Refuse(2, "port", "add", "default", "nobodys", "--owner", "no-such-user")
	for _, again := range []bool{false, true} {
		for _, c := range []struct {
			tap, user, group string
			multi, opens     bool
		}{
			{"owned", "4242", "1", false, true},
			{"owned", "4243", "1", false, false},
			{"shared", "4242", "4343", false, true},
			{"shared", "4242", "1", false, false},
			{"roots", "4242", "4343", false, false},
			{"roots", "0", "0", false, true},
			{"wide", "4242", "1", true, true},
			{"wide", "4242", "1", false, false}, // a tap of many queues is opened as such
			{"wide", "4243", "1", true, false},
		} {
			if err := tryTap(n, c.tap, c.user, c.group, c.multi); (err == nil) != c.opens {
				t.Errorf("tap %s as %s:%s, queues %v, after a restart %v: opens %v, want %v (%v)", c.tap, c.user, c.group, c.multi, again, err == nil, c.opens, err)
			}
		}
		if q := d.Port("wide").Queues; q != 4 {
			t.Errorf("port list: %d queues", q)
		}
		d.Stop()
		d = d.Again()
	}
}

// portsOf are the names of the network default's ports, sorted.
func portsOf(d *lab.Daemon) (names []string) {
	for _, p := range d.Ports() {
		if p.Network == "default" {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

func TestAddingTwiceSucceeds(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifetwice")
	d := n.Start(lab.Options{})
	g := d.Join("one")
	d.Run("port", "add", "default", "vnet0")
	for _, port := range []string{g.Port, "vnet0"} {
		index := n.Host.Run("cat", "/sys/class/net/"+port+"/ifindex")
		d.Run("port", "add", "default", port)
		if now := n.Host.Run("cat", "/sys/class/net/"+port+"/ifindex"); now != index {
			t.Errorf("%s was made anew", port)
		}
	}
	if got := portsOf(d); !slices.Equal(got, []string{"ubr0", "vnet0", g.Port}) {
		t.Errorf("port list: %v", got)
	}
	if err := g.Reach(lab.Gateway); err != nil {
		t.Error(err)
	}
}

// TestPortsAreRemembered ends the daemon both ways; guests find their network
// again without a command.
func TestPortsAreRemembered(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifeports")
	d := n.Start(lab.Options{})
	one, two := d.Join("one"), d.Join("two")
	d.Run("port", "add", "default", "vnet0", "--owner", "4242")
	three := n.TapGuest("three", "vnet0")
	three.Lease()
	mac := n.Host.MAC("ubr0")
	for _, end := range []func(){func() { d.Stop() }, func() { d.Crash() }} {
		end()
		d = d.Again()
		for _, port := range []string{one.Port, two.Port, "vnet0"} {
			d.AwaitPort(port, api.StateUp)
		}
		for _, to := range []string{two.Addr, three.Addr, lab.Gateway} {
			if err := one.Reach(to); err != nil {
				t.Error(err)
			}
		}
		if now := n.Host.MAC("ubr0"); now != mac {
			t.Errorf("ubr0 has %s, had %s", now, mac)
		}
	}
}

// TestDevicesAreFollowed removes and returns devices, sets links down and up and
// changes the MTU; no command is given.
func TestDevicesAreFollowed(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifefollow")
	d := n.Start(lab.Options{})
	one, two := d.Join("one"), d.Join("two")
	reach := func(what string) {
		t.Helper()
		n.Eventually(waitLong, what, func() error { return one.Reach(two.Addr) })
	}
	reach("the other guest")

	n.Host.Run("ip", "link", "set", two.Port, "down")
	d.AwaitPort(two.Port, api.StateDown)
	n.Host.Run("ip", "link", "set", two.Port, "up")
	d.AwaitPort(two.Port, api.StateUp)
	reach("a guest whose link came up")

	mac := two.MAC()
	n.Host.Run("ip", "link", "del", two.Port)
	d.AwaitPort(two.Port, api.StateAbsent)
	n.Veth(n.Host, two.Port, two.NS, "eth0")
	two.NS.Run("ip", "link", "set", "eth0", "address", mac) // as the same guest has
	two.NS.Addr("eth0", two.Addr+"/24")
	d.AwaitPort(two.Port, api.StateUp)
	reach("a guest whose device came back")

	// At once, so that the daemon may never see that it was away.
	n.Host.Run("sh", "-c", fmt.Sprintf("ip link del %[1]s && ip link add %[1]s up type veth peer name eth0 address %[2]s netns %[3]s",
		two.Port, mac, two.NS.Name))
	two.NS.Up("eth0")
	two.NS.Addr("eth0", two.Addr+"/24")
	reach("a guest whose device was replaced")

	for _, g := range []*lab.Guest{one, two} {
		n.Host.MTU(g.Port, 9000)
		g.NS.MTU("eth0", 9000)
	}
	n.Eventually(waitLong, "packets of 9000 bytes", func() error {
		_, err := one.NS.Try("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", "8972", two.Addr)
		return err
	})
	if mtu := d.Port(one.Port).MTU; mtu != 9000 {
		t.Errorf("port list: MTU %d", mtu)
	}
}

// TestTapIsFollowed has a tap deleted under the daemon and made again by its
// user.
func TestTapIsFollowed(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifetap")
	d := n.Start(lab.Options{})
	one := d.Join("one")
	d.Run("port", "add", "default", "vnet0")
	d.AwaitPort("vnet0", api.StateDown)
	for range 2 {
		tap := n.OpenTap(n.Host, "vnet0")
		d.AwaitPort("vnet0", api.StateUp)
		if err := tap.Close(); err != nil { // as a guest that is turned off
			t.Fatal(err)
		}
		d.AwaitPort("vnet0", api.StateDown)
	}
	n.Host.Run("ip", "link", "del", "vnet0")
	d.AwaitPort("vnet0", api.StateAbsent)
	n.Host.Tap("vnet0", 0, 1)
	g := n.TapGuest("two", "vnet0")
	d.AwaitPort("vnet0", api.StateUp)
	g.Lease()
	if err := one.Reach(g.Addr); err != nil {
		t.Error(err)
	}
}

// TestPortDelPutsTheDeviceBack compares the host with before the port was added.
func TestPortDelPutsTheDeviceBack(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifedel")
	d := n.Start(lab.Options{})
	g := n.Guest("one")
	n.Host.Run("ip", "link", "set", g.Port, "down")
	n.Host.Sysctl("net.ipv6.conf."+g.Port+".accept_ra", "2")
	d.Settle()
	before := stateOf(n.Host)
	d.Run("port", "add", "default", g.Port)
	d.Run("port", "add", "default", "vnet0")
	g.Lease()
	if err := stateOf(n.Host).differs(before, "parameters"); err != nil {
		t.Errorf("while the port is there %v", err)
	}
	d.Run("port", "del", "default", g.Port)
	d.Run("port", "del", "default", "vnet0")
	d.Refuse(3, "port", "del", "default", g.Port)
	time.Sleep(100 * time.Millisecond) // the worker closes sockets of its own accord
	unchanged(t, n, before, "port del")
}

// TestDevicesThatAreRefused names the fix for each.
func TestDevicesThatAreRefused(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "liferefuse")
	d := n.Start(lab.Options{})
	n.Veth(n.Host, "slave", n.Server, "slave")
	n.Host.Bridge("br9", "slave")
	n.Eventually(waitLong, "a bridge that has come up", func() error {
		_, err := n.Host.Try("sh", "-c", "ip -6 addr show dev br9 | grep -q fe80")
		return err
	})
	n.Veth(n.Host, "addressed", n.Server, "addressed")
	n.Host.Addr("addressed", "203.0.113.5/24")
	n.Host.Run("ip", "tuntap", "add", "dev", "layer3", "mode", "tun")
	d.Settle()
	before := stateOf(n.Host)
	for _, c := range []struct {
		device string
		code   int
		words  []string
	}{
		{"a/b", 2, []string{"a/b"}},
		{"sixteen-letters-", 2, []string{"15"}},
		{"..", 2, nil},
		{"a b", 2, nil},
		{"lo", 1, []string{"loopback"}},
		{"slave", 1, []string{"br9", "nomaster"}},
		{"addressed", 1, []string{"203.0.113.5", "ip addr flush dev addressed"}},
		{"eth0", 1, []string{"eth0"}},
		{"layer3", 1, []string{"Ethernet"}},
		{"ubr0", 1, []string{"host port"}},
	} {
		said := d.Refuse(c.code, "port", "add", "default", c.device)
		for _, word := range c.words {
			if !strings.Contains(said, word) {
				t.Errorf("port add %s: %q is not said in %q", c.device, word, said)
			}
		}
		if strings.Count(strings.TrimSpace(said), "\n") > 0 {
			t.Errorf("port add %s: more than a line is said: %q", c.device, said)
		}
	}
	d.Refuse(3, "port", "add", "nowhere", "vnet0")
	if got := portsOf(d); !slices.Equal(got, []string{"ubr0"}) {
		t.Errorf("refused devices became ports: %v", got)
	}
	unchanged(t, n, before, "refusals")

	n.Host.Run("ip", "addr", "flush", "dev", "eth0")
	n.Host.Run("ip", "addr", "add", "203.0.113.9/24", "dev", "addressed")
	n.Host.Run("ip", "route", "add", "default", "via", "203.0.113.1")
	n.Host.Run("ip", "addr", "flush", "dev", "eth0")
	n.Eventually(waitLong, "the uplink to follow the route", func() error {
		if got := d.Info("default").Uplink; got != "addressed" {
			return fmt.Errorf("net info: uplink %q", got)
		}
		return nil
	})
	n.Host.Run("ip", "route", "add", "default", "dev", "eth0", "metric", "500") // without an address
	if said := d.Refuse(1, "port", "add", "default", "eth0"); !strings.Contains(said, "default route") {
		t.Errorf("port add eth0, which carries a default route: %q", said)
	}
}
