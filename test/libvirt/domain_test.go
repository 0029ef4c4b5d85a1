package libvirt

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// TestDomainOfLibvirt has libvirt start a guest with a card of each sort: on a tap
// that we made, on one that a network adopts, on one that the domain's metadata
// gives to a network, and on a bridge that is none of ours.
func TestDomainOfLibvirt(t *testing.T) {
	if testing.Short() {
		t.Skip("libvirtd and a machine take seconds to start")
	}
	t.Parallel()
	testnet.Require(t, "qemu-system-x86_64", "unshare")
	n := lab.Quiet(t, "lvirtd")
	d := n.Start(lab.Options{Config: map[string]string{
		"networks.d/default.toml": "bridge = \"ubr0\"",
		"networks.d/two.toml":     "bridge = \"ubr2\"\naddress = \"10.22.0.1/24\"\nadopt = [\"vnet*\"]",
		"networks.d/three.toml":   "bridge = \"ubr3\"\naddress = \"10.23.0.1/24\"",
	}})
	l := startLibvirtd(n, d)
	n.Host.Bridge("br9")
	macs := []string{"52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03", "52:54:00:00:00:04"}
	d.Run("port", "add", "default", "ubweb0", "--group", "64055")
	l.define("web", macs, `
<interface type='ethernet'><mac address='52:54:00:00:00:01'/><target dev='ubweb0' managed='no'/><model type='virtio'/></interface>
<interface type='ethernet'><mac address='52:54:00:00:00:02'/><model type='virtio'/></interface>
<interface type='ethernet'><mac address='52:54:00:00:00:03'/><model type='virtio'/></interface>
<interface type='bridge'><source bridge='br9'/><mac address='52:54:00:00:00:04'/><model type='virtio'/></interface>`)
	l.virsh("metadata", "web", "--uri", "urn:ubridge:domain:1", "--key", "ubridge", "--config",
		"--set", "<guest><interface mac='52:54:00:00:00:03' network='three'/></guest>")
	l.virsh("start", "web")

	awaitPorts(n, d, "two", "vnet0")
	awaitPorts(n, d, "three", "vnet1")
	awaitPorts(n, d, "default", "ubweb0")
	d.AwaitPort("ubweb0", api.StateUp)
	if out := n.Host.Run("ip", "-o", "link", "show", "vnet2"); !strings.Contains(out, "master br9") {
		t.Errorf("the card of type bridge: %s", out)
	}
	for i, gateway := range []string{lab.Gateway, "10.22.0.1", "10.23.0.1"} {
		l.run(fmt.Sprintf("udhcpc -i eth%d -n -q -t 20 -T 1 && ping -c 2 -W 5 -I eth%[1]d %s", i, gateway))
	}
	for bridge, mac := range map[string]string{"ubr0": macs[0], "ubr2": macs[1], "ubr3": macs[2]} {
		if got, want := macsOf(d, bridge), `[{"domain":"web","macs":["`+mac+`"]}]`; got != want {
			t.Errorf("%s.macs is %s, want %s", bridge, got, want)
		}
	}
	if p := d.Port("vnet1"); !p.Transient || p.Domain != "web" {
		t.Errorf("port list: %+v", p)
	}
	time.Sleep(settled)
	awaitPorts(n, d, "two", "vnet0")

	l.virsh("destroy", "web")
	awaitPorts(n, d, "two")
	awaitPorts(n, d, "three")
	d.AwaitPort("ubweb0", api.StateDown)

	// Without a daemon a domain starts as well, where its taps are there; they are
	// adopted when it comes.
	d.Crash()
	l.virsh("start", "web")
	d = d.Again()
	awaitPorts(n, d, "two", "vnet3", "vnet4")
}

// TestDomainOfAUsersSession has an unprivileged user's libvirtd attach a guest by
// our helper, as an interface of type bridge.
func TestDomainOfAUsersSession(t *testing.T) {
	if testing.Short() {
		t.Skip("libvirtd and a machine take seconds to start")
	}
	t.Parallel()
	testnet.Require(t, "qemu-system-x86_64", "unshare", "setpriv")
	b := newHelperBed(lab.Quiet(t, "lvsess"), adopting)
	b.allow("allow default " + fmt.Sprint(nobody) + "\n")
	l := startSession(b.Net, b.d, nobody, b.helper)
	l.define("own", []string{"52:54:00:00:00:07"},
		`<interface type='bridge'><source bridge='ubr0'/><mac address='52:54:00:00:00:07'/><model type='virtio'/></interface>`)
	l.virsh("start", "own")
	awaitPorts(b.Net, b.d, "default", "ubtap0")
	l.run("udhcpc -i eth0 -n -q -t 20 -T 1 && ping -c 2 -W 5 " + lab.Gateway)
	if out := l.virsh("domiflist", "own"); !strings.Contains(out, "ubtap0") {
		t.Errorf("domiflist: %s", out)
	}
	l.virsh("destroy", "own")
	awaitPorts(b.Net, b.d, "default")

	b.allow("deny all\n")
	b.Eventually(time.Minute, "virsh to pass on what the helper says", func() error { // libvirtd may report before it has read that
		_, err := l.try("start", "own")
		if err == nil {
			t.Fatal("what is denied was started")
		}
		if !strings.Contains(err.Error(), "deny all") {
			return err
		}
		return nil
	})
}
