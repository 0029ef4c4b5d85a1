package libvirt

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/test/lab"
)

const (
	// waitLong is longer than anything takes here.
	waitLong = 30 * time.Second
	// settled is long enough for what must not happen to have happened.
	settled = time.Second
)

// adopting is a configuration whose network default adopts libvirt's taps.
var adopting = lab.Options{Config: map[string]string{"networks.d/default.toml": `adopt = ["vnet*"]`}}

// portNames are the names of a network's ports but the host port.
func portNames(d *lab.Daemon, network string) (names []string) {
	for _, p := range d.Ports() {
		if p.Network == network && p.Kind != api.KindHost {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

// awaitPorts waits until a network has just these ports beside the host port.
func awaitPorts(n *lab.Net, d *lab.Daemon, network string, want ...string) {
	n.T.Helper()
	n.Eventually(waitLong, fmt.Sprintf("ports %v of %s", want, network), func() error {
		if got := portNames(d, network); !slices.Equal(got, want) {
			return fmt.Errorf("there are %v", got)
		}
		return nil
	})
}

// makeTap makes a tap as libvirt's ethernet interfaces have it: it is given its
// MAC and brought up.
func makeTap(n *lab.Net, name, mac string) {
	n.T.Helper()
	n.Host.Run("sh", "-c", fmt.Sprintf("ip tuntap add dev %[1]s mode tap && ip link set %[1]s address %s && ip link set %[1]s up", name, mac))
}

func TestTapsAreAdoptedWhileTheyExist(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lvadopt")
	makeTap(n, "vnet0", "fe:54:00:00:00:01") // before the daemon
	d := n.Start(adopting)
	makeTap(n, "vnet1", "fe:54:00:00:00:02")
	makeTap(n, "other", "fe:54:00:00:00:03")
	awaitPorts(n, d, "default", "vnet0", "vnet1")
	if p := d.Port("vnet0"); !p.Transient || p.Kind != api.KindTap {
		t.Errorf("port list: %+v", p)
	}
	one, two := n.TapGuest("one", "vnet0"), n.TapGuest("two", "vnet1")
	one.Lease()
	two.Lease()
	if err := one.Reach(two.Addr); err != nil {
		t.Error(err)
	}
	n.Host.Run("ip", "link", "del", "vnet1")
	awaitPorts(n, d, "default", "vnet0")
	for _, end := range []func(){func() { d.Crash() }, func() { d.Stop() }} {
		end()
		d = d.Again()
		awaitPorts(n, d, "default", "vnet0")
		if err := one.Reach(lab.Gateway); err != nil {
			t.Errorf("after a restart: %v", err)
		}
	}
	d.Crash()
	n.Host.Run("ip", "link", "del", "vnet0")
	d = d.Again()
	awaitPorts(n, d, "default")
}

// TestTapsOfBridgesAreLeftAlone has taps go the way of libvirt's interfaces of
// type bridge (master, then up) and of scripts (up, then master).
func TestTapsOfBridgesAreLeftAlone(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lvbridge")
	d := n.Start(adopting)
	n.Host.Bridge("br9")
	for _, script := range []string{
		"ip tuntap add dev vnet0 mode tap; ip link set vnet0 master br9; ip link set vnet0 up",
		"ip tuntap add dev vnet1 mode tap; ip link set vnet1 up; ip link set vnet1 master br9",
		"ip tuntap add dev vnet2 mode tap", // nobody brought it up
		"ip link add vnet3 up type veth peer vnet4",
	} {
		n.Host.Run("sh", "-c", script)
	}
	time.Sleep(settled)
	awaitPorts(n, d, "default")

	// One that is given to a bridge later is let go of as it was.
	before := quietness(n, "vnet2")
	n.Host.Run("ip", "link", "set", "vnet2", "up")
	awaitPorts(n, d, "default", "vnet2")
	if quietness(n, "vnet2") == before {
		t.Error("the host's stack is on an adopted device")
	}
	n.Host.Run("ip", "link", "set", "vnet2", "master", "br9")
	awaitPorts(n, d, "default")
	if after := quietness(n, "vnet2"); after != before {
		t.Errorf("let go, the device has\n%s\nit had\n%s", after, before)
	}
	if out := n.Host.Run("ip", "-o", "link", "show", "vnet2"); !strings.Contains(out, ",UP") || !strings.Contains(out, "master br9") {
		t.Errorf("let go, the device is %s", out)
	}
}

// quietness is what keeps the host's stack off a device.
func quietness(n *lab.Net, device string) string {
	return n.Host.Run("sh", "-c", "tc qdisc show dev "+device+" ingress; tc qdisc show dev "+device+" clsact; sysctl net.ipv6.conf."+device+".disable_ipv6 net.ipv4.conf."+device+".arp_ignore")
}

// TestPortDelKeepsATapOff until the tap is another one.
func TestPortDelKeepsATapOff(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lvoff")
	d := n.Start(adopting)
	makeTap(n, "vnet0", "fe:54:00:00:00:01")
	awaitPorts(n, d, "default", "vnet0")
	d.Run("port", "del", "default", "vnet0")
	n.Host.Run("ip", "link", "set", "vnet0", "down")
	n.Host.Run("ip", "link", "set", "vnet0", "up")
	time.Sleep(settled)
	awaitPorts(n, d, "default")
	d.Crash()
	d = d.Again()
	time.Sleep(settled)
	awaitPorts(n, d, "default")

	n.Host.Run("ip", "link", "del", "vnet0")
	makeTap(n, "vnet0", "fe:54:00:00:00:01")
	awaitPorts(n, d, "default", "vnet0")

	// By hand it becomes one that waits for its device.
	d.Run("port", "del", "default", "vnet0")
	d.Run("port", "add", "default", "vnet0")
	if p := d.Port("vnet0"); p.Transient {
		t.Errorf("port list: %+v", p)
	}
	n.Host.Run("ip", "link", "del", "vnet0")
	d.AwaitPort("vnet0", api.StateAbsent)
}

// TestTheGuestsMACGoesFirst has two networks that could adopt the same tap.
func TestTheGuestsMACGoesFirst(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lvmac")
	d := n.Start(lab.Options{Config: map[string]string{
		"networks.d/alpha.toml": "address = \"10.20.0.1/24\"\nadopt = [\"vnet*\"]",
		"networks.d/beta.toml":  "address = \"10.21.0.1/24\"\nadopt = [\"vnet1*\", \"veth:lxc*\"]\nadopt_macs = [\"52:54:00:00:00:05\"]",
	}})
	makeTap(n, "vnet0", "fe:54:00:00:00:05")
	makeTap(n, "vnet10", "fe:54:00:00:00:06")
	n.Host.Run("sh", "-c", "ip link add lxc1 type veth peer lxp1; ip link set lxc1 up")
	awaitPorts(n, d, "beta", "lxc1", "vnet0")
	awaitPorts(n, d, "alpha", "vnet10")

	// A tap with an address of the host is not a guest's; why it is left is said.
	n.Host.Run("sh", "-c", "ip tuntap add dev vnet11 mode tap; ip addr add 203.0.113.5/24 dev vnet11; ip link set vnet11 up")
	d.WaitFor("device is not adopted.*vnet11.*203.0.113.5", waitLong)
	if got := portNames(d, "alpha"); !slices.Equal(got, []string{"vnet10"}) {
		t.Errorf("ports of alpha: %v", got)
	}
}
